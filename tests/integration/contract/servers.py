"""Servers that fail in one way each, for the codes of the connection's phases."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.servers.faulty import FaultyServer, Peer


def silent_handshake(peer: Peer) -> None:
    peer.hold()


def garbled_handshake(peer: Peer) -> None:
    peer.recv()
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)
    peer.hold()


def closed_in_handshake(peer: Peer) -> None:
    peer.recv()
    peer.close()


def silent_at_connect(peer: Peer) -> None:
    peer.until("connect")
    peer.hold()


def silent_at_publish(peer: Peer) -> None:
    peer.until("publish")
    peer.hold()


def rejecting(peer: Peer) -> None:
    command = peer.until("connect")
    information = {"level": "error", "code": "NetConnection.Connect.Rejected", "description": "banned until tomorrow"}
    peer.command("_error", command.transaction, None, information)
    peer.watch()


def resetting(peer: Peer) -> None:
    peer.publish()
    peer.recv()
    peer.reset()


def ending(peer: Peer) -> None:
    """Takes the push and ends it in order."""
    peer.publish()
    peer.recv()
    peer.status("NetStream.Unpublish.Success", level="status", description="kicked")
    peer.close()


def not_reading(peer: Peer) -> None:
    """Takes the push and reads no more; the kernel takes little (see ``receive_buffer``)."""
    peer.publish()
    peer.hold()


@contextmanager
def faulty(script: Callable[[Peer], None]) -> Iterator[str]:
    """The address of a stream at a server that runs ``script`` for each connection."""
    with FaultyServer(script, receive_buffer=4096) as server:
        yield f"{server.url}/stream"


@contextmanager
def unanswered() -> Iterator[str]:
    """The address of a stream at a machine that answers nothing: a listener whose queue is full drops every SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        yield f"rtmp://127.0.0.1:{port}/live/stream"
        for filler in fillers:
            filler.close()


@contextmanager
def forbidding() -> Iterator[str]:
    """An HTTP address that says 403 to everything: nginx's ``on_publish`` asks it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
