"""How well the pictures and the sound of one run came across its link.

On time is what arrived within two seconds (half a second) of its making. It is counted in kbit/s of picture over the
run, so that a sender who makes little gains nothing from having it all on time, and compared with what could have been
delivered at best (`oracle`).

Late or dropped is counted in pictures, as a viewer sees them. Some of that nobody can help: no sender makes pictures
smaller than `min_kbps` does, so that on a link that carries less even the one who knows the future loses what expires
in a queue filled at `min_kbps`. That share, and no more, is *unavoidable*. It leaves to the sender's account the time
to notice a fall, what it already had on the way, an encoder that follows late, and that a dropped picture takes all up
to the next keyframe with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tests.bench.uplink.links import Link
from tests.bench.uplink.oracle import no_queue_bound_kbps, oracle_kbps, unavoidable_share, video_kbps

LATE_S = 2.0
SHORT_S = 0.5
AUDIO_NEEDS_KBPS = 64
"""Gaps in the sound do not count while the link carries less."""

REACTION_WINDOW_S = 0.5
RECOVERY_WINDOW_S = 1.0
RECOVERED_KBPS = 1500
GRID_S = 0.05


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture or a piece of sound that an encoder made."""

    video: bool
    made_s: float
    """When it came out of the encoder; 0 is when the link's first second begins."""
    size: int
    """Bytes of payload."""
    arrived_s: float | None
    """When its last byte was at the server; None if it was dropped, or did not arrive before the run ended."""
    keyframe: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Times in seconds, rates in kbit/s of picture, shares from 0 to 1. None: nothing to tell it from."""

    on_time_2s_kbps: float
    on_time_05s_kbps: float
    share_2s: float
    """Of the oracle with two seconds."""
    share_05s: float
    """Of the oracle with half a second."""
    bound_share: float
    """What arrived within two seconds, of what a sender without a queue could deliver."""
    late_share: float
    """Of the pictures: arrived after more than two seconds."""
    dropped_share: float
    unavoidable_share: float
    """Of the pictures: late or dropped whoever sends."""
    delay_median_s: float | None
    delay_p95_s: float | None
    delay_max_s: float | None
    audio_lost_max_s: float | None
    """The longest stretch of the sound that was not there within two seconds: what a listener with such a buffer misses.
    None: no sound was made."""
    audio_gap_max_s: float | None
    """The longest wait between two neighbouring pieces of sound beyond their spacing, while the link was able to carry
    them. None: no sound was made."""
    reaction_s: float | None
    """From the first fall of the link until no more is made than it carries. Step links alone."""
    recovery_s: float | None
    """From the link's return until 1.5 Mbit/s, or 0.8 of a smaller bound, are made and delivered. Step links alone."""

    @property
    def lost_share(self) -> float:
        """Late or dropped."""
        return self.late_share + self.dropped_share

    @property
    def beyond_unavoidable(self) -> float:
        """Late or dropped by the sender's own doing."""
        return max(0.0, self.lost_share - self.unavoidable_share)


def score(
    frames: Sequence[Frame], link: Link, *, ceiling_kbps: float, audio_kbps: float, min_kbps: float = 200.0
) -> Score:
    """Judge a run. Frames are in the order in which they were made, those of a warm-up before 0 included; what was made
    in the last two seconds counts for the rates and not among the late and dropped, as it may still have been on its
    way."""
    pictures = [frame for frame in frames if frame.video]
    on_time_2s, on_time_05s = (_on_time_kbps(pictures, link, budget_s) for budget_s in (LATE_S, SHORT_S))
    judged = [frame for frame in pictures if 0 <= frame.made_s <= link.duration_s - LATE_S]
    late = sum(frame.arrived_s is not None and frame.arrived_s - frame.made_s > LATE_S for frame in judged)
    dropped = sum(frame.arrived_s is None for frame in judged)
    delays = sorted(
        frame.arrived_s - frame.made_s
        for frame in pictures
        if frame.arrived_s is not None and 0 <= frame.made_s < link.duration_s
    )
    return Score(
        on_time_2s_kbps=on_time_2s,
        on_time_05s_kbps=on_time_05s,
        share_2s=_share(on_time_2s, oracle_kbps(link, ceiling_kbps, LATE_S, audio_kbps=audio_kbps)),
        share_05s=_share(on_time_05s, oracle_kbps(link, ceiling_kbps, SHORT_S, audio_kbps=audio_kbps)),
        bound_share=_share(on_time_2s, no_queue_bound_kbps(link, ceiling_kbps, audio_kbps)),
        late_share=_share(late, len(judged)),
        dropped_share=_share(dropped, len(judged)),
        unavoidable_share=unavoidable_share(link, min_kbps, LATE_S, audio_kbps=audio_kbps),
        delay_median_s=median(delays) if delays else None,
        delay_p95_s=delays[min(len(delays) - 1, int(0.95 * len(delays)))] if delays else None,
        delay_max_s=delays[-1] if delays else None,
        audio_lost_max_s=_audio_lost_max_s(frames, link),
        audio_gap_max_s=_audio_gap_max_s(frames, link),
        reaction_s=_reaction_s(pictures, link, audio_kbps),
        recovery_s=_recovery_s(pictures, link, ceiling_kbps, audio_kbps),
    )


