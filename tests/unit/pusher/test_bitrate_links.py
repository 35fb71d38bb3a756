"""The rule of the adaptive bitrate behind links of all kinds: what it does, whatever its numbers are (SPEC 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.pusher import bitrate
from appliance.pusher.bitrate import LEAST_FLIGHT_S, LIVE, RTC, BitrateController, Tuning
from appliance.pusher.link_view import BASE_S

from .uplink_model import Uplink, highest, lowest, mean

STEP_S = 0.025


def rule(tuning: Tuning = LIVE, *, min_kbps: int = 200, max_kbps: int = 1000) -> BitrateController:
    return BitrateController(tuning, min_kbps=min_kbps, max_kbps=max_kbps)


def falls(*, at_s: float, to_kbps: float, until_s: float = 1e9, high_kbps: float = 2700) -> Callable[[float], float]:
    return lambda now_s: to_kbps if at_s <= now_s < until_s else high_kbps


def changes(of: Uplink) -> list[tuple[float, bool]]:
    """When 1101 would be told, and when its end."""
    busy = [(moment.now_s, moment.decision.busy) for moment in of.moments]
    return [after for before, after in pairwise(busy) if before[1] != after[1]]


@pytest.mark.parametrize("tuning", [LIVE, RTC], ids=["live", "rtc"])
@pytest.mark.parametrize("way_s", [0.02, 0.05, 0.15])
def test_a_collapse_is_answered_within_half_a_second(tuning: Tuning, way_s: float) -> None:
    link = Uplink(
        rule(tuning, max_kbps=2500), falls(at_s=5, to_kbps=600), way_s=lambda _: way_s, start_kbps=2500
    )  # fmt: skip
    assert lowest(link.run(5)) == 2500, "the link has room for all of it"
    assert lowest(link.run(0.5)) <= 600 - 64
    link.run(2.5)
    settled = link.run(10)
    assert 0.7 * (600 - 64) < mean(settled) <= 1.05 * (600 - 64)
    assert sum(moment.waits_s for moment in settled) / len(settled) < 0.3


def test_the_link_is_used_again_within_four_seconds() -> None:
    link = Uplink(rule(max_kbps=2500), falls(at_s=5, to_kbps=600, until_s=17), start_kbps=2500)
    link.run(17)
    assert link.run(4)[-1].kbps > 1500


def test_rtc_gives_rate_for_delay() -> None:
    def ran(tuning: Tuning) -> tuple[float, float]:
        link = Uplink(rule(tuning, max_kbps=1500), falls(at_s=5, to_kbps=700, high_kbps=1700), start_kbps=1500)
        link.run(8)
        settled = link.run(20)
        return mean(settled), sorted(moment.waits_s for moment in settled)[len(settled) // 2]

    (live_kbps, live_s), (rtc_kbps, rtc_s) = ran(LIVE), ran(RTC)
    assert rtc_s < live_s
    assert rtc_kbps <= 1.05 * live_kbps


@pytest.mark.parametrize("way_s", [0.03, 0.1, 0.2, 0.3])
@pytest.mark.parametrize(
    ("tuning", "keyframe_times"), [(LIVE, 1), (LIVE, 5), (RTC, 1), (RTC, 3)], ids=["live", "live 5x", "rtc", "rtc 3x"]
)
def test_a_long_way_and_keyframes_are_no_congestion(tuning: Tuning, way_s: float, keyframe_times: float) -> None:
    link = Uplink(rule(tuning), lambda _: 1.2 * 1064, way_s=lambda _: way_s, keyframe_times=keyframe_times)
    assert lowest(link.run(15)) == 1000


@given(
    stalls=st.lists(st.tuples(st.floats(0.5, 3.0), st.floats(0.03, 0.3)), min_size=1, max_size=8),
    way_s=st.sampled_from([0.01, 0.03, 0.1, 0.3]),
    room=st.floats(1.5, 5.0),
)
@settings(max_examples=25, deadline=None)
def test_wifi_that_stands_still_and_delivers_at_once_is_no_congestion(
    stalls: list[tuple[float, float]], way_s: float, room: float
) -> None:
    at_s, when = 2.0, []
    for apart_s, for_s in stalls:
        at_s += apart_s
        when.append((at_s, for_s))
        at_s += for_s
    link = Uplink(rule(), lambda _: room * 1064, way_s=lambda _: way_s, stalls=tuple(when))
    link.run(at_s + 2)
    assert lowest(link.moments) == 1000


@pytest.mark.parametrize("for_s", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("way_s", [0.03, 0.1])
@pytest.mark.parametrize("room", [1.5, 4])
def test_nor_does_it_cost_much_where_little_may_be_underway(for_s: float, way_s: float, room: float) -> None:
    """What does not fit on the way goes out one round trip later, and the next part of it one more."""
    stalls = tuple((2 + 1.37 * number, for_s) for number in range(12))
    link = Uplink(rule(RTC), lambda _: room * 1064, way_s=lambda _: way_s, stalls=stalls)
    link.run(20)
    if for_s < way_s or way_s < 0.05:
        assert lowest(link.moments) == 1000
    assert mean(link.moments) > 900


def test_a_pause_excuses_no_congestion_for_long() -> None:
    """Wi-Fi stands still, and is much slower afterwards."""
    link = Uplink(rule(), falls(at_s=5, to_kbps=400), stalls=((4.8, 0.25),))
    link.run(5)
    assert lowest(link.run(1.2)) < 400


def test_an_outage_excuses_nothing() -> None:
    link = Uplink(rule(), falls(at_s=5, to_kbps=400), stalls=((5.0, 2.0),))
    link.run(5)
    assert lowest(link.run(0.5)) == 200
    after = link.run(4.5)[100:]
    assert mean(after) < 400


@given(
    capacities=st.lists(st.floats(0, 5000), min_size=1, max_size=6),
    limits=st.lists(st.tuples(st.integers(30, 3000), st.integers(30, 3000)), min_size=1, max_size=6),
    rtc=st.booleans(),
    keyframe_times=st.sampled_from([1.0, 5.0]),
    scene=st.floats(0.0, 1.3),
)
@settings(max_examples=40, deadline=None)
def test_the_target_is_within_its_limits_on_any_link(
    capacities: list[float], limits: list[tuple[int, int]], rtc: bool, keyframe_times: float, scene: float
) -> None:
    link = Uplink(
        rule(RTC if rtc else LIVE), lambda now_s: capacities[int(now_s) % len(capacities)],
        keyframe_times=keyframe_times, scene=lambda _: scene,
    )  # fmt: skip
    for one, other in limits:
        low, high = min(one, other), max(one, other)
        link.rule.set_limits(min_kbps=low, max_kbps=high)
        for moment in link.run(1.5):
            decision = moment.decision
            assert low <= decision.target_kbps <= high
            assert decision.delay_s >= 0
            assert decision.delivered_kbps >= 0
            assert decision.sustained_kbps == 0 or decision.sustained_kbps <= high
            assert decision.flight_bytes is None or decision.flight_bytes + 1 >= low * 125 * LEAST_FLIGHT_S


def test_a_maximum_that_was_lowered_in_between_is_kept_to() -> None:
    link = Uplink(rule(max_kbps=2000), lambda _: 5000, start_kbps=2000)
    link.run(3)
    link.rule.set_limits(min_kbps=200, max_kbps=700)
    assert highest(link.run(5)) == 700
    link.rule.set_limits(min_kbps=200, max_kbps=2000)
    assert link.run(3)[-1].kbps == 2000


@pytest.mark.parametrize("tuning", [LIVE, RTC], ids=["live", "rtc"])
def test_sound_is_not_counted_as_room_for_pictures(tuning: Tuning) -> None:
    link = Uplink(rule(tuning, min_kbps=50), lambda _: 400, audio_kbps=128)
    link.run(6)
    settled = link.run(20)
    assert 0.7 * (400 - 128) < mean(settled) <= 1.05 * (400 - 128)
    assert sum(moment.waits_s for moment in settled) / len(settled) < 0.4


def test_a_quiet_scene_teaches_nothing_about_the_link() -> None:
    """The link once took 600 kbit/s and has been quick since; with a fifth of the target nothing is proven."""
    link = Uplink(
        rule(max_kbps=3000), lambda now_s: 3500 if now_s < 5 else 664, start_kbps=3000,
        scene=lambda now_s: 1.0 if now_s < 8 else 0.2,
    )  # fmt: skip
    link.run(8)
    quiet = link.run(bitrate.FRESH_S - 6)
    assert highest(quiet) < 700, "as long as the last limit is fresh it is not gone beyond"
    later = [moment.kbps for moment in link.run(20)]
    assert all(after <= before * (1 + bitrate.UNUSED_PER_S * STEP_S) + 1 for before, after in pairwise(later))
    assert later[-1] > quiet[-1].kbps


def test_a_scene_that_wakes_up_after_a_long_quiet_time_is_survived() -> None:
    link = Uplink(rule(max_kbps=3000), lambda _: 664, start_kbps=3000, scene=lambda t: 0.2 if 10 < t < 70 else 1.0)
    link.run(70)
    awake = link.run(5)
    assert max(moment.waits_s for moment in awake) < 1.5
    assert mean(awake[100:]) < 700


def test_the_first_second_of_a_session_spoils_nothing() -> None:
    """Until the first acknowledgement, nobody knows how long the way is: 0.3 s, and the rest of it is no queue."""
    link = Uplink(rule(), lambda _: 1500, way_s=lambda _: 0.3)
    link.run(1)
    assert link.moments[-1].decision.delay_s < 0.05
    link = Uplink(rule(), falls(at_s=2, to_kbps=500), way_s=lambda _: 0.3)
    link.run(2)
    assert lowest(link.run(0.5 + 0.3)) < 500, "and a queue is seen, one way later"


@pytest.mark.parametrize("tuning", [LIVE, RTC], ids=["live", "rtc"])
def test_a_way_that_becomes_longer_is_believed_after_its_time(tuning: Tuning) -> None:
    link = Uplink(rule(tuning), lambda _: 3000, way_s=lambda now_s: 0.04 if now_s < 10 else 0.2)
    link.run(10 + BASE_S + 0.5)
    assert link.moments[-1].decision.delay_s < 0.05
    assert link.run(3)[-1].kbps == 1000
    assert lowest(link.run(5)) == 1000


@pytest.mark.parametrize("tuning", [LIVE, RTC], ids=["live", "rtc"])
def test_busy_is_said_once_and_taken_back_once(tuning: Tuning) -> None:
    link = Uplink(rule(tuning), falls(at_s=5, to_kbps=130, until_s=15))
    link.run(25)
    (begin_s, began), (end_s, ended) = changes(link)
    assert (began, ended) == (True, False)
    assert 5 + bitrate.BUSY_AFTER_S < begin_s < 5 + bitrate.BUSY_AFTER_S + 3
    assert 15 + bitrate.RECOVERED_AFTER_S - 0.5 < end_s < 15 + bitrate.RECOVERED_AFTER_S + 2
    told = next(moment.decision for moment in link.moments if moment.decision.busy)
    assert told.target_kbps == 200
    assert told.delivered_kbps == pytest.approx(130, rel=0.15)


def test_a_link_that_carries_the_lowest_bitrate_is_not_busy() -> None:
    link = Uplink(rule(), falls(at_s=5, to_kbps=300))
    link.run(30)
    assert not changes(link)


def test_what_may_be_underway_follows_the_link() -> None:
    link = Uplink(rule(max_kbps=2500), falls(at_s=5, to_kbps=300), start_kbps=2500)
    before = link.run(5)[-1].decision.flight_bytes
    after = link.run(10)[-1].decision.flight_bytes
    assert before is not None and after is not None
    assert before == pytest.approx((2500 + 64) * 125 * (0.05 + LIVE.flight_s), rel=0.1)
    most_s = 0.05 + max(LIVE.flight_s, LIVE.busy_flight_s)
    assert 0 < after <= 1.3 * 300 * 125 * most_s


def test_tuning_is_taken_as_given() -> None:
    """A rule that keeps a longer queue has one."""

    def waits_s(tuning: Tuning) -> float:
        link = Uplink(rule(tuning), falls(at_s=3, to_kbps=600))
        link.run(8)
        settled = link.run(15)
        return sum(moment.waits_s for moment in settled) / len(settled)

    assert waits_s(replace(LIVE, standing_s=0.3, react_s=0.3)) > waits_s(LIVE) + 0.05
