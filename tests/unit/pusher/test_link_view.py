"""What samples say about the link: rates and delay in exact numbers."""

from __future__ import annotations

import pytest

from appliance.pusher.link_view import BASE_S, BURST_S, EMPTY_S, STALL_S, LinkSample, LinkView

STEP_S = 0.025
PER_STEP = 3125
"""Bytes in 25 ms at 1000 kbit/s."""


class Series:
    """Samples of a session into which 1000 kbit/s go; what is acknowledged is told step by step."""

    def __init__(self, *, audio_part: float = 0.0, begin_s: float = 100.0) -> None:
        self.view = LinkView()
        self.begin_s = begin_s
        self.rtt_s = 0.0
        self._audio_part = audio_part
        self._offered = self._acked = self._steps = 0

    @property
    def now_s(self) -> float:
        return self.begin_s + self._steps * STEP_S

    def step(self, acked: int = PER_STEP, made: int = PER_STEP, *, waiting: int = 0) -> float:
        self._steps += 1
        self._offered += made
        self._acked += acked
        audio = round(self._offered * self._audio_part)
        return self.view.add(
            LinkSample(
                now_s=self.now_s, made_bytes=self._offered - audio, audio_bytes=audio, acked_bytes=self._acked,
                flight_bytes=self._offered - self._acked - waiting, waiting_bytes=waiting, waiting_s=0.0, rtt_s=self.rtt_s,
            )
        )  # fmt: skip

    def steps(self, count: int, acked: int = PER_STEP, made: int = PER_STEP) -> None:
        for _ in range(count):
            self.step(acked, made)

    def way(self, steps: int) -> None:
        """Fill a way of so many steps: what goes in comes back so much later."""
        self.rtt_s = steps * STEP_S
        self.steps(steps, acked=0)


def test_the_first_sample_tells_nothing() -> None:
    series = Series()
    assert series.step(0) == 0.0
    assert (series.view.delay_s, series.view.base_s, series.view.rtt_s, series.view.audio_kbps) == (0, 0, 0, 0)
    assert series.view.acked_kbps(1.0) == series.view.made_kbps(1.0) == 0.0
    assert series.step(0) == pytest.approx(STEP_S)


