"""One small class for every thread of the service.

A worker has a stop event, a heartbeat, and a join with a bound. A worker whose body raises is not restarted
here: the failure goes to ``on_crash``, and the service ends so that systemd starts it afresh (a half-dead
service that looks alive is the worst that can stand in a booth).
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


def calm_garbage_collector() -> None:
    """Keep the collector of reference cycles from going through everything that was loaded, whenever frames are busy.

    Frames and packets are freed by their reference counts. What the service makes of cycles (PyAV's containers and filter
    graphs are some, and hold native memory) is collected by :class:`Collector`. Called once, when everything is imported
    and set up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


COLLECT_S = 20.0


class Collector:
    """Collects reference cycles every :data:`COLLECT_S` seconds: a few milliseconds each time, since what was loaded at
    the start is left out."""

    def __init__(self, *, on_crash: Callable[[str, BaseException], None] | None = None) -> None:
        self.worker = Worker("collector", self._run, on_crash=on_crash, stall_s=3 * COLLECT_S)

    def start(self) -> None:
        """From now on the interpreter's own collector is calm."""
        calm_garbage_collector()
        self.worker.start()

    def stop(self, timeout_s: float = 0.2) -> None:
        self.worker.stop(timeout_s)

    def _run(self, worker: Worker) -> None:
        while not worker.wait(COLLECT_S):
            worker.beat()
            gc.collect()


class Worker:
    """A named daemon thread around ``body(worker)``.

    The body looks at :attr:`stopping` and calls :meth:`beat` at least every ``stall_s`` seconds; the
    watchdog is fed only while no worker is :attr:`stalled`. ``stall_s=None`` is for threads that rightly wait
    for ever. All methods may be called from any thread.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[Worker], None],
        *,
        on_crash: Callable[[str, BaseException], None] | None = None,
        stall_s: float | None = 10.0,
    ) -> None:
        self.name = name
        self.stall_s = stall_s
        self._body = body
        self._on_crash = on_crash
        self._stop = threading.Event()
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Worker:
        """Start the thread; once only."""
        self._beat = time.monotonic()
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self._body(self)
        except BaseException as error:
            log.exception("thread %s died", self.name)
            if self._on_crash is not None:
                self._on_crash(self.name, error)

    @property
    def stopping(self) -> bool:
        """Whether the body has been asked to return."""
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Ask the body to return; does not wait."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep, at most ``timeout_s`` seconds; True as soon as a stop is asked for."""
        return self._stop.wait(timeout_s)

    def beat(self) -> None:
        """Say that the body makes progress."""
        self._beat = time.monotonic()

    @property
    def started(self) -> bool:
        """Whether :meth:`start` was called, also when the body has ended since."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def stalled(self) -> bool:
        """Whether the last beat is older than the worker allows itself."""
        return self.alive and self.stall_s is not None and time.monotonic() - self._beat > self.stall_s

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Ask the body to return and wait; False when it did not within ``timeout_s`` seconds."""
        self.request_stop()
        if self.started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self.alive
