"""The results of a bench as a table to read: a line for each link and rule, and what each rule made of all its
links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from tests.bench.uplink.links import Link
from tests.bench.uplink.score import Score, step_of

HEAD = (
    "link", "rule", "on time 2 s", "0.5 s", "bound", "lost %", "nobody's %", "delay ms", "p95", "max", "sound lost ms", "wait ms",
    "reaction s", "recovery s",
)  # fmt: skip
LEGEND = """\
on time: the picture that arrived within 2 s (0.5 s) of its making, as a share of what could have been delivered
bound: what arrived within 2 s, as a share of what a sender without a queue could deliver
lost: pictures that came after 2 s or were dropped, and how many of all the pictures nobody could have delivered
delay: of the pictures, median, 95 % and longest
sound: the longest stretch that was not there within 2 s, and the longest wait between two pieces while the link carried
  it, beyond their spacing: what was on the way when a link falls, a keyframe above all, comes in front of the next piece
reaction, recovery: on step links, from the fall until no more is made than the link carries, and from its return until
  1.5 Mbit/s (or 0.8 of a smaller bound) come through
all: means of the shares; of delays, gaps and times the worst"""


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    link: Link
    rule: str
    score: Score


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text without a newline at its end: those of one link together, in the order in which links
    and rules first came; then a line for each rule that ran on several links."""
    rows = list(rows)
    links = list(dict.fromkeys(row.link.name for row in rows))
    rules = list(dict.fromkeys(row.rule for row in rows))
    rows.sort(key=lambda row: (links.index(row.link.name), rules.index(row.rule)))
    of_rule = {rule: [row for row in rows if row.rule == rule] for rule in rules}
    lines = [
        HEAD,
        *((row.link.name, row.rule, *_figures([row])) for row in rows),
        *((f"all {len(own)}", rule, *_figures(own)) for rule, own in of_rule.items() if len(own) > 1),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [_aligned(line, widths) for line in lines]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def _figures(rows: Sequence[Row]) -> tuple[str, ...]:
    scores = [row.score for row in rows]
    steps = [row.score for row in rows if step_of(row.link)]
    return (
        f"{fmean(score.share_2s for score in scores):.2f}",
        f"{fmean(score.share_05s for score in scores):.2f}",
        f"{fmean(score.bound_share for score in scores):.2f}",
        f"{fmean(score.lost_share for score in scores) * 100:.1f}",
        f"{fmean(score.unavoidable_share for score in scores) * 100:.1f}",
        _worst_ms([score.delay_median_s for score in scores]),
        _worst_ms([score.delay_p95_s for score in scores]),
        _worst_ms([score.delay_max_s for score in scores]),
        _worst_ms([score.audio_lost_max_s for score in scores]),
        _worst_ms([score.audio_gap_max_s for score in scores]),
        _worst_time([score.reaction_s for score in steps]),
        _worst_time([score.recovery_s for score in steps]),
    )


def _worst_ms(values_s: Sequence[float | None]) -> str:
    known = [value_s for value_s in values_s if value_s is not None]
    return f"{max(known) * 1000:.0f}" if known else "-"


def _worst_time(values_s: Sequence[float | None]) -> str:
    known = [value_s for value_s in values_s if value_s is not None]
    if len(known) < len(values_s):
        return "never"
    return f"{max(known):.2f}" if known else "-"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
    return "  ".join([*words, *numbers])
