"""From a link to the rates that the router's tbf is given."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.bench.uplink import links
from tests.bench.uplink.links import Link
from tests.bench.uplink.router import BURST_KBPS, FRAME, GIVEN_KBIT, MTU, SLOWEST_KBPS, Rate, rates


def _carried_kbit(plan: list[Rate], end_s: float) -> float:
    """On the wire, what each change gives away included."""
    ends = [*(rate.at_s for rate in plan[1:]), end_s]
    whole = sum((end - rate.at_s) * rate.kbps for rate, end in zip(plan, ends, strict=True)) * MTU / FRAME
    return whole + GIVEN_KBIT * (len(plan) - 1)


def test_ethernets_header_is_not_the_links() -> None:
    assert rates(links.constant(1500)) == [Rate(0.0, 1514.0)]


@pytest.mark.parametrize(
    "link", [links.step(), links.sawtooth(2700, 550, period_s=3), links.cellular(7), links.wifi(7)]
)
def test_what_is_carried_is_the_links_own(link: Link) -> None:
    assert _carried_kbit(rates(link), link.duration_s) == pytest.approx(link.mean_kbps() * link.duration_s, rel=0.01)


def test_a_link_that_carries_nothing_is_as_slow_as_tbf_can_be() -> None:
    gap = rates(Link("gap", ((0.0, 1000), (5.0, 0), (7.0, 1000)), 10.0))[1]
    assert gap.at_s == 5.0
    assert gap.kbps == pytest.approx(SLOWEST_KBPS, rel=0.01)


def test_a_stall_holds_everything_and_lets_it_go_in_a_burst() -> None:
    link = Link("stall", ((0.0, 3000), (2.1, 1500)), 5.0, stalls=((2.0, 0.2),))
    begin, stall, burst, on = rates(link)
    assert (begin.at_s, stall.at_s, burst.at_s) == (0.0, 2.0, 2.2)
    assert stall.kbps == pytest.approx(SLOWEST_KBPS, rel=0.01)
    assert burst.kbps > BURST_KBPS * 0.95
    assert on.at_s == pytest.approx(2.2 + 3000 * 0.2 / BURST_KBPS)
    assert on.kbps == pytest.approx(1500 * FRAME / MTU)


def test_rates_ascend_in_time() -> None:
    for link in (*links.report_links(), *links.tuning_links()):
        assert all(left.at_s < right.at_s for left, right in pairwise(rates(link))), link.name
