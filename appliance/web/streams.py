"""Answers without an end: live pictures, live events, long downloads.

Each holds a server thread for as long as it lasts, so their number is limited, and each looks several times a second
at :meth:`Connection.alive`: it ends when the client is gone, when the server stops, or when whoever opened it may no
longer see it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from flask import Response, request

from appliance.web.errors import Unavailable

LOOK_S = 0.25
"""How often a stream that has nothing to send looks at its connection."""
STALL_S = 15.0
"""A client that takes nothing for so long is taken for dead."""


class Slots:
    """How many streams may be open at one time. Any thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            if self._free == 0:
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self._free += 1

    @property
    def taken(self) -> int:
        return self.count - self._free


class Connection(Protocol):
    """The way back to the client; :mod:`appliance.web.server` puts one into each request's environment."""

    slots: Slots

    def alive(self) -> bool:
        """Whether the client is there and the server goes on."""
        ...

    def pending(self) -> int:
        """Bytes the client has not taken yet, besides what the kernel holds."""
        ...


ENVIRON_KEY = "live_pusher.connection"


class _Unserved:
    """Stands in where no server of ours is below, as in Flask's test client."""

    slots = Slots(12)

    def alive(self) -> bool:
        return True

    def pending(self) -> int:
        return 0


def connection() -> Connection:
    """The present request's."""
    found: Connection = request.environ.get(ENVIRON_KEY) or _Unserved()
    return found


class _Body:
    """The body of a stream. The slot is given back by ``close``, which the server calls even for a body it never began;
    a generator that was never begun would not run its ``finally``."""

    def __init__(self, chunks: Iterator[bytes], slots: Slots) -> None:
        self._chunks = chunks
        self._slots: Slots | None = slots

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back()
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def stream(chunks: Callable[[Connection], Iterator[bytes]], content_type: str) -> Response:
    """An answer whose body is ``chunks(connection)``; each chunk reaches the client at once. Raises Unavailable when
    too many are open."""
    way = connection()
    if not way.slots.take():
        raise Unavailable(
            f"{way.slots.count} live streams are open already; close the page in another window or device first",
            retry_after_s=5,
        )
    body: Iterable[bytes] = _Body(chunks(way), way.slots)
    answer = Response(body, content_type=content_type, direct_passthrough=False)
    answer.headers["X-Accel-Buffering"] = "no"  # for whoever puts nginx in front
    return answer


class Stall:
    """Notices a client that no longer takes anything, although its kernel still answers."""

    def __init__(self, way: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._way = way
        self._clock = clock
        self._pending = 0
        self._since = clock()

    def clear(self) -> bool:
        """Whether everything handed over so far has been taken."""
        pending, now = self._way.pending(), self._clock()
        if pending == 0 or pending < self._pending:
            self._since = now
        self._pending = pending
        return pending == 0

    @property
    def dead(self) -> bool:
        return self._clock() - self._since > STALL_S
