"""Uplinks to send through: what the bottleneck carries at each moment, how far away the server is, how much the
bottleneck queues.

Every series is made from its parameters and its seed alone, so that a link is the same one on every machine. Rates are
those of the wire, in kbit/s of 1000 bit: headers of TCP and IP included. A rate of 0 is a link that carries nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

GRAIN_S = 0.25
"""How often a generated or recorded series changes: finer than a controller reacts, coarse enough to re-rate a real
shaper."""

OPPORTUNITY_BITS = 1500 * 8
"""What one line of a Mahimahi trace delivers."""


@dataclass(frozen=True)
class Link:
    """One uplink over the time of a run."""

    name: str
    steps: tuple[tuple[float, float], ...]
    """(from second, kbit/s), ascending, the first at 0."""
    duration_s: float
    rtt_ms: float = 50.0
    """Round trip time while the bottleneck's queue is empty."""
    buffer_bytes: int = 150_000
    """The bottleneck's queue; what does not fit is lost."""
    stalls: tuple[tuple[float, float], ...] = ()
    """(from second, for seconds), ascending and apart: nothing is delivered, and at the end what waited comes in one
    burst, as over Wi-Fi. What the link carries on average stays as it is."""

    def __post_init__(self) -> None:
        if self.duration_s <= 0:
            raise ValueError(f"{self.name}: a duration of {self.duration_s} s")
        if not self.steps or self.steps[0][0] != 0 or any(left[0] >= right[0] for left, right in pairwise(self.steps)):
            raise ValueError(f"{self.name}: the steps must begin at 0 s and ascend")
        if any(kbps < 0 for _, kbps in self.steps):
            raise ValueError(f"{self.name}: a rate below 0")

    def rate_kbps(self, at_s: float) -> float:
        """What the link carries at this moment; the last rate holds for ever."""
        return self.steps[max(0, bisect_right(self.steps, (at_s, math.inf)) - 1)][1]

    def segments(self) -> Iterator[tuple[float, float, float]]:
        """(from second, for seconds, kbit/s) up to the end of the run."""
        edges = [*(at_s for at_s, _ in self.steps if at_s < self.duration_s), self.duration_s]
        for (begin_s, end_s), (_, kbps) in zip(pairwise(edges), self.steps, strict=False):
            yield begin_s, end_s - begin_s, kbps

    def mean_kbps(self) -> float:
        """What the link carries on average over the run."""
        return sum(for_s * kbps for _, for_s, kbps in self.segments()) / self.duration_s


def constant(kbps: float, *, duration_s: float = 30.0, rtt_ms: float = 50.0) -> Link:
    """A line that never changes."""
    return Link(f"constant {kbps:g}", ((0.0, kbps),), duration_s, rtt_ms)


def step(high_kbps: float = 2500, low_kbps: float = 600, *, each_s: float = 12.0, rtt_ms: float = 50.0) -> Link:
    """High, low, high again, each for the same time."""
    steps = ((0.0, high_kbps), (each_s, low_kbps), (2 * each_s, high_kbps))
    return Link(f"step {high_kbps:g}-{low_kbps:g}", steps, 3 * each_s, rtt_ms)


def ramp(high_kbps: float, low_kbps: float, *, slope_s: float, hold_s: float = 5.0, rtt_ms: float = 50.0) -> Link:
    """High, down to low within `slope_s`, up again as slowly; level for `hold_s` before, between and after."""
    duration_s = 3 * hold_s + 2 * slope_s
    corners = (
        (hold_s, high_kbps),
        (hold_s + slope_s, low_kbps),
        (2 * hold_s + slope_s, low_kbps),
        (2 * hold_s + 2 * slope_s, high_kbps),
    )

    def at(now_s: float) -> float:
        for (left_s, left), (right_s, right) in pairwise(corners):
            if left_s <= now_s < right_s:
                return left + (right - left) * (now_s - left_s) / (right_s - left_s)
        return high_kbps

    steps = tuple((now_s, at(now_s)) for now_s in _grains(duration_s))
    return Link(f"ramp {high_kbps:g}-{low_kbps:g}", steps, duration_s, rtt_ms)


