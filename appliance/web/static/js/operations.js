// The big buttons, and the one line that tells what came of them.

import { call, inWords, NoConnection } from "./api.js";
import { find, setText } from "./dom.js";
import { refresh } from "./status.js";

const SHOWN_MS = 8000;
const ACTIVE = ["CONNECTING", "PUSHING", "PAUSED", "RECONNECTING"];

// What makes no sense now is greyed out; the box itself decides, and says why when it refuses.
const ENABLED = {
  start: (s) => ["IDLE", "FAILED"].includes(s.state),
  stop: (s) => s.state !== "IDLE",
  pause: (s) => ACTIVE.includes(s.state) && !s.paused && s.state !== "PAUSED",
  resume: (s) => ACTIVE.includes(s.state) && (s.paused || s.state === "PAUSED"),
  switchCamera: (s) => !["CONNECTING", "STOPPING"].includes(s.state),
  snapshot: (s) => s.state !== "STOPPING" && (s.preview || ACTIVE.includes(s.state)),
  startPreview: (s) => s.state !== "STOPPING" && !s.background,
  stopPreview: () => true,
  mute: () => true,
  unmute: () => true,
};

const DONE = {
  start: "Live", stop: "Stopped", pause: "Paused: the camera is off", resume: "The picture is back",
  switchCamera: "Switched", mute: "Muted", unmute: "The sound is on", startPreview: "Preview is on",
  stopPreview: "Preview is off",
};

const busy = new Set();
let latest = null;
let clearing = 0;

export function showAnswer(text, bad = false) {
  const line = find("#answer");
  line.classList.toggle("bad", bad);
  setText(line, text);
  clearTimeout(clearing);
  if (text) clearing = setTimeout(() => showAnswer(""), SHOWN_MS);
}

export async function perform(operation, body) {
  if (busy.has(operation)) return;
  busy.add(operation);
  draw();
  if (operation === "start") showAnswer("Starting…");
  try {
    const answer = await call("POST", `/api/v1/${operation}`, body);
    showAnswer(`${words(operation, answer)}.`);
  } catch (error) {
    showAnswer(error instanceof NoConnection ? "No connection to the box." : `${inWords(error.message)}.`, true);
  } finally {
    busy.delete(operation);
    draw();
    refresh();
  }
}

function words(operation, answer) {
  if (answer.note) return inWords(answer.note);
  if (operation === "snapshot") return `Snapshot saved, ${answer.width} × ${answer.height}`;
  if (operation === "switchCamera" && typeof answer.camera === "string") return `The ${answer.camera} camera is on`;
  return DONE[operation] || "Done";
}

export function showOperations(status) {
  latest = status;
  draw();
}

function draw() {
  if (!latest) return;
  for (const button of document.querySelectorAll("[data-operation]")) {
    const name = button.dataset.operation;
    // several can be under way at once: stop must work while start waits for the server
    button.disabled = busy.has(name) || !ENABLED[name](latest);
    button.setAttribute("aria-busy", busy.has(name));
  }
  toggle("mute", latest.muted, "Muted", "Mute");
  toggle("preview", latest.preview, "Preview", "Preview");
  find("[data-toggle=preview]").disabled = !latest.preview && !ENABLED.startPreview(latest);
}

function toggle(name, on, wordOn, wordOff) {
  const button = find(`[data-toggle=${name}]`);
  button.setAttribute("aria-pressed", Boolean(on));
  setText(find("span", button), on ? wordOn : wordOff);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-operation], [data-toggle]");
  if (!button) return;
  const on = button.getAttribute("aria-pressed") === "true";
  if (button.dataset.toggle === "mute") perform(on ? "unmute" : "mute");
  else if (button.dataset.toggle === "preview") perform(on ? "stopPreview" : "startPreview");
  else perform(button.dataset.operation);
});
