"""What befalls the box itself: weak supply, heat, a disk that fills, a clock that gets right (SPEC 3, 20014 to
20017)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from appliance import event_codes
from appliance.clock import Clock
from appliance.events import EventBus
from appliance.threads import Worker

# The firmware's word on supply and heat (Raspberry Pi documentation, get_throttled): the low bits tell what is now.
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
UNDER_VOLTAGE_BIT = 0x1
SLOWED_BITS = {0x2: "frequency capped", 0x4: "throttled", 0x8: "soft temperature limit"}

_CHECK_S = 10.0
DISK_LOW_MB = 200
_DISK_FINE_MB = 300  # more than the threshold, so that a disk on the edge is told of once


def throttled() -> int | None:
    """The firmware's bits (see above; bit 16 and up: since the start), None where there is no such firmware."""
    try:
        return int(_THROTTLED.read_text().strip(), 16)
    except (OSError, ValueError):
        return None


class BoxWatch:
    """Looks at the box every ten seconds, and raises an event when something begins, once."""

    def __init__(
        self, events: EventBus, clock: Clock, state_dir: Path, *, read_throttled: Callable[[], int | None] = throttled
    ) -> None:
        self._events = events
        self._clock = clock
        self._state_dir = state_dir
        self._read_throttled = read_throttled
        self._flags = 0
        self._disk_low = False
        self._synchronised = clock.synchronised()
        self.worker = Worker("box", self._watch, stall_s=60.0)

    def start(self) -> BoxWatch:
        self.worker.start()
        return self

    def stop(self, timeout_s: float = 2.0) -> None:
        self.worker.stop(timeout_s)

    def look(self) -> None:
        """One look; the worker does this by itself."""
        self._look_at_supply()
        self._look_at_disk()
        synchronised = self._clock.synchronised()
        if synchronised and not self._synchronised:
            self._events.emit(event_codes.CLOCK_SYNCHRONISED)
        self._synchronised = synchronised

    def _watch(self, worker: Worker) -> None:
        while True:
            self.look()
            worker.beat()
            if worker.wait(_CHECK_S):
                return

    def _look_at_supply(self) -> None:
        flags = self._read_throttled()
        if flags is None:
            return
        fresh = flags & ~self._flags
        self._flags = flags
        if fresh & UNDER_VOLTAGE_BIT:
            self._events.emit(event_codes.UNDER_VOLTAGE)
        reasons = [words for bit, words in SLOWED_BITS.items() if fresh & bit]
        if reasons:
            self._events.emit(event_codes.THROTTLED, reason=", ".join(reasons))

    def _look_at_disk(self) -> None:
        try:
            free_mb = shutil.disk_usage(self._state_dir).free // 1_000_000
        except OSError:
            return  # the event log tells when the disk cannot be used at all
        if free_mb < DISK_LOW_MB and not self._disk_low:
            self._disk_low = True
            self._events.emit(event_codes.DISK_LOW, free_mb=free_mb)
        elif free_mb > _DISK_FINE_MB:
            self._disk_low = False
