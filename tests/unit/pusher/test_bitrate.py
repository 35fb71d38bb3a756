"""The rule of the adaptive bitrate in exact numbers: samples written down, and what comes of them (SPEC 4)."""

from __future__ import annotations

import pytest

from appliance.pusher import bitrate
from appliance.pusher.bitrate import LEAST_FLIGHT_S, BitrateController, Decision, Tuning
from appliance.pusher.link_view import STALL_S, LinkSample

STEP_S = 0.025
TUNING = Tuning(standing_s=0.1, react_s=0.1, drain_s=1.0, flight_s=0.2, busy_flight_s=0.6)
"""For exact numbers, whatever the product's own are."""


class Written:
    """Samples written down: 1000 kbit/s are offered, four samples (0.1 s) are the way, and what is acknowledged is told."""

    def __init__(self, *, min_kbps: int = 100, max_kbps: int = 1000, audio_kbps: float = 0.0) -> None:
        self.rule = BitrateController(TUNING, min_kbps=min_kbps, max_kbps=max_kbps)
        self.decision = Decision(0, 0.0, 0.0)
        self._now_s = 50.0
        self.rule.begin(self._now_s)
        self._audio_kbps = audio_kbps
        self.probing = False
        self._offered = self._acked = self._audio = 0.0
        self.take(4, acked=0)
        self.take(80)

    def take(self, samples: int, *, acked: float = 1000, made: float = 1000) -> list[int]:
        """Go on with these rates, in kbit/s; the targets."""
        targets = []
        for _ in range(samples):
            self._now_s += STEP_S
            self._offered += made * 125 * STEP_S
            self._acked += acked * 125 * STEP_S
            self._audio += self._audio_kbps * 125 * STEP_S
            self.decision = self.rule.sample(
                LinkSample(
                    now_s=self._now_s, made_bytes=round(self._offered - self._audio), audio_bytes=round(self._audio),
                    acked_bytes=round(self._acked), flight_bytes=round(self._offered) - round(self._acked),
                    waiting_bytes=0, waiting_s=0.0, rtt_s=0.1, probing=self.probing,
                )
            )  # fmt: skip
            targets.append(self.decision.target_kbps)
        return targets


def test_the_cut_is_to_what_is_delivered_less_the_drain() -> None:
    link = Written()
    assert link.decision.target_kbps == 1000
    targets = link.take(9, acked=500)
    # the delay grows by 12.5 ms a sample, and is more than react_s (0.1 s) at the ninth
    assert targets[:-1] == [1000] * 8
    # then 100 + 9 x 12.5 kbit are underway, of which 50 are the way; FOLLOW_S later there will be 150 more; 50 are to stay:
    # 500 + (50 - 162.5 - 150) / drain_s
    assert targets[-1] == pytest.approx(237.5, abs=1)
    assert link.decision.delivered_kbps == pytest.approx(500, rel=0.01)
    assert link.decision.delay_s == pytest.approx(9 * 0.0125, abs=0.0005)


def test_sound_comes_first() -> None:
    # 0.1 s, 9 samples and 312.5 kbit as above: of 237.5 kbit/s the pictures get what the sound leaves
    link = Written(audio_kbps=100, max_kbps=900)
    assert link.take(9, acked=500)[-1] == pytest.approx(137.5, abs=1)


def test_a_queue_that_cannot_be_drained_in_time_is_drained_at_the_lowest_bitrate() -> None:
    link = Written(min_kbps=100)
    link.take(40, acked=100)
    assert link.decision.target_kbps == 100


@pytest.mark.parametrize("samples", [1, 4, 8])
def test_the_climb_away_from_any_limit_is_by_a_factor_per_second(samples: int) -> None:
    link = Written()
    link.rule.set_limits(min_kbps=100, max_kbps=300)
    link.rule.set_limits(min_kbps=100, max_kbps=1000)
    link.take(samples)
    assert link.decision.target_kbps == pytest.approx(300 * (1 + bitrate.FAST_PER_S * STEP_S) ** samples, abs=0.6)


def test_while_nothing_is_acknowledged_the_target_stays_for_as_long_as_wifi_does() -> None:
    link = Written()
    still = [target for target in link.take(round(STALL_S / STEP_S), acked=0) if target == 1000]
    assert len(still) >= round(STALL_S / STEP_S) - 1
    assert link.take(20, acked=0)[-1] == 100, "but not for ever: it is an outage"


