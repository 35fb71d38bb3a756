"""The demonstration's RTMP receiver: takes one publisher at a time, on loopback, and shows what arrives."""

from __future__ import annotations

import logging
import selectors
import socket
import time
from contextlib import suppress
from typing import Any

from appliance.demo.ingest import IngestConversation
from appliance.demo.viewer import Viewer
from appliance.errors import ListenError
from appliance.media.live_picture import LiveJpeg
from appliance.rtmp.violation import ProtocolViolation
from appliance.rtmp.waiting import Cancelled, Waiter
from appliance.threads import Worker

log = logging.getLogger(__name__)

MAX_CLIENTS = 8
MAX_UNSENT = 65_536
"""Bytes. A client that asks and does not read is hung up on."""
IDLE_S = 20.0
"""A client that has sent nothing for so long is gone."""
_READ_BYTES = 65_536


class _Client:
    def __init__(self, sock: socket.socket, conversation: IngestConversation) -> None:
        self.sock = sock
        self.conversation = conversation
        self.unsent = b""
        self.heard_at = time.monotonic()


class Receiver:
    """``start`` and ``stop`` once each, from one thread; the rest from any. ``picture`` is the newest picture that
    arrived."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        """0: a free one, known after ``start``."""
        self.picture = LiveJpeg()
        self._viewer = Viewer(self.picture)
        self._clients: dict[socket.socket, _Client] = {}
        self._publisher: IngestConversation | None = None
        self._listener: socket.socket | None = None
        self._waiter = Waiter(lambda: self.worker.beat())
        self.worker = Worker("demo-receiver", self._run)
        """The thread, for whoever watches over threads."""

    @property
    def url(self) -> str:
        """The address to push to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtmp://{host}:{self.port}/live/demo"

    def start(self) -> None:
        """Listen, and serve in a thread. Raises ListenError."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._listener = socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise ListenError(f"the receiver cannot listen on {self.host}:{self.port}: {error.strerror}") from None
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._waiter.watch(self._listener, selectors.EVENT_READ)
        self._viewer.start()
        self.worker.start()

    def stop(self) -> None:
        """Hang up and end within a second. Harmless when not started."""
        if self._listener is not None:
            self._waiter.cancel()
            self.worker.stop(0.5)
            self._viewer.stop()

    def status(self) -> dict[str, Any]:
        """What arrives now: ``connected``, ``videoKbps``, ``audioKbps``, ``fps``, ``width``, ``height``, ``soundLevel``
        (dBFS)."""
        return {"connected": self._publisher is not None, **self._viewer.status()}

    # -- the receiver's thread --------------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        assert self._listener is not None  # start() made it
        try:
            while True:
                for sock in self._waiter.wait(1.0):
                    if sock is self._listener:
                        self._accept(self._listener)
                    elif (client := self._clients.get(sock)) is not None:
                        self._serve(client)
                idle_since = time.monotonic() - IDLE_S
                for client in [c for c in self._clients.values() if c.heard_at < idle_since]:
                    self._hang_up(client)
        except Cancelled:
            pass
        finally:
            for client in list(self._clients.values()):
                self._hang_up(client)
            self._listener.close()
            self._waiter.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            sock.close()
            return
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(sock, IngestConversation(lambda: self._claim(sock)))
        self._clients[sock] = client
        self._waiter.watch(sock, selectors.EVENT_READ)

    def _claim(self, sock: socket.socket) -> bool:
        if self._publisher is not None:
            return False
        self._publisher = self._clients[sock].conversation
        return True

    def _serve(self, client: _Client) -> None:
        try:
            data = client.sock.recv(_READ_BYTES)
            client.heard_at = time.monotonic()
            for tag in client.conversation.receive(data):
                self._viewer.put(tag)
        except BlockingIOError:
            data = None
        except ProtocolViolation as violation:
            log.info("a client of the receiver broke the protocol: %s", violation)
            return self._hang_up(client)
        except OSError:
            return self._hang_up(client)
        if client.conversation is self._publisher and not client.conversation.publishing:
            self._release()
        self._answer(client)
        if data == b"" or (client.conversation.finished and not client.unsent):
            self._hang_up(client)
        return None

    def _answer(self, client: _Client) -> None:
        client.unsent += client.conversation.output()
        with suppress(BlockingIOError):
            while client.unsent:
                try:
                    client.unsent = client.unsent[client.sock.send(client.unsent) :]
                except (BrokenPipeError, ConnectionResetError):
                    client.unsent = b""
        if len(client.unsent) > MAX_UNSENT:
            return self._hang_up(client)
        writing = selectors.EVENT_WRITE if client.unsent else 0
        self._waiter.watch(client.sock, selectors.EVENT_READ | writing)
        return None

    def _release(self) -> None:
        self._publisher = None
        self._viewer.reset()

    def _hang_up(self, client: _Client) -> None:
        if self._clients.pop(client.sock, None) is None:
            return
        if client.conversation is self._publisher:
            self._release()
        self._waiter.watch(client.sock, 0)
        client.sock.close()
