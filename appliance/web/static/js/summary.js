// The push in words: where to, since when, how it goes, and what is wrong.

import { element, fillPairs, find } from "./dom.js";

const CONNECTED = ["PUSHING", "PAUSED"];

export function showSummary(status) {
  const net = status.net || {};
  const rows = [["To", status.url || "no address yet: see the settings"]];
  rows.push(["For", lasting(status.time - status.since)]);
  if (CONNECTED.includes(status.state)) {
    rows.push(["Sends", `${whole(net.videoBitrate)} + ${whole(net.audioBitrate)} kbit/s of ${whole(net.targetBitrate)}`]);
    if (net.videoWidth) rows.push(["Picture", `${net.videoWidth} × ${net.videoHeight}, ${whole(net.videoFPS)} per second`]);
    rows.push(["Delay", `${whole(net.queueDelay)} ms in the queue, ${whole(net.rtt)} ms to the server and back`]);
    if (net.droppedFrames) rows.push(["Dropped", `${net.droppedFrames} pictures`]);
    if (net.encoder) rows.push(["Encoder", net.encoder]);
  }
  const { attempt, nextInSeconds, nameInUse } = status.reconnect || {};
  if (status.state === "RECONNECTING" || (status.state === "FAILED" && nextInSeconds !== null && nextInSeconds !== undefined)) {
    const next = nextInSeconds === null || nextInSeconds === undefined ? "now" : `in ${Math.ceil(nextInSeconds)} s`;
    const why = nameInUse ? "; the stream name is still in use" : "";
    rows.push(["Next try", attempt ? `${next} (attempt ${attempt}${why})` : next]);
  }
  fillPairs(find("#status"), rows);
  showTroubles([...(status.errors || []).map(inText), ...expiry(status), ...webhook(status)]);
}

const whole = (value) => (typeof value === "number" ? String(Math.round(value)) : "–");
const inText = (error) => (typeof error === "string" ? error : error.text || error.reason || JSON.stringify(error));

const WARN_BEFORE_S = 3600;

/** The push address runs out soon, or has. */
function expiry(status) {
  if (!status.urlExpires) return [];
  const left = Date.parse(status.urlExpires) / 1000 - status.time;
  if (left > WARN_BEFORE_S) return [];
  const at = status.urlExpires.replace("T", " ");
  if (left <= 0) return [`The push address has expired (${at}): get a new one`];
  return [`The push address expires in ${Math.ceil(left / 60)} min (${at}): get a new one`];
}

function webhook(status) {
  const { state, lastError, behind } = status.webhook || {};
  return state === "failing" ? [`The webhook does not get through: ${lastError} (${behind} events wait)`] : [];
}

function lasting(seconds) {
  const s = Math.max(0, Math.floor(seconds || 0));
  const parts = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
  const first = Math.min(parts.findIndex((part) => part > 0) === -1 ? 3 : parts.findIndex((part) => part > 0), 3);
  return parts.map((part, index) => `${part} ${["d", "h", "min", "s"][index]}`).slice(first, first + 2).join(" ");
}

function showTroubles(texts) {
  const list = find("#troubles");
  const key = texts.join("\n");
  list.hidden = texts.length === 0;
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(...texts.map((text) => element("li", {}, text)));
}
