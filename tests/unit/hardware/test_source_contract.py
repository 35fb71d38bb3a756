"""What every camera and every microphone keeps to (:mod:`appliance.media.sources`), whatever stands behind it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import CameraError, MicrophoneError
from appliance.hardware.files import FileCamera, FileMicrophone
from appliance.hardware.pi.camera import PiCamera
from appliance.hardware.pi.microphone import AlsaMicrophone
from appliance.hardware.planes import planes_of
from appliance.media.sources import Camera, Microphone, PictureFormat, SoundFormat
from tests.unit.hardware import fake_picamera2

WANTED = PictureFormat(160, 96, 25)
SOUND = SoundFormat(48000, 1)


@pytest.fixture(params=["simulated front", "simulated back", "film", "still", "pi", "pi NV12"])
def camera(request: pytest.FixtureRequest, clips: Path) -> Camera:
    kind = request.param
    if kind.startswith("simulated"):
        made: Camera = request.getfixturevalue("board").camera(kind.split()[1], "auto")
        return made
    if kind == "film":
        return FileCamera(str(clips / "film.mp4"), "film")
    if kind == "still":
        picture = clips / "still.png"
        if not picture.exists():
            from PIL import Image

            Image.new("RGB", (160, 96), "red").save(picture)
        return FileCamera(str(picture), "still")
    rig = request.getfixturevalue("rig")
    rig.pixel_format = "NV12" if kind == "pi NV12" else "YUV420"
    return PiCamera(fake_picamera2.FRONT, hardware_encoder=False)


@pytest.fixture(params=["simulated", "film", "alsa"])
def microphone(request: pytest.FixtureRequest, clips: Path) -> Microphone:
    if request.param == "simulated":
        made: Microphone = request.getfixturevalue("board").microphone("auto")
        return made
    if request.param == "film":
        return FileMicrophone(str(clips / "film.mp4"), "film")
    return AlsaMicrophone(request.getfixturevalue("alsa_tone"))


def within(timeout_s: float, read: Callable[[float], object]) -> None:
    begin = time.monotonic()
    read(timeout_s)
    assert time.monotonic() - begin < timeout_s + 0.25


def test_a_camera_delivers_what_it_answered(camera: Camera) -> None:
    answer = camera.open(WANTED)
    try:
        times = []
        for _ in range(6):
            picture = camera.read(1.0)
            assert picture is not None
            assert (picture.frame.width, picture.frame.height) == (answer.width, answer.height)
            assert -0.01 < time.monotonic() - picture.time_s < 0.5
            times.append(picture.time_s)
        assert all(later > earlier for earlier, later in itertools.pairwise(times))
    finally:
        camera.close()


def test_a_pictures_memory_is_its_own(camera: Camera) -> None:
    camera.open(WANTED)
    try:
        kept = camera.read(1.0)
        assert kept is not None
        before = planes_of(kept.frame)[0].copy()
        for _ in range(4):
            later = camera.read(1.0)
            assert later is not None
            planes_of(later.frame)[0][:] = 77
        assert np.array_equal(planes_of(kept.frame)[0], before)
        assert kept.frame.pict_type == 0
    finally:
        camera.close()


def test_a_slow_reader_gets_new_pictures(camera: Camera) -> None:
    camera.open(WANTED)
    try:
        assert camera.read(1.0) is not None
        time.sleep(0.4)
        picture = camera.read(1.0)
        assert picture is not None
        assert time.monotonic() - picture.time_s < 0.3
    finally:
        camera.close()


def test_reads_keep_their_bound(camera: Camera) -> None:
    camera.open(WANTED)
    try:
        for timeout_s in (0.0, 0.001, 0.02):
            within(timeout_s, camera.read)
    finally:
        camera.close()


def test_a_camera_can_be_opened_again(camera: Camera) -> None:
    for size in (WANTED, PictureFormat(96, 160, 10)):
        camera.open(size)
        assert camera.read(1.0) is not None
        camera.close()
        camera.close()


def test_a_closed_camera_says_so(camera: Camera) -> None:
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.01)
    camera.open(WANTED)
    camera.close()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.01)


def test_a_camera_refuses_controls_it_has_not(camera: Camera) -> None:
    camera.open(WANTED)
    try:
        with pytest.raises(CameraError, match="no control"):
            camera.set_control("beauty", 3)
    finally:
        camera.close()


@pytest.mark.parametrize("wanted", [SoundFormat(16000, 1), SoundFormat(48000, 2), SoundFormat(44100, 1)])
def test_a_microphone_delivers_what_it_answered(microphone: Microphone, wanted: SoundFormat) -> None:
    answer = microphone.open(wanted)
    try:
        assert answer == wanted  # all of these can
        due = None
        for _ in range(10):
            sound = microphone.read(1.0)
            assert sound is not None
            assert sound.samples.dtype == np.int16
            assert sound.samples.shape[1] == answer.channels
            assert 0.01 <= len(sound.samples) / answer.rate <= 0.04
            if due is not None and "tone" not in microphone.name:  # ALSA's file plugin does not pace
                assert sound.time_s == pytest.approx(due, abs=0.002)
            due = sound.time_s + len(sound.samples) / answer.rate
            assert due <= time.monotonic() + 0.001
    finally:
        microphone.close()


def test_sounds_memory_is_its_own(microphone: Microphone) -> None:
    microphone.open(SOUND)
    try:
        kept = microphone.read(1.0)
        assert kept is not None
        before = kept.samples.copy()
        for _ in range(4):
            later = microphone.read(1.0)
            assert later is not None
            later.samples[:] = 7
        assert np.array_equal(kept.samples, before)
    finally:
        microphone.close()


def test_sound_reads_keep_their_bound(microphone: Microphone) -> None:
    microphone.open(SOUND)
    try:
        for timeout_s in (0.0, 0.001, 0.02):
            within(timeout_s, microphone.read)
    finally:
        microphone.close()


def test_a_microphone_can_be_opened_again(microphone: Microphone) -> None:
    for wanted in (SOUND, SoundFormat(16000, 2)):
        microphone.open(wanted)
        assert microphone.read(1.0) is not None
        microphone.close()
        microphone.close()


def test_a_closed_microphone_says_so(microphone: Microphone) -> None:
    with pytest.raises(MicrophoneError, match="not open"):
        microphone.read(0.01)
    microphone.open(SOUND)
    microphone.close()
    with pytest.raises(MicrophoneError, match="not open"):
        microphone.read(0.01)
