// The settings page, made from what GET /api/v1/settings says of each setting.

import { call, inWords, NoConnection } from "./api.js";
import { element, find, setText } from "./dom.js";
import { makeField } from "./field.js";
import { makeWaitingImage } from "./waiting-image.js";
import "./status.js";

// Server address and stream key stand together and first: nothing works without them.
const TARGET = ["url", "stream-key"];
const TITLES = {
  target: "Where to push", "live-pusher": "Stream", push: "Push", inputs: "Cameras and microphone",
  "buttons and lights": "Buttons and lights", box: "Box",
};
const OPEN = ["target", "live-pusher"];

const form = find("#settings");
const fields = new Map();
const waitingImage = makeWaitingImage(reread);
let described = null;

function draw(answer) {
  const before = described;
  described = answer;
  if (["waiting-image", "waiting-image-hash"].some((name) => before?.settings[name].value !== answer.settings[name].value)) {
    waitingImage.look(answer.settings["waiting-image"].value);
  }
  if (fields.size === 0) build();
  for (const [name, field] of fields) field.show(described.settings[name]);
  drawScenarios();
  changed();
}

function build() {
  const groups = new Map([["target", []]]);
  for (const [name, setting] of Object.entries(described.settings)) {
    const group = TARGET.includes(name) ? "target" : setting.group;
    if (!groups.has(group)) groups.set(group, []);
    const field = makeField(name, setting, changed);
    fields.set(name, field);
    if (name === "waiting-image") field.root.append(waitingImage.root);
    groups.get(group).push(field);
  }
  find("#groups").replaceChildren(...[...groups].map(([group, members]) =>
    element("details", { class: "card group", open: OPEN.includes(group) },
      element("summary", {}, element("h2", {}, TITLES[group] || group)),
      element("div", { class: "fields" }, ...members.map((field) => field.root)))));
}

async function reread() {
  fields.get("waiting-image").forget();
  fields.get("waiting-image-hash").forget();
  draw(await call("GET", "/api/v1/settings"));
}

function drawScenarios() {
  find("#scenarios").replaceChildren(...described.scenarios.map((scenario) => {
    const values = Object.entries(scenario.settings);
    const now = values.every(([name, value]) => described.settings[name]?.value === value);
    const choose = () => save(scenario.settings, `${scenario.name} is set`);
    return element("button", { type: "button", "aria-pressed": now, title: scenario.help, onclick: choose },
      scenario.name, element("small", {}, summary(scenario.settings)));
  }));
}

function summary(values) {
  const sound = values["audio-quality"] === undefined ? "" : `, sound ${values["audio-quality"]}`;
  return `${values.mode}, ${values["min-bitrate"]}–${values["max-bitrate"]} kbit/s${sound}`;
}

function wanted() {
  const touched = [...fields].filter(([, field]) => field.changed);
  return Object.fromEntries(touched.map(([name, field]) => [name, field.value]));
}

function changed() {
  const count = Object.keys(wanted()).length;
  find("#save").disabled = find("#discard").disabled = count === 0;
  find(".save").hidden = count === 0 && !find("#answer").textContent;
  find("#save").textContent = count > 1 ? `Save ${count} changes` : "Save";
}

function say(text, bad = false) {
  const line = find("#answer");
  line.classList.toggle("bad", bad);
  setText(line, text);
  changed();
}

async function save(values, done) {
  for (const field of fields.values()) field.complain("");
  say("");
  let answer;
  try {
    answer = await call("PATCH", "/api/v1/settings", values);
  } catch (error) {
    complain(error);
    return;
  }
  for (const name of Object.keys(values)) fields.get(name)?.forget();
  draw(answer);
  say(`${done}.${later(answer)}`);
}

function complain(error) {
  const problems = Object.entries(error.problems || {}).filter(([name]) => fields.has(name));
  for (const [name, why] of problems) fields.get(name).complain(why);
  if (problems.length) {
    const first = fields.get(problems[0][0]);
    first.root.closest("details").open = true;
    first.focus();
    const what = problems.length === 1 ? "One value is" : `${problems.length} values are`;
    say(`${what} refused; nothing was changed.`, true);
  } else {
    const why = error instanceof NoConnection ? "No connection to the box; nothing was changed" : inWords(error.message);
    say(`${why}.`, true);
  }
}

function later(answer) {
  const when = new Set(answer.changed.map((name) => answer.settings[name].applies));
  when.delete("now");
  return when.size ? ` In effect from the ${[...when].join(" or ")}.` : "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  save(wanted(), "Saved");
});

find("#discard").addEventListener("click", () => {
  for (const field of fields.values()) field.forget();
  draw(described);
  say("");
});

addEventListener("beforeunload", (event) => {
  if (Object.keys(wanted()).length) event.preventDefault();
});

async function begin() {
  try {
    draw(await call("GET", "/api/v1/settings"));
  } catch (error) {
    setTimeout(begin, 2000);
  }
}
begin();
