"""The adaptive bitrate: from what the link does to what the encoder shall make (SPEC 4). Pure: the clock is passed in.

What is regulated is how long data waits in front of the bottleneck. While the link takes everything the target climbs: fast
where the link is known to have room, carefully near the rate at which it was last full. Once something waits, the rate at
which the server acknowledges is what the link carries, and the target becomes that, less what is needed to bring the queue
back to :attr:`Tuning.standing_s`: a short one, which keeps a varying link busy while the encoder still follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from appliance.pusher.link_view import EMPTY_S, FLOWING_S, STALL_S, LinkSample, LinkView


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule makes of a sample."""

    target_kbps: int
    """What the video encoder shall aim at."""
    delay_s: float
    """How long what is made now will wait before it is on its way."""
    delivered_kbps: float
    """What the link carries, as far as it has been seen."""
    busy: bool = False
    """The link does not carry the lowest bitrate."""
    sustained_kbps: int = 0
    """The target without what is held back to drain a queue: what the size of the picture goes by."""
    flight_bytes: int | None = None
    """How much may be underway: what is more waits in the send queue, where it can be dropped whole. None: no limit."""


class RateRule(Protocol):
    """Decides the bitrate of one session after another. One thread."""

    def begin(self, now_s: float) -> None:
        """A session begins: counters start at zero again."""
        ...

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        """Bounds of the target from now on."""
        ...

    def sample(self, sample: LinkSample) -> Decision:
        """Take a measurement, about every 25 ms."""
        ...


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a mode trades: times in seconds. Found by simulation on the links that ``tests.bench.uplink`` tunes on."""

    standing_s: float
    """The queue that is kept while the link is the limit."""
    react_s: float
    """A queue from which on the target is cut; what encoder and keyframes cause by themselves is shorter."""
    drain_s: float
    """Within how long a longer queue is to be gone."""
    flight_s: float
    """Beyond the round trip, this much may be underway: the rest waits where it can be dropped whole."""
    busy_flight_s: float
    """The same while the link is full: what has left is late, but not lost."""


LIVE = Tuning(standing_s=0.05, react_s=0.07, drain_s=0.9, flight_s=0.12, busy_flight_s=0.6)
RTC = Tuning(standing_s=0.03, react_s=0.06, drain_s=0.6, flight_s=0.05, busy_flight_s=0.08)

WINDOW_S = 0.15
"""Over which the acknowledged rate is taken while acknowledgements flow: the shortest that evens out single pictures."""
STALLED_WINDOW_S = 0.5
"""The same when they come in bursts."""
LEAST_WINDOW_S = 0.1
"""The rate is that of the link only since something waits; but some samples it takes."""
BASE_FRESH_S = 6.0
"""Without an empty queue for so long, one is made, lest a standing one be taken for the way itself."""
DRAIN_FOR_S = 1.0

FOLLOW_S = 0.3
"""After so long a new target has arrived at the link: the queue is taken as it will be then."""

OWN_S = 0.05
"""A keyframe fills the link for no longer than this."""

BEGIN_S = 1.0
BEGIN_OWN_S = 0.15
"""A session begins with a keyframe on a connection that TCP opens slowly: for so long, so much more is its own."""

NEAR = (0.9, 1.05)
"""By these factors of the rate at which the link was last full: from the first on the climb is careful, until the second has
come through."""
FAST_PER_S = 2.3
"""Elsewhere: by this share of the target a second, compounded, as far as the encoder follows (:data:`USED`). Too much costs
little, as the cut is quick and exact."""
CAREFUL_PER_S = 0.08
PER_VOLATILITY = 0.7
"""Added to that by how much the link's limit changed from one congestion to the next (mean of the logarithm)."""
FASTER_PER_S2 = 0.3
"""Added for every second without congestion."""
REGAIN_PER_S = 3.0
"""While something waits: what is wanted then is known from what the link carries, but measured over a short time."""

