"""A worker that prepares a few items ahead of the thread that uses them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from appliance.errors import LivePusherError, plain
from appliance.threads import Worker

T = TypeVar("T")
log = logging.getLogger(__name__)

Stopping = Callable[[], bool]


class Lookahead(Generic[T]):
    """Runs ``items(stopping)`` in a thread of its own, at most ``limit`` items ahead of the one consumer.

    What the iterator raises is raised by :meth:`peek` once the items before it are used up; anything but the project's
    own errors becomes ``failure``.
    """

    def __init__(
        self,
        name: str,
        items: Callable[[Stopping], Iterator[T]],
        limit: int,
        failure: Callable[[str], LivePusherError],
    ) -> None:
        self._items = items
        self._limit = limit
        self._failure = failure
        self._changed = threading.Condition()
        self._ready: deque[T] = deque()
        self._error: LivePusherError | None = None
        self._worker = Worker(name, self._run, stall_s=None).start()

    def _run(self, worker: Worker) -> None:
        try:
            for item in self._items(lambda: worker.stopping):
                with self._changed:
                    self._changed.wait_for(lambda: worker.stopping or len(self._ready) < self._limit)
                    if worker.stopping:
                        return
                    self._ready.append(item)
                    self._changed.notify_all()
            error: LivePusherError = self._failure("it ended")
        except LivePusherError as known:
            error = known
        except Exception as unknown:
            log.exception("%s failed", worker.name)
            error = self._failure(plain(unknown))
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def peek(self, timeout_s: float = 0.0) -> T | None:
        """The next item, which stays the next; None when none is ready within ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._ready:
                if self._error is not None:
                    raise self._error
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            return self._ready[0]

    def pop(self) -> T:
        """Take what :meth:`peek` showed."""
        with self._changed:
            item = self._ready.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """End the worker and drop what it prepared. A worker stuck in a read of a dead disk is left behind."""
        self._worker.request_stop()
        with self._changed:
            self._ready.clear()
            self._changed.notify_all()
        if not self._worker.stop(2.0):
            log.warning("%s does not end", self._worker.name)
