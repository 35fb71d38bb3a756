"""An RTMP server that does what a script says: proper up to some point, and then anything."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

from appliance.rtmp import amf0, commands
from appliance.rtmp.chunks import ChunkReader, ChunkWriter, MessageType
from appliance.rtmp.handshake import ServerHandshake


class Gone(Exception):
    """The client has closed, or the test is over."""


class Peer:
    """One connection, as a script sees it. Every wait ends when the client leaves or the server stops."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.stop = stop
        self.commands: list[str] = []
        self.received = 0
        self._reader = ChunkReader()
        self._writer = ChunkWriter()
        self._unread: list[commands.Command] = []

    # -- playing a proper server ----------------------------------------------------------------------------------

    def recv(self) -> bytes:
        """The next bytes of the client."""
        self.sock.settimeout(0.05)
        while not self.stop.is_set():
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data:
                break
            self.received += len(data)
            return data
        raise Gone

    def send(self, data: bytes) -> None:
        """Send as it is; gives up when the client leaves or does not read."""
        view = memoryview(data)
        self.sock.settimeout(0.05)
        while view:
            if self.stop.is_set():
                raise Gone
            try:
                view = view[self.sock.send(view) :]
            except TimeoutError:
                continue
            except OSError:
                raise Gone from None

    def handshake(self) -> None:
        """The whole of it."""
        shaking = ServerHandshake()
        while not shaking.done:
            self.send(shaking.receive(self.recv()))
        self._take(shaking.rest())

    def _take(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            command = commands.decode_command(message)
            if command is not None:
                self.commands.append(command.name)
                self._unread.append(command)

    def until(self, name: str) -> commands.Command:
        """Play along until the client has sent the command ``name``; it is left unanswered."""
        if not self.commands and not self._unread:
            self.handshake()
        while True:
            while not self._unread:
                self._take(self.recv())
            command = self._unread.pop(0)
            if command.name == name:
                return command
            self.grant(command)

    def grant(self, command: commands.Command) -> None:
        """Answer a command as a good server does."""
        if command.name == "connect":
            information = {"level": "status", "code": "NetConnection.Connect.Success", "description": "ok"}
            self.command("_result", command.transaction, {"fmsVer": "FMS/3"}, information)
        elif command.name == "createStream":
            self.command("_result", command.transaction, None, 1)
        elif command.name == "publish":
            self.status("NetStream.Publish.Start", level="status")
        else:
            self.command("_result", command.transaction, None)

    def publish(self) -> None:
        """Play along until the push is accepted."""
        self.grant(self.until("publish"))

    def watch(self) -> None:
        """Read on until the client leaves."""
        while True:
            self._take(self.recv())

    # -- saying things --------------------------------------------------------------------------------------------

    def message(self, type_id: int, body: bytes, *, chunks: int = 3) -> None:
        """Any message."""
        self.send(self._writer.write(chunks, type_id, 0, 0, body))

    def command(self, name: str, transaction: float, *arguments: object) -> None:
        """Any command."""
        self.message(MessageType.COMMAND_AMF0, amf0.encode(name, transaction, *arguments))

    def status(self, code: str, *, level: str = "error", description: str = "said by the test") -> None:
        """An onStatus."""
        self.command("onStatus", 0, None, {"level": level, "code": code, "description": description})

    # -- ending ---------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Neither read nor write, until the test is over."""
        self.stop.wait()

    def reset(self) -> None:
        """End with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """End in order: everything that has come is read first, or the kernel would send a reset."""
        self.sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            self.sock.settimeout(0.5)
            while self.sock.recv(65536):
                pass
        self.sock.close()


def slowly(peer: Peer, seconds_per_byte: float = 0.0002) -> None:
    """From now on every byte is sent by itself."""
    send = peer.send

    def send_bytes(data: bytes) -> None:
        for position in range(len(data)):
            send(data[position : position + 1])
            time.sleep(seconds_per_byte)

    peer.send = send_bytes  # type: ignore[method-assign]


def flood(peer: Peer, data: bytes | None = None) -> None:
    """Send ``data`` (random bytes if None) again and again until the client leaves."""
    while True:
        peer.send(data if data is not None else os.urandom(65536))


class FaultyServer:
    """Runs ``script`` for each connection, in a thread of its own. ``receive_buffer`` bounds what the kernel takes when
    the script does not read, in bytes."""

    def __init__(
        self, script: Callable[[Peer], None], *, host: str = "127.0.0.1", receive_buffer: int | None = None
    ) -> None:
        self._script = script
        self._stop = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = int(self._listener.getsockname()[1])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"rtmp://{shown}:{self.port}/live"
        self.peers: list[Peer] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(3)
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            peer = Peer(sock, self._stop)
            self.peers.append(peer)
            thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, peer: Peer) -> None:
        with contextlib.suppress(Gone, OSError):
            self._script(peer)
        peer.sock.close()
