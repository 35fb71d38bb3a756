// The live pictures, their figures, and the debug window over the camera's.

import { call } from "./api.js";
import { element, fillPairs, find, setText } from "./dom.js";

const ACTIVE = ["CONNECTING", "PUSHING", "PAUSED", "RECONNECTING"];
const AGAIN_MS = 2000;
const DEBUG_EVENTS = 6;

/** One picture that is loaded while it is wanted and the page is seen: a hidden page holds no connection. */
class Picture {
  constructor(figure) {
    this.source = figure.dataset.source;
    this.image = find("img", figure);
    this.placeholder = find(".placeholder", figure);
    this.words = find(".placeholder p", figure);
    this.figures = find(".figures", figure);
    this.wanted = false;
    this.loading = false;
    this.stage = find(".stage", figure);
    this.image.addEventListener("load", () => this.loaded());
    this.image.addEventListener("error", () => this.again());
    document.addEventListener("visibilitychange", () => this.update());
  }

  show(wanted, words) {
    setText(this.words, words);
    this.wanted = wanted;
    this.update();
  }

  update(anew = false) {
    const load = this.wanted && !document.hidden;
    if (load && (anew || !this.loading)) {
      this.image.classList.add("waiting");
      this.image.src = `${this.source}?t=${Date.now()}`;
    } else if (!load && this.loading) {
      this.image.removeAttribute("src");
    }
    this.loading = load;
    this.image.hidden = !load;
  }

  loaded() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    this.image.classList.remove("waiting");
    const shape = `${width} / ${height}`;
    if (!width || this.shape === shape) return;
    this.shape = this.stage.style.aspectRatio = shape;
    find(".pictures").classList.toggle("portrait", height > width);
  }

  again() {
    if (!this.loading) return;
    this.image.classList.add("waiting");
    this.loading = false;
    setTimeout(() => this.update(), AGAIN_MS);
  }
}

const camera = new Picture(find("#camera"));
const arrivedFigure = find("#arrived");
const arrived = arrivedFigure && new Picture(arrivedFigure);
const previewButton = find("#camera .placeholder button");
const debugWindow = find("#debug");
const debugSwitch = find("#debug-switch");

export function showPictures(status, isBack) {
  const active = ACTIVE.includes(status.state);
  const shut = status.paused || status.background || status.state === "PAUSED";
  const seen = status.preview || active;
  const open = seen && !shut;
  camera.show(open, closedWords(status, shut && active));
  previewButton.hidden = seen || status.background || status.state === "STOPPING";
  setText(camera.figures, cameraFigures(status));
  if (arrived) showArrived(status.arrived || {});
  if (isBack) {
    camera.update(true);
    if (arrived) arrived.update(true);
  }
  showDebug(status);
}

function closedWords(status, paused) {
  if (status.background) return "In the background: the camera is off.";
  if (paused) return "Paused: the camera is off.";
  return status.preview || ACTIVE.includes(status.state) ? "Waiting for the picture…" : "The camera is off.";
}

function cameraFigures(status) {
  const { position, name } = status.camera || {};
  return [position, name].filter(Boolean).join(" · ");
}

function showArrived(figures) {
  arrived.show(Boolean(figures.connected), "Nothing arrives at the moment.");
  const parts = [];
  if (figures.connected) {
    if (figures.width) parts.push(`${figures.width} × ${figures.height}`);
    if (isNumber(figures.fps)) parts.push(`${round(figures.fps)} fps`);
    if (isNumber(figures.videoKbps)) parts.push(`${round(figures.videoKbps)} + ${round(figures.audioKbps)} kbit/s`);
    if (isNumber(figures.soundLevel)) parts.push(`sound ${round(figures.soundLevel)} dB`);
  }
  setText(arrived.figures, parts.join(" · "));
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const round = (value) => (isNumber(value) ? String(Math.round(value)) : "–");
const unit = (value, what) => (isNumber(value) ? `${Math.round(value * 10) / 10} ${what}` : "–");

/** The figures of status.net as [name, text]; also for the summary. */
export function netFigures(net) {
  return [
    ["video", unit(net.videoBitrate, "kbit/s")], ["audio", unit(net.audioBitrate, "kbit/s")],
    ["target", unit(net.targetBitrate, "kbit/s")], ["net", unit(net.netSpeed, "kbit/s")],
    ["size", net.videoWidth ? `${net.videoWidth} × ${net.videoHeight}` : "–"], ["fps", round(net.videoFPS)],
    ["GOP", unit(net.videoGOP, "s")], ["queue", unit(net.queueDelay, "ms")],
    ["cache", `${round(net.videoCache)} v ${round(net.audioCache)} a`], ["rtt", unit(net.rtt, "ms")],
    ["jitter", unit(net.netJitter, "ms")], ["quality", round(net.netQualityLevel)],
    ["dropped", round(net.droppedFrames)], ["encoder", net.encoder || "–"],
  ];
}

function showDebug(status) {
  debugWindow.hidden = !status.debug;
  debugSwitch.setAttribute("aria-pressed", Boolean(status.debug));
  if (status.debug) fillPairs(find("dl", debugWindow), [["state", status.state], ...netFigures(status.net || {})], true);
}

debugSwitch.addEventListener("click", async () => {
  const wanted = debugSwitch.getAttribute("aria-pressed") !== "true";
  debugWindow.hidden = !wanted;
  debugSwitch.setAttribute("aria-pressed", wanted);
  try {
    await call("PATCH", "/api/v1/settings", { debug: wanted });
  } catch {
    // the next status shows how it is
  }
});

/** The newest events stand in the debug window too. */
export function pictureEvent(event) {
  const list = find("ul", debugWindow);
  const words = `${event.time.slice(11, 19)} ${event.code} ${event.text}`;
  list.prepend(element("li", { "data-severity": event.severity }, words));
  while (list.children.length > DEBUG_EVENTS) list.lastChild.remove();
}