def test_rates_are_those_of_the_window() -> None:
    series = Series(audio_part=0.25)
    series.steps(40)
    series.steps(20, acked=PER_STEP // 5)
    assert series.view.acked_kbps(0.5) == pytest.approx(200)
    assert series.view.acked_kbps(1.0) == pytest.approx(600)
    assert series.view.made_kbps(0.5) == pytest.approx(1000)
    assert series.view.audio_kbps == pytest.approx(250, rel=0.01)


def test_a_window_before_the_session_is_that_since_its_beginning() -> None:
    series = Series()
    series.steps(5)
    assert series.view.acked_kbps(3.0) == pytest.approx(1000)


@pytest.mark.parametrize("steps", [1, 4, 12])
def test_the_way_is_no_delay(steps: int) -> None:
    series = Series()
    series.way(steps)
    series.steps(80)
    assert series.view.base_s == pytest.approx(steps * STEP_S)
    assert series.view.delay_s == pytest.approx(0.0, abs=1e-9)
    assert series.view.full_s == 0.0


def test_the_delay_grows_by_what_is_not_delivered() -> None:
    series = Series()
    series.way(4)
    series.steps(80)
    series.steps(8, acked=PER_STEP // 2)  # 0.2 s at half of what is offered
    assert series.view.delay_s == pytest.approx(0.1, abs=0.001)
    # 62.5 kbit more than the 100 that were underway; at 500 kbit/s, 50 of them are the way itself
    assert series.view.queued_kbit(500) == pytest.approx(100 + 8 * 12.5 - 50, abs=0.1)
    assert series.view.full_s == pytest.approx(0.2 - STEP_S * int(EMPTY_S / (STEP_S / 2)), abs=0.001)


def test_what_waits_here_counts_as_what_is_underway() -> None:
    there, here = Series(), Series()
    for series, waits in ((there, False), (here, True)):
        series.way(4)
        series.steps(40)
        for number in range(1, 11):
            series.step(PER_STEP // 2, waiting=number * PER_STEP // 2 if waits else 0)
    assert here.view.delay_s == pytest.approx(there.view.delay_s)
    assert here.view.queued_kbit(500) == pytest.approx(there.view.queued_kbit(500))


def test_acknowledgements_in_pairs_are_no_delay() -> None:
    series = Series()
    series.way(3)
    seen = []
    for number in range(120):
        series.step(2 * PER_STEP if number % 2 else 0)
        seen.append(series.view.delay_s)
    assert max(seen[round(BURST_S / STEP_S) + 2 :]) < EMPTY_S


def test_the_time_without_an_answer_at_the_beginning_is_no_way() -> None:
    """Nothing that was seen going has come back: how long it is underway is not known, only that it is longer."""
    series = Series()
    series.rtt_s = 8 * STEP_S
    series.steps(8, acked=0)  # 0.2 s until the first comes back
    series.steps(40)
    assert series.view.base_s == pytest.approx(8 * STEP_S)
    assert series.view.delay_s == pytest.approx(0.0, abs=1e-9)


def test_what_the_session_said_before_the_push_is_no_measure_of_the_way() -> None:
    """The handshake's bytes are acknowledged after the first sample; nothing of the push is."""
    view = LinkView()
    for number in range(1, 60):
        made = PER_STEP * number
        acked = 3500 if number < 9 else 3500 + PER_STEP * (number - 8)
        view.add(LinkSample(number * STEP_S, made, 0, acked, 3500 + made - acked, 0, 0.0, 0.2))
    assert view.base_s == pytest.approx(8 * STEP_S)
    assert view.delay_s == pytest.approx(0.0, abs=1e-9)


def test_a_shorter_way_is_believed_at_once_and_a_longer_one_after_its_time() -> None:
    series = Series()
    series.way(2)
    series.steps(80)
    series.rtt_s = 8 * STEP_S
    series.steps(6, acked=0)  # the way becomes 0.15 s longer
    series.steps(round(BASE_S / STEP_S) - 12)
    assert series.view.base_s == pytest.approx(2 * STEP_S)
    assert series.view.delay_s == pytest.approx(6 * STEP_S)
    series.steps(12)
    assert series.view.base_s == pytest.approx(8 * STEP_S)
    assert series.view.delay_s == pytest.approx(0.0, abs=1e-9)
    series.rtt_s = 2 * STEP_S
    series.step(7 * PER_STEP)
    series.steps(round(BURST_S / STEP_S) + 1)
    assert series.view.base_s == pytest.approx(2 * STEP_S)


def test_the_gap_is_the_time_since_the_last_acknowledgement_while_something_is_underway() -> None:
    series = Series()
    series.way(2)
    series.steps(10)
    assert series.view.gap_s == 0.0
    series.steps(3, acked=0)
    assert series.view.gap_s == pytest.approx(3 * STEP_S)
    series.step()
    assert series.view.gap_s == 0.0
    series.step(acked=6 * PER_STEP)  # all that there is
    series.steps(20, acked=0, made=0)
    assert series.view.gap_s == 0.0


def test_a_pause_is_remembered_until_what_was_made_meanwhile_may_be_delivered() -> None:
    series = Series()
    series.way(2)
    series.steps(20)
    series.steps(7, acked=0)
    assert series.view.stood_s == 0.0
    series.step(8 * PER_STEP)
    assert series.view.stood_s == pytest.approx(8 * STEP_S)
    counts_s = 8 * STEP_S + 0.05 + BURST_S
    series.steps(round(counts_s / STEP_S) - 1)
    assert series.view.stood_s == pytest.approx(8 * STEP_S)
    series.steps(2)
    assert series.view.stood_s == 0.0


def test_an_outage_and_single_acknowledgements_are_no_pause() -> None:
    series = Series()
    series.way(2)
    series.steps(20)
    series.steps(1, acked=0)
    series.step(2 * PER_STEP)
    assert series.view.stood_s == 0.0
    series.steps(round(STALL_S / STEP_S), acked=0)
    series.step(10 * PER_STEP)
    assert series.view.stood_s == 0.0


def test_the_round_trip_is_the_shortest_of_late() -> None:
    series = Series()
    for rtt_s in (0.0, 0.08, 0.05, 0.3):
        series.rtt_s = rtt_s
        series.step()
    assert series.view.rtt_s == 0.05
    series.steps(round(BASE_S / STEP_S) + 2)
    assert series.view.rtt_s == 0.3


def test_a_session_without_traffic_has_no_delay() -> None:
    series = Series()
    series.steps(400, acked=0, made=0)
    assert (series.view.delay_s, series.view.base_s, series.view.full_s, series.view.gap_s) == (0, 0, 0, 0)


def test_pictures_that_are_dropped_are_no_longer_waited_for() -> None:
    series = Series()
    series.way(2)
    series.steps(40)
    for number in range(1, 9):  # nothing goes any more
        series.step(0, waiting=number * PER_STEP)
    waited_s = series.view.delay_s
    assert waited_s == pytest.approx(8 * STEP_S)
    series.step(0, made=-8 * PER_STEP)  # all that waited
    series.step(2 * PER_STEP, made=0)
    assert series.view.queued_kbit(0.0) == 0.0
    series.steps(round(BURST_S / STEP_S) + 2)
    assert series.view.delay_s == pytest.approx(0.0, abs=STEP_S)
