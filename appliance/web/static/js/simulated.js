// The simulated board: looked at several times a second while its panel is open, as lights blink.

import { call, inWords } from "./api.js";
import { element, find, setText } from "./dom.js";
import { showAnswer } from "./operations.js";

const EVERY_MS = 250;
const panel = find("#simulated");
let built = "";

async function act(action, body) {
  try {
    draw(await call("POST", `/api/v1/simulated/${action}`, body));
  } catch (error) {
    showAnswer(`${inWords(error.message)}.`, true);
  }
}

async function look() {
  if (!panel.open || document.hidden) return;
  try {
    draw(await call("GET", "/api/v1/simulated", undefined, 3000));
  } catch {
    // the page says by itself that there is no connection
  }
  setTimeout(look, EVERY_MS);
}

function draw({ buttons, lights, devices }) {
  const shape = JSON.stringify([buttons, Object.keys(lights), Object.keys(devices)]);
  if (shape !== built) {
    built = shape;
    build(buttons, lights, devices);
  }
  for (const [name, light] of Object.entries(lights)) {
    find(`[data-light="${CSS.escape(name)}"]`, panel).dataset.lit = isLit(light);
  }
  for (const [name, device] of Object.entries(devices)) {
    const button = find(`[data-device="${CSS.escape(name)}"]`, panel);
    const plugged = isPlugged(device);
    button.dataset.plugged = plugged;
    setText(button, plugged ? "Unplug" : "Plug in");
  }
}

const isLit = (light) => (typeof light === "object" ? Boolean(light.lit) : Boolean(light));
const isPlugged = (device) => (typeof device === "object" ? Boolean(device.plugged) : Boolean(device));

function build(buttons, lights, devices) {
  const section = (title, ...rows) => element("section", {}, element("h3", {}, title), ...rows);
  const pin = (button) => (typeof button === "object" ? button.pin : button);
  find(".board", panel).replaceChildren(
    section("Lights", element("div", { class: "lights" }, ...Object.keys(lights).map((name) =>
      element("span", { class: "light", "data-light": name }, element("i"), name)))),
    section("Buttons", ...Object.entries(buttons).map(([name, button]) => element("div", { class: "row" },
      element("span", { class: "what" }, name, " ", element("small", {}, `pin ${pin(button)}`)),
      element("button", { type: "button", class: "small", onclick: () => act("press", { button: name }) }, "Press"),
      element("button", { type: "button", class: "small", onclick: () => act("hold", { button: name }) }, "Hold")))),
    section("Devices", ...Object.keys(devices).map((name) => element("div", { class: "row" },
      element("span", { class: "what" }, name),
      element("button", {
        type: "button", class: "small", "data-device": name,
        onclick: (event) => act(event.target.dataset.plugged === "true" ? "unplug" : "plug", { device: name }),
      }, "…")))));
}

if (panel) panel.addEventListener("toggle", look);
document.addEventListener("visibilitychange", () => panel && look());
