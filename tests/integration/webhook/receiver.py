"""A real HTTP server that takes events, and misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class Receiver:
    """Answers each POST as :attr:`answer` says: a status, or something to do with the connection. May be stopped and
    started again on the same port."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._certificate = certificate
        self._server: HTTPServer | None = None
        self.port = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        """Path, headers and body of everything that came, in order."""
        self.answer: Callable[[int], int | str] = lambda number: 200
        """By the number of the request (from 0): a status, ``close``, ``hang``, ``drip`` or ``garbage``."""
        self._released = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._released.clear()
        self._server = _Server(("127.0.0.1", self.port), self._handler())
        self.port = self._server.server_address[1]
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://localhost:{self.port}/hook/very-secret?token=abc"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]

    @property
    def ids(self) -> list[int]:
        return [body["id"] for body in self.bodies]

    def wait_for(self, count: int, timeout_s: float = 10) -> None:
        """Wait until so many requests have come."""
        until(lambda: len(self.requests) >= count, timeout_s)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = len(receiver.requests)
                receiver.requests.append((self.path, dict(self.headers), body))
                answer = receiver.answer(number)
                if isinstance(answer, int):
                    self.send_response(answer)
                    if 300 <= answer < 400:
                        self.send_header("Location", "/elsewhere")
                    self.end_headers()
                elif answer == "hang":
                    receiver._released.wait(20)
                elif answer == "drip":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
                    while not receiver._released.wait(0.1):
                        try:
                            self.wfile.write(b"x")
                        except OSError:
                            return
                elif answer == "garbage":
                    self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    address_family = socket.AF_INET

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def until(true: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait until something is true."""
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.005)
