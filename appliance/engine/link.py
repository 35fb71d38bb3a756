"""One RTMP session after another, between the send queue and the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from appliance import event_codes as codes
from appliance.errors import NetworkError
from appliance.events import EventBus
from appliance.media.send_queue import SendQueue
from appliance.pusher.states import Happening, Input
from appliance.rtmp.session import PublishSession
from appliance.rtmp.uplink import LinkStatistics
from appliance.settings.push_address import PushAddress

log = logging.getLogger(__name__)


class Link:
    """Owns the present session. :meth:`connect` and :meth:`disconnect` belong to the pusher's thread and never wait;
    what becomes of the session is reported."""

    def __init__(
        self,
        queue: SendQueue,
        events: EventBus,
        report: Callable[[Happening], None],
        *,
        on_session: Callable[[PublishSession | None], None],
    ) -> None:
        self._queue = queue
        self._events = events
        self._report = report
        self._on_session = on_session
        self._lock = threading.Lock()
        self._current: _Listener | None = None
        self.connected_to: str | None = None

    def connect(self, address: PushAddress, metadata: Callable[[], Mapping[str, object]], *, video: bool) -> None:
        """Open a session, unless one is alive. One that was told to end and has not yet is left to do so unheard."""
        with self._lock:
            if self._current is not None and not self._current.closing:
                return
            listener = self._current = _Listener(self, video)
            listener.again = lambda: self.connect(address, metadata, video=video)
        listener.session = PublishSession(address, self._queue, listener, metadata=metadata)
        self._on_session(listener.session)
        listener.session.start()

    def redial(self) -> None:
        """Replace a session that has not reached the server yet by a new one; pusher's thread."""
        listener = self._current
        if listener is None or listener.closing or listener.session is None:
            return
        if listener.session.phase in ("new", "resolving", "connecting"):
            listener.closing = True
            listener.session.close()
            listener.again()

    def lose(self, error: NetworkError) -> None:
        """Have the present session end as broken, which is then reported. Any thread."""
        listener = self._current
        if listener is not None and listener.session is not None:
            listener.session.lose(error)

    @property
    def local_address(self) -> str | None:
        """This machine's address at the present connection, None without one. Any thread."""
        listener = self._current
        return listener.session.local_address if listener is not None and listener.session is not None else None

    def disconnect(self) -> bool:
        """End the session; False when there was none. Its end is reported."""
        with self._lock:
            listener = self._current
            if listener is None or listener.session is None:
                return False
            listener.closing = True
            self._queue.close()
        listener.session.close()
        return True

    def statistics(self) -> LinkStatistics | None:
        """Of the present session, None without one. Any thread."""
        listener = self._current
        return listener.session.statistics() if listener is not None and listener.session is not None else None

    # -- called by the listener, in its session's thread ---------------------------------------------------

    def is_current(self, listener: _Listener) -> bool:
        return self._current is listener

    def connected(self, listener: _Listener, server: str) -> None:
        if self.is_current(listener):
            self.connected_to = server
            self._events.emit(codes.CONNECT_SUCC, server=server)

    def published(self, listener: _Listener) -> None:
        with self._lock:  # a queue must not open for a session that is told to end meanwhile
            if not self.is_current(listener) or listener.closing:
                return
            self._queue.open(video=listener.video)
        self._events.emit(codes.PUSH_BEGIN, server=self.connected_to or "?")
        self._report(Happening(Input.PUBLISHED))

    def ended(self, listener: _Listener, error: NetworkError | None) -> None:
        with self._lock:
            if self._current is not listener:
                return
            self._current = None
            # before anybody can open the next session
            self._queue.close()
            self.connected_to = None
            self._on_session(None)
        self._report(Happening(Input.ENDED) if error is None else Happening(Input.LOST, error=error))


class _Listener:
    """Hears one session; what a session says after another took its place is not passed on."""

    def __init__(self, link: Link, video: bool) -> None:
        self._link = link
        self.video = video
        self.closing = False
        self.session: PublishSession | None = None
        self.again: Callable[[], None] = lambda: None

    def on_connected(self, server: str) -> None:
        self._link.connected(self, server)

    def on_published(self) -> None:
        self._link.published(self)

    def on_ended(self, error: NetworkError | None) -> None:
        self._link.ended(self, error)
