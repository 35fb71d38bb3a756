"""The pi board where something is missing, or hangs."""

from __future__ import annotations

import os
import sys
import threading
import types
from pathlib import Path

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
    with pytest.raises(HardwareMissing, match="can not open gpiochip.*group gpio"):
        pins.lgpio_factory()


def test_lgpio_finds_the_pipe_that_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by its C half in $LG_WD, opened by its Python half in the working directory, while it is imported."""
    seen = []

    def load(module: str) -> types.ModuleType:
        seen.append((module, Path(os.environ.get("LG_WD", "")), Path.cwd(), os.access(".", os.W_OK)))
        raise HardwareMissing("enough")

    before = Path.cwd()
    monkeypatch.setattr(pins, "load", load)
    with pytest.raises(HardwareMissing, match="enough"):
        pins.lgpio_factory()
    [(module, made_in, looked_for_in, writable)] = seen
    assert (module, made_in, writable) == ("lgpio", looked_for_in, True)
    assert Path.cwd() == before
    assert not made_in.exists()


def test_a_call_that_never_returns_is_left_behind() -> None:
    release, late = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError, match="no answer from the driver within 0.05 s"):
        bounded.within(0.05, "a call", lambda: release.wait(5), lambda _: late.set())
    release.set()
    assert late.wait(2)
    assert bounded.within(1, "a call", lambda: 7) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        bounded.within(1, "a call", lambda: int("x"))
