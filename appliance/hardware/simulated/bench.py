"""The devices on the simulated board, and everything that can go wrong with them.

A device can be unplugged, frozen (it opens, and delivers nothing), busy (somebody else holds it) and limited (it has none
of the sizes or sample rates that are asked of it), while it runs or before. As on real hardware, only one opener has it at a time, and one that was unplugged stays gone for whoever had it
open, until it is opened again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from appliance.errors import LivePusherError


class SimulatedDevice:
    """One device's plug. All methods may be called from any thread."""

    def __init__(self, name: str, error: Callable[[str], LivePusherError]) -> None:
        self.name = name
        self._error = error
        self._changed = threading.Condition()
        self._plugged = True
        self._frozen = False
        self._busy = False
        self._limited = False
        self._opener: object | None = None

    # -- the hands -----------------------------------------------------------------------------------------

    def set(
        self,
        *,
        plugged: bool | None = None,
        frozen: bool | None = None,
        busy: bool | None = None,
        limited: bool | None = None,
    ) -> None:
        """Change what is given; whoever waits for the device learns it at once."""
        with self._changed:
            self._plugged = self._plugged if plugged is None else plugged
            self._frozen = self._frozen if frozen is None else frozen
            self._busy = self._busy if busy is None else busy
            self._limited = self._limited if limited is None else limited
            if not self._plugged:
                self._opener = None
            self._changed.notify_all()

    @property
    def plugged(self) -> bool:
        return self._plugged

    @property
    def frozen(self) -> bool:
        return self._frozen

    @property
    def busy(self) -> bool:
        return self._busy

    @property
    def limited(self) -> bool:
        return self._limited

    @property
    def open(self) -> bool:
        return self._opener is not None

    # -- whoever uses it -----------------------------------------------------------------------------------

    def claim(self, opener: object) -> None:
        """Take the device; raises the device's error when it is unplugged, busy, or open elsewhere."""
        with self._changed:
            if not self._plugged:
                raise self._error(f"{self.name} is unplugged")
            if self._busy:
                raise self._error(f"{self.name} is busy: another program holds it")
            if self._opener not in (None, opener):
                raise self._error(f"{self.name} is busy: it is open already")
            self._opener = opener

    def release(self, opener: object) -> None:
        """Give it back; harmless when not held."""
        with self._changed:
            if self._opener is opener:
                self._opener = None

    def wait_until(self, opener: object, when_s: float, deadline_s: float) -> bool:
        """Sleep until ``when_s`` (monotonic seconds); False when ``deadline_s`` comes first or the device is frozen by
        then. Raises the device's error as soon as ``opener`` no longer has it."""
        with self._changed:
            while True:
                if self._opener is not opener:
                    raise self._error(f"{self.name} is unplugged" if not self._plugged else f"{self.name} is not open")
                now = time.monotonic()
                if now >= when_s and not self._frozen:
                    return True
                until = deadline_s if self._frozen else min(when_s, deadline_s)
                if now >= until:
                    return False
                self._changed.wait(until - now)
