"""Which camera and microphone the settings name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import CameraError
from appliance.hardware.files import FileCamera, FileMicrophone
from appliance.hardware.inputs import camera_for, microphone_for
from appliance.hardware.pi.board import PiBoard
from appliance.hardware.pi.camera import PiCamera
from appliance.hardware.simulated.board import SimulatedBoard
from appliance.hardware.simulated.microphone import SimulatedMicrophone
from appliance.media.sources import PictureFormat
from appliance.settings.declaration import Settings
from tests.unit.hardware.clips import make_clip
from tests.unit.hardware.fake_picamera2 import Rig

SETTINGS = Settings()


def test_auto_is_the_boards_own(board: SimulatedBoard) -> None:
    assert camera_for(board, SETTINGS, "front").name == "simulated:front"
    assert camera_for(board, SETTINGS, "back").name == "simulated:back"
    microphone = microphone_for(board, SETTINGS, "front")
    assert microphone is not None
    assert microphone.name == "simulated"


def test_a_media_file_is_a_camera_and_brings_its_sound(board: SimulatedBoard, clips: Path) -> None:
    name = f"file:{clips / 'film.mp4'}"
    settings = replace(SETTINGS, camera_front=name)
    camera = camera_for(board, settings, "front")
    assert isinstance(camera, FileCamera)
    assert camera.name == name
    assert isinstance(microphone_for(board, settings, "front"), FileMicrophone)
    assert isinstance(microphone_for(board, settings, "back"), SimulatedMicrophone)


def test_a_mute_file_leaves_the_boards_microphone(board: SimulatedBoard, tmp_path: Path) -> None:
    mute = make_clip(tmp_path / "mute.mp4", seconds=0.2)
    for path in (mute, tmp_path / "missing.mp4"):
        settings = replace(SETTINGS, camera_front=f"file:{path}")
        assert isinstance(microphone_for(board, settings, "front"), SimulatedMicrophone)


def test_none_is_no_microphone_and_no_camera(board: SimulatedBoard) -> None:
    assert microphone_for(board, replace(SETTINGS, microphone="none"), "front") is None
    with pytest.raises(CameraError, match=r"camera\.back names no camera; allowed"):
        camera_for(board, replace(SETTINGS, camera_back="none"), "back")
    with pytest.raises(CameraError, match="allowed: front, back"):
        camera_for(board, SETTINGS, "top")


def test_a_device_is_named(board: SimulatedBoard, clips: Path) -> None:
    settings = replace(SETTINGS, camera_front="simulated:back", microphone=f"file:{clips / 'film.mp4'}")
    assert camera_for(board, settings, "front").name == "simulated:back"
    assert camera_for(board, settings, "back").name == "simulated:front"
    assert isinstance(microphone_for(board, settings, "back"), FileMicrophone)


def test_both_positions_cannot_be_one_camera(board: SimulatedBoard) -> None:
    settings = replace(SETTINGS, camera_front="simulated:front", camera_back="simulated:front")
    with pytest.raises(CameraError, match="is the other camera"):
        camera_for(board, settings, "back")


def test_the_mounting_is_known_before_the_camera_opens(rig: Rig) -> None:
    camera = camera_for(PiBoard(), replace(SETTINGS, camera_rotation=180, camera_mirror=True), "front")
    assert isinstance(camera, PiCamera)
    camera.open(PictureFormat(640, 360, 30))
    camera.close()
    transform = rig.opened[0].configuration["transform"]
    assert (transform["hflip"], transform["vflip"]) == (0, 1)
    assert len(rig.opened) == 1
