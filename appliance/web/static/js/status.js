// The status, asked for once a second while somebody looks, and what every page shows of it.

import { call, NoConnection } from "./api.js";
import { find, setText } from "./dom.js";

const EVERY_MS = 1000;

const WORDS = {
  IDLE: "Ready", CONNECTING: "Connecting", PUSHING: "Live", PAUSED: "Paused",
  RECONNECTING: "Reconnecting", STOPPING: "Stopping", FAILED: "Failed",
};

const watchers = [];
let timer = 0;
let asking = false;
let connected = true;

/** Have `watcher(status, isBack)` called with every status; `isBack` says that the connection was lost before. */
export function watch(watcher) {
  watchers.push(watcher);
}

/** Ask now instead of at the next second. */
export async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const status = await call("GET", "/api/v1/status", undefined, 5000);
    const isBack = !connected;
    showConnection(true);
    showState(status);
    for (const watcher of watchers) watcher(status, isBack);
  } catch (error) {
    // an answer that is an error (while the service stops, say) tells no state either
    if (error instanceof NoConnection || error.status >= 500) showConnection(false);
    else if (error.status !== 401) throw error;
  } finally {
    asking = false;
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  }
}

function showConnection(is) {
  connected = is;
  find("#offline").hidden = is;
  if (!is) {
    find("#state").dataset.state = "";
    setText(find("#state-word"), "No connection");
  }
}

function showState(status) {
  find("#state").dataset.state = status.state;
  let word = WORDS[status.state] || status.state;
  if (status.state === "PAUSED" && status.background) word = "In the background";
  setText(find("#state-word"), word);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
addEventListener("online", refresh);
refresh();
