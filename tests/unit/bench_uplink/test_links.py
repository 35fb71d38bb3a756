"""The links of the uplink bench: what each one carries, from its parameters alone."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from tests.bench.uplink import links
from tests.bench.uplink.links import Link


def test_the_rate_of_a_moment_and_the_mean() -> None:
    link = links.step(2500, 600, each_s=12)
    assert [link.rate_kbps(at_s) for at_s in (0, 11.999, 12, 23.9, 24, 1000)] == [2500, 2500, 600, 600, 2500, 2500]
    assert link.duration_s == 36
    assert link.mean_kbps() == pytest.approx((2500 + 600 + 2500) / 3)
    assert list(link.segments()) == [(0, 12, 2500), (12, 12, 600), (24, 12, 2500)]


def test_what_lies_behind_the_end_of_the_run_does_not_count() -> None:
    link = Link("cut", ((0.0, 100.0), (1.0, 300.0), (5.0, 9000.0)), 2.0)
    assert list(link.segments()) == [(0, 1, 100), (1, 1, 300)]
    assert link.mean_kbps() == pytest.approx(200)


@pytest.mark.parametrize(
    ("steps", "duration_s"),
    [((), 1.0), (((0.5, 1.0),), 1.0), (((0.0, 1.0), (0.0, 2.0)), 1.0), (((0.0, -1.0),), 1.0), (((0.0, 1.0),), 0.0)],
)
def test_what_is_no_link_is_refused(steps: tuple[tuple[float, float], ...], duration_s: float) -> None:
    with pytest.raises(ValueError, match="bad"):
        Link("bad", steps, duration_s)


def test_ramp_and_sawtooth() -> None:
    ramp = links.ramp(2000, 1000, slope_s=10, hold_s=5)
    assert [ramp.rate_kbps(at_s) for at_s in (0, 4.9, 10, 15, 19.9, 25, 30, 34)] == [
        2000, 2000, 1500, 1000, 1000, 1500, 2000, 2000
    ]  # fmt: skip
    assert ramp.duration_s == 35
    saw = links.sawtooth(2000, 1000, period_s=4, teeth=3)
    assert [saw.rate_kbps(at_s) for at_s in (0, 2, 3.75, 4, 6, 11.75)] == [1000, 1500, 1937.5, 1000, 1500, 1937.5]
    assert saw.duration_s == 12


def test_on_off_takes_turns_and_dwells() -> None:
    link = links.on_off(5, high_kbps=2000, low_kbps=300, mean_s=3, duration_s=3000)
    assert {kbps for _, kbps in link.steps[::2]} == {2000}
    assert {kbps for _, kbps in link.steps[1::2]} == {300}
    dwells = [right[0] - left[0] for left, right in zip(link.steps, link.steps[1:], strict=False)]
    assert min(dwells) >= 0.499
    assert fmean(dwells) == pytest.approx(3, rel=0.15)


def test_a_seed_makes_the_same_series_every_time_and_another_another() -> None:
    assert links.cellular(1) == links.cellular(1)
    assert links.cellular(1).steps != links.cellular(2).steps
    assert links.wifi(1) == links.wifi(1)
    assert links.wifi(1).stalls != links.wifi(2).stalls
    # The very numbers: results are compared across machines and versions of Python.
    assert [kbps for _, kbps in links.cellular(101).steps[:4]] == [947.8, 1379.3, 1041.9, 831.2]


def _logs(link: Link) -> list[float]:
    return [math.log(kbps) for _, kbps in link.steps]


def _correlation(values: list[float], lag: int) -> float:
    mean = fmean(values)
    there = [value - mean for value in values]
    return sum(a * b for a, b in zip(there, there[lag:], strict=False)) / sum(a * a for a in there)


def test_cellular_has_the_median_the_spread_the_memory_and_the_fades_it_is_asked_for() -> None:
    calm = links.cellular(7, fade_every_s=1e9, duration_s=4000, spread=0.5, correlation_s=4, floor_kbps=1, top_kbps=1e6)
    logs = _logs(calm)
    assert math.exp(fmean(logs)) == pytest.approx(1300, rel=0.15)
    assert pstdev(logs) == pytest.approx(math.hypot(0.5, 0.25), rel=0.15)
    assert 0.2 < _correlation(logs, int(4 / links.GRAIN_S)) < 0.45  # 1/e, less for the faster part
    assert abs(_correlation(logs, int(40 / links.GRAIN_S))) < 0.15
    fading = links.cellular(7, spread=0.01, fade_every_s=8, fade_s=2, fade_depth=0.2, duration_s=4000)
    low = fmean(kbps < 0.45 * 1300 for _, kbps in fading.steps)
    assert low == pytest.approx(2 / 10, rel=0.25)
    every = [kbps for _, kbps in links.cellular(8, spread=2.0, duration_s=1000).steps]
    assert (min(every), max(every)) == (200, 4000)


def test_wifi_stalls_are_within_their_bounds_and_apart() -> None:
    link = links.wifi(3, duration_s=2000)
    assert all(0.03 <= for_s <= 0.3 for _, for_s in link.stalls)
    assert max(for_s for _, for_s in link.stalls) > 0.25
    assert all(a[0] + a[1] < b[0] for a, b in zip(link.stalls, link.stalls[1:], strict=False))
    assert len(link.stalls) == pytest.approx(2000 / 1.67, rel=0.15)
    assert link.stalls[-1][0] + link.stalls[-1][1] <= link.duration_s


def test_a_mahimahi_trace_is_read_and_begins_again(tmp_path: Path) -> None:
    trace = tmp_path / "train.up"
    # 250 ms with five opportunities, 250 ms with one, and so on: 5 x 12 kbit within 0.25 s are 240 kbit/s.
    trace.write_text("10\n10\n20\n100\n249\n\n400\n500\n")
    link = links.mahimahi(trace, duration_s=1.0)
    assert link.name == "train"
    assert link.steps == ((0.0, 240.0), (0.25, 48.0), (0.5, 6 * 48.0), (0.75, 48.0))
    long = links.mahimahi(trace, duration_s=500.0)
    assert long.mean_kbps() == pytest.approx(7 * 12 / 0.5, rel=0.01)


@pytest.mark.parametrize("text", ["", "0\n0\n", "10\nhello\n", "10\n5\n", "-3\n", "1.5\n"])
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    trace = tmp_path / "bad.up"
    trace.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.up"):
        links.mahimahi(trace)


def test_the_sets_have_nothing_in_common_and_every_kind_is_in_both() -> None:
    tuning, report = links.tuning_links(), links.report_links()
    for some in (tuning, report):
        assert len({link.name for link in some}) == len(some)
        assert {link.name.split()[0] for link in some} == {
            "step", "ramp", "sawtooth", "on/off", "cellular", "wifi", "constant"
        }  # fmt: skip
    assert not {link.name for link in tuning} & {link.name for link in report}
    assert not {link.steps for link in tuning} & {link.steps for link in report}
    assert report[0].steps == ((0.0, 2500), (12.0, 600), (24.0, 2500))
