"""A link in front of a bitrate rule: a queue that is drained at some rate, acknowledgements that come back later.

What is left out of it, compared with a real one: TCP's window, lost packets, and the scatter of pictures' sizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.pusher.bitrate import Decision, RateRule
from appliance.pusher.link_view import LinkSample

TICK_S = 0.005
SAMPLE_TICKS = 5
"""25 ms."""
PICTURE_TICKS = 8
"""25 pictures a second."""
SOUND_TICKS = 4
GOP = 50
ENCODER_LAG_S = 0.1
"""Time constant with which the encoder follows the target."""
ROOM_TICKS = 4
"""How often is looked whether less is underway than may be, once that much was."""
DROP_S = 0.7
"""What has waited for longer in front of the socket is dropped."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A sample and what became of it."""

    now_s: float
    decision: Decision
    waits_s: float
    """How long what is made now will be on its way beyond the way itself: by the model, not by the rule."""

    @property
    def kbps(self) -> int:
        return self.decision.target_kbps


@dataclass
class Uplink:
    """``capacity``: payload in kbit/s by the second; ``stalls``: (from, for) in which nothing is delivered, and after which
    what waited comes at once; ``scene``: the share of the target that the encoder makes; ``keyframe_times``: a keyframe's size
    as a multiple of the pictures between."""

    rule: RateRule
    capacity: Callable[[float], float]
    way_s: Callable[[float], float] = lambda _: 0.05
    audio_kbps: int = 64
    scene: Callable[[float], float] = lambda _: 1.0
    keyframe_times: float = 1.0
    stalls: tuple[tuple[float, float], ...] = ()
    start_kbps: int = 1000
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tick = self._picture = 0
        self._made = self._audio = 0
        self._waiting: deque[tuple[float, int, bool]] = deque()
        self._underway = self._acked = 0
        self._queue = self._carried = self._saved = 0.0
        self._returning: deque[tuple[float, float]] = deque()
        self._encoder_kbps = float(self.start_kbps)
        self._target = self.start_kbps
        self._limit: int | None = None
        self._look_at = 0

    @property
    def now_s(self) -> float:
        return self._tick * TICK_S

    def run(self, for_s: float) -> list[Moment]:
        """Go on for so long; what came of each sample of that time."""
        begin = len(self.moments)
        for _ in range(round(for_s / TICK_S)):
            self._tick += 1
            self._make()
            self._drop()
            self._send()
            self._deliver()
            if self._tick % SAMPLE_TICKS == 0:
                self._sample()
        return self.moments[begin:]

    def _make(self) -> None:
        if self._tick % PICTURE_TICKS == 0:
            share = PICTURE_TICKS * TICK_S
            self._encoder_kbps += (self._target * self.scene(self.now_s) - self._encoder_kbps) * share / ENCODER_LAG_S
            even = self._encoder_kbps * 125 * share * GOP / (GOP - 1 + self.keyframe_times)
            size = round(even * (self.keyframe_times if self._picture % GOP == 0 else 1.0))
            self._picture += 1
            self._made += size
            self._waiting.append((self.now_s, size, True))
        if self._tick % SOUND_TICKS == 0:
            size = round(self.audio_kbps * 125 * SOUND_TICKS * TICK_S)
            self._audio += size
            self._waiting.append((self.now_s, size, False))

    def _drop(self) -> None:
        if any(video and self.now_s - at_s > DROP_S for at_s, _, video in self._waiting):
            self._waiting = deque(item for item in self._waiting if not item[2])

    def _send(self) -> None:
        while self._waiting and self._tick >= self._look_at:
            if self._limit is not None and self._underway >= self._limit:
                self._look_at = self._tick + ROOM_TICKS
                break
            _, size, _ = self._waiting.popleft()
            self._underway += size
            self._queue += size

    def _deliver(self) -> None:
        bytes_now = self.capacity(self.now_s) * 125 * TICK_S
        if any(begin <= self.now_s < begin + for_s for begin, for_s in self.stalls):
            self._saved += bytes_now
        else:
            out = min(self._queue, bytes_now + self._saved)
            self._saved = 0.0
            self._queue -= out
            self._carried += out
            if out:
                self._returning.append((self.now_s + self.way_s(self.now_s), self._carried))
        while self._returning and self._returning[0][0] <= self.now_s + 1e-9:
            acked = round(self._returning.popleft()[1])
            self._underway -= acked - self._acked
            self._acked = acked

    def _sample(self) -> None:
        waiting = sum(size for _, size, _ in self._waiting)
        waits_s = self.now_s - self._waiting[0][0] if self._waiting else 0.0
        capacity = self.capacity(self.now_s)
        decision = self.rule.sample(
            LinkSample(
                now_s=self.now_s, made_bytes=self._made, audio_bytes=self._audio, acked_bytes=self._acked,
                flight_bytes=self._underway, waiting_bytes=waiting, waiting_s=waits_s, rtt_s=self.way_s(self.now_s),
            )
        )  # fmt: skip
        self._target, self._limit = decision.target_kbps, decision.flight_bytes
        delay_s = (waiting + self._queue) / 125 / capacity if capacity else 0.0
        self.moments.append(Moment(self.now_s, decision, delay_s))


def lowest(moments: list[Moment]) -> int:
    """The lowest target among these."""
    return min(moment.kbps for moment in moments)


def highest(moments: list[Moment]) -> int:
    return max(moment.kbps for moment in moments)


def mean(moments: list[Moment]) -> float:
    return sum(moment.kbps for moment in moments) / len(moments)
