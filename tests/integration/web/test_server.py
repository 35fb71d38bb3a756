"""The real servers: listening, requests, and the end."""

from __future__ import annotations

import gc
import http.client
import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from appliance.errors import ListenError
from appliance.web.app import create_app
from appliance.web.server import ControlServer, WebServer
from tests.integration.web.conftest import MJPEG, STREAM, Connect, eventually, get
from tests.unit.web.fakes import Fakes

# -- listening ------------------------------------------------------------------------------------------------


def test_a_free_port(web: WebServer) -> None:
    assert web.port > 0
    assert web.url == f"http://127.0.0.1:{web.port}/"
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_port_in_use_is_named(web: WebServer, fakes: Fakes) -> None:
    other = WebServer(create_app(fakes.services), "127.0.0.1", web.port)
    with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{web.port} .*another program uses the port.*--listen"):
        other.start()
    other.stop()


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "does not have that address"), ("no-such-name.invalid", "no address"), ("1.2.3.4.5", "no address")],
)
def test_an_address_of_somebody_else_is_named(fakes: Fakes, host: str, words: str) -> None:
    with pytest.raises(ListenError, match=rf"{words}.*--listen"):
        WebServer(create_app(fakes.services), host, 0).start()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(fakes: Fakes, port: int) -> None:
    with pytest.raises(ListenError, match="--listen"):
        WebServer(create_app(fakes.services), "127.0.0.1", port).start()


@pytest.mark.parametrize("host", ["::", "[::]"])
def test_ipv6_takes_ipv4_too(fakes: Fakes, host: str) -> None:
    server = WebServer(create_app(fakes.services), host, 0)
    server.start()
    try:
        for address in ("127.0.0.1", "::1"):
            connection = http.client.HTTPConnection(address, server.port, timeout=5)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
        assert server.url == f"http://[::1]:{server.port}/"
    finally:
        server.stop()


def test_the_same_port_again_at_once(fakes: Fakes) -> None:
    first = WebServer(create_app(fakes.services), "127.0.0.1", 0)
    first.start()
    connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=5)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    first.stop()
    second = WebServer(create_app(fakes.services), "127.0.0.1", first.port)
    second.start()
    second.stop()
    connection.close()


# -- the control socket -----------------------------------------------------------------------------------------


def test_the_control_socket(control: ControlServer, connect: Connect, fakes: Fakes) -> None:
    mode = control.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    client = connect(control.path)
    client.ask("/api/v1/start", method="POST")
    assert client.head().startswith(b"HTTP/1.1 200")
    assert fakes.operations.calls[0][2] == "the command line"
    control.stop()
    assert not control.path.exists()


def test_a_stale_socket_is_removed(fakes: Fakes, tmp_path: Path, connect: Connect) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = ControlServer(create_app(fakes.services), path)
    server.start()
    client = connect(path)
    client.ask("/api/v1/status")
    assert client.head().startswith(b"HTTP/1.1 200")
    server.stop()


def test_a_socket_in_use_is_left_alone(control: ControlServer, fakes: Fakes) -> None:
    other = ControlServer(create_app(fakes.services), control.path)
    with pytest.raises(ListenError, match="in use by another instance"):
        other.start()
    other.stop()
    assert control.path.exists()


