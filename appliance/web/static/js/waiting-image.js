// Beside the setting waiting-image: the picture in use, and a chooser that uploads one.

import { call, inWords, NoConnection } from "./api.js";
import { element, setText } from "./dom.js";

const PATH = "/api/v1/waiting-image";
const MOST_MIB = 8; // the box hangs up on whoever sends much more
const LOOK_AGAIN_MS = [1000, 3000, 8000, 20000, 35000]; // an address is fetched after the setting was saved

/** `{root, look(wanted)}`: look() follows a changed setting; `onDone` is called when the box took or removed a picture. */
export function makeWaitingImage(onDone) {
  const picture = element("img", { alt: "The waiting image in use", hidden: true });
  const line = element("p", { class: "help", "aria-live": "polite" });
  const file = element("input", {
    type: "file", accept: "image/jpeg,image/png,image/webp,image/gif,image/bmp", hidden: true,
    onchange: () => {
      const [chosen] = file.files;
      file.value = ""; // the same one may be chosen again
      upload(chosen);
    },
  });
  const choose = element("button", { type: "button", onclick: () => file.click() }, "Upload a picture…");
  const remove = element("button", { type: "button", hidden: true, onclick: () => ask("DELETE") }, "Remove");
  const root = element("div", { class: "waiting-image" }, picture,
    element("div", {}, element("div", { class: "buttons" }, choose, remove, file), line));
  let timers = [];

  async function upload(chosen) {
    if (!chosen) return;
    if (chosen.size > MOST_MIB * 1024 * 1024) say(`The picture is larger than ${MOST_MIB} MiB.`, true);
    else await ask("POST", chosen);
  }

  async function ask(method, body) {
    choose.disabled = remove.disabled = true;
    say(method === "POST" ? "Uploading…" : "");
    try {
      await call(method, PATH, body, 60000);
      if (method === "POST") await show();
      await onDone();
    } catch (error) {
      say(error instanceof NoConnection ? "No connection to the box; nothing was changed." : `${inWords(error.message)}.`, true);
    } finally {
      choose.disabled = remove.disabled = false;
    }
  }

  function say(text, bad = false) {
    line.classList.toggle("bad", bad);
    setText(line, text);
  }

  async function show() {
    let response;
    try {
      response = await fetch(PATH, { cache: "no-store" });
      if (response.ok) await put(await response.blob());
      else say(`${inWords((await response.json()).errMsg)}.`);
    } catch (error) {
      return; // the next look may do better
    }
    picture.hidden = remove.hidden = !response.ok;
  }

  async function put(blob) {
    const was = picture.src;
    picture.src = URL.createObjectURL(blob);
    if (was) URL.revokeObjectURL(was);
    await picture.decode();
    say(`In use: ${picture.naturalWidth}×${picture.naturalHeight}.`);
  }

  return {
    root,
    look(wanted) {
      timers.forEach(clearTimeout);
      picture.hidden = remove.hidden = true;
      if (!wanted) return say("None: a neutral picture is shown.");
      timers = LOOK_AGAIN_MS.map((ms) => setTimeout(show, ms));
      return show();
    },
  };
}
