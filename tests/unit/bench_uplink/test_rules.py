"""The rules of others, on samples that are made up: what they do and when, in exact numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from appliance.pusher.bitrate import Decision, RateRule
from appliance.pusher.link_view import LinkSample
from tests.bench.uplink.rules import Belacoder, FixedRate, ObsDynamicBitrate

EVERY_S = 0.05


class Session:
    """Feeds a rule every 50 ms with what a link of so many kbit/s would show."""

    def __init__(self, rule: RateRule, *, min_kbps: int = 200, max_kbps: int = 2000) -> None:
        self._rule = rule
        self._ticks = 0
        self._acked = self._audio = 0.0
        rule.set_limits(min_kbps=min_kbps, max_kbps=max_kbps)
        rule.begin(0.0)

    @property
    def now_s(self) -> float:
        return self._ticks * EVERY_S

    def run(
        self,
        seconds: float,
        *,
        acked_kbps: float,
        audio_kbps: float = 0,
        waiting_s: float = 0.0,
        held: int = 5000,
        waiting: int = 0,
        rtt_ms: float = 50,
    ) -> Iterator[Decision]:
        for _ in range(round(seconds / EVERY_S)):
            self._ticks += 1
            self._acked += acked_kbps * 125 * EVERY_S
            self._audio += audio_kbps * 125 * EVERY_S
            yield self._rule.sample(
                LinkSample(
                    now_s=self.now_s,
                    made_bytes=0,
                    audio_bytes=round(self._audio),
                    acked_bytes=round(self._acked),
                    flight_bytes=held,
                    waiting_bytes=waiting,
                    waiting_s=waiting_s,
                    rtt_s=rtt_ms / 1000,
                )
            )

    def targets(self, seconds: float, **values: float) -> list[int]:
        return [decision.target_kbps for decision in self.run(seconds, **values)]  # type: ignore[arg-type]


def test_a_fixed_rate_stays_within_the_limits_and_nowhere_else() -> None:
    assert set(Session(FixedRate()).targets(2, acked_kbps=300, waiting_s=5)) == {2000}
    assert set(Session(FixedRate(1200)).targets(1, acked_kbps=300)) == {1200}
    assert set(Session(FixedRate(1200), max_kbps=800).targets(1, acked_kbps=300)) == {800}
    assert set(Session(FixedRate(100)).targets(1, acked_kbps=300)) == {200}


def test_a_decision_tells_what_was_delivered_and_how_long_the_rest_will_take() -> None:
    last = list(Session(FixedRate()).run(3, acked_kbps=800, held=20_000))[-1]
    assert last.delivered_kbps == pytest.approx(800)
    assert last.delay_s == pytest.approx(160 / 800)


def test_obs_begins_at_the_maximum_and_stays_while_nothing_waits() -> None:
    assert set(Session(ObsDynamicBitrate()).targets(10, acked_kbps=900, waiting_s=0.19)) == {2000}


def test_obs_falls_to_what_was_sent_less_the_sound_in_whole_hundreds() -> None:
    session = Session(ObsDynamicBitrate())
    session.targets(3, acked_kbps=900, audio_kbps=64)
    assert session.targets(EVERY_S, acked_kbps=900, audio_kbps=64, waiting_s=0.2) == [800]  # 836
    # The measurement begins anew: nothing more for a second, though much waits.
    assert set(session.targets(0.95, acked_kbps=400, audio_kbps=64, waiting_s=3)) == {800}
    assert session.targets(0.2, acked_kbps=400, audio_kbps=64, waiting_s=3)[-1] == 300  # 336


def test_obs_does_nothing_about_a_rate_it_has_not_yet_measured_or_that_is_above_its_own() -> None:
    assert set(Session(ObsDynamicBitrate()).targets(0.95, acked_kbps=500, waiting_s=1)) == {2000}
    assert set(Session(ObsDynamicBitrate()).targets(5, acked_kbps=2500, waiting_s=1)) == {2000}


def test_obs_climbs_a_tenth_of_the_maximum_every_four_seconds() -> None:
    session = Session(ObsDynamicBitrate())
    session.targets(3, acked_kbps=1700)
    assert session.targets(EVERY_S, acked_kbps=1700, waiting_s=0.3) == [1700]
    climbing = session.targets(12, acked_kbps=1700)
    changes = [(at, new) for at, (old, new) in enumerate(pairwise(climbing), 2) if old != new]
    assert [new for _, new in changes] == [1900, 2000]
    assert [at * EVERY_S for at, _ in changes] == pytest.approx([4, 8], abs=0.06)


def test_obs_takes_a_step_up_back_while_its_measurement_is_young() -> None:
    session = Session(ObsDynamicBitrate())
    session.targets(3, acked_kbps=1000)
    assert session.targets(EVERY_S, acked_kbps=1000, waiting_s=0.3) == [1000]
    assert session.targets(3.8, acked_kbps=1000)[-1] == 1000
    session.targets(0.3, acked_kbps=0)  # nothing is sent any more: what is left of the window grows old
    assert session.targets(2.0, acked_kbps=0)[-1] == 1200
    assert session.targets(EVERY_S, acked_kbps=0, waiting_s=0.3) == [1000]


def test_belacoder_begins_at_the_maximum_and_climbs_back_in_small_steps() -> None:
    session = Session(Belacoder())
    assert session.targets(EVERY_S, acked_kbps=500) == [2000]
    assert session.targets(EVERY_S, acked_kbps=500, rtt_ms=700) == [200]
    session.targets(15, acked_kbps=500)  # the jump of the round trip is forgotten
    climbing = session.targets(60, acked_kbps=500)
    assert climbing == sorted(climbing)
    assert all(target % 100 == 0 for target in climbing)
    assert climbing[-1] == 2000


def test_belacoder_climbs_thirty_and_a_thirtieth_every_half_second() -> None:
    rule = Belacoder()
    session = Session(rule, min_kbps=300, max_kbps=3000)
    session.targets(3, acked_kbps=500, held=0)
    session.targets(EVERY_S, acked_kbps=500, held=0, rtt_ms=700)
    seen = []
    for _ in range(120):
        session.targets(EVERY_S * 10, acked_kbps=500, held=0)
        seen.append(rule._kbps)
    grown = [(old, new) for old, new in pairwise(seen) if new != old]
    assert len(grown) > 15
    assert [new for _, new in grown[:15]] == pytest.approx([old + 30 + old / 30 for old, _ in grown[:15]])


def test_belacoder_goes_down_at_once_when_what_is_held_grows_and_grows() -> None:
    session = Session(Belacoder())
    session.targets(20, acked_kbps=1500)
    # A single jump is jitter, and one step down: above 1500 x 1000 / 1024 kbit/s for a second, 139 packets.
    assert session.targets(EVERY_S, acked_kbps=1500, waiting=1316 * 132) == [2000]
    session.targets(20, acked_kbps=1500)
    assert session.targets(EVERY_S, acked_kbps=1500, waiting=1316 * 142) == [1700]
    session.targets(20, acked_kbps=1500)
    growing = [session.targets(EVERY_S, acked_kbps=1500, waiting=1316 * 20 * count)[0] for count in range(1, 9)]
    assert growing[-1] == 200


def test_belacoder_goes_down_by_steps_while_the_round_trip_is_long() -> None:
    session = Session(Belacoder())
    session.targets(30, acked_kbps=1500, rtt_ms=380)
    falling = session.targets(0.6, acked_kbps=1500, rtt_ms=410)
    # Above 400 ms: 2000 - 300 = 1700, - 270 = 1430, - 243 = 1187, every quarter of a second, in whole hundreds.
    assert [(target, falling.index(target) * EVERY_S) for target in (1700, 1400, 1100)] == [
        (1700, 0), (1400, pytest.approx(0.25, abs=0.06)), (1100, pytest.approx(0.5, abs=0.06))
    ]  # fmt: skip


def test_another_session_begins_from_scratch() -> None:
    for rule in (ObsDynamicBitrate(), Belacoder()):
        session = Session(rule)
        session.targets(3, acked_kbps=500)
        assert session.targets(2, acked_kbps=500, waiting_s=1, rtt_ms=800)[-1] < 600
        assert Session(rule).targets(EVERY_S, acked_kbps=500) == [2000]
