"""The table that a bench of uplinks prints."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.uplink import links
from tests.bench.uplink.report import HEAD, Row, table
from tests.bench.uplink.score import Score

GOOD = Score(
    on_time_2s_kbps=1500,
    on_time_05s_kbps=1400,
    share_2s=0.9,
    share_05s=0.8,
    bound_share=0.95,
    late_share=0.01,
    dropped_share=0.02,
    unavoidable_share=0.005,
    delay_median_s=0.1,
    delay_p95_s=0.25,
    delay_max_s=0.6,
    audio_lost_max_s=0.0,
    audio_gap_max_s=0.04,
    reaction_s=0.35,
    recovery_s=2.5,
)
NONE = replace(
    GOOD,
    delay_median_s=None,
    delay_p95_s=None,
    delay_max_s=None,
    audio_lost_max_s=None,
    audio_gap_max_s=None,
    reaction_s=None,
    recovery_s=None,
)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_line_has_every_figure() -> None:
    lines = table([Row(links.step(), "live-pusher", GOOD)]).splitlines()
    assert _cells(lines[0]) == list(HEAD)
    assert set(lines[1]) == {"-"}
    assert _cells(lines[2]) == [
        "step 2500-600", "live-pusher", "0.90", "0.80", "0.95", "3.0", "0.5", "100", "250", "600", "0", "40", "0.35", "2.50"
    ]  # fmt: skip
    assert len(lines) == 3
    assert {len(line) for line in lines} == {len(lines[0])}


def test_what_was_not_seen_and_what_is_not_asked() -> None:
    lines = table([Row(links.step(), "a", NONE), Row(links.constant(400), "a", NONE)]).splitlines()
    assert _cells(lines[2])[-6:] == ["-", "-", "-", "-", "never", "never"]
    assert _cells(lines[3])[-6:] == ["-"] * 6


def test_links_stay_together_and_each_rule_has_its_sum() -> None:
    slow = replace(GOOD, share_2s=0.5, delay_max_s=3.0, reaction_s=None, recovery_s=None)
    rows = [
        Row(links.step(), "ours", GOOD),
        Row(links.constant(400), "ours", slow),
        Row(links.step(), "theirs", slow),
        Row(links.constant(400), "theirs", slow),
        Row(links.constant(400), "once", GOOD),
    ]
    lines = [_cells(line) for line in table(rows).splitlines()[2:]]
    assert [line[:2] for line in lines] == [
        ["step 2500-600", "ours"],
        ["step 2500-600", "theirs"],
        ["constant 400", "ours"],
        ["constant 400", "theirs"],
        ["constant 400", "once"],
        ["all 2", "ours"],
        ["all 2", "theirs"],
    ]
    ours, theirs = lines[-2:]
    assert (ours[2], ours[9], ours[12], ours[13]) == ("0.70", "3000", "0.35", "2.50")
    assert (theirs[2], theirs[12], theirs[13]) == ("0.50", "never", "never")


def test_nothing_was_run() -> None:
    assert len(table([]).splitlines()) == 2
