"""The pi board where something is missing, or hangs."""

from __future__ import annotations

import os
import sys
import threading
import types

import pytest

from appliance.errors import CameraError, HardwareMissing, MicrophoneError
from appliance.hardware.board import make_board
from appliance.hardware.pi import bounded, pins
from tests.unit.hardware.fake_picamera2 import Rig


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_a_board_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "picamera2")
    board = make_board("pi")
    assert any("sudo apt install python3-picamera2" in lack.reason for lack in board.missing())
    assert board.cameras() == []
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"):
        board.camera("front", "auto")
    board.close()
    with pytest.raises(ValueError, match="allowed: pi, simulated"):
        make_board("banana")


def test_sound_and_pins_may_be_missing(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    hide(monkeypatch, "alsaaudio", "lgpio")
    board = make_board("pi")
    assert board.microphones() == []
    with pytest.raises(MicrophoneError, match="pip install pyalsaaudio"):
        board.microphone("auto")
    with pytest.raises(HardwareMissing, match="sudo apt install python3-lgpio"):
        board.pin_factory()
    assert board.simulated is None
    board.close()


def test_a_missing_chip_is_missing_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_chip() -> None:
        raise RuntimeError("can not open gpiochip")

    chips = types.ModuleType("gpiozero.pins.lgpio")
    chips.LGPIOFactory = no_chip  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lgpio", types.ModuleType("lgpio"))
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", chips)
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/somewhere")
    monkeypatch.delenv("LG_WD", raising=False)
    with pytest.raises(HardwareMissing, match="can not open gpiochip.*group gpio"):
        pins.lgpio_factory()
    assert os.environ["LG_WD"] == "/run/somewhere"


def test_a_call_that_never_returns_is_left_behind() -> None:
    release, late = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError, match="no answer from the driver within 0.05 s"):
        bounded.within(0.05, "a call", lambda: release.wait(5), lambda _: late.set())
    release.set()
    assert late.wait(2)
    assert bounded.within(1, "a call", lambda: 7) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        bounded.within(1, "a call", lambda: int("x"))