def test_a_link_that_is_too_small_is_busy_once_and_for_its_time() -> None:
    link = Written(min_kbps=200, max_kbps=1000)
    link.take(120, acked=100, made=200)
    assert link.decision.busy
    assert link.decision.delivered_kbps == pytest.approx(100, rel=0.01)
    link.take(8, acked=5000, made=200)  # what waited is delivered
    link.take(round((bitrate.RECOVERED_AFTER_S - 0.4) / STEP_S), made=1000)
    assert link.decision.busy, "an empty queue for a moment is no recovery"
    link.take(round(0.6 / STEP_S))
    assert not link.decision.busy


def test_flight_is_what_the_way_holds_and_a_share_beyond() -> None:
    link = Written()
    assert link.decision.flight_bytes == pytest.approx(1000 * 125 * (0.1 + TUNING.flight_s), abs=2)
    link.take(40, acked=500)
    assert link.decision.flight_bytes is not None
    most = 1000 * 125 * (0.1 + TUNING.busy_flight_s)
    assert 500 * 125 * (0.1 + TUNING.busy_flight_s) <= link.decision.flight_bytes + 2 <= most


def test_little_may_always_be_underway() -> None:
    link = Written(min_kbps=200)
    link.take(200, acked=0, made=0)
    assert link.decision.flight_bytes == int(200 * 125 * LEAST_FLIGHT_S)


def test_another_session_goes_on_where_the_last_one_ended() -> None:
    link = Written()
    link.take(9, acked=500)
    assert link.decision.target_kbps == pytest.approx(237.5, abs=1)
    link.rule.begin(100.0)
    first = link.rule.sample(LinkSample(100.0, 0, 0, 0, 0, 0, 0.0, 0.0))
    assert first.target_kbps == pytest.approx(237.5, abs=1) and not first.busy
    # of the old one's queue and counters nothing is left
    second = link.rule.sample(LinkSample(100.025, 1000, 0, 0, 1000, 0, 0.0, 0.1))
    assert second.delay_s == 0.0 and second.target_kbps >= 237


def test_another_session_alone_is_no_recovery() -> None:
    link = Written(min_kbps=200, max_kbps=1000)
    link.take(120, acked=100, made=200)
    assert link.decision.busy
    link.rule.begin(100.0)
    at = {n: link.rule.sample(LinkSample(100 + n * STEP_S, 0, 0, n * 3125, 0, 0, 0.0, 0.1)) for n in range(90)}
    for n, decision in at.items():
        assert decision.busy == (n * STEP_S < bitrate.RECOVERED_AFTER_S), n


def test_a_first_session_begins_at_the_upper_bound() -> None:
    rule = BitrateController(TUNING, min_kbps=200, max_kbps=1500)
    assert rule.sample(LinkSample(0.0, 0, 0, 0, 0, 0, 0.0, 0.0)).target_kbps == 1500


def test_new_limits_hold_at_once() -> None:
    link = Written()
    link.rule.set_limits(min_kbps=100, max_kbps=600)
    assert link.take(1) == [600]
    link.rule.set_limits(min_kbps=700, max_kbps=1000)
    assert link.take(1)[0] >= 700


def test_near_the_last_limit_the_climb_is_careful() -> None:
    link = Written(min_kbps=100, max_kbps=3000)
    link.rule.set_limits(min_kbps=100, max_kbps=1000)
    link.rule.set_limits(min_kbps=100, max_kbps=3000)
    link.take(40, acked=500)  # full
    grown: list[tuple[float, float]] = []

    def grow(acked: float, made: float) -> None:
        before = link.decision.target_kbps
        after = link.take(1, acked=acked, made=made)[0]
        if link.decision.delay_s < 0.04:
            grown.append((before / 500, (after / before - 1) / STEP_S))

    while link.decision.delay_s > 0.01:
        grow(acked=500, made=400)  # what waited arrives by and by: 500 kbit/s was the limit
    for _ in range(200):
        grow(acked=link.decision.target_kbps, made=link.decision.target_kbps)
    near = [per_s for share, per_s in grown if bitrate.NEAR[0] < share < bitrate.NEAR[1]]
    above = [per_s for share, per_s in grown if 1.25 < share < 5]  # by then more than the limit has come through
    assert max(near[:4]) < 0.5 * bitrate.FAST_PER_S
    assert sum(above) / len(above) == pytest.approx(bitrate.FAST_PER_S, rel=0.05)


def test_while_the_kernel_looks_at_the_way_nothing_is_concluded() -> None:
    """BBR's PROBE_RTT: four segments underway for 0.5 s, and then what has waited arrives."""
    link = Written()
    link.probing = True
    assert set(link.take(20, acked=100)) == {1000}
    link.probing = False
    assert min(link.take(6, acked=4000)) == 1000
