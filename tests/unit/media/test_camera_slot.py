"""Which camera is open: what a push that begins finds."""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.errors import CameraError, LivePusherError
from appliance.hardware.simulated.board import SimulatedBoard
from appliance.media.camera_slot import CameraSlot, CameraWish
from appliance.media.hands import Hands
from appliance.media.sources import PictureFormat

FRONT = CameraWish("front", "auto", PictureFormat(64, 48, 30))


class Told:
    """What the slot reports."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def camera_ready(self, position: str, name: str, again: bool) -> None:
        self.calls.append(f"{position} ready{' again' if again else ''}")

    def camera_failed(self, position: str, error: LivePusherError) -> None:
        assert isinstance(error, CameraError)
        self.calls.append(f"{position} failed")

    def camera_lost(self, position: str, name: str, error: LivePusherError) -> None:
        self.calls.append(f"{position} lost")


def until(slot: CameraSlot, what: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end
        slot.poll()
        time.sleep(0.002)


def test_a_push_that_begins_looks_for_a_missing_camera_afresh() -> None:
    board, told, hands = SimulatedBoard(), Told(), Hands("test hands", lambda: None)
    slot = CameraSlot(lambda wish: board.camera(wish.position, wish.source), told, hands)
    try:
        board.simulated.unplug("front")
        slot.want(FRONT)
        slot.restate()
        until(slot, lambda: bool(told.calls))
        until(slot, lambda: slot.missing)
        board.simulated.plug("front")
        # the end of that push and the next start came too close together to be seen apart: the wish is the same
        slot.want(FRONT)
        slot.restate()
        assert not slot.missing
        until(slot, lambda: slot.camera is not None)
        assert told.calls == ["front failed", "front ready"]
    finally:
        slot.shut()
        hands.close(2)
        board.close()
