"""``bindstatechange`` for Python: a callable that is given every event."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from appliance.threads import Worker
from appliance.webhook.records import EventRecords, Record

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # how often a stop is looked for while nothing happens
_BATCH = 100


class Callback:
    """Calls ``function(record)`` for every event from now on, in order, one at a time, in a thread of its own.

    A slow function falls behind and misses only what the log has dropped meanwhile. What it raises is logged, and the
    next event comes all the same.
    """

    def __init__(self, records: EventRecords, function: Callable[[Record], None]) -> None:
        self._records = records
        self._function = function
        self._handled = records.last_id
        self._ident: int | None = None
        self._worker = Worker("event handler", self._run, stall_s=None).start()

    def end(self, timeout_s: float = 1.0) -> None:
        """Hand over what was raised before this call, then call no more; waits at most ``timeout_s`` seconds, and not at
        all when the function itself calls."""
        last = self._records.last_id
        end = time.monotonic() + timeout_s
        if threading.get_ident() != self._ident:
            while self._handled < last and self._worker.alive and time.monotonic() < end:
                time.sleep(0.01)
        self._worker.stop(max(0.0, end - time.monotonic()))

    def _run(self, worker: Worker) -> None:
        self._ident = threading.get_ident()
        while not worker.stopping:
            for record in self._records.wait_after(self._handled, _LOOK_S, _BATCH):
                if worker.wait(0):
                    return
                try:
                    self._function(record)
                except Exception:
                    log.exception("the handler of events failed on event %s", record["code"])
                self._handled = record["id"]
