from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.web.app import create_app
from appliance.web.server import ControlServer, WebServer
from tests.unit.web.fakes import Fakes

STREAM = "/api/v1/events/stream"
MJPEG = "/api/v1/preview.mjpeg"


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.web.access.HASH", "scrypt:1024:8:1")


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path, simulated=True, welcome="welcome-token")


@pytest.fixture
def token(fakes: Fakes) -> str:
    return fakes.access.create_token("test")


@pytest.fixture
def web(fakes: Fakes) -> Iterator[WebServer]:
    server = WebServer(create_app(fakes.services), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop(1)


@pytest.fixture
def control(fakes: Fakes, tmp_path: Path) -> Iterator[ControlServer]:
    server = ControlServer(create_app(fakes.services), tmp_path / "run" / "control.sock")
    server.start()
    yield server
    server.stop(1)


class Client:
    """HTTP by hand, so that a test sees when which byte arrives, and can stop reading."""

    def __init__(self, where: int | Path, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", where) if isinstance(where, int) else str(where))
        self.data = b""

    def ask(self, path: str, *, token: str = "", method: str = "GET", headers: str = "", body: bytes = b"") -> None:
        sign_in = f"Authorization: Bearer {token}\r\n" if token else ""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: box.local\r\n{sign_in}{length}{headers}\r\n"
        self.socket.sendall(head.encode() + body)

    def read_until(self, mark: bytes, timeout_s: float = 5) -> bytes:
        """Everything up to and with ``mark``."""
        end = time.monotonic() + timeout_s
        while mark not in self.data:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            received = self.socket.recv(65536)
            if not received:
                raise EOFError(f"ended with {self.data[-200:]!r}")
            self.data += received
        before, _, self.data = self.data.partition(mark)
        return before + mark

    def head(self) -> bytes:
        return self.read_until(b"\r\n\r\n")

    def read_to_end(self, timeout_s: float = 5) -> bytes:
        """The rest until the server closes; TimeoutError when it does not."""
        end = time.monotonic() + timeout_s
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                received = self.socket.recv(65536)
            except ConnectionResetError:
                return self.data
            if not received:
                return self.data
            self.data += received

    def close(self) -> None:
        self.socket.close()


Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[Client] = []

    def make(where: int | Path, **more: int) -> Client:
        clients.append(Client(where, **more))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def eventually(what: Callable[[], bool], within_s: float = 5) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return what()


def get(web: WebServer, path: str, token: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    status = connection.getresponse().status
    connection.close()
    return status
