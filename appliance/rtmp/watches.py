"""What the session judges by the clock. Pure: times and measurements go in, a verdict comes out."""

from __future__ import annotations


class ProgressWatch:
    """Tells a link that stands still from one that is slow or idle (SPEC 5, "no progress").

    Something is queued, and the number of bytes that the server's kernel has acknowledged has not changed for
    ``limit_s``. A stopped server's kernel goes on answering window probes: those acknowledge no bytes.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._acked = -1
        self._since: float | None = None

    def stalled(self, now_s: float, *, acked_bytes: int, queued_bytes: int) -> bool:
        """Take a measurement; whether the link has stood still for too long."""
        if queued_bytes <= 0:
            self._since = None
        elif self._since is None or acked_bytes != self._acked:
            self._since = now_s
        self._acked = acked_bytes
        return self._since is not None and now_s - self._since >= self._limit_s


class ReadBudget:
    """How much of what the server sends is read: a publisher is told a few bytes a second, so a server that sends
    floods is hostile or broken. It is read no faster than this, which costs little, and TCP makes it wait."""

    BYTES_PER_S = 262_144.0
    """In the worst case, chunks of one byte, that takes a tenth of a processor's time (0.4 µs a byte on a PC)."""
    BURST_BYTES = 262_144.0

    def __init__(self, now_s: float) -> None:
        self._left = self.BURST_BYTES
        self._at = now_s

    def _refill(self, now_s: float) -> None:
        self._left = min(self.BURST_BYTES, self._left + (now_s - self._at) * self.BYTES_PER_S)
        self._at = now_s

    def spend(self, now_s: float, size: int) -> None:
        """``size`` bytes were read."""
        self._refill(now_s)
        self._left -= size

    def pause_s(self, now_s: float) -> float:
        """Seconds until the next read is due; 0: now."""
        self._refill(now_s)
        return 0.0 if self._left > 0 else 0.01 - self._left / self.BYTES_PER_S
