"""The product's rule on a link that is too small for long, with a TCP whose round trip grows with the queue."""

from __future__ import annotations

from appliance.engine.rate_control import rule_for
from appliance.pusher.bitrate import Decision
from tests.bench.uplink.links import Link
from tests.bench.uplink.simulation import simulate

FALLS_S = 3.0
KBPS = 100


def test_the_queue_in_front_of_a_link_that_stays_too_small_is_never_taken_for_the_way() -> None:
    """By that, ever more might be underway, until the link seems to be free and the target climbs."""
    link = Link("too small", ((0.0, 1500), (FALLS_S, KBPS)), 50.0, rtt_ms=50.0, buffer_bytes=400_000)
    decisions: list[tuple[float, Decision]] = []
    frames = simulate(
        link, rule_for("HD", min_kbps=200, max_kbps=1000), ceiling_kbps=1000,
        watch=lambda now_s, decision: decisions.append((now_s, decision)),
    )  # fmt: skip
    later = [decision for now_s, decision in decisions if now_s > FALLS_S + 7]
    assert {(decision.busy, decision.target_kbps) for decision in later} == {(True, 200)}
    assert max(decision.flight_bytes or 0 for decision in later) < KBPS * 125
    sound = [frame.arrived_s - frame.made_s for frame in frames if not frame.video and frame.arrived_s is not None]
    assert max(sound[-500:]) < 2.5
