"""The simulated cameras: a test picture on an exact time grid, without a thread of their own."""

from __future__ import annotations

import math
import time

from appliance.clock import Clock
from appliance.errors import CameraError, UnsupportedResolution
from appliance.hardware.simulated.bench import SimulatedDevice
from appliance.hardware.simulated.picture import LOOKS, TestPicture
from appliance.media.sources import CameraEncoder, Picture, PictureFormat

SMALLEST, LARGEST = 16, 3840
"""Pixels per side."""


class SimulatedCamera:
    """A camera whose pictures are captured at every k / fps seconds of the monotonic clock, whole seconds included.

    The picture is white for the first tenth of every second (SPEC 11), by its own timestamp: the flash's first picture
    bears the whole second exactly. Any even size works. For one thread, the video pipeline's.
    """

    controls: frozenset[str] = frozenset()
    encoder: CameraEncoder | None = None

    def __init__(self, device: SimulatedDevice, position: str, clock: Clock) -> None:
        self.name = device.name
        self._device = device
        self._look = LOOKS[position]
        self._clock = clock
        self._picture: TestPicture | None = None
        self._fps = 0
        self._next = 0
        self._first = 0

    def open(self, wanted: PictureFormat) -> PictureFormat:
        width, height = wanted.width - wanted.width % 2, wanted.height - wanted.height % 2
        fits = min(width, height) >= SMALLEST and max(width, height) <= LARGEST and wanted.fps >= 1
        if self._device.limited or not fits:
            raise UnsupportedResolution(
                f"{self.name} has no {wanted.width}x{wanted.height} at {wanted.fps}/s; allowed: {SMALLEST} to {LARGEST} "
                "pixels a side, from 1/s",
                {"width": wanted.width, "height": wanted.height},
            )
        self._device.claim(self)
        self._picture = TestPicture(self._look, width, height)
        self._fps = wanted.fps
        self._first = self._next = math.ceil(time.monotonic() * wanted.fps)
        return PictureFormat(width, height, wanted.fps)

    def read(self, timeout_s: float) -> Picture | None:
        if self._picture is None:
            raise CameraError(f"{self.name} is not open")
        deadline = time.monotonic() + timeout_s
        if not self._device.wait_until(self, self._next / self._fps, deadline):
            return None
        # whoever comes late gets the newest picture there would be
        number = max(self._next, math.floor(time.monotonic() * self._fps))
        self._next = number + 1
        time_s = number / self._fps
        wall_s = self._clock.wall() - (time.monotonic() - time_s)
        flash = number % self._fps * 10 < self._fps
        return Picture(self._picture.render(time_s, number - self._first, wall_s, flash), time_s)

    def set_control(self, name: str, value: object) -> None:
        raise CameraError(f"{self.name} has no control {name}; it has none")

    def close(self) -> None:
        self._device.release(self)
        self._picture = None
