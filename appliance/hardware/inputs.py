"""Which camera and microphone the settings name: a device of the board, or a media file."""

from __future__ import annotations

from pathlib import Path

from appliance.errors import CameraError
from appliance.hardware.board import Board
from appliance.hardware.files import FileCamera, FileMicrophone, has_sound
from appliance.media.sources import Camera, Microphone
from appliance.settings.declaration import Settings

_FILE = "file:"


def camera_for(board: Board, settings: Settings, position: str) -> Camera:
    """The camera for ``position`` (``front`` or ``back``) as the settings name it, not yet open. Raises CameraError."""
    front, back = settings.camera_front, settings.camera_back
    if position == "front":
        wanted, other = front, back
    elif position == "back":
        wanted, other = back, front
    else:
        raise CameraError(f"there is no position {position!r}; allowed: front, back")
    if wanted.startswith(_FILE):
        return FileCamera(_path(wanted), wanted)
    if wanted in ("", "none"):
        raise CameraError(f"camera.{position} names no camera; allowed: auto, a camera's name, file:PATH")
    camera = board.camera(position, wanted, other=other)
    if camera.name == other:
        raise CameraError(f"camera.{position}: {camera.name} is the other camera, and there is no second one")
    for name, value in (("camera.rotation", settings.camera_rotation), ("camera.mirror", settings.camera_mirror)):
        prepare = getattr(camera, "prepare", None)
        if prepare is not None:
            prepare(name, value)
    return camera


def microphone_for(board: Board, settings: Settings, position: str) -> Microphone | None:
    """The microphone as the settings name it, not yet open; None for ``none``. ``auto`` is the sound of the media file
    that stands in for the camera at ``position``, where it has sound, and else the board's. Raises MicrophoneError."""
    wanted = settings.microphone
    if wanted == "none":
        return None
    if wanted in ("", "auto"):
        camera = settings.camera_front if position == "front" else settings.camera_back
        wanted = camera if camera.startswith(_FILE) and has_sound(_path(camera)) else "auto"
    if wanted.startswith(_FILE):
        return FileMicrophone(_path(wanted), wanted)
    return board.microphone(wanted)


def _path(value: str) -> str:
    return str(Path(value.removeprefix(_FILE)).expanduser())
