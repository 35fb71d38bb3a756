"""The measures of the uplink bench, with numbers that can be checked by hand."""

from __future__ import annotations

import pytest

from tests.bench.uplink import links
from tests.bench.uplink.links import Link
from tests.bench.uplink.oracle import no_queue_bound_kbps, oracle_kbps, unavoidable_share


def test_a_link_with_room_delivers_the_ceiling() -> None:
    assert oracle_kbps(links.constant(5000), 2000, 2.0) == pytest.approx(2000)
    assert no_queue_bound_kbps(links.constant(5000), 2000, 64) == pytest.approx(2000)


def test_a_slow_link_delivers_what_it_carries_less_headers_and_sound() -> None:
    link = links.constant(1000)
    assert oracle_kbps(link, 2000, 2.0) == pytest.approx(960)
    assert oracle_kbps(link, 2000, 0.5, audio_kbps=60) == pytest.approx(900)
    assert no_queue_bound_kbps(link, 2000, 60) == pytest.approx(900)
    assert no_queue_bound_kbps(links.constant(50), 2000, 60) == 0


def test_what_waited_through_a_gap_is_delivered_after_it_as_far_as_the_budget_goes() -> None:
    # 10 s of nothing, then 10 s of plenty (4000 kbit/s of payload): the budget's worth of the ceiling comes on top.
    link = Link("gap", ((0.0, 0.0), (10.0, 4000 / 0.96)), 20.0)
    assert oracle_kbps(link, 1000, 2.0) == pytest.approx((1000 * 10 + 2000) / 20)
    assert oracle_kbps(link, 1000, 0.5) == pytest.approx((1000 * 10 + 500) / 20)
    assert no_queue_bound_kbps(link, 1000, 0) == pytest.approx(500)


def test_a_queue_that_does_not_empty_within_a_segment_goes_on_in_the_next() -> None:
    # 2 s of nothing leave 2000 kbit; 1 s at 1500 takes 500 of them; 1 s at 500 adds 500 again; 1 s at 4000 takes those
    # 2000, and 1000 that are made meanwhile.
    steps = ((0.0, 0.0), (2.0, 1500 / 0.96), (3.0, 500 / 0.96), (4.0, 4000 / 0.96))
    link = Link("steps", steps, 5.0)
    assert oracle_kbps(link, 1000, 2.0) == pytest.approx((0 + 1500 + 500 + 3000) / 5)


def test_the_bound_of_the_step_link() -> None:
    assert no_queue_bound_kbps(links.step(), 2500, 64) == pytest.approx((2 * (2400 - 64) + (576 - 64)) / 3)
    assert no_queue_bound_kbps(links.step(), 2000, 64) == pytest.approx((2 * 2000 + 512) / 3)


def test_what_is_unavoidable() -> None:
    assert unavoidable_share(links.constant(400), 300, 2.0, audio_kbps=60) == 0
    # 150 kbit/s of the 200 that are made at least: a quarter is lost, but for the 2 s that wait at the end of the 30.
    assert unavoidable_share(links.constant(150 / 0.96), 200, 2.0) == pytest.approx(0.25 - 2 / 30)
    # A gap of 1 s is bridged by a budget of 2 s, and not by one of 0.5 s.
    gap = Link("gap", ((0.0, 1000.0), (10.0, 0.0), (11.0, 1000.0)), 20.0)
    assert unavoidable_share(gap, 200, 2.0) == 0
    assert unavoidable_share(gap, 200, 0.5) == pytest.approx(0.5 / 20)


def test_the_oracle_is_never_below_the_bound_and_grows_with_the_budget() -> None:
    for link in [*links.tuning_links(), *links.report_links()]:
        bound = no_queue_bound_kbps(link, 2000, 64)
        short = oracle_kbps(link, 2000, 0.5, audio_kbps=64)
        long = oracle_kbps(link, 2000, 2.0, audio_kbps=64)
        assert bound - 1e-6 <= short <= long + 1e-6 <= 2000 + 1e-3
        assert long <= 0.96 * link.mean_kbps()
