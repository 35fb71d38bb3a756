"""Sound is held to the monotonic clock, whatever the card's crystal and the scheduler do."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest

from appliance.media.sound_line import SoundLine
from appliance.media.sources import Sound, SoundFormat

EPOCH_S = 1000.0


def beeps(time_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    tone = 12000 * np.sin(2 * np.pi * 1000 * time_s)
    return np.where(time_s % 1.0 < 0.1, tone, 0).astype(np.int16)[:, None]


def taken(line: SoundLine) -> npt.NDArray[np.float32]:
    frames = []
    expected = 0
    while (frame := line.take()) is not None:
        assert frame[1] == expected
        expected += frame[0].shape[1]
        frames.append(frame[0][0])
    return np.concatenate(frames)


def onsets(samples: npt.NDArray[np.float32], rate: int) -> list[float]:
    loud = np.flatnonzero(np.abs(samples) > 0.05)
    gaps = np.flatnonzero(np.diff(loud) > rate // 4)
    return [float(loud[0]) / rate, *(float(loud[i + 1]) / rate for i in gaps)]


@pytest.mark.parametrize("ppm", [0, 1000, -1000])
@pytest.mark.parametrize("out", [SoundFormat(48000, 2), SoundFormat(16000, 1)])
def test_a_skewed_card_stays_with_the_clock(ppm: int, out: SoundFormat) -> None:
    line, rate, chance = SoundLine(out, 1024, EPOCH_S), 48000, random.Random(1)
    true_rate = rate * (1 + ppm * 1e-6)
    for block in range(30 * 50):
        first = block * 960
        times = np.arange(first, first + 960) / true_rate
        line.feed(Sound(beeps(times), EPOCH_S + first / true_rate + chance.uniform(0, 0.004)), rate)
    found = onsets(taken(line), out.rate)
    errors = [onset - round(onset) for onset in found]
    assert len(found) >= 29
    assert max(map(abs, errors)) < 0.006


def test_a_gap_is_filled_with_silence_and_an_overlap_cut() -> None:
    line = SoundLine(SoundFormat(16000, 1), 1024, EPOCH_S)
    times = np.arange(0, 16000) / 16000
    line.feed(Sound(beeps(times), EPOCH_S), 16000)
    line.feed_silence(EPOCH_S + 3.0)
    assert line.end_s == pytest.approx(EPOCH_S + 3.0, abs=0.001)
    line.feed(Sound(beeps(np.arange(32000, 64000) / 16000), EPOCH_S + 2.0), 16000)  # the first second is late
    line.feed_silence(EPOCH_S + 5.0)
    found = onsets(taken(line), 16000)
    assert found == pytest.approx([0.0, 3.0], abs=0.01)


def test_the_format_may_change_in_flight() -> None:
    line = SoundLine(SoundFormat(48000, 2), 1024, EPOCH_S)
    for second, rate in enumerate((48000, 16000, 44100)):
        for start in range(0, rate, rate // 50):
            times = second + np.arange(start, start + rate // 50) / rate
            line.feed(Sound(beeps(times), EPOCH_S + second + start / rate), rate)
    line.feed_silence(EPOCH_S + 3.2)
    assert onsets(taken(line), 48000) == pytest.approx([0, 1, 2], abs=0.01)


def test_what_was_captured_before_the_push_is_left_out() -> None:
    line = SoundLine(SoundFormat(16000, 1), 1024, EPOCH_S)
    line.feed(Sound(beeps(np.arange(-8000, 24000) / 16000), EPOCH_S - 0.5), 16000)
    line.feed_silence(EPOCH_S + 2)
    assert onsets(taken(line), 16000)[-1] == pytest.approx(1.0, abs=0.01)
