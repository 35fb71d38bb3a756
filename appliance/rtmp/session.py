"""One push over one connection, in a thread of its own (SPEC 5).

The thread resolves, connects, shakes hands, publishes, and sends what the queue gives, until it is told to close or the
connection ends. Nobody else ever waits for the server, and this thread waits in one place only (``waiting``), so
that :meth:`PublishSession.close` works in every phase. A session is used once; a reconnect is a new one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from appliance.errors import LinkBroken, NetworkError
from appliance.media.tags import Tag
from appliance.rtmp.dial import dial
from appliance.rtmp.line import MAX_UNWRITTEN, Line
from appliance.rtmp.publish import FLASH_VERSION, Phase, PublishConversation
from appliance.rtmp.resolve import resolve
from appliance.rtmp.uplink import LinkStatistics, Uplink, prepare
from appliance.rtmp.waiting import Cancelled, Waiter
from appliance.rtmp.watches import ProgressWatch
from appliance.settings.push_address import PushAddress
from appliance.threads import Worker

log = logging.getLogger(__name__)

ROOM_S = 0.01
"""How often is looked whether less is underway than may be: the kernel does not tell."""

SAMPLE_S = 0.25
"""How often progress is looked at while something is queued."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that each phase may take (SPEC 5). ``publish_s`` is for connect, createStream and publish together;
    ``progress_s`` how long a link may stand still; ``farewell_s`` how long the end of a push waits for the server."""

    name_s: float = 5.0
    connect_s: float = 5.0
    handshake_s: float = 5.0
    publish_s: float = 10.0
    progress_s: float = 8.0
    farewell_s: float = 0.5


class TagSource(Protocol):
    """What a session needs of the send queue."""

    def take(self, now_s: float) -> Tag | None:
        """The next tag to send, None if none may go out yet."""
        ...

    def wait_s(self, now_s: float) -> float | None:
        """After ``take`` gave None: seconds until it may give one by time alone; None: only a put changes it."""
        ...

    def set_wake(self, wake: Callable[[], None] | None) -> None:
        """Have ``wake`` called, from any thread, when there may be something to take."""
        ...


class SessionListener(Protocol):
    """Whoever started the session. Called in the session's own thread; returns at once."""

    def on_connected(self, server: str) -> None:
        """The server has accepted the connect command."""
        ...

    def on_published(self) -> None:
        """The server has accepted the push; tags are taken from now on."""
        ...

    def on_ended(self, error: NetworkError | None) -> None:
        """The session is over and its socket closed; called exactly once. None only after ``close``."""
        ...


