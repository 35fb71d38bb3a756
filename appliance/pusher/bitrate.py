"""The adaptive bitrate: from what the link does to what the encoder shall make (SPEC 4). Pure: the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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
    dropped_frames: int = 0
    """Pictures dropped from the send queue."""


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


class RateRule(Protocol):
    """Decides the bitrate of one session after another. One thread."""

    def begin(self, now_s: float) -> None:
        """A session begins: counters start at zero again."""
        ...

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        """Bounds of the target from now on."""
        ...

    def sample(self, sample: LinkSample) -> Decision:
        """Take a measurement, about every 50 ms."""
        ...
