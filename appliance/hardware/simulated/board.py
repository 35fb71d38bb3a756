"""The simulated board: two cameras, a microphone and 28 mock pins, independent of any other board in the process."""

from __future__ import annotations

from typing import Any

from appliance.clock import Clock, SystemClock
from appliance.errors import CameraError, HardwareMissing, MicrophoneError
from appliance.hardware.board import PanelNames
from appliance.hardware.simulated.bench import SimulatedDevice
from appliance.hardware.simulated.camera import SimulatedCamera
from appliance.hardware.simulated.hands import SimulatedHands, checked_ppm
from appliance.hardware.simulated.microphone import SimulatedMicrophone, Skew
from appliance.hardware.simulated.pins import contact_factory

MICROPHONE = "simulated"


class SimulatedBoard:
    """See :class:`appliance.hardware.board.Board`. Cameras are called ``simulated:front`` and ``simulated:back``, the
    microphone ``simulated``; ``simulated:ppm=1000`` is the same with a clock that runs 0.1 % fast."""

    name = "simulated"
    hardware_encoder = encoder_present = False

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._skew = Skew()
        self._devices = {
            "front": SimulatedDevice("simulated:front", CameraError),
            "back": SimulatedDevice("simulated:back", CameraError),
            "microphone": SimulatedDevice(MICROPHONE, MicrophoneError),
        }
        self._factory: Any = contact_factory()
        self._hands = SimulatedHands(self._factory, self._devices, self._skew)

    @property
    def simulated(self) -> SimulatedHands:
        return self._hands

    def camera(self, position: str, input: str, *, other: str = "auto") -> SimulatedCamera:
        if position not in ("front", "back"):
            raise CameraError(f"there is no position {position!r}; allowed: front, back")
        which = input.removeprefix("simulated:")
        if input == "auto":
            taken = other.removeprefix("simulated:")
            which = {"front": "back", "back": "front"}.get(taken, position)
        if which not in ("front", "back"):
            raise CameraError(
                f"there is no camera {input!r} here; allowed: auto, {', '.join(self.cameras())}, file:PATH"
            )
        return SimulatedCamera(self._devices[which], which, self._clock)

    def microphone(self, input: str) -> SimulatedMicrophone:
        device, _, option = input.partition(":")
        if input != "auto":
            name, _, ppm = option.partition("=")
            if device != MICROPHONE or (option and name != "ppm"):
                raise MicrophoneError(
                    f"there is no microphone {input!r} here; allowed: auto, none, {MICROPHONE}, {MICROPHONE}:ppm=NUMBER, "
                    "file:PATH"
                )
            if option:
                try:
                    self._skew.ppm = checked_ppm(float(ppm))
                except ValueError:
                    raise MicrophoneError(f"{input!r} has no clock error; allowed: {MICROPHONE}:ppm=NUMBER") from None
        return SimulatedMicrophone(self._devices["microphone"], self._skew)

    def missing(self) -> list[HardwareMissing]:
        return []

    def cameras(self) -> list[str]:
        return [self._devices[p].name for p in ("front", "back") if self._devices[p].plugged]

    def microphones(self) -> list[str]:
        return [MICROPHONE] if self._devices["microphone"].plugged else []

    def pin_factory(self) -> Any:
        return self._factory

    def attach_panel(self, panel: PanelNames) -> None:
        self._hands.attach_panel(panel)

    def close(self) -> None:
        self._factory.close()
