// The snapshots, newest first.

import { call } from "./api.js";
import { element, find } from "./dom.js";

const STEP = 6;

const list = find("#snapshots");
const more = find("#more-snapshots");
let all = [];
let shown = STEP;

async function load() {
  try {
    all = (await call("GET", "/api/v1/snapshots")).snapshots;
  } catch {
    return; // the list that is there is better than none
  }
  draw();
}

function draw() {
  list.replaceChildren(...all.slice(0, shown).map((shot) => {
    const taken = new Date(shot.taken);
    const words = taken.toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    return element("li", {},
      element("a", { href: shot.href, target: "_blank", rel: "noopener" },
        element("img", { src: shot.href, alt: `Snapshot of ${taken.toLocaleString()}`, loading: "lazy" }),
        words, element("br"), element("span", {}, shot.width ? `${shot.width} × ${shot.height}` : "")));
  }));
  find("#snapshots-empty").hidden = all.length > 0;
  more.hidden = all.length <= shown;
}

more.addEventListener("click", () => {
  shown += STEP * 2;
  draw();
});

export function snapshotEvent(event) {
  if (event.name === "SNAPSHOT_TAKEN") load();
}

load();
