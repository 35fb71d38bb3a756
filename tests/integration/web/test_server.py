"""The real servers: listening, streams, slow and dead clients, and the end."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import stat
import struct
import threading
import time
from pathlib import Path

import pytest

from appliance import event_codes
from appliance.errors import ListenError
from appliance.web import api_events, streams
from appliance.web.app import create_app
from appliance.web.server import ControlServer, WebServer
from tests.integration.web.conftest import Connect, eventually
from tests.unit.web.fakes import Fakes

STREAM = "/api/v1/events/stream"
MJPEG = "/api/v1/preview.mjpeg"


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


def test_a_path_too_long_is_said(fakes: Fakes, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="too long"):
        ControlServer(create_app(fakes.services), tmp_path / ("x" * 100) / "control.sock").start()


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


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", b"\x16\x03\x01" * 20000])
def test_what_is_no_http(web: WebServer, connect: Connect, sent: bytes) -> None:
    client = connect(web.port)
    client.socket.sendall(sent)
    answer = client.read_to_end()
    if answer:
        assert b"errMsg" in answer
    assert get(web, "/healthz") == 200


def get(web: WebServer, path: str, token: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    status = connection.getresponse().status
    connection.close()
    return status


# -- server-sent events -----------------------------------------------------------------------------------------


def test_events_arrive_at_once(web: WebServer, token: str, fakes: Fakes, connect: Connect) -> None:
    client = connect(web.port)
    client.ask(STREAM, token=token)
    head = client.head()
    assert b"text/event-stream" in head
    assert b"no-store" in head
    client.read_until(b"retry: 2000\n\n")
    delays = []
    for n in range(10):
        time.sleep(0.05)
        begun = time.monotonic()
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
        text = client.read_until(b"\n\n").decode()
        delays.append(time.monotonic() - begun)
        assert f"id: {n + 1}\n" in text
        assert json.loads(text.partition("data: ")[2])["details"] == {"kbps": n}
    assert max(delays) < 0.2


@pytest.mark.parametrize(
    ("headers", "query", "first"),
    [("Last-Event-ID: 2\r\n", "", 3), ("", "?after=1", 2), ("Last-Event-ID: 2\r\n", "?after=0", 3),
     ("Last-Event-ID: 99\r\n", "", 5), ("Last-Event-ID: x\r\n", "", 5), ("", "", 5)],
)  # fmt: skip
def test_a_stream_resumes(
    web: WebServer, token: str, fakes: Fakes, connect: Connect, headers: str, query: str, first: int
) -> None:
    for n in range(4):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    client = connect(web.port)
    client.ask(STREAM + query, token=token, headers=headers)
    client.read_until(b"retry: 2000\n\n")
    time.sleep(0.1)
    fakes.events.emit(event_codes.PUSH_BEGIN)
    read = [client.read_until(b"\n\n").decode() for _ in range(first, 6)]
    assert [int(text.partition("id: ")[2].partition("\n")[0]) for text in read] == list(range(first, 6))


def test_a_long_backlog_arrives_whole(web: WebServer, token: str, fakes: Fakes, connect: Connect) -> None:
    for n in range(2500):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    client = connect(web.port)
    client.ask(f"{STREAM}?after=0", token=token)
    client.read_until(b"id: 2500\n", timeout_s=20)


def test_a_quiet_stream_has_a_heartbeat(
    web: WebServer, token: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api_events.HEARTBEAT_S == 10
    monkeypatch.setattr(api_events, "HEARTBEAT_S", 0.5)
    client = connect(web.port)
    client.ask(STREAM, token=token)
    client.read_until(b"retry: 2000\n\n")
    begun = time.monotonic()
    client.read_until(b": alive\n\n")
    client.read_until(b": alive\n\n")
    assert 0.9 < time.monotonic() - begun < 3


def test_a_revoked_token_ends_its_streams(web: WebServer, token: str, fakes: Fakes, connect: Connect) -> None:
    clients = [connect(web.port), connect(web.port)]
    for client, path in zip(clients, (STREAM, MJPEG), strict=True):
        client.ask(path, token=token)
        client.head()
    fakes.access.revoke_token("test")
    for client in clients:
        client.read_to_end(timeout_s=3)


# -- live pictures ------------------------------------------------------------------------------------------------


def test_pictures_arrive_whole_and_at_once(web: WebServer, token: str, connect: Connect) -> None:
    client = connect(web.port)
    client.ask(MJPEG, token=token)
    assert b"multipart/x-mixed-replace; boundary=live-pusher-picture" in client.head()
    client.read_until(b"--live-pusher-picture\r\n")
    times = []
    for _ in range(8):
        part = client.read_until(b"\r\n--live-pusher-picture\r\n")
        times.append(time.monotonic())
        assert b"\xff\xd8" in part
        assert b"\xff\xd9" in part
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert 0.08 < sum(gaps) / len(gaps) < 0.25


def test_a_slow_client_gets_fewer_pictures_not_old_ones(
    web: WebServer, token: str, fakes: Fakes, connect: Connect
) -> None:
    client = connect(web.port, receive_buffer=8192)
    client.ask(MJPEG, token=token)
    time.sleep(3)
    made = fakes.preview.made  # type: ignore[union-attr]
    time.sleep(2)
    assert fakes.preview.made <= made + 1  # type: ignore[union-attr]
    held = sum(c.total_outbufs_len for c in web._waitress.active_channels.values())
    assert held < 128 * 1024
    client.read_until(b"\xff\xd9", timeout_s=5)
    time.sleep(0.5)
    for _ in range(10):
        client.read_until(b"\xff\xd9", timeout_s=5)
    assert fakes.preview.made > made  # type: ignore[union-attr]


def test_a_client_that_takes_nothing_gives_its_place_up(
    web: WebServer, token: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_S", 1.0)
    client = connect(web.port, receive_buffer=4096)
    client.ask(MJPEG, token=token)
    assert eventually(lambda: web.slots.taken == 1)
    assert eventually(lambda: web.slots.taken == 0, within_s=10)
    client.close()


# -- many streams -------------------------------------------------------------------------------------------------


def test_streams_are_limited_and_starve_nobody(web: WebServer, token: str, connect: Connect, fakes: Fakes) -> None:
    paths = [STREAM, MJPEG, "/api/v1/arrived.mjpeg"]
    open_ones = [connect(web.port) for _ in range(12)]
    for n, client in enumerate(open_ones):
        client.ask(paths[n % 3], token=token)
        assert client.head().startswith(b"HTTP/1.1 200")
    one_more = connect(web.port)
    one_more.ask(MJPEG, token=token)
    head = one_more.head()
    assert head.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 5" in head
    assert b"12 live streams are open already" in one_more.read_until(b"}\n")
    begun = time.monotonic()
    for _ in range(20):
        assert get(web, "/api/v1/status", token) == 200
    assert time.monotonic() - begun < 3
    open_ones[0].close()
    assert eventually(lambda: web.slots.taken == 11)
    one_more.ask(MJPEG, token=token)
    assert one_more.head().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", [STREAM, MJPEG])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_is_noticed(
    web: WebServer, token: str, connect: Connect, fakes: Fakes, path: str, how: str
) -> None:
    fakes.preview.on = False  # type: ignore[union-attr]  # nothing to send: the connection alone can tell
    client = connect(web.port)
    client.ask(path, token=token)
    client.head()
    assert web.slots.taken == 1
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert eventually(lambda: web.slots.taken == 0, within_s=3)


def test_a_stream_asked_for_by_head_gives_its_place_back(web: WebServer, token: str, connect: Connect) -> None:
    for path in (STREAM, MJPEG):
        client = connect(web.port)
        client.ask(path, token=token, method="HEAD")
        client.head()
        client.close()
    assert eventually(lambda: web.slots.taken == 0)


def test_connections_do_not_pile_up(web: WebServer, token: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(60):
        get(web, "/api/v1/status", token)
        get(web, "/api/v1/snapshots", token)
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)


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
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    before = count()
    for _ in range(5):
        server = WebServer(create_app(fakes.services), "127.0.0.1", 0)
        server.start()
        assert get(server, "/healthz") == 200
        server.stop()
    assert eventually(lambda: count() <= before)
