"""The resolution ladder: exact moments of every change, and what no bitrate can make it do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.pusher.ladder import (
    DOWN_S,
    HELD_S,
    HOPELESS,
    KEPT_TO,
    LADDER,
    UP_LONGEST_S,
    UP_MARGIN,
    UP_S,
    Ladder,
    Rung,
    Step,
    greatest_height,
    hardware_steps,
    size_for,
    software_steps,
)

TICK_S = 0.05
SHAPE = {"aspect": "9:16", "orientation": "horizontal"}


class Climb:
    """A ladder with a clock; ``changes`` are (seconds, height, pictures per second)."""

    def __init__(self, kbps: int, mode: str = "FHD", steps: tuple[Step, ...] | None = None) -> None:
        self.max_kbps: float = kbps
        self.ladder = Ladder(steps or software_steps(mode=mode, **SHAPE, fps=30), kbps)
        self.ticks = 0
        self.changes: list[tuple[float, int, int]] = []

    @property
    def height(self) -> int:
        return self.ladder.step.size[1]

    def run(self, seconds: float, *targets_kbps: float) -> list[tuple[float, int, int]]:
        """Feed the targets in turn, one a tick; what has changed meanwhile, with times since the beginning of this."""
        begin, found = self.ticks, len(self.changes)
        for i in range(round(seconds / TICK_S)):
            self.ticks += 1
            was = self.ladder.step
            target = min(targets_kbps[i % len(targets_kbps)], self.max_kbps)
            step = self.ladder.follow(self.ticks * TICK_S, target, max_kbps=self.max_kbps)
            if step != was:
                self.changes.append(((self.ticks - begin) * TICK_S, step.size[1], step.fps))
        return [(round(at, 2), height, fps) for at, height, fps in self.changes[found:]]


def test_it_begins_with_the_size_for_the_bitrate() -> None:
    for mode in ("SD", "HD", "FHD", "RTC"):
        for kbps in (60, 100, 249, 250, 399, 400, 800, 1199, 1200, 2500, 9000):
            expected = size_for(kbps, mode=mode, **SHAPE, hardware=False, max_kbps=kbps)
            step = Climb(kbps, mode).ladder.step
            assert (step.size, step.fps) == (expected, 30)


def test_sizes_by_mode_shape_and_encoder() -> None:
    assert greatest_height("FHD", hardware=True, max_kbps=2500) == 1080
    assert greatest_height("FHD", hardware=True, max_kbps=2499) == 720
    sizes = [step.size for step in software_steps(mode="HD", aspect="3:4", orientation="vertical", fps=30)]
    assert sizes == [(180, 240), (270, 360), (360, 480), (540, 720)]


def test_a_second_below_its_bitrate_it_goes_down() -> None:
    climb = Climb(2500)
    assert climb.run(5, KEPT_TO * 1200) == [], "nine tenths are near enough"
    assert climb.run(5, 1000) == [(DOWN_S + TICK_S, 540, 30)]
    assert climb.run(5, 700) == [(DOWN_S + TICK_S, 360, 30)]


def test_a_dip_is_nothing() -> None:
    climb = Climb(2500)
    for _ in range(10):
        assert climb.run(DOWN_S, 700) == []
        assert climb.run(TICK_S, 1200) == []


def test_below_half_it_goes_down_at_once_and_then_as_far_as_it_takes() -> None:
    climb = Climb(2500)
    assert climb.run(5, 300) == [(TICK_S, 360, 30), (DOWN_S + TICK_S, 270, 30)]
    climb = Climb(2500)
    climb.run(TICK_S, 300)
    assert climb.run(5, 600) == [], "only the queue was drained with 300"


def test_up_after_ten_seconds_as_high_as_all_of_them_allowed() -> None:
    climb = Climb(2500)
    climb.run(3, 300)
    assert climb.run(UP_S, 2500) == []
    assert climb.run(1, 2500) == [(TICK_S, 720, 30)]
    climb = Climb(2500)
    climb.run(3, 300)
    assert climb.run(11, 2500, 1000) == [(UP_S + TICK_S, 540, 30)]


def test_one_moment_below_begins_the_ten_seconds_anew() -> None:
    climb = Climb(2500)
    climb.run(3, 700)
    assert climb.height == 360
    assert climb.run(9.9, 950) == []
    assert climb.run(TICK_S, UP_MARGIN * 800 - 1) == []
    assert climb.run(UP_S, 950) == []
    assert climb.run(1, 950) == [(TICK_S, 540, 30)]


@pytest.mark.parametrize("max_kbps", [800, 850, 1000])
def test_the_size_for_the_highest_bitrate_is_reached_again(max_kbps: int) -> None:
    """Also where there is no room for a margin."""
    climb = Climb(max_kbps, "HD")
    climb.run(3, 300)
    assert climb.height == 270
    assert climb.run(30, max_kbps, 0.96 * max_kbps)[-1] == (UP_S + TICK_S, 540, 30)


def test_a_way_up_that_was_a_mistake_is_taken_later_the_next_time() -> None:
    climb = Climb(2500)
    climb.run(3, 1000)
    for wait_s in (UP_S, 2 * UP_S, 4 * UP_S, UP_LONGEST_S, UP_LONGEST_S):
        assert climb.run(wait_s + HELD_S / 2, 2500) == [(wait_s + TICK_S, 720, 30)]
        assert climb.run(2, 1000) == [(DOWN_S + TICK_S, 540, 30)]
    assert climb.run(UP_LONGEST_S + HELD_S, 2500) == [(UP_LONGEST_S + TICK_S, 720, 30)]
    climb.run(2, 1000)
    assert climb.run(UP_S + 1, 2500) == [(UP_S + TICK_S, 720, 30)], "the last one was held for long"


def test_what_the_user_no_longer_allows_is_left_at_once() -> None:
    climb = Climb(1000, "HD")
    assert climb.run(5, 1000) == []
    climb.max_kbps = 300
    assert climb.run(5, 1000) == [(TICK_S, 270, 30)]
    climb.max_kbps = 2000
    assert climb.run(15, 2000) == [(UP_S + TICK_S, 540, 30)], "the mode's greatest"


def test_rtc_gives_up_pictures_before_size() -> None:
    climb = Climb(1000, "RTC")
    assert climb.run(5, 650) == [(DOWN_S + TICK_S, 540, 15)]
    assert climb.ladder.step.every == 2
    assert climb.run(5, 500) == [(DOWN_S + TICK_S, 360, 30)]
    assert climb.run(20, 700) == [], "up it goes with all the pictures alone"
    assert climb.run(UP_S + HELD_S + 1, 950) == [(UP_S + TICK_S, 540, 30)]
    climb.run(5, 650)
    assert climb.run(11, 950) == [(UP_S + TICK_S, 540, 30)], "the pictures come back as slowly"


def test_slow_pictures_are_not_made_slower() -> None:
    assert all(step.every == 1 for step in software_steps(mode="RTC", **SHAPE, fps=19))
    assert any(step.every == 2 for step in software_steps(mode="RTC", **SHAPE, fps=20))
    assert all(step.every == 1 for step in software_steps(mode="HD", **SHAPE, fps=30))


@pytest.mark.parametrize(
    ("mode", "max_kbps", "expected"),
    [
        ("FHD", 3000, [(540, 800), (1080, 1200)]),
        ("FHD", 2000, [(360, 400), (720, 800)]),
        ("HD", 1000, [(270, 250), (540, 400)]),
        ("SD", 1000, [(180, 100), (360, 250)]),
        ("RTC", 300, [(180, 100), (270, 250)]),
        ("RTC", 120, [(180, 100)]),
        ("RTC", 60, [(180, 100)]),
    ],
)  # fmt: skip
def test_hardware_has_two_sizes(mode: str, max_kbps: int, expected: list[tuple[int, int]]) -> None:
    steps = hardware_steps(max_kbps, mode=mode, **SHAPE, fps=30)
    assert [(step.size[1], step.from_kbps) for step in steps] == expected
    begins = Ladder(steps, max_kbps).step
    assert begins.size == size_for(max_kbps, mode=mode, **SHAPE, hardware=True, max_kbps=max_kbps)


def test_after_a_rest_time_counts_anew() -> None:
    climb = Climb(2500)
    climb.run(DOWN_S, 1000)
    climb.ladder.rest()
    assert climb.run(DOWN_S, 1000) == []
    assert climb.run(1, 1000) == [(TICK_S, 540, 30)]


MODES = st.sampled_from(["SD", "HD", "FHD", "RTC"])
TARGETS = st.lists(st.tuples(st.floats(50, 3000), st.integers(1, 300)), min_size=1, max_size=40)


@given(MODES, st.sampled_from(LADDER), st.lists(st.floats(KEPT_TO, UP_MARGIN - 1e-9), min_size=1, max_size=50))
def test_a_swing_around_a_boundary_never_flaps(mode: str, rung: Rung, shares: list[float]) -> None:
    """From one size, a target that stays between nine tenths and 1.15 of any rung's bitrate changes it in one direction
    alone, whatever it does in between."""
    for begins in (100, 250, 400, 800, 1200):
        climb = Climb(begins, mode)
        climb.max_kbps = 5000
        climb.run(60, *(share * rung.from_kbps for share in shares))
        heights = [height for _, height, _ in climb.changes]
        assert heights in (sorted(heights), sorted(heights, reverse=True))
        if begins == rung.from_kbps and climb.height == Climb(begins, mode).height:
            assert climb.changes == []


@given(MODES, TARGETS)
def test_whatever_the_target_does(mode: str, phases: list[tuple[float, int]]) -> None:
    climb = Climb(2500, mode)
    fed: list[tuple[float, float]] = []
    steps = [climb.ladder.step]
    rises: list[float] = []
    for target, ticks in phases:
        for _ in range(ticks):
            climb.run(TICK_S, target)
            now = climb.ticks * TICK_S
            fed.append((now, target))
            step, before = climb.ladder.step, steps[-1]
            steps.append(step)
            # never hopeless, unless there is nothing lower
            assert target >= HOPELESS * step.from_kbps or step.from_kbps == min(s.from_kbps for s in steps_of(mode))
            if step.from_kbps > before.from_kbps:
                rises.append(now)
                # up only onto what all the targets of the ten seconds before were enough for, with a margin
                assert min(t for at, t in fed if at > now - UP_S) >= min(UP_MARGIN * step.from_kbps, 0.95 * 2500)
                assert step.every == 1
    assert all(b - a > UP_S for a, b in pairwise(rises))


def steps_of(mode: str) -> tuple[Step, ...]:
    return tuple(step for step in software_steps(mode=mode, **SHAPE, fps=30) if step.every == 1)


def test_the_constants_leave_room_between_up_and_down() -> None:
    assert KEPT_TO < 1 < UP_MARGIN
    assert DOWN_S < UP_S < HELD_S
