"""A thread that opens and closes devices, so that the pipelines go on meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from appliance.threads import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")


class Job(Generic[T]):
    """Something under way; ``done`` may be asked at any time, and then ``result`` or ``error`` holds."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self.result: T | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def run(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:  # noqa: BLE001  # whatever a driver raises goes to the job's owner
            self.error = error
        self._done.set()


class Hands:
    """Does jobs one after the other. ``wake`` is called after each. Closing a device and opening it again therefore
    never overlap."""

    def __init__(self, name: str, wake: Callable[[], None]) -> None:
        self._jobs: queue.SimpleQueue[Job[object] | None] = queue.SimpleQueue()
        self._wake = wake
        # A driver may hang for as long as it likes; that is told by the job's owner, not by the watchdog.
        self.worker = Worker(name, self._run, stall_s=None)
        self.worker.start()

    def do(self, work: Callable[[], T]) -> Job[T]:
        """Queue a job; returns at once."""
        job = Job(work)
        self._jobs.put(job)  # type: ignore[arg-type]  # a Job of T is run as a Job of object
        return job

    def close(self, timeout_s: float) -> None:
        """Finish what is queued, then end."""
        self._jobs.put(None)
        self.worker.stop(timeout_s)

    def _run(self, worker: Worker) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            if job.error is not None:
                log.debug("a device job failed: %s", job.error)
            self._wake()
