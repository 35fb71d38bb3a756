"""What the samples of a session say about the link: rates, and how long data waits in front of it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkSample:
    """What is known of the session at one moment. Counters grow from the session's beginning."""

    now_s: float
    made_bytes: int
    """Video that the encoder made."""
    audio_bytes: int
    """Sound that was encoded."""
    acked_bytes: int
    """Acknowledged by the server's kernel: sound, pictures and overhead."""
    flight_bytes: int
    """Taken from the send queue and not yet acknowledged: unwritten, in the kernel, on the way."""
    waiting_bytes: int
    """In the send queue because the link is busy."""
    waiting_s: float
    """How long the oldest frame of them has waited there; 0 while the session takes whatever is due."""
    rtt_s: float
    """The kernel's smoothed round trip time; 0 while unknown."""
    probing: bool = False
    """The kernel holds back on purpose, to see the way without a queue, as BBR does every ten seconds."""


HISTORY_S = 4.0
EMPTY_S = 0.04
"""A delay so short is none: single pictures make as much."""

BURST_S = 0.1
"""Pictures come one by one and acknowledgements in pairs: the longest time underway within so long is what counts."""

BASE_S = 8.0
"""The shortest time underway within so long is the way itself; a longer way is believed after that. Time in which the link is
much too small for what is made does not count: the way without a queue cannot be seen then."""

SHORT = 0.95
SHORT_S = 1.0
SHORT_DELAY_S = 0.5
"""The link is much too small while less than this share of what is made is acknowledged, over so long, and the delay is longer
than this, by which no way becomes longer."""

FLOWING_S = 0.06
"""Longer between two acknowledgements than at the lowest rates: the link stands still."""
STALL_S = 0.33
"""Wi-Fi stands still for as long and then delivers all at once; only longer is taken for an outage."""


@dataclass(frozen=True, slots=True)
class _Moment:
    now_s: float
    acked: int
    offered: int
    """Acknowledged, underway and waiting."""
    made: int