def sawtooth(high_kbps: float, low_kbps: float, *, period_s: float, teeth: int = 5, rtt_ms: float = 50.0) -> Link:
    """Grows from low to high over a period and falls back at once."""
    duration_s = period_s * teeth
    steps = tuple(
        (now_s, low_kbps + (high_kbps - low_kbps) * (now_s % period_s) / period_s) for now_s in _grains(duration_s)
    )
    return Link(f"sawtooth {low_kbps:g}-{high_kbps:g}", steps, duration_s, rtt_ms)


def on_off(
    seed: int, *, high_kbps: float, low_kbps: float, mean_s: float = 4.0, duration_s: float = 60.0, rtt_ms: float = 50.0
) -> Link:
    """Two rates in turn, each for a random time of `mean_s` on average and half a second at least."""
    random = Random(seed)
    steps: list[tuple[float, float]] = []
    now_s, high = 0.0, True
    while now_s < duration_s:
        steps.append((round(now_s, 3), high_kbps if high else low_kbps))
        now_s += 0.5 + random.expovariate(1 / (mean_s - 0.5))
        high = not high
    return Link(f"on/off {high_kbps:g}-{low_kbps:g} #{seed}", tuple(steps), duration_s, rtt_ms)


def cellular(
    seed: int,
    *,
    median_kbps: float = 1300,
    spread: float = 0.55,
    correlation_s: float = 4.0,
    fade_every_s: float = 14.0,
    fade_s: float = 1.5,
    fade_depth: float = 0.2,
    floor_kbps: float = 200,
    top_kbps: float = 4000,
    duration_s: float = 60.0,
    rtt_ms: float = 70.0,
) -> Link:
    """As a moving phone's uplink: the logarithm of the rate wanders about its median (an Ornstein-Uhlenbeck process of
    deviation `spread` and the given correlation time), with a faster, smaller one on top for the scheduler's grants,
    and falls to `fade_depth` of itself in fades that come and go at random (a two-state Markov chain: about every
    `fade_every_s`, for about `fade_s`)."""
    random = Random(seed)
    slow, fast = random.gauss(0, spread), 0.0
    fading = False
    steps: list[tuple[float, float]] = []
    for now_s in _grains(duration_s):
        kbps = median_kbps * math.exp(slow + fast) * (fade_depth if fading else 1.0)
        steps.append((now_s, round(min(top_kbps, max(floor_kbps, kbps)), 1)))
        slow = _wander(random, slow, spread, correlation_s)
        fast = _wander(random, fast, 0.25, 0.6)
        fading = _turn(random, fading, fade_every_s, fade_s)
    return Link(f"cellular {median_kbps:g} #{seed}", tuple(steps), duration_s, rtt_ms, buffer_bytes=300_000)


def wifi(
    seed: int,
    *,
    median_kbps: float = 4000,
    spread: float = 0.3,
    stall_every_s: float = 1.5,
    longest_stall_s: float = 0.3,
    duration_s: float = 45.0,
    rtt_ms: float = 30.0,
) -> Link:
    """A rate that wanders a little, and stalls of 30 ms up to `longest_stall_s` (retries, scans, a neighbour's burst)
    after which all that waited comes at once. With a median above the ceiling there is no congestion at all in it:
    whoever slows down was deceived."""
    random = Random(seed)
    level = 0.0
    steps: list[tuple[float, float]] = []
    for now_s in _grains(duration_s):
        steps.append((now_s, round(median_kbps * math.exp(level), 1)))
        level = _wander(random, level, spread, 5.0)
    stalls: list[tuple[float, float]] = []
    now_s = random.expovariate(1 / stall_every_s)
    while now_s < duration_s - longest_stall_s:
        # Short ones are common, long ones rare: evenly spread over the logarithm.
        for_s = 0.03 * (longest_stall_s / 0.03) ** random.random()
        stalls.append((round(now_s, 3), round(for_s, 3)))
        now_s += for_s + 0.05 + random.expovariate(1 / stall_every_s)
    return Link(f"wifi {median_kbps:g} #{seed}", tuple(steps), duration_s, rtt_ms, stalls=tuple(stalls))


