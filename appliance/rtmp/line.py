"""The conversation on the socket: one turn waits, reads, answers and writes."""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.rtmp.dial import cause_of
from appliance.rtmp.publish import PublishConversation, Step
from appliance.rtmp.uplink import NOT_SENT_BYTES, Uplink
from appliance.rtmp.waiting import Waiter
from appliance.rtmp.watches import ReadBudget

MAX_UNWRITTEN = NOT_SENT_BYTES
"""Tags are taken from the queue only while fewer bytes than this are unwritten, so that the backlog stays in the queue,
where frames can be dropped; at most this and one tag are ours."""


class Line:
    """``on_connected`` is called when the server has accepted the connect command. Owned by the session's thread."""

    def __init__(
        self,
        uplink: Uplink,
        conversation: PublishConversation,
        waiter: Waiter,
        *,
        on_connected: Callable[[], None],
    ) -> None:
        self.uplink = uplink
        self._conversation = conversation
        self._waiter = waiter
        self._on_connected = on_connected
        self._budget = ReadBudget(time.monotonic())

    def turn(self, timeout_s: float | None) -> None:
        """Wait, at most ``timeout_s`` seconds, for something to do, and do it. Raises NetworkError and Cancelled."""
        if self._wait(timeout_s):
            self._read()
            self.flush()

    def _wait(self, timeout_s: float | None) -> bool:
        """Whether the socket is worth a look."""
        pause = self._budget.pause_s(time.monotonic())
        if pause:
            timeout_s = pause if timeout_s is None else min(timeout_s, pause)
        self._waiter.watch(self.uplink.sock, self.uplink.events(reading=not pause))
        if not pause and self.uplink.readable_now:
            timeout_s = 0.0
        return bool(self._waiter.wait(timeout_s)) or (not pause and self.uplink.readable_now)

    def _receive(self) -> bytes | None:
        data = self.uplink.read()
        if data:
            self._budget.spend(time.monotonic(), len(data))
        return data

    def _read(self) -> None:
        try:
            data = self._receive()
        except OSError as error:
            raise self._conversation.broken(cause_of(error)) from None
        if data is None:
            return
        if not data:
            raise self._conversation.closed_by_server()
        self._hear(data)

    def _hear(self, data: bytes) -> None:
        for step in self._conversation.receive(data, answering=self.uplink.unwritten < MAX_UNWRITTEN):
            if step is Step.CONNECTED:
                self._on_connected()

    def flush(self) -> None:
        """Write what can be written now."""
        for data in self._conversation.output():
            self.uplink.add(data)
        try:
            self.uplink.flush()
        except OSError as error:
            self._last_words()
            raise self._conversation.broken(cause_of(error)) from None

    def _last_words(self) -> None:
        """A server that refuses says why and closes; our next write then fails before its words are read."""
        for _ in range(4):
            try:
                data = self.uplink.read()
            except OSError:
                return
            if not data:
                return
            self._hear(data)

    def farewell(self, seconds: float) -> None:
        """Announce the end and wait until the server has read it and closed too, at most ``seconds``."""
        announcement = self._conversation.farewell()
        if not announcement:
            return
        until = time.monotonic() + seconds
        self.uplink.flight_limit = None
        self.uplink.add(announcement)
        saying = True
        try:
            while (left := until - time.monotonic()) > 0:
                if saying:
                    self.uplink.flush()
                    if not self.uplink.unwritten:
                        # The end of our side makes the server close once it has read everything.
                        self.uplink.half_close()
                        saying = False
                if self._wait(left) and self._receive() == b"":
                    return
        except OSError:
            pass  # it is over one way or the other
