"""Which waiting image is in use, from files and uploads; the network's part is among the integration tests."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from appliance import event_codes as codes
from appliance.errors import StateDirectoryError, WaitingImageError
from appliance.events import Event, EventBus
from appliance.media.waiting_image import UPLOAD, WaitingImages
from tests.unit.media.pictures import encoded, near, quarters

RED, BLUE = (encoded(Image.new("RGB", (64, 32), colour), "PNG") for colour in ("red", "blue"))


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class Box:
    """Everything around one :class:`WaitingImages`; may be restarted on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[Image.Image | None] = []
        self.events: list[Event] = []
        self.bus = EventBus()
        self.bus.subscribe(self.events.append)
        self._running: list[WaitingImages] = []

    def start(self, source: str = "", md5: str = "") -> WaitingImages:
        images = WaitingImages(self.folder, self.bus, self.shown.append)
        images.want(source, md5)
        images.start()
        self._running.append(images)
        return images

    def stop(self) -> None:
        while self._running:
            self._running.pop().close(2)

    def sees(self, colour: tuple[int, int, int] | None) -> None:
        """In the end that colour is shown, None for the neutral picture."""

        def right() -> bool:
            now = self.shown[-1] if self.shown else None
            return (now is None) == (colour is None) and (
                now is None or near(now.getpixel((5, 5)), colour or (0, 0, 0))
            )

        assert eventually(right), self.shown

    def failures(self) -> list[str]:
        return [event.text for event in self.events if event.code == codes.WAITING_IMAGE_FAIL]


def eventually(what: Callable[[], bool], within_s: float = 5) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return what()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.stop()


@pytest.fixture
def red(tmp_path: Path) -> str:
    path = tmp_path / "red.png"
    path.write_bytes(RED)
    return f"file:{path}"


@pytest.fixture
def blue(tmp_path: Path) -> str:
    path = tmp_path / "blue.png"
    path.write_bytes(BLUE)
    return f"file:{path}"


def test_a_file(box: Box, red: str) -> None:
    images = box.start(red)
    box.sees((255, 0, 0))
    assert images.reason == ""
    assert not box.events
    with Image.open(box.folder / "waiting-image.fetched.jpg") as kept:
        assert kept.size == (64, 32)
    assert (images.jpeg() or b"").startswith(b"\xff\xd8")


def test_none(box: Box) -> None:
    images = box.start()
    assert images.jpeg() is None
    assert images.reason == ""
    assert box.shown == [None]


def test_a_changed_setting_fetches_anew(box: Box, red: str, blue: str) -> None:
    images = box.start(red)
    box.sees((255, 0, 0))
    images.want(blue, "")
    box.sees((0, 0, 255))
    images.want("", "")
    box.sees(None)
    Path(red[5:]).write_bytes(BLUE)
    images.want(red, "")
    box.sees((0, 0, 255))
    assert not box.events


def test_the_same_setting_again_is_no_change(box: Box, red: str) -> None:
    images = box.start(red)
    box.sees((255, 0, 0))
    Path(red[5:]).unlink()
    images.want(red, "")
    images.want(red, md5(RED).upper())
    time.sleep(0.1)
    box.sees((255, 0, 0))
    assert not box.events


