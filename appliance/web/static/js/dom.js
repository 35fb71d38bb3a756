// A few words for building elements. Text is always set as text, so nothing from outside becomes markup.

export const find = (selector, root = document) => root.querySelector(selector);

/** element("p", {class: "help", onclick: f}, "text", child, …) */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("aria-")) {
      made.setAttribute(key, String(value)); // false is a value there
      continue;
    }
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Fill a <dl> with [term, text] pairs, touching only what differs. */
export function fillPairs(list, pairs, wrap = false) {
  const key = JSON.stringify(pairs);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(...pairs.flatMap(([term, text]) => {
    const both = [element("dt", {}, term), element("dd", {}, String(text))];
    return wrap ? [element("div", {}, ...both)] : both;
  }));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