def _on_time_kbps(pictures: Sequence[Frame], link: Link, budget_s: float) -> float:
    arrived = (frame for frame in pictures if frame.arrived_s is not None and 0 <= frame.arrived_s < link.duration_s)
    size = sum(frame.size for frame in arrived if (frame.arrived_s or 0.0) - frame.made_s <= budget_s)
    return size * 8 / 1000 / link.duration_s


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _audio_lost_max_s(frames: Sequence[Frame], link: Link) -> float | None:
    sound = [frame for frame in frames if not frame.video]
    if len(sound) < 2:
        return None
    spacing_s = median(right.made_s - left.made_s for left, right in pairwise(sound))
    longest = run = 0
    for frame in sound:
        if 0 <= frame.made_s < link.duration_s - LATE_S:
            missing = frame.arrived_s is None or frame.arrived_s - frame.made_s > LATE_S
            run = run + 1 if missing else 0
            longest = max(longest, run)
    return longest * spacing_s


def _audio_gap_max_s(frames: Sequence[Frame], link: Link) -> float | None:
    sound = [frame for frame in frames if not frame.video]
    if len(sound) < 2:
        return None
    spacing_s = median(right.made_s - left.made_s for left, right in pairwise(sound))
    arrivals = [frame.arrived_s for frame in sound if frame.arrived_s is not None and frame.made_s >= 0]
    arrivals = [
        *(at_s for at_s in arrivals if at_s < link.duration_s),
        link.duration_s,
    ]  # sound that ends is a gap, too
    closed = _closed(link)
    gaps = (
        right - left - spacing_s
        for left, right in pairwise(arrivals)
        if not any(begin_s < right and left < end_s for begin_s, end_s in closed)
    )
    return max(0.0, max(gaps, default=0.0))


def _closed(link: Link) -> list[tuple[float, float]]:
    """(from second, to second) in which the link does not carry the sound."""
    slow = [(at_s, at_s + for_s) for at_s, for_s, kbps in link.segments() if kbps < AUDIO_NEEDS_KBPS]
    return [*slow, *((at_s, at_s + for_s) for at_s, for_s in link.stalls)]


def step_of(link: Link) -> tuple[float, float, float] | None:
    """(when the link falls, the rate it falls to, when it returns), if it does that once and nothing else."""
    if len(link.steps) != 3:
        return None
    (_, before), (fall_s, low), (return_s, after) = link.steps
    return (fall_s, low, return_s) if before > low < after else None


def _reaction_s(pictures: Sequence[Frame], link: Link, audio_kbps: float) -> float | None:
    if (step := step_of(link)) is None:
        return None
    fall_s, low_kbps, return_s = step
    carried = video_kbps(low_kbps, audio_kbps)
    for number in range(int((return_s - REACTION_WINDOW_S - fall_s) / GRID_S)):
        at_s = fall_s + number * GRID_S
        made = [frame for frame in pictures if at_s <= frame.made_s < at_s + REACTION_WINDOW_S]
        if _kbps(made, REACTION_WINDOW_S) <= carried:
            return at_s - fall_s
    return None


def _recovery_s(pictures: Sequence[Frame], link: Link, ceiling_kbps: float, audio_kbps: float) -> float | None:
    if (step := step_of(link)) is None:
        return None
    return_s = step[2]
    bound = min(ceiling_kbps, video_kbps(link.rate_kbps(return_s), audio_kbps))
    delivered = [frame for frame in pictures if frame.arrived_s is not None]
    for number in range(1, int((link.duration_s - return_s) / GRID_S) + 1):
        at_s = return_s + number * GRID_S
        made = [frame for frame in delivered if at_s - RECOVERY_WINDOW_S <= frame.made_s < at_s]
        if _kbps(made, RECOVERY_WINDOW_S) >= min(RECOVERED_KBPS, 0.8 * bound):
            return at_s - return_s
    return None


def _kbps(frames: Sequence[Frame], seconds: float) -> float:
    return sum(frame.size for frame in frames) * 8 / 1000 / seconds
