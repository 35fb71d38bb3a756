"""The one place where the session's thread waits: for sockets, for time, and for a word from another thread."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections.abc import Callable

LONGEST_WAIT_S = 2.0
"""However long there is nothing to do, the thread shows that it lives this often."""


class Cancelled(Exception):
    """The session was asked to close while it waited."""


class Waiter:
    """A selector that any thread may wake. ``wake`` and ``cancel`` are for any thread, the rest for the one that waits."""

    def __init__(self, beat: Callable[[], None] = lambda: None) -> None:
        self._beat = beat
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._signalled = False
        self._cancelled = False
        self._selector.register(self._event, selectors.EVENT_READ)

    def wake(self) -> None:
        """Make a present or the next ``wait`` return at once. Never blocks; harmless after ``close``."""
        with self._lock:
            if self._event >= 0 and not self._signalled:
                self._signalled = True
                os.eventfd_write(self._event, 1)

    def cancel(self) -> None:
        """Make a present or the next ``wait`` raise Cancelled, once."""
        self._cancelled = True
        self.wake()

    def watch(self, sock: socket.socket, events: int) -> None:
        """Watch ``sock`` for ``selectors.EVENT_READ`` and ``EVENT_WRITE``; replaces what was watched of it, 0 for nothing."""
        known = self._selector.get_map().get(sock)
        if known is None and events:
            self._selector.register(sock, events)
        elif known is not None and not events:
            self._selector.unregister(sock)
        elif known is not None and known.events != events:
            self._selector.modify(sock, events)

    def wait(self, timeout_s: float | None) -> list[socket.socket]:
        """The watched sockets that are ready; an empty list after ``wake``, at the time-out, and from time to time."""
        self._beat()
        timeout_s = LONGEST_WAIT_S if timeout_s is None else min(max(timeout_s, 0.0), LONGEST_WAIT_S)
        ready: list[socket.socket] = []
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.fileobj, socket.socket):
                ready.append(key.fileobj)
                continue
            with self._lock:
                os.eventfd_read(self._event)
                self._signalled = False
        if self._cancelled:
            self._cancelled = False
            raise Cancelled
        return ready

    def close(self) -> None:
        """Release the descriptors."""
        with self._lock:
            os.close(self._event)
            self._event = -1
        self._selector.close()