class LinkView:
    """One session's samples of the last seconds. Rates are in kbit/s, of payload as the socket counts it."""

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque()
        self._ages: deque[tuple[float, float]] = deque()
        self._bases: deque[tuple[float, float]] = deque()
        self._rtts: deque[tuple[float, float]] = deque()
        self._first: LinkSample | None = None
        self._last: LinkSample | None = None
        self._first_offered = 0
        self._moved_at = 0.0
        self._stood_s = self._stood_until = self._probed_s = 0.0
        self._seen_s = 0.0
        """For how long the way could be seen."""
        self.base_s = 0.0
        """How long the way takes without a queue, with what bursts of the encoder and of acknowledgements add."""
        self.delay_s = 0.0
        """How much longer the oldest byte that is not acknowledged has been underway."""
        self.full_s = 0.0
        """For how long something has waited without interruption."""
        self._empty_at = 0.0
        self.rtt_s = 0.0
        """The shortest round trip time of late; 0 while none is known."""

    def add(self, sample: LinkSample) -> float:
        """Take a sample; the answer is the time since the one before it, in seconds, 0 for the first."""
        last, self._last = self._last, sample
        offered = sample.acked_bytes + sample.flight_bytes + sample.waiting_bytes
        made = sample.made_bytes + sample.audio_bytes
        self._moments.append(_Moment(sample.now_s, sample.acked_bytes, offered, made))
        while len(self._moments) > 2 and self._moments[1].now_s < sample.now_s - HISTORY_S:
            self._moments.popleft()
        if last is None:
            self._first, self._first_offered = sample, offered
            self._moved_at = sample.now_s
            return 0.0
        if sample.probing:
            self._probed_s += sample.now_s - last.now_s
        elif self._probed_s:
            self._stood_s, self._probed_s = self._probed_s, 0.0
            self._stood_until = sample.now_s + 2 * self._stood_s + self.rtt_s + BURST_S
        if sample.acked_bytes > last.acked_bytes or not last.flight_bytes:
            self._goes_on(sample.now_s)
        short = self.delay_s > SHORT_DELAY_S and self.acked_kbps(SHORT_S) < SHORT * self.made_kbps(SHORT_S)
        if not short:
            self._seen_s += sample.now_s - last.now_s
        age = self._age_s()
        if sample.acked_bytes > self._first_offered:  # else nothing that was seen going has come back yet
            self._ages.append((sample.now_s, age))
            while self._ages[0][0] < sample.now_s - BURST_S - 1e-6:
                self._ages.popleft()
            self._remember(self._bases, max(age for _, age in self._ages), short)
        if sample.rtt_s:
            self._remember(self._rtts, sample.rtt_s, short)
        self.rtt_s = min((rtt for _, rtt in self._rtts), default=0.0)
        self.base_s = min((base for _, base in self._bases), default=age)
        if self.rtt_s:
            # a session that begins on a full link has seen no empty one
            self.base_s = min(self.base_s, self.rtt_s + BURST_S)
        self.delay_s = max(0.0, age - self.base_s)
        if self.delay_s < EMPTY_S:
            self._empty_at = sample.now_s
        self.full_s = sample.now_s - self._empty_at
        return sample.now_s - last.now_s

    def _remember(self, times: deque[tuple[float, float]], time_s: float, short: bool) -> None:
        """Keep a time that belongs to the way, or to a queue in front of it, with those of the last :data:`BASE_S`."""
        if not short or not times or time_s < times[-1][1]:
            times.append((self._seen_s, time_s))
        while times[0][0] < self._seen_s - BASE_S:
            times.popleft()

    def _goes_on(self, now_s: float) -> None:
        gap_s, self._moved_at = now_s - self._moved_at, now_s
        if FLOWING_S < gap_s < STALL_S:
            self._stood_s = max(gap_s, self.stood_s)
            self._stood_until = now_s + self._stood_s + self.rtt_s + BURST_S

    @property
    def stood_s(self) -> float:
        """For how long the link stood still before it went on, as long as what was made meanwhile may still be waiting: a
        delay of so much is nothing but that. 0 afterwards."""
        last = self._last
        return self._stood_s if last is not None and last.now_s < self._stood_until else 0.0

    @property
    def gap_s(self) -> float:
        """For how long nothing has been acknowledged although something is underway."""
        return self._last.now_s - self._moved_at if self._last is not None else 0.0

    @property
    def audio_kbps(self) -> float:
        """The sound's share of what is made."""
        first, last = self._first, self._last
        if first is None or last is None or last.now_s - first.now_s < 0.5:
            return 0.0
        return (last.audio_bytes - first.audio_bytes) / 125 / (last.now_s - first.now_s)

    def acked_kbps(self, window_s: float) -> float:
        """What was acknowledged."""
        begin, end = self._within(window_s)
        return (end.acked - begin.acked) / 125 / (end.now_s - begin.now_s) if end is not begin else 0.0

    def made_kbps(self, window_s: float) -> float:
        """What the encoders made."""
        begin, end = self._within(window_s)
        return (end.made - begin.made) / 125 / (end.now_s - begin.now_s) if end is not begin else 0.0

    def queued_kbit(self, carried_kbps: float) -> float:
        """What is underway or waiting, less what fills the way itself at that rate."""
        last = self._moments[-1]
        return max(0.0, (last.offered - last.acked) / 125 - carried_kbps * self.base_s)

    def _within(self, window_s: float) -> tuple[_Moment, _Moment]:
        end = self._moments[-1]
        begin = end
        for moment in reversed(self._moments):
            begin = moment
            if moment.now_s <= end.now_s - window_s + 1e-6:
                break
        return begin, end

    def _age_s(self) -> float:
        """How long ago the oldest byte was offered that is not acknowledged; between two samples, in proportion."""
        later = self._moments[-1]
        now_s, acked = later.now_s, later.acked
        if later.offered <= acked:
            return 0.0
        for moment in reversed(self._moments):
            if moment.offered <= acked:
                share = (acked - moment.offered) / (later.offered - moment.offered)
                return now_s - moment.now_s - share * (later.now_s - moment.now_s)
            later = moment
        return now_s - self._moments[0].now_s
