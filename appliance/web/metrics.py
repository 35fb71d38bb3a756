"""``/healthz`` and ``/metrics``: for programs that watch the box. No sign-in, and nothing here is a secret."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from appliance import event_codes
from appliance.event_codes import Severity
from appliance.events import Event, EventBus
from appliance.web.services import Services

STATES = ("IDLE", "CONNECTING", "PUSHING", "PAUSED", "RECONNECTING", "STOPPING", "FAILED")

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NET: tuple[tuple[str, str, float, str], ...] = (
    ("videoBitrate", "video_bits_per_second", 1000, "Video sent"),
    ("audioBitrate", "audio_bits_per_second", 1000, "Audio sent"),
    ("targetBitrate", "target_bits_per_second", 1000, "Video bitrate aimed at"),
    ("netSpeed", "acknowledged_bits_per_second", 1000, "What the server acknowledged"),
    ("videoFPS", "video_frames_per_second", 1, "Pictures sent per second"),
    ("videoWidth", "video_width_pixels", 1, "Width of the picture"),
    ("videoHeight", "video_height_pixels", 1, "Height of the picture"),
    ("queueDelay", "queue_delay_seconds", 0.001, "Age of what waits to be sent"),
    ("videoCache", "queued_video_frames", 1, "Pictures that wait to be sent"),
    ("audioCache", "queued_audio_frames", 1, "Sound frames that wait to be sent"),
    ("rtt", "round_trip_seconds", 0.001, "Round trip to the server"),
    ("netJitter", "jitter_seconds", 0.001, "Jitter of the link"),
    ("netQualityLevel", "net_quality_level", 1, "Quality of the link, as the contract counts it"),
)
"""Name in the status, name here, factor to the base unit, help."""


class EventCounts:
    """Counts events since the service started. Any thread."""

    def __init__(self, bus: EventBus) -> None:
        self._lock = threading.Lock()
        self._severities: Counter[Severity] = Counter()
        self._reconnects = 0
        bus.subscribe(self._count)

    def _count(self, event: Event) -> None:
        with self._lock:
            self._severities[event.severity] += 1
            self._reconnects += event.code == event_codes.RECONNECT

    def read(self) -> tuple[dict[str, int], int]:
        """Events by severity, and attempts to reconnect."""
        with self._lock:
            return {severity.value: self._severities[severity] for severity in Severity}, self._reconnects


def blueprint(services: Services) -> Blueprint:
    health = Blueprint("health", __name__)
    counts = EventCounts(services.events)
    started = time.monotonic()

    @health.get("/healthz")
    def healthz() -> Response:
        healthy, workers = services.healthy()
        answer = jsonify({"healthy": healthy, "workers": dict(workers)})
        answer.status_code = 200 if healthy else 503
        return answer

    @health.get("/metrics")
    def metrics() -> Response:
        text = "".join(_families(services, counts, time.monotonic() - started))
        return Response(text, content_type=_CONTENT_TYPE)

    return health


def _families(services: Services, counts: EventCounts, uptime_s: float) -> Iterable[str]:
    status = services.operations.status()
    state = str(status.get("state", ""))
    healthy, workers = services.healthy()
    severities, reconnects = counts.read()
    box = f'{{version="{_escape(services.version)}",board="{_escape(services.board)}"}}'
    yield family("info", "gauge", "Version and board", {box: 1})
    yield family("uptime_seconds", "gauge", "Seconds since the service started", {"": round(uptime_s, 3)})
    yield family("healthy", "gauge", "Whether every worker makes progress", {"": int(healthy)})
    alive = {f'{{worker="{_escape(name)}",state="{_escape(what)}"}}': 1 for name, what in workers.items()}
    yield family("worker_info", "gauge", "Each worker and its state", alive)
    yield family("state", "gauge", "1 for the present state", {f'{{state="{s}"}}': int(s == state) for s in STATES})
    yield family("muted", "gauge", "Whether silence is sent", {"": int(bool(status.get("muted")))})
    net = status.get("net") or {}
    for source, name, factor, help in _NET:
        yield family(name, "gauge", help, _number(net, source, factor))
    yield family("dropped_frames_total", "counter", "Pictures dropped before sending", _number(net, "droppedFrames", 1))
    yield family("reconnects_total", "counter", "Attempts to reconnect", {"": reconnects})
    by_severity = {f'{{severity="{name}"}}': count for name, count in severities.items()}
    yield family("events_total", "counter", "Events", by_severity)


def family(name: str, kind: str, help: str, samples: Mapping[str, float]) -> str:
    """One metric in the text format; nothing when there is no sample."""
    if not samples:
        return ""
    full = f"live_pusher_{name}"
    lines = [f"# HELP {full} {help}", f"# TYPE {full} {kind}"]
    lines += [f"{full}{label} {value}" for label, value in samples.items()]
    return "\n".join(lines) + "\n"


def _number(net: Mapping[str, Any], name: str, factor: float) -> dict[str, float]:
    value = net.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {}  # not known now: no sample rather than a wrong one
    return {"": value if factor == 1 else round(value * factor, 6)}


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
