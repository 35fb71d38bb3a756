"""Rates, measured: how much of something happened in the last seconds."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable


class RateMeter:
    """Sum per second over a sliding window. Any thread may add and read."""

    def __init__(self, window_s: float = 2.0, now: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._now = now
        self._lock = threading.Lock()
        self._items: deque[tuple[float, float]] = deque()
        self._sum = 0.0
        self._begun: float | None = None

    def add(self, amount: float = 1.0) -> None:
        now = self._now()
        with self._lock:
            if self._begun is None:
                self._begun = now
            self._items.append((now, amount))
            self._sum += amount
            self._trim(now)

    def rate(self) -> float:
        """Per second; 0 when nothing came within the window."""
        now = self._now()
        with self._lock:
            self._trim(now)
            if not self._items or self._begun is None:
                self._begun = None
                return 0.0
            return self._sum / min(self._window_s, max(0.5, now - self._begun))

    def _trim(self, now: float) -> None:
        while self._items and self._items[0][0] < now - self._window_s:
            self._sum -= self._items.popleft()[1]
