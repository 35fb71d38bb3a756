// One setting on the page: a control that fits its kind, its help, and what is applied beside what is wanted.

import { element, setText } from "./dom.js";

/** `{root, show(setting), value, changed, complain(text), forget(), focus()}`; `onChange` is called when it is touched. */
export function makeField(name, setting, onChange) {
  const id = `setting-${name.replace(/[^a-z0-9]/gi, "-")}`;
  const control = makeControl(id, name, setting);
  const error = element("p", { class: "error", id: `${id}-error`, role: "alert" });
  const applied = element("p", { class: "applied" });
  const isSwitch = setting.schema.type === "boolean";
  const isLong = setting.schema.type === "string" && !setting.schema.enum;
  const root = element("div", { class: `field${isSwitch ? " bool" : ""}${isLong ? " wide" : ""}`, "data-name": name },
    element("div", {},
      element("label", { for: id }, title(name)), element("span", { class: "key" }, name),
      element("p", { class: "help", id: `${id}-help` }, help(setting))),
    element("div", { class: "control" }, control.input, ...control.beside,
      setting.unit && element("span", { class: "unit" }, setting.unit)),
    element("div", { class: "notes" }, applied, error));
  let now = setting;
  let touched = false;

  const field = {
    root,
    get value() { return control.read(); },
    get changed() { return touched && (now.secret || control.read() !== now.value); },
    show(described) {
      now = described;
      if (!touched) control.write(described);
      control.note?.(described);
      showApplied(applied, described);
      mark();
    },
    complain(text) {
      setText(error, text.charAt(0).toUpperCase() + text.slice(1));
      control.input.setAttribute("aria-invalid", Boolean(text));
    },
    forget() {
      touched = false;
      field.complain("");
    },
    focus: () => control.input.focus(),
  };
  const mark = () => root.classList.toggle("changed", field.changed);
  const touch = () => {
    touched = true;
    field.complain("");
    mark();
    onChange();
  };
  control.input.addEventListener("input", touch);
  control.onTouch?.(touch);
  control.input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  control.input.disabled = !setting.available;
  return field;
}

function title(name) {
  const words = name.replace(/[.-]/g, " ");
  const known = { url: "Server address", fps: "Pictures per second", debug: "Debug window", bindstatechange: "Webhook" };
  return known[name] || words.charAt(0).toUpperCase() + words.slice(1);
}

function help(setting) {
  const parts = [setting.help];
  const { schema } = setting;
  if (schema.minimum !== undefined) parts.push(`${schema.minimum} to ${schema.maximum}`);
  if (schema.type !== "boolean" && !setting.secret && setting.default !== "") parts.push(`default ${setting.default}`);
  if (!setting.available) parts.push("not yet available");
  return `${parts.join("; ")}.`;
}

function showApplied(line, setting) {
  // what applies at once may be on its way when the answer is made
  const lags = setting.available && setting.applies !== "now" && JSON.stringify(setting.value) !== JSON.stringify(setting.applied);
  const notes = [];
  if (lags) notes.push(`In use: ${inWords(setting.applied)}. The change takes effect at the ${setting.applies}.`);
  if (setting.source === "--set") notes.push("Set on the command line for this run.");
  setText(line, notes.join(" "));
}

function inWords(value) {
  if (value === true) return "on";
  if (value === false) return "off";
  return value === "" ? "nothing" : String(value);
}

function makeControl(id, name, setting) {
  const { schema } = setting;
  if (schema.type === "boolean") {
    const input = element("input", { id, type: "checkbox", role: "switch" });
    return { input, beside: [], read: () => input.checked, write: (now) => { input.checked = now.value; } };
  }
  if (schema.enum) {
    const options = schema.enum.map(String).map((value) => element("option", { value }, value));
    const input = element("select", { id }, ...options);
    const read = () => schema.enum.find((value) => String(value) === input.value);
    return { input, beside: [], read, write: (now) => { input.value = String(now.value); } };
  }
  if (schema.type === "integer" || schema.type === "number") {
    const step = schema.type === "integer" ? 1 : "any";
    const { minimum: min, maximum: max } = schema;
    const input = element("input", { id, type: "number", min, max, step, inputmode: "decimal" });
    // what is no number goes to the box as it is, which says what is allowed
    const read = () => (input.value === "" || Number.isNaN(input.valueAsNumber) ? input.value : input.valueAsNumber);
    return { input, beside: [], read, write: (now) => { input.value = String(now.value); } };
  }
  if (setting.secret) return makeSecret(id, name, schema);
  const input = element("input", {
    id, type: "text", maxlength: schema.maxLength, spellcheck: "false", autocapitalize: "off",
  });
  return { input, beside: [], read: () => input.value, write: (now) => { input.value = now.value; } };
}

// A secret is never shown again: the field is for a new one, and says whether there is one.
function makeSecret(id, name, schema) {
  const seen = name === "url"; // holds a secret only if the key is part of it
  const input = element("input", {
    id, type: seen ? "text" : "password", maxlength: schema.maxLength, autocomplete: "off", spellcheck: "false",
    autocapitalize: "off", inputmode: seen ? "url" : null,
  });
  let touch = () => {};
  const show = element("button", {
    type: "button", class: "small",
    onclick: () => {
      input.type = input.type === "password" ? "text" : "password";
      setText(show, input.type === "password" ? "Show" : "Hide");
    },
  }, seen ? "Hide" : "Show");
  const remove = element("button", {
    type: "button", class: "small",
    onclick: () => {
      input.value = "";
      input.placeholder = "will be removed";
      touch();
    },
  }, "Remove");
  return {
    input,
    beside: [show, remove],
    read: () => input.value,
    write(now) {
      input.value = "";
      input.placeholder = now.set ? `${now.value}  (set)` : "not set";
    },
    note(now) { remove.disabled = !now.set; },
    onTouch(callback) { touch = callback; },
  };
}
