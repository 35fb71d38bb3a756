"""A web server with pictures, and with every fault that one can have. Each path is a fault of its own."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pictures: PictureServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        mine = self.server.pictures
        mine.asked.append(self.path)
        mine.hosts.append(self.headers.get("Host", ""))
        if mine.failing is not None:
            self._plain(mine.failing, b"")
            return
        name = self.path.partition("?")[0].strip("/")
        fault = getattr(self, f"_{name.replace('-', '_')}", None)
        if fault is not None:
            fault()
        else:
            self._plain(200, mine.picture)

    def _plain(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _html(self) -> None:
        self._plain(200, b"<html>Sign in first</html>", Content_Type="image/png")

    def _missing(self) -> None:
        self._plain(404, b"no such picture")

    def _forbidden(self) -> None:
        self._plain(403, b"")

    def _unavailable(self) -> None:
        self._plain(503, b"")

    def _redirect(self) -> None:
        self._plain(302, b"", Location="/after")

    def _round(self) -> None:
        self._plain(302, b"", Location="/round")

    def _to_file(self) -> None:
        self._plain(302, b"", Location="file:///etc/hostname")

    def _to_nowhere(self) -> None:
        self._plain(302, b"")

    def _to_plain(self) -> None:
        self._plain(302, b"", Location=f"http://127.0.0.1:{self.server.server_port}/a.png")

    def _chunked(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        body = self.server.pictures.picture
        for start in range(0, len(body), 100):
            part = body[start : start + 100]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def _without_length(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.pictures.picture)

    def _huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(9 << 20))
        self.end_headers()

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while self.server.pictures.running:
            self.wfile.write(b"\0" * 65536)

    def _cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(self.server.pictures.picture)

    def _silent(self) -> None:
        self._wait()

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while self.server.pictures.running:
            self.wfile.write(b"\0")
            time.sleep(0.05)

    def _drip_headers(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        while self.server.pictures.running:
            self.wfile.write(b"X-A: b\r\n")
            time.sleep(0.05)

    def _garbage(self) -> None:
        self.wfile.write(b"\x15\x03\x01 what?\r\n\r\n")

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close_connection = True

    def _wait(self) -> None:
        with suppress(OSError):
            while self.server.pictures.running:
                time.sleep(0.02)


class PictureServer:
    """On a free port of loopback, with TLS when given a certificate."""

    def __init__(self, picture: bytes, certificate: Path | None = None) -> None:
        self.picture = picture
        self.failing: int | None = None
        """A status with which everything is answered."""
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.running = True
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.pictures = self
        self.port = int(self._server.server_port)
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.running = False
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(3)
