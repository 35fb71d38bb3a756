"""What the virtual board's viewer makes of pictures and sound."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vm.viewer import RATE, WAITING, picture_of, tone_of

BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))


def bars() -> np.ndarray:
    return np.repeat(np.repeat(np.array([BARS], np.uint8), 80, axis=1), 360, axis=0)


def lines() -> np.ndarray:
    rows, columns = np.mgrid[0:360, 0:640]
    return np.repeat(((rows + columns) // 32 % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


def test_pictures_are_told_apart() -> None:
    assert picture_of(bars()) == "bars"
    assert picture_of(lines()) == "lines"
    assert picture_of(np.full((360, 640, 3), WAITING, np.uint8)) == "waiting"


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_nothing_is_none_of_them(grey: int) -> None:
    assert picture_of(np.full((360, 640, 3), grey, np.uint8)).startswith("unknown")


def test_a_tone_is_heard_and_silence_is_not() -> None:
    times = np.arange(2 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)
    assert tone_of(tone) == pytest.approx(1000, abs=2)
    assert tone_of(tone / 100) == 0
    assert tone_of(np.concatenate([tone, np.zeros(RATE, np.float32)])) == 0
    assert tone_of(np.zeros(0, np.float32)) == 0
