"""The session against a real nginx-rtmp."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from appliance.errors import ConnectFailed, LinkBroken, NetworkError, ServerRefused
from appliance.media.tags import Tag, TagKind
from appliance.rtmp.session import Deadlines
from tests.integration.rtmp.pushing import SHORT, push
from tests.servers.media import Recording, decode, looped
from tests.servers.nginx import Nginx
from tests.servers.tls import TestCa, TlsProxy


def recording(nginx: Nginx, name: str, number: int = 0) -> Recording:
    """The decoded recording, once nginx has closed it."""
    until = time.monotonic() + 3
    while f"name='{name}'" not in nginx.log() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    return decode(nginx.recorded(name)[number])


def rising(times: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(times))


def test_what_is_pushed_is_recorded_and_decodes(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"{nginx.url}/cam?txSecret=0123456789&txTime=5F", looped(clip), speed=4) as running:
        running.published()
        assert running.listener.calls[0] == f"connected 127.0.0.1:{nginx.port}"
        time.sleep(1.0)
        measured = running.session.statistics()
        assert measured.sent_bytes > 100_000
        assert 0 <= measured.sent_bytes - measured.acked_bytes < 50_000
        assert 0 < measured.rtt_ms < 100
        assert running.closed() < 0.7
    assert running.session.statistics().sent_bytes >= measured.sent_bytes
    found = recording(nginx, "cam")
    assert found.sizes == {(320, 180)}
    assert found.pictures == len(found.video_times) > 90
    assert found.samples > 3 * 16000
    assert rising(found.video_times)
    assert rising(found.audio_times)
    assert found.audio_times[0] == 0
    assert "args='txSecret=0123456789&txTime=5F'" in nginx.log()


def test_large_keyframes_and_extended_timestamps_survive(nginx: Nginx, clip: list[Tag]) -> None:
    second_ms = [tag.time_ms for tag in clip if tag.keyframe and not tag.header][1]

    # from 16 Mi milliseconds on timestamps have an extension, and the chunks of a large picture repeat it
    def tags() -> Iterator[Tag]:
        for tag in itertools.islice(looped(clip), 150):
            if tag.keyframe and not tag.header:  # a filler NAL unit makes the picture larger than a chunk
                size = 150_000
                filler = size.to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 2) + b"\x80"
                tag = dataclasses.replace(tag, body=tag.body + filler)
            late = 0 if tag.time_ms < second_ms else 0xFFFFFF + 1500  # too far for a delta
            yield dataclasses.replace(tag, time_ms=tag.time_ms + late)

    with push(f"{nginx.url}/long", tags(), speed=float("inf")) as running:
        running.published()
        until = time.monotonic() + 5
        while running.session.statistics().queued_bytes or running.queue.wait_s(0) is not None:
            assert time.monotonic() < until, running.listener.endings
            time.sleep(0.02)
        running.closed()
    found = recording(nginx, "long")
    assert rising(found.video_times)
    assert rising(found.audio_times)
    assert found.video_times[-1] > 0xFFFFFF / 1000
    assert found.pictures == len(found.video_times) > 50


def test_the_stream_name_is_free_at_once_after_closing(nginx: Nginx, clip: list[Tag]) -> None:
    for _ in range(5):
        with push(f"{nginx.url}/again", looped(clip)) as running:
            running.published()
            time.sleep(0.05)
            running.closed()
    assert "Already publishing" not in nginx.log()


def test_a_name_in_use_is_told_apart(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"{nginx.url}/busy", looped(clip)) as first:
        first.published()
        with push(f"{nginx.url}/busy", looped(clip)) as second:
            error = second.failure()
        assert isinstance(error, ServerRefused)
        assert error.name_in_use
        assert error.details == {"status": "NetStream.Publish.BadName", "description": "Already publishing"}
        assert first.session.phase == "publishing"


def test_an_unknown_app_is_refused(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"rtmp://127.0.0.1:{nginx.port}/nothing/here", looped(clip)) as running:
        assert isinstance(running.failure(), ServerRefused)
    assert running.listener.calls == ["ended"]


def test_ipv6(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"rtmp://[::1]:{nginx.port}/live/six", looped(clip)) as running:
        running.published()
        time.sleep(0.3)
        running.closed()
    assert nginx.recorded("six")


@pytest.mark.parametrize(
    ("names", "trusted", "words"),
    [
        (("IP:127.0.0.1",), True, None),
        (("IP:127.0.0.1",), False, "certificate is not accepted"),
        (("DNS:other.example",), True, "certificate is not accepted"),
    ],
)
def test_tls_verifies_certificate_and_name(
    nginx: Nginx, clip: list[Tag], ca: TestCa, monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...], trusted: bool, words: str | None,
) -> None:  # fmt: skip
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    with (
        TlsProxy(ca.issue(*names), ("127.0.0.1", nginx.port)) as proxy,
        push(f"rtmps://127.0.0.1:{proxy.port}/live/tls", looped(clip), speed=4, deadlines=Deadlines()) as running,
    ):
        if words is not None:
            error = running.failure()
            assert isinstance(error, ConnectFailed)
            assert words in error.reason
            return
        running.published()
        time.sleep(0.8)
        assert running.session.statistics().acked_bytes > 50_000
        assert running.closed() < 0.7
    found = recording(nginx, "tls")
    assert found.pictures == len(found.video_times) > 60


def test_tls_by_name(nginx: Nginx, clip: list[Tag], ca: TestCa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    with (
        TlsProxy(ca.issue("DNS:localhost"), ("127.0.0.1", nginx.port)) as proxy,
        push(f"rtmps://localhost:{proxy.port}/live/tls", looped(clip), deadlines=Deadlines()) as running,
    ):
        running.published()
        running.closed()


def test_tls_to_a_plain_server_fails_in_time(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"rtmps://127.0.0.1:{nginx.port}/live/cam", looped(clip)) as running:
        error = running.failure()
    assert isinstance(error, ConnectFailed)
    assert "TLS" in error.reason


def test_a_frozen_server_is_no_progress(nginx: Nginx, clip: list[Tag]) -> None:
    with push(f"{nginx.url}/frozen", looped(clip), speed=float("inf")) as running:
        running.published()
        nginx.freeze()
        error = running.failure(10)
    assert isinstance(error, LinkBroken)
    assert "has taken nothing for 0.8 s" in error.reason
    assert SHORT.progress_s < running.seconds < 5


def ended_by(nginx: Nginx, clip: list[Tag], end: Callable[[], None]) -> NetworkError:
    with push(f"{nginx.url}/cam", looped(clip)) as running:
        running.published()
        time.sleep(0.2)
        end()
        return running.failure()


def test_a_server_that_dies_ends_the_session_at_once(nginx: Nginx, clip: list[Tag]) -> None:
    error = ended_by(nginx, clip, lambda: nginx.stop(kill=True))
    assert error.code in (3004, 3005)  # an orderly end, or a reset where something was still unread
    with push(f"{nginx.url}/cam", looped(clip)) as running:
        refused = running.failure()
    assert isinstance(refused, ConnectFailed)
    assert "Connection refused" in refused.reason
    nginx.start()
    with push(f"{nginx.url}/cam", looped(clip)) as running:
        running.published()


def test_only_the_sound_can_be_pushed(nginx: Nginx, clip: list[Tag]) -> None:
    sound = (tag for tag in looped(clip) if tag.kind is TagKind.AUDIO)
    with push(f"{nginx.url}/sound", sound, speed=4) as running:
        running.published()
        time.sleep(0.5)
        running.closed()
    found = recording(nginx, "sound")
    assert found.pictures == 0
    assert found.samples > 16000
