"""Names, addresses, TCP and TLS: everything before the first byte of RTMP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.errors import ConnectFailed, NameNotResolved
from appliance.media.tags import Tag
from appliance.rtmp import resolve
from tests.integration.rtmp.pushing import LONG, push
from tests.servers.faulty import FaultyServer, Peer
from tests.servers.media import looped
from tests.servers.nginx import free_port


def watched(peer: Peer) -> None:
    peer.publish()
    peer.watch()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the resolver answers for names: a list of hosts, an exception, or an Event to wait for."""
    answers: dict[str, Any] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        if options.get("flags", 0) & socket.AI_NUMERICHOST or host not in answers:
            return real(host, port, *arguments, **options)
        answer = answers[host]
        if isinstance(answer, threading.Event):
            answer.wait(10)
            answer = []
        if isinstance(answer, Exception):
            raise answer
        return [found for numeric in answer for found in real(numeric, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that never answers: its queue of connections is full, so the kernel drops every further one."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)
        yield address
        for sock in waiting:
            sock.close()


def test_a_name_without_address(names: dict[str, Any], clip: list[Tag]) -> None:
    names["gone.example"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with push("rtmp://gone.example/live/cam", looped(clip)) as running:
        error = running.failure()
    assert type(error) is NameNotResolved
    assert error.reason == "gone.example: Name or service not known"


def test_a_name_that_cannot_be_one(clip: list[Tag]) -> None:
    with push(f"rtmp://{'x' * 70}.example/live/cam", looped(clip)) as running:
        error = running.failure()
    assert type(error) is NameNotResolved
    assert "not a valid name" in error.reason


def test_a_silent_name_server(names: dict[str, Any], clip: list[Tag]) -> None:
    names["slow.example"] = release = threading.Event()
    with push("rtmp://slow.example/live/cam", looped(clip)) as running:
        error = running.failure()
    release.set()
    assert type(error) is NameNotResolved
    assert error.reason == "slow.example was not resolved within 0.5 s"
    assert 0.45 < running.seconds < 1.0


def test_closing_while_resolving_and_a_bound_on_those_left_behind(names: dict[str, Any], clip: list[Tag]) -> None:
    names["slow.example"] = release = threading.Event()
    for _ in range(resolve.MAX_HELPERS):
        with push("rtmp://slow.example/live/cam", looped(clip), deadlines=LONG) as running:
            running.in_phase("resolving")
            assert running.closed() < 0.2
    with push("rtmp://slow.example/live/cam", looped(clip)) as running:
        error = running.failure()
    assert "earlier questions" in error.reason
    assert running.seconds < 0.2
    release.set()
    until = time.monotonic() + 2
    names["late.example"] = ["127.0.0.1"]
    while time.monotonic() < until:  # once they are answered there is room again
        with push(f"rtmp://late.example:{free_port()}/live/cam", looped(clip)) as running:
            if isinstance(running.failure(), ConnectFailed):
                return
    raise AssertionError("the helpers kept their places")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_address_is_tried(host: str, names: dict[str, Any], clip: list[Tag]) -> None:
    names["both.example"] = ["::1", "127.0.0.2", "127.0.0.1"]
    with (
        FaultyServer(watched, host=host) as target,
        push(f"rtmp://both.example:{target.port}/live/cam", looped(clip)) as running,
    ):
        running.published()
        assert running.listener.calls[0] == f"connected both.example:{target.port}"


def test_addresses_that_refuse_are_all_named(names: dict[str, Any], clip: list[Tag]) -> None:
    names["both.example"] = ["127.0.0.1", "127.0.0.2", "::1"]
    port = free_port()
    with push(f"rtmp://both.example:{port}/live/cam", looped(clip)) as running:
        error = running.failure()
    assert type(error) is ConnectFailed
    assert error.reason == (
        f"both.example:{port}: 127.0.0.1:{port}: Connection refused; [::1]:{port}: Connection refused; "
        f"127.0.0.2:{port}: Connection refused"
    )
    assert running.seconds < 0.4


def test_a_silent_address_does_not_hold_up_the_next(
    names: dict[str, Any], black_hole: tuple[str, int], clip: list[Tag]
) -> None:
    names["both.example"] = ["127.0.0.1", "127.0.0.2"]
    server = socket.create_server(("127.0.0.2", black_hole[1]))
    with server, push(f"rtmp://both.example:{black_hole[1]}/live/cam", looped(clip), deadlines=LONG) as running:
        running.in_phase("handshake")
        assert 0.2 < time.monotonic() - running.started_at < 0.6


def test_a_silent_address_ends_in_the_deadline(black_hole: tuple[str, int], clip: list[Tag]) -> None:
    host, port = black_hole
    with push(f"rtmp://{host}:{port}/live/cam", looped(clip)) as running:
        error = running.failure()
    assert type(error) is ConnectFailed
    assert error.reason == f"{host}:{port}: no answer within 0.5 s"
    assert 0.45 < running.seconds < 1.0


def test_closing_while_connecting(black_hole: tuple[str, int], clip: list[Tag]) -> None:
    with push("rtmp://{}:{}/live/cam".format(*black_hole), looped(clip), deadlines=LONG) as running:
        running.in_phase("connecting")
        time.sleep(0.05)
        assert running.closed() < 0.2


def test_silence_in_tls(clip: list[Tag]) -> None:
    with FaultyServer(Peer.hold) as target:
        url = target.url.replace("rtmp:", "rtmps:")
        with push(f"{url}/cam", looped(clip)) as running:
            error = running.failure()
        assert type(error) is ConnectFailed
        assert "did not complete TLS within 0.5 s" in error.reason
        assert 0.45 < running.seconds < 1.0
        with push(f"{url}/cam", looped(clip), deadlines=LONG) as running:
            running.in_phase("connecting")
            time.sleep(0.1)
            assert running.closed() < 0.2


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
def test_an_end_in_tls(end: Any, clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.recv()
        end(peer)

    with FaultyServer(script) as target, push(f"{target.url.replace('rtmp:', 'rtmps:')}/cam", looped(clip)) as running:
        error = running.failure()
    assert type(error) is ConnectFailed


def test_closing_before_the_start(clip: list[Tag]) -> None:
    with FaultyServer(watched) as target, push(f"{target.url}/cam", looped(clip)) as running:
        running.session.close()
        assert running.session.join(1)
        assert running.listener.endings == [None]


def test_nothing_stays_open(clip: list[Tag]) -> None:
    import os

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def refuse(peer: Peer) -> None:
        peer.until("publish")
        peer.status("NetStream.Publish.BadName")

    with FaultyServer(refuse) as target:
        with push(f"{target.url}/cam", looped(clip)) as running:
            running.failure()
        time.sleep(0.2)
        before, threads = descriptors(), threading.active_count()
        for _ in range(10):
            with push(f"{target.url}/cam", looped(clip)) as running:
                running.failure()
        time.sleep(0.2)
        assert descriptors() <= before
        assert threading.active_count() <= threads
