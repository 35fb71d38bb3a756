"""What is needed of the event log."""

from __future__ import annotations

from typing import Any, Protocol

Record = dict[str, Any]
"""One event as ``GET /api/v1/events`` gives it: ``id``, ``code``, ``name``, ``severity``, ``text``, ``time``,
``synchronised``, ``monotonic``, ``details``."""


class EventRecords(Protocol):
    """The event log (:class:`appliance.event_log.log.EventLog`): ids count up by one."""

    @property
    def last_id(self) -> int:
        """The id of the newest event, 0 when there was never one."""
        ...

    def wait_after(self, id: int, timeout_s: float, limit: int = 100) -> list[Record]:
        """At most ``limit`` records behind that id, oldest first, as soon as there is one; empty when none came in
        time."""
        ...
