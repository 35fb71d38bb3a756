"""A hardware encoder whose push changes between the two sizes that the camera delivers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.errors import HardwareEncoderError
from appliance.hardware.pi import encoder
from appliance.hardware.pi.board import PiBoard
from appliance.hardware.pi.camera import PiCamera
from appliance.media.sources import EncodedPicture, PictureFormat, VideoSpec
from tests.unit.hardware import fake_picamera2
from tests.unit.hardware.fake_picamera2 import Rig

WANTED = PictureFormat(640, 360, 30)
SPEC = VideoSpec(640, 360, 30, bitrate_kbps=800, ceiling_kbps=1200, keyframe_interval_s=0.1)


@pytest.fixture
def encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[PiCamera, Rig]]:
    monkeypatch.setattr(encoder, "CODEC_DEVICE", tmp_path)
    rig = fake_picamera2.install(monkeypatch, hardware_encoder=True)
    made = PiBoard().camera("front", "auto")
    yield made, rig
    made.close()
    assert rig.outstanding == 0


def test_an_encoding_camera_changes_between_its_two_sizes_without_a_gap(encoding: tuple[PiCamera, Rig]) -> None:
    camera, rig = encoding
    camera.open(replace(WANTED, second=(320, 180)))
    assert camera.encoder is not None
    units: list[EncodedPicture] = []
    small = replace(SPEC, width=320, height=180, keyframe_interval_s=10)
    great = replace(SPEC, keyframe_interval_s=10)
    for spec in (great, small, great):
        camera.encoder.start(spec, units.append)
        seen, until = len(units), time.monotonic() + 3
        while len(units) < seen + 10 and time.monotonic() < until:
            time.sleep(0.01)
    (opened,) = rig.opened
    assert len(opened.encoders) == 1, "each ends when the one behind it has taken over"
    camera.encoder.stop()
    assert rig.encoded == [(640, 360), (320, 180), (640, 360)]
    keys = [unit for unit in units if unit.keyframe]
    assert [unit.data[8:11] for unit in keys] == [b"640", b"320", b"640"], "its first picture is a keyframe of its own"
    times = [unit.time_s for unit in units]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 0.1, "a picture comes every 10 ms"


def test_a_second_size_that_cannot_be_had_is_done_without(encoding: tuple[PiCamera, Rig]) -> None:
    camera, rig = encoding
    rig.two_sizes = False
    assert camera.open(replace(WANTED, second=(320, 180))) == WANTED
    assert camera.encoder is not None
    camera.encoder.start(SPEC, lambda _: None)
    with pytest.raises(HardwareEncoderError, match="640x360 as it is, not 320x180"):
        camera.encoder.start(replace(SPEC, width=320, height=180), lambda _: None)
    assert camera.encoder.progress() >= 0, "the one that runs goes on"
