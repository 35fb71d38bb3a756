from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance import event_codes
from tests.unit.web.fakes import Fakes

_LABELS = r'\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\}'
_SAMPLE = re.compile(rf"([a-z_:]+)({_LABELS})? (-?[0-9.e+-]+)")


def read(client: FlaskClient) -> dict[str, float]:
    """The text format, read as strictly as Prometheus does."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")
    found: dict[str, float] = {}
    family = ""
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2:] in ([family, "gauge"], [family, "counter"])
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample[1] == family
            assert sample[1] + (sample[2] or "") not in found
            found[sample[1] + (sample[2] or "")] = float(sample[3])
    return found


def test_metrics(client: FlaskClient, fakes: Fakes) -> None:
    fakes.operations.to("PUSHING")
    fakes.events.emit(event_codes.RECONNECT, delay_s=1, attempt=1, attempts=3)
    fakes.events.emit(event_codes.RECONNECT, delay_s=2, attempt=2, attempts=3)
    fakes.events.emit(event_codes.PUSH_BEGIN)
    found = read(client)
    assert found['live_pusher_state{state="PUSHING"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("live_pusher_state{")) == 1
    assert found["live_pusher_video_bits_per_second"] == 812000
    assert found["live_pusher_queue_delay_seconds"] == 0.084
    assert found["live_pusher_round_trip_seconds"] == 0.023
    assert found["live_pusher_video_frames_per_second"] == 29.7
    assert found["live_pusher_dropped_frames_total"] == 0
    assert found["live_pusher_reconnects_total"] == 2
    assert found['live_pusher_events_total{severity="warning"}'] == 2
    assert found['live_pusher_events_total{severity="info"}'] == 1
    assert found['live_pusher_events_total{severity="error"}'] == 0
    assert found['live_pusher_info{version="1.2.3",board="simulated"}'] == 1
    assert found["live_pusher_healthy"] == 1
    assert 0 <= found["live_pusher_uptime_seconds"] < 60


def test_unknown_figures_are_left_out(client: FlaskClient, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fakes.operations.status

    def status() -> dict[str, Any]:
        return {**real(), "net": {"rtt": None, "videoBitrate": 5}}

    monkeypatch.setattr(fakes.operations, "status", status)
    found = read(client)
    assert "live_pusher_round_trip_seconds" not in found
    assert found["live_pusher_video_bits_per_second"] == 5000


def test_no_secret_in_what_is_open(client: FlaskClient, fakes: Fakes) -> None:
    token = fakes.access.create_token("a")
    for path in ("/metrics", "/healthz"):
        text = client.get(path).text
        assert "secret" not in text
        assert "rtmp" not in text
        assert token not in text
        assert "welcome" not in text


def test_healthz(client: FlaskClient, fakes: Fakes) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"healthy": True, "workers": {"pusher": "ok"}})
    fakes.healthy = False
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (503, {"healthy": False, "workers": {"pusher": "stalled"}})
    assert read(client)["live_pusher_healthy"] == 0
