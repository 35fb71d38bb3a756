"""Picture sizes: what the mode allows, what a bitrate is enough for, and when the size changes in a push (SPEC 4). Pure.

Down quickly, up slowly. A picture that is too big for its bitrate falls apart at once, and one that is too small only looks
soft; each change costs a keyframe and is seen. So a :class:`Ladder` goes down within a second, and up only after ten in
which the bitrate was enough at every moment: a bitrate that swings around a rung's boundary leaves the size alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """``height`` of the landscape picture in pixels, and the bitrate from which it is used."""

    height: int
    from_kbps: int


LADDER = (Rung(180, 100), Rung(270, 250), Rung(360, 400), Rung(540, 800), Rung(720, 1200), Rung(1080, 2500))

MODE_HEIGHT = {"SD": 360, "HD": 540, "FHD": 720, "RTC": 540}
"""Greatest height of each mode; FHD reaches 1080 with hardware."""

FULL_HD_KBPS = 2500

DOWN_S = 1.0
"""A target below the rung for so long is no passing dip: a controller that drains a queue is through with it by then."""

KEPT_TO = 0.9
"""Down to this share of its bitrate a rung is kept: a target that was just enough for it still looks better there, and
nobody sees a tenth."""

HOPELESS = 0.5
"""Below this share of its bitrate a rung is left at once: each of its pictures makes the congestion worse."""

UP_S = 10.0
"""The target has been enough for so long: longer than controllers probe, and than a fade of a mobile link lasts."""

UP_MARGIN = 1.15
"""Above a rung's bitrate by so much: with :data:`KEPT_TO` a swing of an eighth to either side changes nothing."""

NEAR_TOP = 0.95
"""Where the highest bitrate allowed leaves no room for the margin, this share of it is enough: a target cannot exceed it."""

HELD_S = 20.0
"""A rung that was gone up to and left again within so long was a mistake: the next way up takes twice as long."""

UP_LONGEST_S = 60.0
"""But never longer: a link that has become good is used within a minute."""

FEWER = 2
"""In RTC mode every second picture goes before the size does: regular, where two of three would stutter."""

FEWER_FROM = 0.75
"""Share of a rung's bitrate from which half the pictures keep its size."""

LEAST_FPS = 10
"""Pictures per second below which motion falls apart: rather a smaller picture."""

