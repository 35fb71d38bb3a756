"""How much a session lets be underway, at a server that reads slowly: the rest waits where it can be dropped."""

from __future__ import annotations

import math
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.media.tags import Tag
from appliance.rtmp.uplink import Uplink, prepare
from tests.integration.rtmp.pushing import LONG, Push, push
from tests.servers.faulty import FaultyServer, Gone, Peer
from tests.servers.media import looped
from tests.servers.tls import TestCa

LIMIT = 12_000
CHUNKS = 1.05
"""What a message is longer than its tag, by its chunks' headers."""


@dataclass
class SlowServer:
    """Takes the push and reads 100 kB/s from then on, or nothing while ``paused``."""

    paused: bool = False
    taken: int = 0
    peers: list[Peer] = field(default_factory=list)

    def __call__(self, peer: Peer) -> None:
        self.peers.append(peer)
        peer.publish()
        peer.sock.settimeout(0.05)
        while not peer.stop.is_set():
            time.sleep(0.01)
            if self.paused:
                continue
            try:
                data = peer.sock.recv(1000)
            except TimeoutError:
                continue
            if not data:
                raise Gone
            self.taken += len(data)
            peer._take(data)


@pytest.fixture
def server() -> SlowServer:
    return SlowServer()


@pytest.fixture
def running(server: SlowServer, clip: list[Tag]) -> Iterator[Push]:
    """A push that has always something to send."""
    with (
        FaultyServer(server, receive_buffer=16_384) as target,
        push(f"{target.url}/cam", looped(clip), deadlines=LONG, speed=math.inf) as begun,
    ):
        begun.published()
        yield begun


def underway(running: Push, for_s: float) -> list[int]:
    """Bytes not yet acknowledged or not yet written, again and again."""
    until = time.monotonic() + for_s
    seen = []
    while time.monotonic() < until:
        seen.append(running.session.statistics().queued_bytes)
        time.sleep(0.005)
    return seen


def test_no_more_is_underway_than_may_be(running: Push, server: SlowServer, clip: list[Tag]) -> None:
    one_tag = CHUNKS * max(len(tag.body) for tag in clip)
    assert max(underway(running, 0.5)) > LIMIT + one_tag, "without a limit it is more"
    running.session.limit_flight(LIMIT)
    underway(running, 1.0)
    taken_before, begin = server.taken, time.monotonic()
    seen = underway(running, 1.0)
    assert max(seen) <= LIMIT + one_tag
    assert max(seen) > LIMIT / 2, "and what may be is"
    assert running.session.statistics().blocked
    rate = (server.taken - taken_before) / (time.monotonic() - begin)
    assert rate > 40_000, "the server does not wait for it"


def test_another_limit_counts_at_once(running: Push) -> None:
    running.session.limit_flight(LIMIT)
    underway(running, 1.5)
    running.session.limit_flight(None)
    assert max(underway(running, 0.3)) > 2 * LIMIT
    running.session.limit_flight(LIMIT)
    underway(running, 1.5)
    assert max(underway(running, 0.3)) < 2 * LIMIT


def test_a_limit_below_one_tag_lets_them_pass_one_by_one(running: Push, server: SlowServer) -> None:
    running.session.limit_flight(1)
    underway(running, 1.0)
    before = server.taken
    underway(running, 1.0)
    assert server.taken > before


def test_the_end_of_the_push_is_announced_however_much_is_underway(running: Push, server: SlowServer) -> None:
    """What may be underway is a bound for pictures: the stream's name is to be free again."""
    running.session.limit_flight(20_000)
    underway(running, 0.5)
    running.session.limit_flight(1)  # far less than is underway
    underway(running, 0.05)
    assert running.session.statistics().blocked
    running.session.close()
    assert running.session.join(3)
    until = time.monotonic() + 2
    (peer,) = server.peers
    while "deleteStream" not in peer.commands:
        assert time.monotonic() < until, peer.commands
        time.sleep(0.01)


def _reads_slowly(listener: socket.socket, certificate: Path, taken: bytearray) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sock, _ = listener.accept()
    with context.wrap_socket(sock, server_side=True) as server:
        while data := server.recv(3000):
            taken += data
            time.sleep(0.001)


def test_over_tls_nothing_is_lost_or_twice_there_however_the_limit_moves(ca: TestCa) -> None:
    """What TLS has begun to write must be given to it again in full, also when other data has come behind it meanwhile."""
    chance = random.Random(5)
    taken, given = bytearray(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        reader = threading.Thread(
            target=_reads_slowly, args=(listener, ca.issue("DNS:localhost"), taken), daemon=True
        )  # fmt: skip
        reader.start()
        plain = socket.socket()
        prepare(plain, no_progress_s=8)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # so that a record is often taken in part
        plain.connect(listener.getsockname())
        context = ssl.create_default_context(cafile=str(ca.file))
        with closing(Uplink(context.wrap_socket(plain, server_hostname="localhost"))) as uplink:
            uplink.sock.setblocking(False)
            capped = refused = 0
            until = time.monotonic() + 20
            while len(given) < 600_000 or uplink.unwritten:
                assert time.monotonic() < until
                if uplink.unwritten < 20_000 and len(given) < 600_000:
                    piece = chance.randbytes(chance.choice((40, 900, 5000, 30_000)))
                    given += piece
                    uplink.add(piece)
                uplink.flight_limit = chance.choice((None, 1, 3000, 12_000, 40_000))
                uplink.flush()
                capped += uplink.capped
                refused += uplink.unwritten > 0 and not uplink.capped
                select.select([], [], [], 0.001)
            uplink.half_close()
            reader.join(10)
    assert capped > 10 and refused > 10
    assert taken == given
