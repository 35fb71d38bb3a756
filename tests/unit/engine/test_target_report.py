"""Which changes of the target bitrate are told (1006)."""

from __future__ import annotations

import pytest

from appliance.engine.target_report import AT_MOST_EVERY_S, SETTLED_S, WORTH, Change, TargetReport

STEP_S = 0.025


class Push:
    """A report from second 100 on, with 1000 kbit/s as what is known."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.report = TargetReport(self.now_s, 1000)
        self.told: list[tuple[float, Change]] = []

    def target(self, kbps: int, for_s: float = STEP_S) -> None:
        """This target for so long."""
        for _ in range(round(for_s / STEP_S)):
            self.now_s += STEP_S
            change = self.report.target(self.now_s, kbps)
            if change is not None:
                self.told.append((self.now_s, change))


def test_what_changes_little_is_not_told() -> None:
    push = Push()
    push.target(round(1000 * (1 - WORTH)) + 1, 30)
    push.target(round(1000 * (1 + WORTH)) - 1, 30)
    assert not push.told


def test_the_first_cut_is_told_at_once() -> None:
    push = Push()
    push.target(500)
    assert push.told == [(100 + STEP_S, Change(kbps=500, was_kbps=1000, lowest_kbps=500, highest_kbps=1000))]


def test_what_comes_soon_after_is_summarised() -> None:
    push = Push()
    push.target(500)
    for kbps in (300, 900, 250, 700):
        push.target(kbps, 1.0)
    assert len(push.told) == 1
    push.target(800, 3.0)
    (_, _), (at_s, change) = push.told
    assert at_s == pytest.approx(100 + STEP_S + AT_MOST_EVERY_S, abs=STEP_S)
    assert change == Change(kbps=800, was_kbps=500, lowest_kbps=250, highest_kbps=900)


def test_a_summary_begins_where_the_last_one_ended() -> None:
    push = Push()
    push.target(500)
    push.target(200, AT_MOST_EVERY_S)
    push.target(300, AT_MOST_EVERY_S)
    assert [change for _, change in push.told[1:]] == [Change(200, 500, 200, 500), Change(300, 200, 200, 300)]


def test_a_target_that_returned_meanwhile_is_no_news() -> None:
    push = Push()
    push.target(500)
    push.target(200, 2.0)
    push.target(510, 20.0)
    assert len(push.told) == 1


def test_many_changes_are_few_events() -> None:
    push = Push()
    for number in range(120):
        push.target(400 if number % 2 else 900, 0.5)
    assert 5 <= len(push.told) <= 60 / AT_MOST_EVERY_S + 1


def test_what_comes_of_new_bounds_is_told_once_it_keeps_still_however_little_it_is() -> None:
    push = Push()
    push.report.expect_change(push.now_s)
    for kbps in (990, 970, 960):
        push.target(kbps, 0.5)
    assert not push.told
    push.target(950, 5.0)
    ((at_s, change),) = push.told
    assert change == Change(kbps=950, was_kbps=1000, lowest_kbps=950, highest_kbps=1000)
    assert at_s == pytest.approx(101.5 + SETTLED_S, abs=2 * STEP_S)


def test_new_bounds_that_change_nothing_are_no_news() -> None:
    push = Push()
    push.report.expect_change(push.now_s)
    push.target(1000, 10.0)
    assert not push.told
    push.target(500)
    assert len(push.told) == 1, "and from then on it is as always"
