"""The simple RTMP handshake (RTMP 1.0, 5.2), the publisher's side and the server's.

Servers that prefer Adobe's undocumented digest handshake fall back to the simple one when C1 carries version zero, which
it does here. So S2 is not compared with C1: some answer with a digest of their own in it.
"""

from __future__ import annotations

import os

from appliance.rtmp.violation import ProtocolViolation

VERSION = 3
SIZE = 1536
"""Bytes of C1, C2, S1 and S2: time (4), zero (4), random (1528)."""


def _block() -> bytes:
    return bytes(8) + os.urandom(SIZE - 8)


class _Handshake:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self.done = False

    def rest(self) -> bytes:
        """What came behind the handshake; empties."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken


class ClientHandshake(_Handshake):
    """The publisher's side. ``done`` once S0, S1 and S2 are in."""

    def __init__(self) -> None:
        super().__init__()
        self._answered = False

    def hello(self) -> bytes:
        """C0 and C1, to be sent first."""
        return bytes((VERSION,)) + _block()

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the server; the answer is what to send now. Raises ProtocolViolation at the first wrong byte."""
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            raise ProtocolViolation(_not_rtmp(bytes(self._buffer[:8])))
        answer = b""
        if not self._answered and len(self._buffer) >= 1 + SIZE:
            # At once, not after S2: a server may keep S2 back until it has C2.
            self._answered = True
            answer = bytes(self._buffer[1 : 1 + SIZE])
        if len(self._buffer) >= 1 + 2 * SIZE:
            del self._buffer[: 1 + 2 * SIZE]
            self.done = True
        return answer


def _not_rtmp(beginning: bytes) -> str:
    if beginning.startswith((b"HTTP/", b"<")):
        return "it answers like a web server, not like an RTMP server"
    if beginning[0] in (0x15, 0x16):
        return "it answers in TLS: perhaps the address should begin with rtmps://"
    return f"it answers with version {beginning[0]} instead of RTMP's {VERSION}"


class ServerHandshake(_Handshake):
    """The server's side. ``done`` once C0, C1 and C2 are in."""

    def __init__(self) -> None:
        super().__init__()
        self._answered = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the client; the answer is S0, S1 and S2 once C1 is complete."""
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            raise ProtocolViolation(f"the client begins with version {self._buffer[0]} instead of {VERSION}")
        answer = b""
        if not self._answered and len(self._buffer) >= 1 + SIZE:
            self._answered = True
            answer = bytes((VERSION,)) + _block() + bytes(self._buffer[1 : 1 + SIZE])
        if len(self._buffer) >= 1 + 2 * SIZE:
            del self._buffer[: 1 + 2 * SIZE]
            self.done = True
        return answer
