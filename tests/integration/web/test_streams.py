"""Streams over the real server: at once, resumed, limited; slow and dead clients."""

from __future__ import annotations

import itertools
import json
import os
import socket
import struct
import time

import pytest

from appliance import event_codes
from appliance.web import api_events, streams
from appliance.web.server import WebServer
from tests.integration.web.conftest import MJPEG, STREAM, Connect, eventually, get
from tests.unit.web.fakes import Fakes

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
