"""The pi board of a test: a camera, and the codec behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.hardware.pi import encoder, facts, model, v4l2
from tests.pi import library
from tests.pi.camera import Rig, camera_class
from tests.pi.codec import Codec, put_under


@dataclass
class PiUnderTest:
    """What lies under the real picamera2."""

    codec: Codec
    rig: Rig
    camera: Any = None
    """libcamera's, where a test puts one."""

    @property
    def loop_alive(self) -> bool:
        """Whether the camera loop of the camera that was opened last still runs."""
        return bool(self.rig.opened[-1].loop_alive)


PI_4, PI_5 = b"raspberrypi,4-model-b\0brcm,bcm2711\0", b"raspberrypi,5-model-b\0brcm,bcm2712\0"


@contextmanager
def pi_under_test(folder: Path, *, compatible: bytes = PI_4, encoder_there: bool = True) -> Iterator[PiUnderTest]:
    """Inside, ``PiBoard`` finds one camera with a hardware encoder, or without. Skips the test where picamera2 cannot be
    had."""
    if reason := library.lacking():
        pytest.skip(reason)
    device = folder / "video11"
    if encoder_there:
        device.touch()  # that there is one at all is asked of the file system
    (folder / "compatible").write_bytes(compatible)
    with library.real_picamera2() as picamera2, pytest.MonkeyPatch.context() as patch:
        codec, rig = Codec(), Rig()
        codec.paths.add(str(device))

        def replace(module: Any, name: str, value: Any) -> None:
            patch.setattr(module, name, value, raising=False)

        put_under(codec, sys.modules["picamera2.encoders.v4l2_encoder"], replace)
        put_under(codec, v4l2, replace)
        for module in (encoder, facts):
            replace(module, "CODEC_DEVICE", device)
        replace(model, "COMPATIBLE", folder / "compatible")
        replace(picamera2, "Picamera2", camera_class(picamera2, rig))
        yield PiUnderTest(codec, rig)
