"""What is turned while a push runs: mute, volume, zoom, lamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from appliance import event_codes as codes
from appliance.engine.adjustments import Adjustments
from appliance.engine.plans import stream_metadata
from appliance.errors import OperationRefused
from appliance.events import EventBus
from appliance.pusher.operations import Operation
from appliance.settings.declaration import Settings


class Turning:
    def __init__(self, settings: Settings | None = None) -> None:
        bus = EventBus()
        self.heard: list[tuple[int, Mapping[str, object]]] = []
        bus.subscribe(lambda event: self.heard.append((event.code, event.details)))
        self.adjustments = Adjustments(settings or Settings(), bus)

    def __call__(self, operation: Operation, **parameters: Any) -> Mapping[str, Any]:
        return self.adjustments.adjust(operation, parameters, "a test")


def test_mute_is_told_once() -> None:
    turn = Turning()
    assert turn(Operation.MUTE) == turn(Operation.MUTE) == {"muted": True}
    assert turn(Operation.UNMUTE) == {"muted": False}
    assert turn.heard == [(codes.MUTED, {"by": "a test"}), (codes.UNMUTED, {"by": "a test"})]


@pytest.mark.parametrize(("volume", "gain_db"), [(1, 0.0), (0.5, -6.02), (0.1, -20.0), (0, -120.0)])
def test_volume_is_a_gain(volume: float, gain_db: float) -> None:
    turn = Turning()
    assert turn(Operation.SET_MIC_VOLUME, volume=volume) == {"volume": volume}
    assert turn.adjustments.gain_db == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("volume", [True, "0.5", None, -0.1, 1.1, float("nan")])
def test_another_volume_is_refused(volume: object) -> None:
    turn = Turning()
    with pytest.raises(ValueError, match="volume"):
        turn(Operation.SET_MIC_VOLUME, volume=volume)
    assert turn.adjustments.gain_db == Settings().microphone_gain


def test_zoom_is_strict() -> None:
    turn = Turning()
    assert turn(Operation.SET_ZOOM, zoom=True) == {"zoom": True}
    with pytest.raises(ValueError, match="zoom: given 1"):
        turn(Operation.SET_ZOOM, zoom=1)
    assert turn.adjustments.zoom is True


def test_the_lamp() -> None:
    turn = Turning()
    with pytest.raises(OperationRefused):
        turn(Operation.TOGGLE_TORCH)
    lit = iter((True, False))
    turn.adjustments.toggle_torch = lambda: next(lit)
    assert [turn(Operation.TOGGLE_TORCH), turn(Operation.TOGGLE_TORCH)] == [{"torch": True}, {"torch": False}]
    assert [details["state"] for _, details in turn.heard] == ["on", "off"]


def test_a_setting_that_is_changed_counts_and_the_others_stay_as_they_were_turned() -> None:
    turn = Turning(replace(Settings(), microphone_gain=3.0))
    turn(Operation.MUTE)
    turn(Operation.SET_ZOOM, zoom=True)
    turn.adjustments.settings_changed(replace(Settings(), microphone_gain=9.0), frozenset({"microphone.gain", "fps"}))
    now = turn.adjustments
    assert (now.muted, now.zoom, now.gain_db) == (True, True, 9.0)
    turn.adjustments.settings_changed(Settings(), frozenset({"muted", "zoom"}))
    assert (now.muted, now.zoom, now.gain_db) == (False, False, 9.0)


def test_the_metadata_tell_the_push() -> None:
    settings = replace(Settings(), audio_quality="high", audio_channels="stereo", fps=25, max_bitrate=900)
    data = stream_metadata(settings, (540, 960))
    assert (data["width"], data["height"], data["framerate"], data["videodatarate"]) == (540.0, 960.0, 25.0, 900.0)
    assert (data["audiosamplerate"], data["stereo"], data["audiodatarate"]) == (48000.0, True, 128.0)
    assert not {name for name in stream_metadata(settings, None) if "video" in name or name == "width"}
