"""The session against servers that are slow, silent, hostile or gone."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable

import pytest

from appliance.errors import ConnectFailed, HandshakeFailed, LinkBroken, NetworkError, ServerRefused
from appliance.media.tags import Tag
from appliance.rtmp import amf0
from appliance.rtmp.chunks import ChunkWriter, MessageType
from appliance.rtmp.handshake import SIZE
from tests.integration.rtmp.pushing import LONG, SHORT, push
from tests.servers.faulty import FaultyServer, Peer, flood, slowly
from tests.servers.media import looped

Script = Callable[[Peer], None]


def failure(script: Script, clip: list[Tag]) -> tuple[NetworkError, float]:
    """How a push to such a server ends, and after how many seconds."""
    with FaultyServer(script) as target, push(f"{target.url}/cam?key=topsecret", looped(clip)) as running:
        error = running.failure()
    assert "topsecret" not in f"{error.reason} {error.details}"
    return error, running.seconds


def after(phase: str) -> Callable[[Script], Script]:
    """Proper up to ``phase``, then as given."""

    def build(then: Script) -> Script:
        def script(peer: Peer) -> None:
            if phase == "S1":
                peer.recv()
                peer.send(b"\x03" + bytes(SIZE))
            elif phase == "handshake":
                peer.handshake()
            elif phase == "publishing":
                peer.publish()
            elif phase != "accept":
                peer.until(phase)
            then(peer)

        return script

    return build


PHASES = ["accept", "S1", "handshake", "connect", "createStream", "publish"]


@pytest.mark.parametrize("phase", PHASES)
def test_silence_ends_in_the_phases_deadline(phase: str, clip: list[Tag]) -> None:
    error, seconds = failure(after(phase)(Peer.hold), clip)
    if phase in ("accept", "S1"):
        assert type(error) is HandshakeFailed
        assert error.reason == "the server did not complete the handshake within 0.5 s"
        assert 0.45 < seconds < 1.2
    else:
        waited = "connect" if phase == "handshake" else phase
        assert type(error) is LinkBroken
        assert error.reason == f"the server did not answer {waited} within 0.6 s"
        assert 0.55 < seconds < 1.3


@pytest.mark.parametrize("phase", [*PHASES, "publishing"])
def test_an_orderly_end_in_each_phase(phase: str, clip: list[Tag]) -> None:
    error, seconds = failure(after(phase)(Peer.close), clip)
    assert type(error) is (HandshakeFailed if phase in ("accept", "S1") else ServerRefused)
    assert "closed the connection" in error.reason
    assert seconds < 0.5


@pytest.mark.parametrize("phase", [*PHASES, "publishing"])
def test_a_reset_in_each_phase(phase: str, clip: list[Tag]) -> None:
    error, seconds = failure(after(phase)(Peer.reset), clip)
    if phase == "accept":  # may be so quick that there never was a connection
        assert type(error) in (HandshakeFailed, ConnectFailed)
    else:
        assert type(error) is (HandshakeFailed if phase == "S1" else LinkBroken)
    assert "Connection reset by peer" in error.reason or "Broken pipe" in error.reason
    assert seconds < 0.5


@pytest.mark.parametrize("phase", [*PHASES, "publishing"])
def test_garbage_in_each_phase(phase: str, clip: list[Tag]) -> None:
    error, _ = failure(after(phase)(lambda peer: flood(peer, b"\xff\xfe\xfd\xfc" * 1000)), clip)
    heard = phase in ("createStream", "publish", "publishing")
    assert type(error) is (LinkBroken if heard else HandshakeFailed)


def test_random_bytes_never_do_more_than_end_the_push(clip: list[Tag]) -> None:
    for phase in ("accept", "connect", "publishing"):
        error, seconds = failure(after(phase)(flood), clip)
        assert error.code in (3003, 3005)
        assert seconds < 2


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        ("publish", "NetStream.Publish.BadName"),
        ("publish", "NetStream.Publish.Denied"),
        ("publish", "NetConnection.Connect.Rejected"),
        ("publishing", "NetStream.Unpublish.Success"),
        ("publishing", "NetStream.Publish.Failed"),
        ("publishing", "NetConnection.Connect.Closed"),
    ],
)
@pytest.mark.parametrize("then", [Peer.close, Peer.reset, Peer.hold])
def test_a_status_is_kept_however_the_connection_then_ends(
    phase: str, code: str, then: Script, clip: list[Tag]
) -> None:
    def refuse(peer: Peer) -> None:
        peer.status(code, description="stream cam?key=topsecret is not for you")
        time.sleep(0.05 if then is Peer.reset else 0)  # a reset overtakes what was said just before
        then(peer)

    error, seconds = failure(after(phase)(refuse), clip)
    assert isinstance(error, ServerRefused)
    assert error.status == code
    assert error.description == "stream ***?key=*** is not for you"
    assert error.name_in_use == (code == "NetStream.Publish.BadName")
    assert seconds < 0.5


def test_connect_is_rejected(clip: list[Tag]) -> None:
    def reject(peer: Peer) -> None:
        information = {
            "level": "error",
            "code": "NetConnection.Connect.Rejected",
            "description": "no auth for topsecret",
        }
        peer.command("_error", peer.until("connect").transaction, None, information)
        peer.hold()

    error, _ = failure(reject, clip)
    assert isinstance(error, ServerRefused)
    assert error.status == "NetConnection.Connect.Rejected"
    assert error.description == "no auth for ***"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x05" + bytes(3) + b"\xff\xff\xff\x09" + bytes(4), "16777215 bytes"),
        (ChunkWriter().write(2, 1, 0, 0, bytes(4)), "chunk size of 0"),
        (ChunkWriter().write(3, 20, 0, 0, b"\x02\x00\x01x" + b"\x0a\0\0\0\x01" * 5000), "nested"),
        (ChunkWriter().write(3, 20, 0, 0, amf0.encode("x", 0) + b"\x05" * 5000), "more than 4096"),
    ],
)
def test_oversized_things_break_the_link_in_clear_words(data: bytes, words: str, clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        peer.send(data)
        peer.watch()

    error, _ = failure(script, clip)
    assert type(error) is LinkBroken
    assert words in error.reason


def test_unfinished_chunk_streams_do_not_fill_memory(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        size = ChunkWriter().write(2, 1, 0, 0, (16_000).to_bytes(4, "big"))
        peer.send(size)
        for stream in range(3, 64):
            peer.send(bytes((stream,)) + bytes(3) + (1 << 20).to_bytes(3, "big") + b"\x09" + bytes(4) + bytes(16_000))
        for _ in range(10):
            for stream in range(3, 64):
                peer.send(bytes((0xC0 | stream,)) + bytes(16_000))
        peer.watch()

    with FaultyServer(script) as target, push(f"{target.url}/cam", looped(clip), deadlines=LONG) as running:
        error = running.failure(10)
    assert type(error) is LinkBroken
    assert "unfinished messages" in error.reason


PING = ChunkWriter().write(2, MessageType.USER_CONTROL, 0, 0, b"\x00\x06abcd")
FLOODS = {
    "pings": PING * 1000,
    "bandwidths": ChunkWriter().write(2, 6, 0, 0, b"\x00\x00\x00\x01\x02") * 1000,
    "windows": ChunkWriter().write(2, 5, 0, 0, b"\x00\x00\x00\x01") * 1000,
    "unknown": ChunkWriter().write(7, 77, 0, 0, bytes(100)) * 100,
    "tiny chunks": b"\x03" + bytes(3) + b"\x00\xea\x61\x63" + bytes(5) + b"\xc3\0" * 60_000,
}  # fmt: skip


def test_questions_of_a_server_that_does_not_read_do_not_pile_up(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        flood(peer, PING * 1000)

    with (
        FaultyServer(script, receive_buffer=16_384) as target,
        push(f"{target.url}/cam", iter([]), deadlines=LONG) as running,
    ):
        running.published()
        time.sleep(1.5)
        assert 0 < running.session.statistics().queued_bytes < 150_000  # asked for: more than 400 kB


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("reading", [True, False])
def test_floods_cost_neither_memory_nor_the_processor(kind: str, reading: bool, clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        if reading:
            reader = threading.Thread(target=lambda: _drain(peer), daemon=True)
            reader.start()
        if kind == "tiny chunks":
            peer.send(ChunkWriter().set_chunk_size(1))
        flood(peer, FLOODS[kind])

    with FaultyServer(script) as target, push(f"{target.url}/cam", looped(clip), deadlines=LONG) as running:
        running.published()
        time.sleep(0.2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        time.sleep(0.4)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB
        assert running.session.phase == "publishing"
        assert running.closed() < 0.7


def _drain(peer: Peer) -> None:
    try:
        while peer.sock.recv(65536):
            pass
    except OSError:
        pass


def test_a_server_that_stops_reading_is_no_progress(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        peer.hold()

    with (
        FaultyServer(script, receive_buffer=16_384) as target,
        push(f"{target.url}/cam", looped(clip), speed=float("inf")) as running,
    ):
        running.published()
        time.sleep(0.3)
        taken = running.queue.taken
        measured = running.session.statistics()
        assert 0 < measured.queued_bytes < 250_000  # the kernel alone would take megabytes
        error = running.failure()
        assert running.queue.taken - taken < 30  # what waits, waits in the queue
    assert type(error) is LinkBroken
    assert "has taken nothing for 0.8 s" in error.reason
    assert SHORT.progress_s < running.seconds < 3


def test_a_server_that_never_acknowledges_by_rtmp_is_fine(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        _drain(peer)

    with FaultyServer(script) as target, push(f"{target.url}/cam", looped(clip), speed=8) as running:
        running.published()
        time.sleep(1.5)  # nearly twice what no progress would be allowed
        assert running.session.statistics().rtmp_acked_bytes == 0
        assert running.closed() < 0.7


def test_an_idle_push_is_no_lack_of_progress_and_costs_nothing(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        peer.watch()

    with FaultyServer(script) as target, push(f"{target.url}/cam", iter([])) as running:
        running.published()
        time.sleep(0.3)
        before = time.process_time()
        time.sleep(1.2)
        # the server's own thread looks 20 times a second
        assert time.process_time() - before < 0.05
        assert running.closed() < 0.7


def test_bytes_may_come_one_at_a_time(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        slowly(peer)
        peer.publish()
        for _ in range(5):
            peer.send(PING)
        peer.watch()

    with FaultyServer(script) as target, push(f"{target.url}/cam", looped(clip), deadlines=LONG) as running:
        running.published(10)
        assert running.closed() < 0.7
    assert target.peers[0].commands[-2:] == ["FCUnpublish", "deleteStream"]


def test_the_end_is_announced(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        peer.watch()

    with FaultyServer(script) as target:
        with push(f"{target.url}/cam", looped(clip)) as running:
            running.published()
            assert running.closed() < 0.2
        assert target.peers[0].commands[-2:] == ["FCUnpublish", "deleteStream"]
    assert running.listener.calls == [f"connected 127.0.0.1:{target.port}", "published", "ended"]


@pytest.mark.parametrize("phase", [*PHASES, "publishing"])
def test_closing_works_in_every_phase(phase: str, clip: list[Tag]) -> None:
    names = {"accept": "handshake", "S1": "handshake", "handshake": "connect"}
    with FaultyServer(after(phase)(Peer.hold)) as target:
        with push(f"{target.url}/cam", looped(clip), deadlines=LONG) as running:
            running.in_phase(names.get(phase, phase))
            assert running.closed() < 0.7
        assert running.listener.endings == [None]


def test_closing_a_blocked_push_takes_no_longer(clip: list[Tag]) -> None:
    def script(peer: Peer) -> None:
        peer.publish()
        peer.hold()

    with (
        FaultyServer(script, receive_buffer=16_384) as target,
        push(f"{target.url}/cam", looped(clip), deadlines=LONG, speed=float("inf")) as running,
    ):
        running.published()
        time.sleep(0.3)
        assert running.closed() < 0.7