class PublishSession:
    """A push to ``address`` of what ``queue`` gives. All methods may be called from any thread, and none waits for the
    server but ``join``. ``metadata`` gives the values of onMetaData and is called once, in the session's thread."""

    def __init__(
        self,
        address: PushAddress,
        queue: TagSource,
        listener: SessionListener,
        *,
        metadata: Callable[[], Mapping[str, object]],
        deadlines: Deadlines | None = None,
        flash_version: str = FLASH_VERSION,
    ) -> None:
        self._address = address
        self._queue = queue
        self._listener = listener
        self._metadata = metadata
        self._deadlines = deadlines or Deadlines()
        self._conversation = PublishConversation(address, flash_version=flash_version)
        self._uplink: Uplink | None = None
        self._waiter: Waiter | None = None
        self._closing = False
        self._lost: NetworkError | None = None
        self._lock = threading.Lock()  # orders start() and close()
        self._stage = "new"
        self._flight_limit: int | None = None
        self._blocked = False
        self.worker = Worker("rtmp-session", self._run)
        """The thread, for whoever watches over threads."""

    def start(self) -> None:
        """Begin; once only. What happens is told to the listener."""
        with self._lock:
            self._waiter = Waiter(self.worker.beat)
            if self._closing:
                self._waiter.cancel()
        self.worker.start()

    def close(self) -> None:
        """End the session, announced to the server if there is a push. ``on_ended(None)`` follows within ``farewell_s`` and
        0.2 s in every phase. Returns at once; harmless when repeated."""
        with self._lock:
            if self._waiter is not None and not self._closing:
                self._waiter.cancel()
            self._closing = True

    def lose(self, error: NetworkError) -> None:
        """End the session as broken: somebody knows what its own deadlines would find out later. Nothing is announced,
        and ``on_ended(error)`` follows at once. Harmless when it is ending already."""
        with self._lock:
            if self._waiter is not None and not self._closing and self._lost is None:
                self._lost = error
                self._waiter.cancel()

    def limit_flight(self, size: int | None) -> None:
        """Take tags from the queue only while fewer bytes than ``size`` are underway, unacknowledged; None: no limit. What
        waits in the queue can still be dropped."""
        self._flight_limit = size

    def join(self, timeout_s: float) -> bool:
        """Wait until the session's thread has ended; False if it has not within ``timeout_s`` seconds."""
        return self._stage == "new" or self.worker.stop(timeout_s)

    @property
    def phase(self) -> str:
        """``new``, ``resolving``, ``connecting``, ``handshake``, ``connect``, ``createStream``, ``publish``,
        ``publishing``, ``closing`` or ``ended``."""
        return self._stage or self._conversation.phase.value

    @property
    def local_address(self) -> str | None:
        """This machine's address at the connection, None without one."""
        uplink = self._uplink
        return uplink.local_address if uplink is not None and self._stage != "ended" else None

    def statistics(self) -> LinkStatistics:
        """What is known about the link now."""
        uplink = self._uplink
        if uplink is None:
            return LinkStatistics()
        return replace(
            uplink.statistics(), blocked=self._blocked, rtmp_acked_bytes=self._conversation.rtmp_acked_bytes
        )  # fmt: skip

    # -- the session's thread ---------------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        assert self._waiter is not None  # start() made it
        error: NetworkError | None = None
        try:
            self._push(self._waiter)
        except Cancelled:
            error = self._lost
        except NetworkError as failure:
            error = failure
        except Exception as bug:
            log.exception("the session failed")
            error = LinkBroken(f"the session failed by an error of its own ({type(bug).__name__})")
        finally:
            self._queue.set_wake(None)
            if self._uplink is not None:
                self._uplink.close()
            self._waiter.close()
            self._stage = "ended"
        self._listener.on_ended(None if self._closing else error)

    def _push(self, waiter: Waiter) -> None:
        address, deadlines = self._address, self._deadlines
        self._stage = "resolving"
        endpoints = resolve(address.host, address.port, waiter, deadline_s=deadlines.name_s)
        self._stage = "connecting"
        sock = dial(
            address, endpoints, waiter, deadline_s=deadlines.connect_s,
            prepare=lambda sock: prepare(sock, no_progress_s=deadlines.progress_s),
        )  # fmt: skip
        self._uplink = Uplink(sock)
        self._stage = ""  # the conversation's phase from now on
        line = Line(self._uplink, self._conversation, waiter, on_connected=self._on_connected)
        try:
            self._negotiate(line)
            self._queue.set_wake(waiter.wake)
            self._uplink.add(self._conversation.metadata(self._metadata()))
            self._listener.on_published()
            self._send(line)
        except Cancelled:
            self._stage = "closing"
            if self._lost is None:
                line.farewell(deadlines.farewell_s)
            raise

    def _on_connected(self) -> None:
        self._listener.on_connected(self._address.server)

    def _negotiate(self, line: Line) -> None:
        """Until the push is accepted."""
        conversation = self._conversation
        allowed_s = self._deadlines.handshake_s
        until = time.monotonic() + allowed_s
        shaking = True
        line.flush()
        while conversation.phase is not Phase.PUBLISHING:
            if shaking and conversation.phase is not Phase.HANDSHAKE:
                shaking = False
                allowed_s = self._deadlines.publish_s
                until = time.monotonic() + allowed_s
            left = until - time.monotonic()
            if left <= 0:
                raise conversation.overdue(allowed_s)
            line.turn(left)

    def _send(self, line: Line) -> None:
        """Until something ends it."""
        uplink = line.uplink
        watch = ProgressWatch(self._deadlines.progress_s)
        sample_at: float | None = None  # None: nothing is queued
        while True:
            now = time.monotonic()
            uplink.flight_limit = self._flight_limit
            line.flush()
            timeout = self._fill(uplink, now)
            if uplink.unwritten:
                line.flush()
                if sample_at is None:
                    sample_at = now + SAMPLE_S
            if sample_at is not None:
                if now >= sample_at:
                    sample_at = now + SAMPLE_S if self._queued(uplink, watch, now) else None
                if sample_at is not None:
                    timeout = sample_at - now if timeout is None else min(timeout, sample_at - now)
            line.turn(timeout)

    def _fill(self, uplink: Uplink, now: float) -> float | None:
        """Move tags from the queue to the uplink; the answer is when to look again, in seconds."""
        self._blocked = uplink.unwritten > 0
        if self._blocked:
            return ROOM_S if uplink.capped else None  # otherwise the socket says when it takes more
        room = min(MAX_UNWRITTEN, uplink.room())
        self._blocked = room <= 0
        if self._blocked:
            return ROOM_S
        while room > 0:
            tag = self._queue.take(now)
            if tag is None:
                return self._queue.wait_s(now)
            data = self._conversation.tag(tag)
            room -= len(data)
            uplink.add(data)
        return 0.0

    def _queued(self, uplink: Uplink, watch: ProgressWatch, now: float) -> bool:
        """Whether anything is on its way; raises LinkBroken when it has stood still for too long."""
        measured = uplink.statistics()
        if watch.stalled(now, acked_bytes=measured.acked_bytes, queued_bytes=measured.queued_bytes):
            raise LinkBroken(
                f"{self._address.server} has taken nothing for {self._deadlines.progress_s:g} s although "
                f"{measured.queued_bytes} bytes wait"
            )
        return measured.queued_bytes > 0
