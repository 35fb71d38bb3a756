"""Where each connection goes: the push address, signed afresh where the box holds the key, and watched where it runs out.

A ``txTime`` says little while the clock is wrong (a Pi wakes up in the past): until it is synchronised nothing is signed,
warned of or called expired.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appliance import event_codes as codes
from appliance.clock import Clock
from appliance.errors import ClockNotSynchronised, NetworkError, ServerRefused
from appliance.events import EventBus
from appliance.pusher import signed_url
from appliance.settings import push_address
from appliance.settings.declaration import Settings
from appliance.settings.push_address import PushAddress
from appliance.threads import Worker

LOOK_S = 2.0


class PushAddresses:
    """The push address of the settings that ``settings`` gives. All methods may be called from any thread.

    Its worker looks at the clock every few seconds: it raises URL_EXPIRES_SOON and URL_EXPIRED, each once for an address,
    and calls ``on_clock`` when an address that could not be signed can be.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        events: EventBus,
        clock: Clock,
        *,
        on_clock: Callable[[], None],
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._settings = settings
        self._events = events
        self._clock = clock
        self._on_clock = on_clock
        self._unsigned = False
        """Whether an address was wanted that could not be signed."""
        self._warned: tuple[int, int] = (0, 0)
        """The txTime that was warned of last, and how many warnings there were; the worker's alone."""
        self.worker = Worker("push address", self._watch, on_crash=on_crash)

    def current(self) -> PushAddress:
        """The address to connect to now. Raises ValueError for one that is wrong, ClockNotSynchronised for one that
        cannot be signed yet."""
        settings = self._settings()
        address = push_address.parse(settings.url, settings.stream_key)
        if not settings.push_key:
            return address
        if not self._clock.synchronised():
            self._unsigned = True
            raise ClockNotSynchronised(
                "the clock is not synchronised, so the push address cannot be signed; check network and time server"
            )
        return signed_url.signed(address, settings.push_key, settings.push_key_validity, self._clock.wall())

    def expires(self) -> int | None:
        """Until when the address may be used, in seconds since 1970; None where it does not run out, as for one that is
        signed at each connect."""
        settings = self._settings()
        if not settings.url or settings.push_key:
            return None
        try:
            return signed_url.expires(push_address.parse(settings.url, settings.stream_key))
        except ValueError:
            return None

    def explained(self, error: NetworkError) -> NetworkError:
        """``error``, and if the server refused an address that had run out: that this is why."""
        until = self.expires() if isinstance(error, ServerRefused) else None
        if not isinstance(error, ServerRefused) or until is None or not self._past(until):
            return error
        told = self._told(until)
        better = ServerRefused(
            f"the push address has expired (txTime {told}); the server says: {error.reason}",
            error.status, error.description,
        )  # fmt: skip
        better.details["expired"] = told
        return better

    def status(self) -> dict[str, Any]:
        """``urlExpires``: ISO 8601, None for an address that does not run out."""
        until = self.expires()
        return {"urlExpires": None if until is None else self._told(until)}

    def look(self) -> None:
        """Warn if it is time to, and notice a clock that became right; the worker does this by itself."""
        if not self._clock.synchronised():
            return
        if self._unsigned:
            self._unsigned = False
            self._on_clock()
        until = self.expires()
        if until is None:
            return
        remaining_s = until - self._clock.wall()
        due = signed_url.warnings_due(remaining_s)
        told = self._warned[1] if self._warned[0] == until else 0
        if due <= told:
            return
        self._warned = (until, due)
        if remaining_s > 0:
            minutes = max(1, round(remaining_s / 60))
            self._events.emit(codes.URL_EXPIRES_SOON, minutes=minutes, expires=self._told(until))
        else:
            self._events.emit(codes.URL_EXPIRED, expires=self._told(until))

    def _told(self, until: int) -> str:
        """A time as people and programs read it: ISO 8601, in the box's time zone."""
        return datetime.fromtimestamp(until, ZoneInfo(self._settings().time_zone)).isoformat(timespec="seconds")

    def _past(self, until: int) -> bool:
        return self._clock.synchronised() and self._clock.wall() > until

    def _watch(self, worker: Worker) -> None:
        while True:
            self.look()
            worker.beat()
            if worker.wait(LOOK_S):
                return
