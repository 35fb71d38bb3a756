"""How often a password may be tried.

Nobody waits in a server thread: a caller who comes too early is told when to come again (HTTP 429, Retry-After).

- Per address: after :data:`FREE_TRIES` wrong passwords the next try is let in 1 s later, then 2 s, 4 s, … up to
  :data:`LONGEST_WAIT_S`. Coming too early costs nothing, so the wait always ends.
- Over all addresses: :data:`BURST` wrong passwords at once, then one every :data:`REFILL_S`. That bounds whoever has
  many addresses (on IPv6 that is everybody). One address alone never gets there, because its own wait bounds it sooner;
  and an address that has signed in before is not held back by what others do. So nobody locks out everybody.

A try counts as wrong from its beginning and is forgiven when the password turns out right, so that many at the same
time are no way around. The tables are bounded; the longest unused entry goes first.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from appliance.errors import LivePusherError

FREE_TRIES = 3
LONGEST_WAIT_S = 300.0
FORGET_S = 3600.0
"""After so long without a try an address starts afresh."""
BURST = 60
REFILL_S = 10.0
REMEMBERED = 1024
"""Addresses in each table."""


class TooManyTries(LivePusherError, PermissionError):
    """A password was tried too often; ``retry_after_s`` is a whole number of seconds, at least 1."""

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many wrong passwords; try again in {self.retry_after_s} s")


@dataclass
class _Record:
    wrong: int = 0
    next_s: float = 0.0
    last_s: float = 0.0


class Throttle:
    """Counts wrong passwords. All methods may be called from any thread; ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._trusted: OrderedDict[str, None] = OrderedDict()
        self._tokens = float(BURST)
        self._filled_s = clock()

    def begin(self, address: str) -> None:
        """A try begins, and counts as wrong until :meth:`forgive`. Raises TooManyTries when it comes too early."""
        who = normal_address(address)
        with self._lock:
            now = self._clock()
            record = self._record(who, now)
            if now < record.next_s:
                raise TooManyTries(record.next_s - now)
            self._tokens = min(float(BURST), self._tokens + (now - self._filled_s) / REFILL_S)
            self._filled_s = now
            if who not in self._trusted:
                if self._tokens < 1:
                    raise TooManyTries((1 - self._tokens) * REFILL_S)
                self._tokens -= 1
            record.wrong += 1
            record.last_s = now
            if record.wrong >= FREE_TRIES:
                record.next_s = now + min(LONGEST_WAIT_S, 2.0 ** min(record.wrong - FREE_TRIES, 16))

    def forgive(self, address: str) -> None:
        """The try that began was right."""
        who = normal_address(address)
        with self._lock:
            self._records.pop(who, None)
            if who not in self._trusted:
                self._tokens = min(float(BURST), self._tokens + 1)
            self._trusted[who] = None
            self._trusted.move_to_end(who)
            while len(self._trusted) > REMEMBERED:
                self._trusted.popitem(last=False)

    def _record(self, who: str, now: float) -> _Record:
        record = self._records.get(who)
        if record is None or now - record.last_s > FORGET_S:
            record = self._records[who] = _Record(last_s=now)
        self._records.move_to_end(who)
        while len(self._records) > REMEMBERED:
            self._records.popitem(last=False)
        return record


def normal_address(address: str) -> str:
    """One spelling per address: ``::ffff:192.0.2.1`` is 192.0.2.1."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
