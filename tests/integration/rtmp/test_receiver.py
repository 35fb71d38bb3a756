"""The demonstration's receiver, fed by the session and by others."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.demo.receiver import Receiver
from appliance.errors import ListenError, ServerRefused
from appliance.media.tags import Tag
from tests.integration.rtmp.pushing import push
from tests.servers.media import flv_tags, looped, make_clip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    running.start()
    yield running
    before = time.monotonic()
    running.stop()
    assert time.monotonic() - before < 1.0


def eventually(true: Callable[[], object], timeout_s: float = 3) -> None:
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_shows_what_arrives(receiver: Receiver, clip: list[Tag]) -> None:
    assert receiver.status()["connected"] is False
    assert receiver.picture.jpeg() is None
    with push(receiver.url, looped(clip)) as running:
        running.published()
        time.sleep(2.0)
        status = receiver.status()
        assert status["connected"] is True
        assert (status["width"], status["height"]) == (320, 180)
        assert 24 < status["fps"] < 36
        assert 100 < status["videoKbps"] < 1000
        assert 5 < status["audioKbps"] < 200
        assert -20 < status["soundLevel"] < -10  # a sine of a quarter of full scale: -15.2 dB
        picture = receiver.picture.jpeg()
        assert picture is not None
        assert picture.startswith(b"\xff\xd8")
        running.closed()
    eventually(lambda: receiver.status()["connected"] is False)
    assert receiver.status()["videoKbps"] == 0


def test_one_publisher_at_a_time(receiver: Receiver, clip: list[Tag]) -> None:
    with push(receiver.url, looped(clip)) as first:
        first.published()
        with push(receiver.url, looped(clip)) as second:
            error = second.failure()
        assert isinstance(error, ServerRefused)
        assert error.name_in_use
        assert first.session.phase == "publishing"
        first.closed()
    with push(receiver.url, looped(clip)) as third:
        third.published()


def test_the_size_may_change_in_the_middle(receiver: Receiver, clip: list[Tag]) -> None:
    large = flv_tags(make_clip(seconds=1, width=640, height=360))

    def both() -> Iterator[Tag]:
        yield from clip
        for tag in large:
            yield Tag(tag.kind, tag.time_ms + 2100, tag.body, tag.keyframe, tag.header)

    with push(receiver.url, both(), speed=2) as running:
        running.published()
        eventually(lambda: receiver.status()["width"] == 320)
        eventually(lambda: receiver.status()["width"] == 640)


def test_a_flood_of_pictures_is_skipped(receiver: Receiver, clip: list[Tag]) -> None:
    with push(receiver.url, looped(clip), speed=float("inf")) as running:
        running.published()
        time.sleep(0.8)
        assert receiver.status()["fps"] > 200
        assert receiver.picture.jpeg() is not None
        assert len(receiver._viewer._queue) <= 60


def test_acknowledgements_arrive(receiver: Receiver, clip: list[Tag]) -> None:
    with push(receiver.url, looped(clip), speed=float("inf")) as running:
        running.published()
        eventually(lambda: running.session.statistics().rtmp_acked_bytes > 2_500_000, 5)


def test_garbage_and_silence_harm_nobody(receiver: Receiver, clip: list[Tag]) -> None:
    with push(receiver.url, looped(clip)) as running:
        running.published()
        silent = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(20)]
        with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        time.sleep(0.2)
        assert running.session.phase == "publishing"
        for sock in silent:
            sock.close()
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
            sock.sendall(b"\x03" + bytes(1536 * 2) + b"\xff" * 100)
            sock.settimeout(2)
            while sock.recv(65536):
                pass
        assert running.session.phase == "publishing"


def test_a_port_in_use_is_told(receiver: Receiver) -> None:
    with pytest.raises(ListenError, match="Address already in use"):
        Receiver(port=receiver.port).start()


def test_ffmpeg_can_push_to_it(receiver: Receiver, tmp_path: Path) -> None:
    clip = tmp_path / "clip.flv"
    clip.write_bytes(make_clip(seconds=2))
    with subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", str(clip), "-c", "copy", "-f", "flv", receiver.url],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            eventually(lambda: receiver.status()["width"] == 320)
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert process.stderr is not None
    eventually(lambda: receiver.status()["connected"] is False)
