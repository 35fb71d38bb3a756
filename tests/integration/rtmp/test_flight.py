"""How much a session lets be underway, at a server that reads slowly: the rest waits where it can be dropped."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from appliance.media.tags import Tag
from tests.integration.rtmp.pushing import LONG, Push, push
from tests.servers.faulty import FaultyServer, Gone, Peer
from tests.servers.media import looped

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
