"""A TCP proxy in front of the server that can cut, stall and refuse."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close() resets


class Proxy:
    """Forwards to ``port`` on loopback. The methods may be called from any thread."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.connections = 0
        self.overlap_s = 0.0
        """The longest time that two connections were open at once."""
        self._two_since: float | None = None
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, *, reset: bool) -> None:
        """End every connection, in order or by a reset. The threads that carry it close it: closed under one that waits
        for it, it would wait for ever, and count as a second session."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for sock in pair:
                with suppress(OSError):
                    if reset:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    sock.shutdown(socket.SHUT_RDWR)

    def stall(self, on: bool) -> None:
        """Let nothing through, either way."""
        if on:
            self._flowing.clear()
        else:
            self._flowing.set()

    def refuse(self, on: bool) -> None:
        """Close what connects."""
        self._refusing = on

    def close(self) -> None:
        self._flowing.set()
        self._listening.close()
        self.cut(reset=False)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 1)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
                self._count()
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self._forward, args=(one, other, pair), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self._flowing.wait()
                other.sendall(data)
        for sock in pair:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        with self._lock:
            self._pairs.discard(pair)
            self._count()

    def _count(self) -> None:
        now = time.monotonic()
        if len(self._pairs) > 1 and self._two_since is None:
            self._two_since = now
        elif len(self._pairs) <= 1 and self._two_since is not None:
            self.overlap_s = max(self.overlap_s, now - self._two_since)
            self._two_since = None