UNUSED_PER_S = 0.05
"""While the scene does not use the target, nothing is learned about the link: hardly at all, and not beyond its last limit
while that is fresh."""
USED = 0.5
"""Share of the target that has to be made for it to count as used."""
FRESH_S = 30.0
"""For so long the last limit is believed while nothing is learned."""

BUSY_DELAY_S = 0.5
BUSY_AFTER_S = 1.0
RECOVERED_AFTER_S = 2.0
"""The link is too small for the lowest bitrate (1101) after so long at it with such a queue; and no more after so long without."""

LEAST_FLIGHT_S = 0.35
"""Of the lowest bitrate, so much may always be underway: a way that has become longer, as with another network, would
otherwise be throttled by what it was, and could never show what it carries."""


class BitrateController:
    """A :class:`RateRule`. The first session begins at the upper bound, the others where the last one ended."""

    def __init__(self, tuning: Tuning = LIVE, *, min_kbps: int = 200, max_kbps: int = 1000) -> None:
        self._tuning = tuning
        self._min, self._max = min_kbps, max_kbps
        self._target = float(max_kbps)
        self._busy = False
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        self._view = LinkView()
        self._begun_s = now_s
        self._full_at: float | None = None
        """The target when the present congestion began."""
        self._limit = math.inf
        """What the link carried, for the picture, when it was last full."""
        self._volatility = 0.2
        self._since = self._empty_at = self._fine_since = now_s
        self._short_since: float | None = None
        # still busy, if the last session's link was: a new connection alone is no recovery
        self._carried = 0.0
        self._made = 0
        self._ahead_kbit = 0.0

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        self._min, self._max = min_kbps, max_kbps
        self._target = min(max(self._target, min_kbps), max_kbps)
        if self._full_at is not None:
            self._full_at = min(max(self._full_at, min_kbps), max_kbps)

    def sample(self, sample: LinkSample) -> Decision:
        view, tuning = self._view, self._tuning
        step_s = view.add(sample)
        if not step_s:
            self._made = sample.made_bytes
            return Decision(round(self._target), 0.0, 0.0, busy=self._busy)
        now_s, delay_s, audio = sample.now_s, view.delay_s, view.audio_kbps
        flowing = view.gap_s < FLOWING_S
        window_s = max(LEAST_WINDOW_S, min(WINDOW_S, view.full_s)) if flowing else STALLED_WINDOW_S
        carried = view.acked_kbps(window_s)
        standing_s = self._standing_s(now_s, delay_s)
        own_s = self._own_s(sample, step_s, audio)
        queued_kbit = view.queued_kbit(carried) + (view.made_kbps(WINDOW_S) - carried) * FOLLOW_S
        wanted = carried + (carried * standing_s - max(0.0, queued_kbit)) / tuning.drain_s - audio
        if sample.probing or not flowing and view.gap_s < STALL_S:
            pass  # nothing is to be learned until it moves again
        elif (delay_s - view.gap_s if flowing else delay_s) > max(standing_s, tuning.react_s) + own_s:
            if self._full_at is None:
                self._full_at = self._target
            self._carried = carried
            self._target = min(wanted, self._target * (1 + REGAIN_PER_S * step_s), self._full_at)
        elif delay_s < EMPTY_S + standing_s / 2:
            if self._full_at is not None:
                self._resume(now_s, carried, audio)
            self._climb(now_s, step_s, audio)
        elif wanted > self._target:
            self._target = min(wanted, self._target * (1 + FAST_PER_S * step_s))
        self._target = min(max(self._target, self._min), self._max)
        busy = self._is_busy(now_s, delay_s, audio)
        # what is told to people (1101) is no matter of single packets
        delivered = view.acked_kbps(BUSY_AFTER_S) if busy else self._carried or carried
        return Decision(
            round(self._target), delay_s, delivered, busy=busy,
            sustained_kbps=self._sustained(audio), flight_bytes=self._flight_bytes(audio),
        )  # fmt: skip

    def _sustained(self, audio: float) -> int:
        if self._full_at is None:
            return round(self._target)
        return round(min(max(self._target, self._view.acked_kbps(0.5) - audio), self._full_at))

    def _own_s(self, sample: LinkSample, step_s: float, audio: float) -> float:
        """The queue that is there on a link that carries the target: what the encoder makes by itself, with a keyframe, or
        what was made while Wi-Fi stood still."""
        made, self._made = sample.made_bytes - self._made, sample.made_bytes
        if self._full_at is not None:
            self._ahead_kbit = 0.0
            return 0.0
        rate = self._target + audio
        self._ahead_kbit = min(OWN_S * rate, max(0.0, self._ahead_kbit + made / 125 - self._target * step_s))
        begins_s = BEGIN_OWN_S if sample.now_s - self._begun_s < BEGIN_S else 0.0
        return max(self._ahead_kbit / rate + begins_s, self._view.stood_s)

    def _standing_s(self, now_s: float, delay_s: float) -> float:
        """The queue to aim at: none, from time to time, so that the way without one is seen."""
        if delay_s < EMPTY_S:
            self._empty_at = now_s
        elif now_s - self._empty_at > BASE_FRESH_S + DRAIN_FOR_S:
            self._empty_at = now_s - DRAIN_FOR_S
        return 0.0 if now_s - self._empty_at > BASE_FRESH_S else self._tuning.standing_s

    def _resume(self, now_s: float, carried: float, audio: float) -> None:
        """The congestion is over."""
        assert self._full_at is not None
        mean = max(carried, self._view.acked_kbps(0.6))
        self._target = max(self._target, min(self._full_at, mean - audio))
        limit = max(carried - audio, 30.0)
        if self._limit < math.inf:
            self._volatility += 0.3 * (min(0.7, abs(math.log(limit / self._limit))) - self._volatility)
        self._limit, self._full_at, self._since = limit, None, now_s

    def _climb(self, now_s: float, step_s: float, audio: float) -> None:
        known = self._limit if now_s - self._since < FRESH_S else math.inf
        delivered = self._view.acked_kbps(0.3) - audio
        if self._view.made_kbps(0.25) < USED * (self._target + audio):
            per_s = UNUSED_PER_S if self._target < known else 0.0
        elif self._target > NEAR[0] * self._limit and delivered < NEAR[1] * self._limit:
            careful = CAREFUL_PER_S + PER_VOLATILITY * self._volatility + FASTER_PER_S2 * (now_s - self._since)
            per_s = min(FAST_PER_S, careful)
        else:
            per_s = FAST_PER_S
        self._target *= 1 + per_s * step_s

    def _is_busy(self, now_s: float, delay_s: float, audio: float) -> bool:
        """Whether the link has been too small for the lowest bitrate, with hysteresis."""
        at_least = self._target <= self._min
        if at_least and delay_s > BUSY_DELAY_S and self._view.acked_kbps(BUSY_AFTER_S) < self._min + audio:
            self._fine_since = now_s
            if self._short_since is None:
                self._short_since = now_s
            self._busy = self._busy or now_s - self._short_since >= BUSY_AFTER_S
        else:
            self._short_since = None
            if delay_s > BUSY_DELAY_S / 2:
                self._fine_since = now_s
            self._busy = self._busy and now_s - self._fine_since < RECOVERED_AFTER_S
        return self._busy

    def _flight_bytes(self, audio: float) -> int:
        view, tuning = self._view, self._tuning
        sends = max(view.acked_kbps(0.5), view.acked_kbps(1.5))
        if self._full_at is None:
            sends = max(sends, self._target + audio)
        beyond_s = tuning.flight_s if self._full_at is None else tuning.busy_flight_s
        least = (self._min + audio) * LEAST_FLIGHT_S
        return int(125 * max(least, sends * (view.rtt_s + beyond_s)))
