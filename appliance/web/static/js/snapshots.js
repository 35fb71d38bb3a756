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
    const taken = shot.taken.slice(0, 16).replace("T", " "); // by the box's clock, as in the event log
    return element("li", {},
      element("a", { href: shot.href, target: "_blank", rel: "noopener" },
        element("img", { src: shot.href, alt: `Snapshot of ${taken}`, loading: "lazy" }),
        taken, element("br"), element("span", {}, shot.width ? `${shot.width} × ${shot.height}` : "")));
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