def test_it_is_there_after_a_restart(box: Box, red: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    box.stop()
    Path(red[5:]).unlink()
    box.shown.clear()
    box.start(red, md5(RED))
    box.sees((255, 0, 0))
    assert not box.events


def test_what_is_kept_is_of_one_source_and_one_md5(box: Box, red: str, blue: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    box.stop()
    box.start(blue)
    box.sees((0, 0, 255))
    box.stop()
    Path(blue[5:]).write_bytes(RED)
    box.start(blue, md5(RED))
    box.sees((255, 0, 0))
    assert not box.events


def test_a_damaged_copy_is_fetched_again(box: Box, red: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    box.stop()
    for damage in (b"", b"garbage", (box.folder / "waiting-image.fetched.jpg").read_bytes()[:-20], RED):
        (box.folder / "waiting-image.fetched.jpg").write_bytes(damage)
        box.shown.clear()
        box.start(red)
        box.sees((255, 0, 0))
        box.stop()
    assert not box.events


@pytest.mark.parametrize("wanted", [md5(RED), md5(RED).upper()])
def test_the_md5_in_either_case(box: Box, red: str, wanted: str) -> None:
    box.start(red, wanted)
    box.sees((255, 0, 0))


def test_another_md5_refuses_the_picture(box: Box, red: str) -> None:
    images = box.start(red, md5(BLUE))
    assert eventually(lambda: bool(box.events))
    assert box.failures() == [
        f"The waiting image is not used: what was fetched has the md5 {md5(RED)}, and waiting-image-hash asks for {md5(BLUE)}"
    ]
    assert images.jpeg() is None
    assert images.reason
    images.want(red, md5(RED))
    box.sees((255, 0, 0))
    images.want(red, md5(BLUE))
    box.sees(None)
    assert len(box.failures()) == 2


@pytest.mark.parametrize(("content", "why"), [
    (None, "cannot be read: no such file"), (b"", "is empty"), (b"<html>", "no picture of a known format"),
    (RED[:-30], "damaged or cut short"), (b"\0" * (9 << 20), "larger than 8 MiB"),
])  # fmt: skip
def test_what_cannot_be_used_is_told_once(box: Box, red: str, content: bytes | None, why: str) -> None:
    path = Path(red[5:])
    path.unlink() if content is None else path.write_bytes(content)
    box.start(red)
    assert eventually(lambda: bool(box.events))
    time.sleep(0.1)
    [failure] = box.failures()
    assert why in failure
    box.sees(None)


def test_only_files(box: Box, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in (f"file:{tmp_path}", f"file:{tmp_path}/pipe", "file:/dev/zero"):
        box.start(source)
        assert eventually(lambda: bool(box.events)), source
        box.stop()
        box.events.clear()


# -- uploads -------------------------------------------------------------------------------------------------


def test_an_upload_is_in_use_once_it_is_wanted(box: Box, red: str) -> None:
    images = box.start(red)
    box.sees((255, 0, 0))
    assert images.upload(BLUE) == {"width": 64, "height": 32, "md5": md5(BLUE)}
    box.sees((255, 0, 0))
    images.want(UPLOAD, "")
    assert near(box.shown[-1].getpixel((5, 5)), (0, 0, 255)), "at once"  # type: ignore[union-attr]
    images.upload(RED)
    assert near(box.shown[-1].getpixel((5, 5)), (255, 0, 0)), "at once"  # type: ignore[union-attr]
    box.stop()
    box.shown.clear()
    box.start(UPLOAD)
    box.sees((255, 0, 0))
    assert not box.events


def test_an_upload_survives_other_settings(box: Box, red: str) -> None:
    images = box.start()
    images.upload(BLUE)
    images.want(red, "")
    box.sees((255, 0, 0))
    images.want(UPLOAD, md5(BLUE))
    box.sees((0, 0, 255))
    images.want(UPLOAD, md5(RED))
    box.sees(None)
    assert "the uploaded picture has the md5" in box.failures()[0]


def test_a_picture_put_there_by_hand_is_an_upload(box: Box, red: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    box.stop()
    (box.folder / "waiting-image.fetched.jpg").rename(box.folder / "waiting-image.upload.jpg")
    box.shown.clear()
    box.start(UPLOAD)
    box.sees((255, 0, 0))
    assert not box.events


def test_what_is_no_source_is_told(box: Box) -> None:
    box.start("nonsense")
    assert eventually(lambda: bool(box.events))
    assert "the address is none" in box.failures()[0]


def test_refused_uploads_change_nothing(box: Box) -> None:
    images = box.start(UPLOAD)
    assert eventually(lambda: bool(box.events))
    assert "no picture was uploaded" in box.failures()[0]
    images.upload(RED)
    for bad in (b"", b"<html>", RED[:-30], b"\0" * (9 << 20)):
        with pytest.raises(WaitingImageError):
            images.upload(bad)
    box.sees((255, 0, 0))
    images.want(UPLOAD, md5(RED))
    with pytest.raises(WaitingImageError, match="waiting-image-hash asks for"):
        images.upload(BLUE)
    box.sees((255, 0, 0))


def test_removing(box: Box) -> None:
    images = box.start()
    images.upload(RED)
    images.want("", "")
    images.remove()
    images.remove()
    assert not list(box.folder.glob("waiting-image*"))
    images.want(UPLOAD, "")
    assert eventually(lambda: bool(box.events))
    assert images.jpeg() is None


def test_uploads_at_the_same_time(box: Box) -> None:
    images = box.start(UPLOAD)
    picture = encoded(quarters(), "PNG")
    threads = [threading.Thread(target=images.upload, args=(picture,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert images.jpeg() is not None
    assert [path.name for path in box.folder.glob("waiting-image*")] == ["waiting-image.upload.jpg"]


# -- a state directory that cannot be written to ---------------------------------------------------------------


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("appliance.files.os.fsync", refuse)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_costs_a_fetched_picture_its_copy_alone(box: Box, red: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    assert [event.code for event in box.events] == [codes.STORAGE_FAILED]
    assert "no space left" in box.events[0].text
    assert not list(box.folder.glob("waiting-image*"))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_takes_no_upload(box: Box) -> None:
    images = box.start()
    with pytest.raises(StateDirectoryError, match="no space left"):
        images.upload(RED)
    assert box.shown == [None]
    assert [event.code for event in box.events] == [codes.STORAGE_FAILED]


def test_no_source_lies_beside_the_picture(box: Box, red: str) -> None:
    box.start(red)
    box.sees((255, 0, 0))
    assert red.encode() not in (box.folder / "waiting-image.fetched.jpg").read_bytes()