def mahimahi(path: Path, *, duration_s: float = 60.0, rtt_ms: float = 70.0) -> Link:
    """A recorded link in Mahimahi's format: a line per opportunity to deliver 1500 bytes, each the millisecond at which
    it comes, ascending; at its end the trace begins again. ValueError names what is not such a file, OSError what
    cannot be read."""
    times_ms: list[int] = []
    for number, line in enumerate(path.read_text("ascii", "replace").splitlines(), 1):
        if not (word := line.strip()):
            continue
        if not word.isdigit() or (times_ms and int(word) < times_ms[-1]):
            raise ValueError(
                f"{path}, line {number}: expected a millisecond, not before the one above, and found {word[:40]!r}"
            )
        times_ms.append(int(word))
    if not times_ms or times_ms[-1] == 0:
        raise ValueError(f"{path}: a trace without a time in it")
    grains = _grains(duration_s)
    counts = [0] * len(grains)
    round_ms = 0
    while round_ms < duration_s * 1000:
        for time_ms in times_ms:
            if (grain := int((round_ms + time_ms) / 1000 / GRAIN_S)) < len(counts):
                counts[grain] += 1
        round_ms += times_ms[-1]
    steps = tuple(
        (now_s, count * OPPORTUNITY_BITS / 1000 / GRAIN_S) for now_s, count in zip(grains, counts, strict=True)
    )
    return Link(path.stem, steps, duration_s, rtt_ms, buffer_bytes=300_000)


def tuning_links() -> list[Link]:
    """The links to choose a controller's numbers on."""
    return [
        step(2200, 500, each_s=10),
        step(3000, 900, each_s=14, rtt_ms=90),
        step(1800, 250, each_s=8, rtt_ms=30),
        ramp(2400, 350, slope_s=10),
        sawtooth(2400, 450, period_s=7, teeth=6),
        on_off(11, high_kbps=2100, low_kbps=450),
        on_off(12, high_kbps=1500, low_kbps=120, mean_s=3.0, rtt_ms=90),
        cellular(101),
        cellular(102, median_kbps=900, correlation_s=2.0, fade_every_s=9),
        cellular(103, median_kbps=1800, spread=0.7, correlation_s=8.0, fade_s=2.5, rtt_ms=110),
        cellular(104, median_kbps=700, spread=0.8, fade_depth=0.1, floor_kbps=60),
        wifi(21),
        wifi(22, median_kbps=1600, longest_stall_s=0.25, rtt_ms=20),
        constant(500),
        constant(1100, rtt_ms=120),
    ]


def report_links() -> list[Link]:
    """The links to report on: other parameters and other seeds. Nothing is ever tuned on them."""
    return [
        step(),
        step(2800, 300, each_s=10, rtt_ms=80),
        ramp(2600, 450, slope_s=12, hold_s=4, rtt_ms=60),
        sawtooth(2700, 550, period_s=9),
        on_off(31, high_kbps=2400, low_kbps=600, mean_s=5.0, rtt_ms=60),
        on_off(32, high_kbps=1700, low_kbps=150, mean_s=3.5),
        cellular(301, median_kbps=1200),
        cellular(302, median_kbps=1000, correlation_s=1.5, fade_every_s=10, rtt_ms=60),
        cellular(303, median_kbps=2000, spread=0.65, correlation_s=9.0, fade_s=2.0, rtt_ms=100),
        cellular(304, median_kbps=800, spread=0.75, fade_depth=0.12, floor_kbps=80),
        cellular(305, median_kbps=1500, spread=0.45, correlation_s=6.0, fade_every_s=20, rtt_ms=40),
        wifi(41, median_kbps=4500, stall_every_s=1.2),
        wifi(42, median_kbps=1400, spread=0.25, rtt_ms=25),
        constant(400),
        constant(900, rtt_ms=100),
    ]


def _grains(duration_s: float) -> list[float]:
    return [number * GRAIN_S for number in range(math.ceil(duration_s / GRAIN_S))]


def _wander(random: Random, value: float, spread: float, correlation_s: float) -> float:
    """The next value of an Ornstein-Uhlenbeck process about 0, one grain later."""
    kept = math.exp(-GRAIN_S / correlation_s)
    return value * kept + random.gauss(0, spread * math.sqrt(1 - kept * kept))


def _turn(random: Random, on: bool, every_s: float, for_s: float) -> bool:
    """The next state of a two-state chain, one grain later: off for about `every_s`, on for about `for_s`."""
    return on != (random.random() < GRAIN_S / (for_s if on else every_s))
