"""Events and the bus that carries them (SPEC 3).

Everything that happens is raised once, on the bus, by the part that knows; the log, the page, the webhook, the
lights and the journal subscribe. Subscribers are called in the raising thread, which may be the camera's or
the session's: they hand over and return, and never wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.clock import Clock, SystemClock
from appliance.errors import LivePusherError
from appliance.event_codes import TABLE, EventCode, Severity

log = logging.getLogger(__name__)
journal = logging.getLogger("appliance.journal")

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``time`` is wall clock seconds since 1970, ``monotonic`` seconds."""

    code: int
    name: str
    severity: Severity
    text: str
    time: float
    synchronised: bool
    monotonic: float
    details: dict[str, object] = field(default_factory=dict)


class _Blank(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


class EventBus:
    """Where events are raised and listened to. All methods may be called from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._subscribers: tuple[Callable[[Event], None], ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, subscriber: Callable[[Event], None]) -> Callable[[], None]:
        """Have every later event handed to ``subscriber``; the answer ends it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def emit(self, code: int, /, **details: object) -> Event:
        """Raise an event of the table. ``details`` fill its text and go along; never put a secret in them."""
        row: EventCode = TABLE[code]
        event = Event(
            code=row.code,
            name=row.name,
            severity=row.severity,
            text=row.text.format_map(_Blank(details)),
            time=self._clock.wall(),
            synchronised=self._clock.synchronised(),
            monotonic=self._clock.monotonic(),
            details=details,
        )
        journal.log(_LEVELS[event.severity], "%s %s: %s", event.code, event.name, event.text)
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:
                log.exception("a subscriber failed on event %s", event.code)
        return event

    def emit_error(self, error: LivePusherError, /, **details: object) -> Event:
        """Raise the event that an error carries the code of."""
        return self.emit(error.code, **{"reason": error.reason, **error.details, **details})
