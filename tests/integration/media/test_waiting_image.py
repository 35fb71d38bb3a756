"""The waiting image in the whole appliance: settings, events, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance import event_codes as codes
from appliance.app import Appliance
from tests.servers.pictures import PictureServer
from tests.unit.media.pictures import encoded, quarters
from tests.unit.media.test_waiting_image import RED, eventually, md5

PICTURE = encoded(quarters(), "WEBP")
TOKEN = "sig=very-secret"


@contextmanager
def running(state: Path, **settings: str) -> Iterator[Appliance]:
    overrides = [(name.replace("_", "-"), value) for name, value in settings.items()]
    appliance = Appliance(state, board="simulated", listen=None, overrides=overrides)
    appliance.start()
    try:
        yield appliance
    finally:
        appliance.stop("the test is over")


def failures(appliance: Appliance) -> list[str]:
    return [str(record) for record in appliance.log.query(codes=[codes.WAITING_IMAGE_FAIL])[0]]


def change(appliance: Appliance, source: str, md5: str = "") -> None:
    appliance.settings.change({"waiting-image": source, "waiting-image-hash": md5}, by="a test")


def in_use(appliance: Appliance) -> bool:
    return appliance.waiting_image.jpeg() is not None


def test_every_failure_is_told_without_the_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with PictureServer(PICTURE) as server, running(tmp_path / "state") as box:
        for number, (path, md5, why) in enumerate([
            ("missing", "", "HTTP 404"), ("html", "", "no picture of a known format"), ("a", "0" * 32, "waiting-image-hash"),
            ("unavailable", "", "HTTP 503"), ("huge", "", "larger than 8 MiB"), ("cut", "", "the connection broke off"),
        ], start=1):  # fmt: skip
            change(box, server.url(f"{path}?{TOKEN}"), md5)
            assert eventually(lambda number=number: len(failures(box)) == number), (path, failures(box))  # type: ignore[misc]
            assert why in failures(box)[0]
            assert not in_use(box)
        assert "very-secret" not in str(box.log.query(limit=1000)) + caplog.text
        change(box, server.url(f"a?{TOKEN}"), md5_of_it())
        assert eventually(lambda: in_use(box))
        assert box.waiting_image.reason == ""


def md5_of_it() -> str:
    return md5(PICTURE).upper()


def test_it_is_there_after_a_restart_without_a_network(tmp_path: Path) -> None:
    with PictureServer(PICTURE) as server:
        source = server.url(f"a?{TOKEN}")
        with running(tmp_path / "state") as box:
            change(box, source, md5_of_it())
            assert eventually(lambda: in_use(box))
    with running(tmp_path / "state") as box:
        assert eventually(lambda: in_use(box))
        assert failures(box) == []


def test_an_upload_is_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "state") as box:
        box.waiting_image.upload(RED)
        change(box, "upload")
        assert in_use(box)
    with running(tmp_path / "state") as box:
        assert eventually(lambda: in_use(box))
        assert failures(box) == []


def test_from_the_command_line(tmp_path: Path) -> None:
    picture = tmp_path / "wait.webp"
    picture.write_bytes(PICTURE)
    with running(tmp_path / "state", waiting_image=f"file:{picture}", waiting_image_hash=md5(PICTURE)) as box:
        assert eventually(lambda: in_use(box))
