"""Whether an encoder keeps up with its camera (1107). Pure: the clock is passed in."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0
"""One slow second is a busy moment; five are an encoder that is too slow."""

ENOUGH = 0.7
"""Share of the pictures offered that must come out encoded. Below it the stream visibly stutters."""

LEAST_OFFERED = 10
"""Fewer pictures in the window say nothing."""


class KeepingUp:
    """Counts what an encoder was offered and what it delivered. One thread offers and asks; deliveries may come from
    another."""

    def __init__(self) -> None:
        self._offered: deque[float] = deque()
        self._delivered: deque[float] = deque()
        self._since_s: float | None = None

    def offered(self, now_s: float) -> None:
        """The camera had one more picture."""
        if self._since_s is None:
            self._since_s = now_s
        self._offered.append(now_s)

    def delivered(self, now_s: float) -> None:
        """The encoder gave one more picture."""
        self._delivered.append(now_s)

    def behind(self, now_s: float) -> bool:
        """Whether the encoder has been too slow for the whole window."""
        if self._since_s is None or now_s - self._since_s < WINDOW_S:
            return False
        for times in (self._offered, self._delivered):
            while times and times[0] < now_s - WINDOW_S:
                times.popleft()
        return len(self._offered) >= LEAST_OFFERED and len(self._delivered) < ENOUGH * len(self._offered)
