"""Whether every worker makes progress, and systemd's watchdog, which is fed only while all do (SPEC 9).

A worker that hangs in a driver or a lock cannot be helped from inside the process. So the hang is told once, the
watchdog is fed no more, and systemd starts the service afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from appliance import event_codes
from appliance.events import EventBus
from appliance.system import notify
from appliance.threads import Worker

_CHECK_S = 5.0  # without a watchdog to feed
_OK, _STALLED, _DIED = "ok", "makes no progress", "died"


class Health:
    """Watches workers, in a thread of its own. All methods may be called from any thread.

    A worker counts from its start on; one that was asked to stop and has ended is forgotten by itself.
    """

    def __init__(self, workers: Iterable[Worker] = (), *, events: EventBus) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._workers: dict[int, Worker] = {}
        self._told: set[int] = set()
        watchdog_s = notify.watchdog_s()
        self._feeds = watchdog_s is not None
        self._interval_s = _CHECK_S if watchdog_s is None else watchdog_s / 2
        self.worker = Worker("health", self._watch, stall_s=None)
        for worker in workers:
            self.add(worker)

    def start(self) -> Health:
        """Begin to watch, and to feed the watchdog."""
        self.worker.start()
        return self

    def stop(self, timeout_s: float = 2.0) -> None:
        """End watching. Whoever stops the service does this last, so that a hang while stopping is noticed too."""
        self.worker.stop(timeout_s)

    def add(self, worker: Worker) -> None:
        """Watch one more."""
        with self._lock:
            self._workers[id(worker)] = worker

    def remove(self, worker: Worker) -> None:
        """Watch it no more. Harmless when it is not watched."""
        with self._lock:
            self._workers.pop(id(worker), None)
            self._told.discard(id(worker))

    def report(self) -> tuple[bool, dict[str, str]]:
        """Whether all is well, and the name and state of each worker."""
        states: dict[str, str] = {}
        for worker, state in self._states():
            name, number = worker.name, 2
            while name in states:
                name, number = f"{worker.name} {number}", number + 1
            states[name] = state
        return all(state == _OK for state in states.values()), states

    def _states(self) -> list[tuple[Worker, str]]:
        with self._lock:
            for key, worker in list(self._workers.items()):
                if worker.stopping and not worker.alive:
                    del self._workers[key]
                    self._told.discard(key)
            workers = [worker for worker in self._workers.values() if worker.started]
        return [(worker, _STALLED if worker.stalled else _OK if worker.alive else _DIED) for worker in workers]

    def _watch(self, worker: Worker) -> None:
        while True:
            states = self._states()
            # Fed before anything else: telling may take its time.
            if self._feeds and all(state == _OK for _, state in states):
                notify.watchdog()
            self._tell(states)
            if worker.wait(self._interval_s):
                return

    def _tell(self, states: list[tuple[Worker, str]]) -> None:
        hanging = {id(worker): worker.name for worker, state in states if state != _OK}
        with self._lock:
            fresh = [name for key, name in hanging.items() if key not in self._told]
            self._told = set(hanging)
        for name in fresh:
            self._events.emit(event_codes.WATCHDOG, worker=name)
