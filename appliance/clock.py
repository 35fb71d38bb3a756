"""The two clocks of the appliance.

Media and timers use one monotonic clock (seconds, ``CLOCK_MONOTONIC``: the clock the kernel stamps camera
frames and ALSA periods with). Wall time is only for people. Whatever decides something takes its clock
as an argument, so that tests can pass their own.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

# systemd-timesyncd touches this file at its first successful synchronisation.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """What a timer or a timestamp needs. Safe to call from any thread."""

    def monotonic(self) -> float:
        """Seconds, never going back; the zero is arbitrary."""
        ...

    def wall(self) -> float:
        """Seconds since 1970 UTC. May jump when the clock is set."""
        ...

    def synchronised(self) -> bool:
        """Whether the wall clock is believed to be right."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def synchronised(self) -> bool:
        # A Pi has no battery-backed clock: before the first synchronisation it wakes up in the past. Where
        # no systemd-timesyncd runs there is no mark to look for, and a machine that is not one of those
        # single-board computers is taken to have a real-time clock.
        return _TIMESYNC_MARK.exists() or Path("/dev/rtc0").exists() or not Path("/run/systemd/timesync").is_dir()
