// The event log: newest first, live, filtered, older pages on demand.

import { call } from "./api.js";
import { element, fillPairs, find } from "./dom.js";

const PAGE = 30;
const KEPT = 600;
const AGAIN_MS = 3000;

const list = find("#log");
const form = find("#filter");
const olderButton = find("#older");
const listeners = [];
let source = null;
let newest = 0;
let before = null;
let again = 0;

/** Have `listener(event)` called with every event that happens from now on, and with the last few that did. */
export function onEvent(listener) {
  listeners.push(listener);
}

function filter() {
  const query = new URLSearchParams();
  for (const name of ["severity", "code"]) {
    if (form.elements[name].value) query.set(name, form.elements[name].value);
  }
  return query;
}

function matches(event) {
  const { severity, code } = form.elements;
  return (!severity.value || severity.value.split(",").includes(event.severity)) && (!code.value || event.code === Number(code.value));
}

function row(event) {
  const more = element("dl", { class: "more" });
  fillPairs(more, facts(event));
  return element("li", { "data-severity": event.severity },
    element("details", {},
      element("summary", {},
        element("span", { class: "mark", role: "img", "aria-label": event.severity }),
        element("time", { datetime: event.time, title: event.time }, shortTime(event)),
        element("span", { class: "what" }, event.text)),
      more));
}

function facts(event) {
  const doubt = event.synchronised === false ? " (the clock was not set yet)" : "";
  const details = Object.entries(event.details || {});
  return [
    ["Code", `${event.code} ${event.name}`], ["Time", event.time + doubt],
    ...details.map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : value]),
  ];
}

function shortTime(event) {
  const day = event.time.slice(0, 10);
  const clock = event.time.slice(11, 19) + (event.synchronised === false ? "?" : "");
  return isToday(day) ? clock : `${day.slice(5)} ${clock.slice(0, 5)}`;
}

// "Today" by the box's own calendar: that of the newest event.
let today = "";
const isToday = (day) => {
  if (day > today) today = day;
  return day === today;
};

async function load(older = false) {
  const query = filter();
  query.set("limit", PAGE);
  if (older && before !== null) query.set("before", before);
  const page = await call("GET", `/api/v1/events?${query}`);
  if (!older) {
    list.replaceChildren();
    if (page.events.length) isToday(page.events[0].time.slice(0, 10));
  }
  list.append(...page.events.map(row));
  before = page.next;
  showEnds();
  return page;
}

function showEnds() {
  olderButton.hidden = before === null;
  find("#log-empty").hidden = list.children.length > 0;
  const query = filter().toString();
  for (const kind of ["csv", "json"]) find(`#${kind}`).href = `/api/v1/events.${kind}${query ? `?${query}` : ""}`;
}

function arrived(event) {
  newest = event.id;
  for (const listener of listeners) listener(event);
  if (!matches(event)) return;
  list.prepend(row(event));
  if (list.children.length > KEPT) {
    // what falls off the end can be had again by "Older"
    while (list.children.length > KEPT - 100) list.lastElementChild.remove();
    before = null;
    call("GET", `/api/v1/events?${filter()}&limit=${list.children.length}`).then((page) => {
      before = page.next;
      showEnds();
    }, () => {});
  }
  showEnds();
}

function follow() {
  clearTimeout(again);
  if (source) source.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource(`/api/v1/events/stream?after=${newest}`);
  source.onmessage = (message) => arrived(JSON.parse(message.data));
  source.onerror = () => {
    // the browser comes back by itself after a lost connection, but not after an answer that is an error
    if (source && source.readyState === EventSource.CLOSED) again = setTimeout(follow, AGAIN_MS);
  };
}

async function begin() {
  try {
    const all = await call("GET", "/api/v1/events?limit=6");
    if (all.events.length) newest = all.events[0].id;
    for (const event of all.events.slice().reverse()) for (const listener of listeners) listener(event);
    await load();
    follow();
  } catch {
    again = setTimeout(begin, AGAIN_MS);
  }
}

form.addEventListener("change", () => load().catch(() => {}));
form.addEventListener("submit", (event) => event.preventDefault());
olderButton.addEventListener("click", () => load(true).catch(() => {}));
document.addEventListener("visibilitychange", () => {
  if (newest || !document.hidden) follow();
});
begin();