_WIDTH = {"9:16": {180: 320, 270: 480, 360: 640, 540: 960, 720: 1280, 1080: 1920}}
_WIDTH["3:4"] = {rung.height: rung.height * 4 // 3 for rung in LADDER}


def greatest_height(mode: str, *, hardware: bool, max_kbps: int) -> int:
    """The mode's limit: 1080 lines need a hardware encoder and the bitrate for it."""
    if mode == "FHD" and hardware and max_kbps >= FULL_HD_KBPS:
        return 1080
    return MODE_HEIGHT[mode]


def size_for(kbps: int, *, mode: str, aspect: str, orientation: str, hardware: bool, max_kbps: int) -> tuple[int, int]:
    """Width and height of the picture at ``kbps``; portrait swaps the numbers."""
    limit = greatest_height(mode, hardware=hardware, max_kbps=max_kbps)
    height = LADDER[0].height
    for rung in LADDER:
        if rung.height <= limit and rung.from_kbps <= kbps:
            height = rung.height
    return _oriented(height, aspect, orientation)


def _oriented(height: int, aspect: str, orientation: str) -> tuple[int, int]:
    width = _WIDTH[aspect][height]
    return (height, width) if orientation == "vertical" else (width, height)


@dataclass(frozen=True, slots=True)
class Step:
    """One way to push the picture: its size, pictures per second, and the bitrate from which it is used."""

    size: tuple[int, int]
    fps: int
    from_kbps: float
    every: int = 1
    """Of the camera's pictures, every how-manieth is pushed."""


def software_steps(*, mode: str, aspect: str, orientation: str, fps: int) -> tuple[Step, ...]:
    """What a push may come down and go up to where any size can be made, ascending."""
    steps = []
    for rung in LADDER:
        if rung.height <= MODE_HEIGHT[mode]:
            size = _oriented(rung.height, aspect, orientation)
            steps.append(Step(size, fps, rung.from_kbps))
            if mode == "RTC" and fps >= FEWER * LEAST_FPS:
                steps.append(Step(size, fps // FEWER, rung.from_kbps * FEWER_FROM, FEWER))
    return tuple(sorted(steps, key=lambda step: step.from_kbps))


def hardware_steps(max_kbps: int, *, mode: str, aspect: str, orientation: str, fps: int) -> tuple[Step, ...]:
    """The same where only two sizes can be had during a push: the greatest, with which it begins, and about half of it. The
    upper one serves down to the bitrate of the lowest rung that is left out between them."""
    limit = greatest_height(mode, hardware=True, max_kbps=max_kbps)
    able = [rung for rung in LADDER if rung.height <= limit and rung.from_kbps <= max_kbps] or [LADDER[0]]
    top = able[-1]
    if len(able) == 1:
        return (Step(_oriented(top.height, aspect, orientation), fps, top.from_kbps),)
    lower = max((i for i, rung in enumerate(able) if 2 * rung.height <= top.height), default=len(able) - 2)
    return (
        Step(_oriented(able[lower].height, aspect, orientation), fps, able[lower].from_kbps),
        Step(_oriented(top.height, aspect, orientation), fps, able[lower + 1].from_kbps),
    )


class Ladder:
    """Where a push stands on its steps. One thread.

    ``steps`` ascend by bitrate. A step with fewer pictures is a stop on the way down alone: up, and at the beginning, each
    size comes with all its pictures.
    """

    def __init__(self, steps: Sequence[Step], kbps: float) -> None:
        self._steps = tuple(steps)
        self._full = tuple(step for step in self._steps if step.every == 1)
        self._max_kbps = math.inf
        self._highest_below = self._lowest_above = 0.0
        self._up_s = UP_S
        self._rose_at_s: float | None = None
        """When the step was gone up to; None once that has been judged."""
        self.begin(kbps)

    @property
    def lowest(self) -> Step:
        """The end of the way down."""
        return self._full[0]

    def begin(self, kbps: float) -> Step:
        """A session begins, and with it a keyframe anyway: what ``kbps`` is enough for."""
        self.step = self._best(self._full, kbps)
        self.rest()
        return self.step

    def rest(self) -> None:
        """The target is not followed for a while, or by other limits from here on: how long it was where counts no more."""
        self._below_since_s = self._above_since_s = math.inf

    def follow(self, now_s: float, target_kbps: float, *, max_kbps: float) -> Step:
        """The step from here on. To be called every 25 ms or so with the bitrate that is aimed at; ``max_kbps`` is what
        the settings allow, and a step that needs more is left at once."""
        if max_kbps != self._max_kbps:
            self._max_kbps = max_kbps
            self.rest()
        needed = self.step.from_kbps
        if needed > max_kbps:
            self._down(self._best(self._full, max_kbps), now_s)
        elif target_kbps < HOPELESS * needed:
            # no further than where it is not hopeless any more: it may be a dip
            self._down(self._best(self._full, target_kbps / HOPELESS), now_s)
        if self._too_little(now_s, target_kbps):
            self._down(self._best(self._steps, self._highest_below), now_s)
        elif self._enough(now_s, target_kbps):
            self._up([step for step in self._full if self._needs(step) <= self._lowest_above][-1], now_s)
        return self.step

    def _too_little(self, now_s: float, target_kbps: float) -> bool:
        """Whether the target has been below the step for long enough to go down."""
        if target_kbps >= KEPT_TO * self.step.from_kbps:
            self._below_since_s = math.inf
            return False
        if self._below_since_s == math.inf:
            self._below_since_s, self._highest_below = now_s, 0.0
        self._highest_below = max(self._highest_below, target_kbps)
        return now_s - self._below_since_s >= DOWN_S

    def _enough(self, now_s: float, target_kbps: float) -> bool:
        """Whether the target has been enough for a higher step for long enough to go up."""
        above = next((step for step in self._full if step.from_kbps > self.step.from_kbps), None)
        if above is None or target_kbps < self._needs(above):
            self._above_since_s = math.inf
            return False
        if self._above_since_s == math.inf:
            self._above_since_s, self._lowest_above = now_s, math.inf
        self._lowest_above = min(self._lowest_above, target_kbps)
        return now_s - self._above_since_s >= self._up_s

    def _needs(self, step: Step) -> float:
        """The target with which to go up to ``step``; infinite where it is not allowed."""
        if step.from_kbps > self._max_kbps:
            return math.inf
        return min(UP_MARGIN * step.from_kbps, NEAR_TOP * self._max_kbps)

    @staticmethod
    def _best(steps: Sequence[Step], kbps: float) -> Step:
        """The highest step that ``kbps`` is enough for; the lowest where it is for none."""
        return next((step for step in reversed(steps) if step.from_kbps <= kbps), steps[0])

    def _down(self, step: Step, now_s: float) -> None:
        if step.from_kbps < self.step.from_kbps:
            if self._rose_at_s is not None:
                undone = now_s - self._rose_at_s < HELD_S
                self._up_s = min(2 * self._up_s, UP_LONGEST_S) if undone else UP_S
                self._rose_at_s = None
            self.step = step
            self.rest()

    def _up(self, step: Step, now_s: float) -> None:
        self._rose_at_s = now_s
        self.step = step
        self.rest()