def test_what_is_no_socket_is_left_alone(fakes: Fakes, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with pytest.raises(ListenError, match="something else"):
        ControlServer(create_app(fakes.services), path).start()
    assert path.read_text() == "mine"


def test_a_path_may_be_longer_than_a_socket_address(fakes: Fakes, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / "control.sock"
    server = ControlServer(create_app(fakes.services), path)
    server.start()
    try:
        assert path.is_socket()
    finally:
        server.stop()
    assert not path.exists()


def test_the_network_is_not_local(web: WebServer, control: ControlServer, connect: Connect) -> None:
    client = connect(web.port)
    client.ask("/api/v1/status", headers="Live-Pusher.Local: True\r\nlive_pusher.local: True\r\n")
    assert client.head().startswith(b"HTTP/1.1 401")


# -- requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "reads_all"), [(65537, True), (900_000, True), (2_000_000, False)], ids=["64 KiB", "900 kB", "2 MB"]
)
def test_a_body_too_large(web: WebServer, token: str, size: int, reads_all: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    headers = {"Authorization": f"Bearer {token}", "Content-Length": str(size)}
    connection.request("PATCH", "/api/v1/settings", body=b" " * size if reads_all else b"", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["errMsg"]
    connection.close()


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", b"\x16\x03\x01" * 20000]
)
def test_what_is_no_http(web: WebServer, connect: Connect, sent: bytes) -> None:
    client = connect(web.port)
    client.socket.sendall(sent)
    answer = client.read_to_end()
    if answer:
        assert b"errMsg" in answer
    assert get(web, "/healthz") == 200


# -- the end ------------------------------------------------------------------------------------------------------


def test_stop_is_quick_whatever_clients_do(
    web: WebServer, control: ControlServer, token: str, connect: Connect, fakes: Fakes
) -> None:
    fakes.operations.hold.clear()
    for path in (STREAM, MJPEG, STREAM):
        client = connect(web.port)
        client.ask(path, token=token)
        client.head()
    stalled = connect(web.port, receive_buffer=4096)
    stalled.ask(MJPEG, token=token)
    waiting = connect(web.port)
    waiting.ask("/api/v1/start", token=token, method="POST")  # waits for 8 s
    idle = connect(web.port)
    half = connect(web.port)
    half.socket.sendall(b"POST /api/v1/start HTTP/1.1\r\nContent-Le")
    follower = connect(control.path)
    follower.ask(STREAM)
    follower.head()
    time.sleep(0.5)
    for server in (web, control):
        begun = time.monotonic()
        server.stop(1)
        assert time.monotonic() - begun < 1.3
        assert not server.worker.alive
    for client in (stalled, idle, half, follower):
        client.read_to_end(timeout_s=2)
    with pytest.raises(OSError, match="refused"):
        connect(web.port)
    fakes.operations.hold.set()


def test_a_running_request_is_finished(web: WebServer, token: str, connect: Connect, fakes: Fakes) -> None:
    fakes.operations.hold.clear()
    client = connect(web.port)
    client.ask("/api/v1/start", token=token, method="POST")
    time.sleep(0.2)
    threading.Timer(0.2, fakes.operations.hold.set).start()
    web.stop(1)
    assert b"start:ok" in client.read_to_end()


def test_stop_without_start_and_twice(fakes: Fakes) -> None:
    server = WebServer(create_app(fakes.services), "127.0.0.1", 0)
    server.stop()
    server.start()
    begun = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - begun < 0.5


def test_nothing_is_left_behind(fakes: Fakes) -> None:
    def count() -> tuple[int, int]:
        gc.collect()  # sockets in cycles, of other tests too, go when the collector comes by
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    def live(times: int) -> None:
        for _ in range(times):
            server = WebServer(create_app(fakes.services), "127.0.0.1", 0)
            server.start()
            assert get(server, "/healthz") == 200
            server.stop()

    live(1)  # what the first one loads stays
    before = count()
    live(5)
    assert eventually(lambda: all(now <= then for now, then in zip(count(), before, strict=True))), (count(), before)


def test_streams_end_by_themselves(web: WebServer, token: str, connect: Connect) -> None:
    clients = [connect(web.port) for _ in range(6)]
    for n, client in enumerate(clients):
        client.ask((STREAM, MJPEG)[n % 2], token=token)
        client.head()
    begun = time.monotonic()
    web.stop(3)
    assert time.monotonic() - begun < 0.8
    for client in clients:
        assert client.read_to_end(timeout_s=1).endswith(b"0\r\n\r\n")  # an end in order, not a broken connection
