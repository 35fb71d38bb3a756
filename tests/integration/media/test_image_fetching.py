"""Waiting images over the network: real sockets and TLS, and servers with every fault."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import WaitingImageError, WaitingImageUnreachable
from appliance.media import image_fetching
from appliance.media.image_fetching import Fetch
from appliance.media.waiting_image import WaitingImages
from tests.servers.nginx import free_port
from tests.servers.pictures import PictureServer
from tests.servers.tls import TestCa
from tests.unit.media.pictures import encoded, quarters
from tests.unit.media.test_waiting_image import Box, eventually, md5

PICTURE = encoded(quarters(), "PNG")
TOKEN = "sig=very-secret"


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer(PICTURE) as server:
        yield server


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.stop()


@pytest.mark.parametrize("path", ["a.png", "redirect", "chunked", "without-length", "a%20b.png", "ü/ö.png?x=ä", ""])
def test_a_picture(server: PictureServer, path: str) -> None:
    assert Fetch(server.url(path)).run() == PICTURE


def test_what_is_asked_for(server: PictureServer) -> None:
    Fetch(server.url(f"a%2Fb c/ü.png?{TOKEN}&to=a/b?c#fragment")).run()
    assert server.asked == [f"/a%2Fb%20c/%C3%BC.png?{TOKEN}&to=a/b?c"]
    assert server.hosts == [f"127.0.0.1:{server.port}"]


@pytest.mark.parametrize(("path", "why"), [
    ("missing", "HTTP 404 (Not Found)"), ("forbidden", "HTTP 403 (Forbidden)"), ("round", "more than 5 redirects"),
    ("to-file", "no http:// or https:// address"), ("to-nowhere", "no http:// or https:// address"),
    ("huge", "larger than 8 MiB"), ("endless", "larger than 8 MiB"),
])  # fmt: skip
def test_refused_for_good(server: PictureServer, path: str, why: str) -> None:
    with pytest.raises(WaitingImageError) as refused:
        Fetch(server.url(f"{path}?{TOKEN}")).run()
    assert not isinstance(refused.value, WaitingImageUnreachable)
    assert refused.value.reason.startswith(f"127.0.0.1:{server.port}: ")
    assert why in refused.value.reason
    assert "secret" not in refused.value.reason


@pytest.mark.parametrize(("path", "why"), [
    ("unavailable", "HTTP 503"), ("cut", "the connection broke off"), ("reset", "the connection broke off"),
    ("silent", "no answer within 0.5 s"), ("drip", "no picture within 1.5 s"), ("drip-headers", "no picture within 1.5 s"),
    ("garbage", "the answer is not HTTP"),
])  # fmt: skip
def test_refused_for_now(server: PictureServer, path: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_fetching, "STEP_S", 0.5)
    begin = time.monotonic()
    with pytest.raises(WaitingImageUnreachable) as refused:
        Fetch(server.url(f"{path}?{TOKEN}"), deadline_s=1.5).run()
    assert time.monotonic() - begin < 2.5
    assert why in refused.value.reason, refused.value.reason
    assert "secret" not in refused.value.reason
    assert refused.value.__cause__ is None, "which would hold the address"


def test_nobody_there() -> None:
    for url, why in (
        (f"http://127.0.0.1:{free_port()}/a.png", "connection refused"),
        ("http://no-such-host.invalid/a.png", "no-such-host.invalid: the name could not be resolved"),
    ):
        with pytest.raises(WaitingImageUnreachable) as refused:
            Fetch(f"{url}?{TOKEN}").run()
        assert why in refused.value.reason
        assert "secret" not in refused.value.reason


def test_a_server_that_takes_connections_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_fetching, "STEP_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for scheme in ("http", "https"):
            with pytest.raises(WaitingImageUnreachable, match=r"no answer within 0\.5 s"):
                Fetch(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/a.png").run()


@pytest.mark.parametrize("path", ["silent", "drip", "drip-headers"])
def test_it_can_be_ended_at_once(server: PictureServer, path: str) -> None:
    fetch, ended = Fetch(server.url(path)), threading.Event()

    def run() -> None:
        with pytest.raises(WaitingImageUnreachable, match="not wanted any more"):
            fetch.run()
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert eventually(lambda: bool(server.asked))
    fetch.abort()
    assert ended.wait(1)


class TestTls:
    @pytest.fixture
    def ca(self, tmp_path: Path) -> TestCa:
        folder = tmp_path / "ca"
        folder.mkdir()
        return TestCa(folder)

    def test_a_certificate_that_is_known(self, ca: TestCa, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
        with PictureServer(PICTURE, ca.issue("DNS:localhost")) as server:
            assert Fetch(server.url("redirect", "localhost")).run() == PICTURE
            with pytest.raises(WaitingImageError, match="from https to http"):
                Fetch(server.url("to-plain", "localhost")).run()

    def test_one_that_is_not(self, ca: TestCa, monkeypatch: pytest.MonkeyPatch) -> None:
        with PictureServer(PICTURE, ca.issue("DNS:other.example")) as server:
            with pytest.raises(WaitingImageUnreachable, match="certificate is not accepted: unable to get"):
                Fetch(server.url("a.png", "localhost")).run()
            monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
            with pytest.raises(WaitingImageUnreachable, match="certificate is not accepted: Hostname mismatch"):
                Fetch(server.url("a.png", "localhost")).run()
            assert not server.asked

    def test_no_tls_there(self, server: PictureServer) -> None:
        with pytest.raises(WaitingImageUnreachable, match="TLS failed"):
            Fetch(f"https://127.0.0.1:{server.port}/a.png").run()


# -- the whole way -------------------------------------------------------------------------------------------------


def test_kept_for_a_start_without_a_network(box: Box, server: PictureServer) -> None:
    box.start(server.url(f"a.png?{TOKEN}"), md5(PICTURE))
    box.sees((220, 40, 40))
    box.stop()
    server.failing = 500
    box.shown.clear()
    box.start(server.url(f"a.png?{TOKEN}"), md5(PICTURE))
    box.sees((220, 40, 40))
    assert len(server.asked) == 1
    assert not box.events
    for path in box.folder.glob("waiting-image*"):
        assert b"secret" not in path.read_bytes()


def test_tried_again_and_told_once(tmp_path: Path, box: Box, server: PictureServer) -> None:
    server.failing = 503
    images = WaitingImages(tmp_path, box.bus, box.shown.append, first_retry_s=0.1)
    images.want(server.url(f"a.png?{TOKEN}"), "")
    images.start()
    try:
        assert eventually(lambda: len(server.asked) >= 4)
        [failure] = box.failures()
        assert failure == f"The waiting image is not used: 127.0.0.1:{server.port}: HTTP 503 (Service Unavailable)"
        assert images.reason.endswith("HTTP 503 (Service Unavailable)")
        server.failing = None
        box.sees((220, 40, 40))
        assert images.reason == ""
        asked = len(server.asked)
        time.sleep(0.3)
        assert len(server.asked) == asked, "once is enough"
    finally:
        images.close()


def test_what_the_server_says_no_to_is_not_asked_again(tmp_path: Path, box: Box, server: PictureServer) -> None:
    images = WaitingImages(tmp_path, box.bus, box.shown.append, first_retry_s=0.05)
    images.want(server.url("missing"), "")
    images.start()
    try:
        assert eventually(lambda: bool(box.events))
        time.sleep(0.3)
        assert server.asked == ["/missing"]
    finally:
        images.close()


def test_a_changed_setting_waits_for_no_dead_server(box: Box, server: PictureServer) -> None:
    images = box.start(server.url("silent"))
    assert eventually(lambda: bool(server.asked))
    assert images.reason == "it is being fetched"
    begin = time.monotonic()
    images.want(server.url("a.png"), "")
    box.sees((220, 40, 40))
    assert time.monotonic() - begin < 1
    assert not box.events, "what is not wanted any more is no failure"
    images.want(server.url("html"), "")
    box.sees(None)
    assert "no picture of a known format" in box.failures()[0]


def test_the_end_waits_for_no_dead_server(box: Box, server: PictureServer) -> None:
    images = box.start(server.url("drip"))
    assert eventually(lambda: bool(server.asked))
    begin = time.monotonic()
    images.close(2)
    assert time.monotonic() - begin < 1
    assert not images.worker.alive
    assert not box.events
