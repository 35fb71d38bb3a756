"""The judge of the uplink bench, on runs that are made up so that the answers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.uplink import links
from tests.bench.uplink.links import Link
from tests.bench.uplink.score import Frame, Score, score

FPS = 25
LINK = links.constant(1000 / 0.96, duration_s=20.0)  # 1000 kbit/s of payload


def _pictures(kbps: float, *, begin_s: float = 0.0, end_s: float = 20.0, delay_s: float | None = 0.1) -> list[Frame]:
    size = round(kbps * 125 / FPS)
    count = round((end_s - begin_s) * FPS)
    made = [begin_s + number / FPS for number in range(count)]
    return [Frame(True, at_s, size, None if delay_s is None else at_s + delay_s) for at_s in made]


def _sound(*, end_s: float = 20.0) -> list[Frame]:
    return [Frame(False, number * 0.02, 160, number * 0.02 + 0.1) for number in range(round(end_s / 0.02))]


def _score(frames: list[Frame], link: Link = LINK, *, ceiling: float = 2000) -> Score:
    return score(frames, link, ceiling_kbps=ceiling, audio_kbps=0)


def test_all_on_time_is_a_share_of_what_could_be_delivered() -> None:
    made = _score(_pictures(800))
    # What was made in the last 0.1 s arrives after the end, where the oracle does not count either.
    assert made.on_time_2s_kbps == pytest.approx(800 * 19.9 / 20, rel=0.01)
    assert made.share_2s == pytest.approx(0.8, abs=0.01)
    assert made.share_05s == pytest.approx(0.8, abs=0.01)
    assert made.bound_share == pytest.approx(0.8, abs=0.01)
    assert (made.late_share, made.dropped_share, made.beyond_unavoidable) == (0, 0, 0)
    assert made.delay_median_s == pytest.approx(0.1)
    assert made.delay_max_s == pytest.approx(0.1)


def test_what_comes_after_half_a_second_counts_for_two_and_what_comes_after_two_for_neither() -> None:
    frames = _pictures(500, end_s=10, delay_s=1.0) + _pictures(500, begin_s=10, delay_s=0.1)
    made = _score(frames)
    assert made.on_time_2s_kbps == pytest.approx(500, rel=0.01)
    assert made.on_time_05s_kbps == pytest.approx(250, rel=0.02)
    assert made.late_share == 0
    late = _score(_pictures(500, end_s=9, delay_s=2.1) + _pictures(500, begin_s=9, delay_s=0.1))
    assert late.late_share == pytest.approx(9 / 18, abs=0.003)  # those of the last two seconds are not judged
    assert late.on_time_2s_kbps == pytest.approx(500 * 11 / 20, rel=0.02)
    assert late.delay_p95_s == pytest.approx(2.1)
    assert late.delay_median_s == pytest.approx(0.1)


def test_dropped_pictures_and_those_on_their_way_when_the_run_ends() -> None:
    made = _score(_pictures(500, end_s=9, delay_s=None) + _pictures(500, begin_s=9))
    assert made.dropped_share == pytest.approx(0.5, abs=0.003)
    assert made.lost_share == made.beyond_unavoidable == made.dropped_share
    assert _score(_pictures(500, end_s=18) + _pictures(500, begin_s=18.01, delay_s=None)).dropped_share == 0


def test_what_nobody_can_deliver_is_taken_off() -> None:
    link = Link("outage", ((0.0, 1000.0), (5.0, 0.0), (11.0, 1000.0)), 20.0)
    # 6 s without a link, of which the budget bridges 2: 4 of 20 s are lost to everybody.
    frames = [replace(frame, arrived_s=None if 5 <= frame.made_s < 11 else frame.arrived_s) for frame in _pictures(300)]
    made = _score(frames, link)
    assert made.unavoidable_share == pytest.approx(4 / 20)
    assert made.dropped_share == pytest.approx(6 / 18, abs=0.003)
    assert made.beyond_unavoidable == pytest.approx(6 / 18 - 4 / 20, abs=0.003)


def test_a_warm_up_is_not_judged() -> None:
    made = _score(_pictures(500, begin_s=-5, end_s=0, delay_s=None) + _pictures(500))
    assert made.dropped_share == 0
    assert made.on_time_2s_kbps == pytest.approx(500, rel=0.01)


def test_without_a_picture_there_is_nothing_to_tell() -> None:
    made = _score([])
    assert made.on_time_2s_kbps == made.late_share == 0
    assert made.delay_median_s is made.delay_max_s is made.audio_gap_max_s is made.reaction_s is None


def test_gaps_in_the_sound() -> None:
    assert _score(_sound()).audio_gap_max_s == pytest.approx(0, abs=1e-6)
    held = [replace(frame, arrived_s=max(frame.arrived_s or 0, 5.0) if 4.7 <= frame.made_s < 5 else frame.arrived_s)
            for frame in _sound()]  # fmt: skip
    assert _score(held).audio_gap_max_s == pytest.approx(0.22, abs=0.021)
    lost = [replace(frame, arrived_s=None if 5 <= frame.made_s < 5.5 else frame.arrived_s) for frame in _sound()]
    assert _score(lost).audio_gap_max_s == pytest.approx(0.5, abs=0.021)
    assert _score(_sound(end_s=15)).audio_gap_max_s == pytest.approx(20 - 15.08 - 0.02)


def test_sound_that_a_listener_misses() -> None:
    assert _score(_sound()).audio_lost_max_s == 0
    lost = [replace(frame, arrived_s=None if 5 <= frame.made_s < 5.5 else frame.arrived_s) for frame in _sound()]
    assert _score(lost).audio_lost_max_s == pytest.approx(0.5, abs=0.021)
    late = [replace(frame, arrived_s=8.0 if 5 <= frame.made_s < 7 else frame.arrived_s) for frame in _sound()]
    assert _score(late).audio_lost_max_s == pytest.approx(1.0, abs=0.021), "what waited for less was in time"


def test_a_gap_while_the_link_carries_no_sound_does_not_count() -> None:
    lost = [replace(frame, arrived_s=None if 5 <= frame.made_s < 5.5 else frame.arrived_s) for frame in _sound()]
    slow = Link("slow", ((0.0, 1000.0), (5.2, 60.0), (5.4, 1000.0)), 20.0)
    assert _score(lost, slow).audio_gap_max_s == pytest.approx(0, abs=1e-6)
    stalled = replace(LINK, stalls=((5.3, 0.1),))
    assert _score(lost, stalled).audio_gap_max_s == pytest.approx(0, abs=1e-6)
    elsewhere = replace(LINK, stalls=((7.3, 0.1),))
    assert _score(lost, elsewhere).audio_gap_max_s == pytest.approx(0.5, abs=0.021)


def test_reaction_and_recovery_on_a_step() -> None:
    link = links.step(2500, 600, each_s=12)
    frames = [
        *_pictures(2000, end_s=12.4),
        *_pictures(400, begin_s=12.4, end_s=26),
        *_pictures(1600, begin_s=26, end_s=36),
    ]
    made = _score(frames, link)
    # The window from 12.35 s on holds 0.05 s of the old rate: (0.05 x 2000 + 0.45 x 400) / 0.5 = 560, below 576.
    assert made.reaction_s == pytest.approx(0.35, abs=0.051)
    # A second at 1500 is 11/12 of one at 1600 beside 1/12 of one at 400: it ends 2 + 11/12 s after the return.
    assert made.recovery_s == pytest.approx(2.95, abs=0.051)
    never = _score(_pictures(2000, end_s=36), link)
    assert never.reaction_s is None
    assert _score(_pictures(400, end_s=36), link).recovery_s is None


def test_links_that_are_no_step_have_no_reaction() -> None:
    for link in (links.constant(500), links.on_off(1, high_kbps=900, low_kbps=300), links.cellular(1)):
        made = _score(_pictures(100, end_s=link.duration_s), link)
        assert made.reaction_s is made.recovery_s is None
