"""The time of captured samples, smoothed: a delay-locked loop over block times.

A block's time, as a driver or a scheduler gives it, jitters by milliseconds; the card's crystal is steady but runs
fast or slow. The loop (F. Adriaensen, "Using a DLL to filter time", 2005) follows the crystal and lets the jitter pass
by, so that the resampler behind it corrects a true drift and no noise.
"""

from __future__ import annotations

import math

BANDWIDTH_HZ = 0.1
"""Of the loop once it has settled; it begins ten times wider."""

JUMP_S = 0.08
"""A block so far from where it should be is no jitter: samples were lost, or the device was changed."""


class SampleClock:
    """Feed it every block in order; it answers when the block's first sample was captured. Pure."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next: float | None = None
        self._period_s = 1.0 / rate
        self._age_s = 0.0

    def feed(self, time_s: float, samples: int) -> float:
        """``time_s`` as measured, in seconds; ``samples`` in the block, more than none. The smoothed time."""
        if self._next is None or abs(time_s - self._next) > JUMP_S:
            self._next = time_s
            self._period_s = 1.0 / self._rate
            self._age_s = 0.0
        smoothed = self._next
        error = time_s - smoothed
        block_s = samples * self._period_s
        bandwidth = max(BANDWIDTH_HZ, min(1.0, 1.0 / (0.2 + self._age_s)))
        omega = min(0.5, 2 * math.pi * bandwidth * block_s)
        smoothed += math.sqrt(2) * omega * error
        self._period_s += omega * omega * error / samples
        # A crystal is within 1000 ppm; what asks for more is jitter that the loop has not settled on yet.
        limit = 0.003 / self._rate
        self._period_s = min(1 / self._rate + limit, max(1 / self._rate - limit, self._period_s))
        self._age_s += block_s
        self._next = smoothed + samples * self._period_s
        return smoothed
