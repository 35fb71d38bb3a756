"""The Raspberry Pi as a board: which camera is front, which microphone is best."""

from __future__ import annotations

import logging
import threading
from typing import Any

from appliance.errors import CameraError, HardwareMissing, MicrophoneError, plain
from appliance.hardware.board import PanelNames
from appliance.hardware.libraries import load
from appliance.hardware.pi.camera import PiCamera
from appliance.hardware.pi.encoder import hardware_encoder_present
from appliance.hardware.pi.microphone import AlsaMicrophone, capture_devices
from appliance.hardware.pi.model import has_encoder
from appliance.hardware.pi.pins import lgpio_factory

log = logging.getLogger(__name__)

POSITIONS = ("front", "back")
_LOCATIONS = {0: "front", 1: "back"}
"""libcamera's Location property; 2 is external, which tells nothing."""


class PiBoard:
    """See :class:`appliance.hardware.board.Board`. Made without a look at the hardware: what is missing shows when it is
    asked for, and :meth:`missing` says it beforehand."""

    name = "pi"
    simulated = None

    def __init__(self) -> None:
        self.encoder_present = hardware_encoder_present()
        self.hardware_encoder = self.encoder_present or has_encoder()
        if not self.hardware_encoder:
            log.info("this board has no H.264 encoder of its own, as a Pi 5 has none: libx264 encodes")
        self._lock = threading.Lock()
        self._factory: Any = None

    def missing(self) -> list[HardwareMissing]:
        found = []
        for library in ("picamera2", "alsaaudio"):
            try:
                load(library)
            except HardwareMissing as error:
                found.append(error)
        return found

    # -- cameras ---------------------------------------------------------------------------------------------

    def camera(self, position: str, input: str, *, other: str = "auto") -> PiCamera:
        if position not in POSITIONS:
            raise CameraError(f"there is no position {position!r}; allowed: {', '.join(POSITIONS)}")
        found = self._found()
        names = [info["Id"] for info in found]
        shown = ", ".join(names) or "none"
        if input == "auto":
            chosen = positions([info for info in found if info["Id"] != other]).get(position)
            if chosen is None:
                raise CameraError(f"no {position} camera is connected; found: {shown}")
        elif input in names:
            chosen = input
        else:
            raise CameraError(
                f"camera {input!r} is not connected; found: {shown}; allowed: auto, one of those, file:PATH"
            )
        return PiCamera(chosen, hardware_encoder=self.encoder_present)

    def cameras(self) -> list[str]:
        try:
            return [info["Id"] for info in self._found()]
        except CameraError:
            return []

    def _found(self) -> list[dict[str, Any]]:
        try:
            picamera2 = load("picamera2").Picamera2
        except HardwareMissing as error:
            raise CameraError(error.reason, error.details) from error
        try:
            return list(picamera2.global_camera_info())
        except Exception as error:
            raise CameraError(f"libcamera does not list its cameras: {plain(error)}") from error

    # -- microphones -----------------------------------------------------------------------------------------

    def microphone(self, input: str) -> AlsaMicrophone:
        if input != "auto":
            return AlsaMicrophone(input)
        try:
            devices = capture_devices()
        except HardwareMissing as error:
            raise MicrophoneError(error.reason, error.details) from error
        if not devices:
            raise MicrophoneError("no sound card that can capture is connected")
        return AlsaMicrophone(devices[0])

    def microphones(self) -> list[str]:
        try:
            return capture_devices()
        except HardwareMissing:
            return []

    # -- pins ------------------------------------------------------------------------------------------------

    def pin_factory(self) -> Any:
        with self._lock:
            if self._factory is None:
                self._factory = lgpio_factory()
            return self._factory

    def attach_panel(self, panel: PanelNames) -> None:
        """Real buttons need nobody to name them."""

    def close(self) -> None:
        with self._lock:
            factory, self._factory = self._factory, None
        if factory is not None:
            factory.close()


def positions(found: list[dict[str, Any]]) -> dict[str, str]:
    """Which camera stands at which position: where libcamera knows how a camera is mounted that counts, and the others
    take the positions left over in libcamera's order (the first connector first)."""
    taken: dict[str, str] = {}
    for info in found:
        position = _LOCATIONS.get(info.get("Location", 2))
        if position is not None:
            taken.setdefault(position, info["Id"])
    for info in found:
        if info["Id"] not in taken.values():
            free = next((p for p in POSITIONS if p not in taken), None)
            if free is not None:
                taken[free] = info["Id"]
    return taken
