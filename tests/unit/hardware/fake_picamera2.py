"""picamera2 and libcamera as far as the pi board uses them, with the names and the manners of picamera2 0.3.38: a camera
loop that calls back with requests, requests with reference counts, controls that raise when a camera has not got them,
strides wider than the picture, and an encoder that calls its output from a thread."""

from __future__ import annotations

import sys
import threading
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

FRONT = "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a"
BACK = "/base/axi/pcie@1000120000/rp1/i2c@80000/ov5647@36"


@dataclass
class Rig:
    """What stands behind the fake library, and what happened to it."""

    cameras: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"Id": FRONT, "Model": "imx708", "Location": 2, "Num": 0},
            {"Id": BACK, "Model": "ov5647", "Location": 2, "Num": 1},
        ]
    )
    controls: dict[str, tuple[Any, Any, Any]] = field(
        default_factory=lambda: {
            "FrameDurationLimits": (16000, 1_000_000, 33333),
            "ScalerCrop": ((0, 0, 64, 64), (0, 0, 4608, 2592), (0, 0, 4608, 2592)),
            "AfMode": (0, 2, 0),
        }
    )
    pixel_format: str = "YUV420"
    padding: int = 32
    delivering: bool = True
    busy: bool = False
    two_sizes: bool = True
    """Whether the camera delivers a second, smaller picture."""
    encoded: list[tuple[int, int]] = field(default_factory=list)
    """The sizes that encoders were started with."""
    hang_on_start: bool = False
    opened: list[FakePicamera2] = field(default_factory=list)
    outstanding: int = 0
    """Requests that nobody has given back."""


class FakeRequest:
    def __init__(self, camera: FakePicamera2, buffer: Any, sensor_ns: int) -> None:
        self.camera, self.buffer, self.sensor_ns = camera, buffer, sensor_ns
        self.config = camera.configuration
        self._lock = threading.Lock()
        self.count = 1
        camera.rig.outstanding += 1

    def acquire(self) -> None:
        with self._lock:
            if self.count == 0:
                raise RuntimeError("CompletedRequest: acquiring lock with ref_count 0")
            self.count += 1

    def release(self) -> None:
        with self._lock:
            self.count -= 1
            if self.count < 0:
                raise RuntimeError("CompletedRequest: lock now has negative ref_count")
            if self.count == 0:
                self.camera.rig.outstanding -= 1

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.sensor_ns}


class FakeMappedArray:
    def __init__(self, request: FakeRequest, stream: str, reshape: bool = True, write: bool = True) -> None:
        assert stream == "main"
        assert not reshape
        if request.count == 0:
            raise RuntimeError("failed to find buffer")
        self.array = request.buffer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class FakePicamera2:
    rig: Rig

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return cls.rig.cameras

    def __init__(self, camera_num: int = 0) -> None:
        if self.rig.busy:
            try:
                raise RuntimeError("Device or resource busy")
            except RuntimeError as cause:
                raise RuntimeError("Camera __init__ sequence did not complete.") from cause
        self.id = self.rig.cameras[camera_num]["Id"]
        self.configuration: dict[str, Any] = {}
        self.post_callback: Any = None
        self.set: dict[str, Any] = {}
        self.is_open, self.started = True, False
        self.encoders: set[Any] = set()
        self._thread: threading.Thread | None = None
        self.rig.opened.append(self)

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        return self.rig.controls

    def create_video_configuration(
        self, main: dict[str, Any], transform: Any, queue: bool, lores: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        assert not queue
        return {"main": dict(main), "lores": dict(lores) if lores is not None else None, "transform": transform}

    def configure(self, configuration: dict[str, Any]) -> None:
        width, height = configuration["main"]["size"]
        if width > 4608:
            raise RuntimeError("Invalid camera configuration")
        lores = configuration["lores"]
        if lores is not None and (not self.rig.two_sizes or lores["size"][0] > width or lores["size"][1] > height):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        configuration["main"].update(
            format=self.rig.pixel_format, stride=width + self.rig.padding, size=(width, height)
        )
        self.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def set_controls(self, controls: dict[str, Any]) -> None:
        for name in controls:
            if name not in self.rig.controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.set.update(controls)

    def start(self) -> None:
        while self.rig.hang_on_start:
            time.sleep(0.01)
        self.started = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        number = 0
        while self.started:
            time.sleep(0.01)
            if not self.rig.delivering:
                continue
            number += 1
            request = FakeRequest(self, self._buffer(number), time.monotonic_ns() - 20_000_000)
            if self.post_callback is not None:
                self.post_callback(request)
            for encoder in list(self.encoders):
                encoder.encode("main", request)
            request.release()

    def _buffer(self, number: int) -> Any:
        main = self.configuration["main"]
        (width, height), stride = main["size"], main["stride"]
        buffer = np.full(stride * height * 3 // 2, 255, np.uint8)  # the padding is 255, which no picture holds
        luma = buffer[: stride * height].reshape(height, stride)
        luma[:, :width] = 16 + number % 200
        chroma = buffer[stride * height :]
        if main["format"] == "NV12":
            pairs = chroma.reshape(height // 2, stride)
            pairs[:, :width:2], pairs[:, 1:width:2] = 90, 160
        else:
            u, v = chroma.reshape(2, height // 2, stride // 2)
            u[:, : width // 2], v[:, : width // 2] = 90, 160
        return buffer

    def start_encoder(self, encoder: Any, output: Any, name: str) -> None:
        if self.configuration.get(name) is None:
            raise RuntimeError(f"Encode stream {name} was not defined")
        encoder.output = output
        encoder.size = self.configuration[name]["size"]
        encoder.start()
        self.rig.encoded.append(encoder.size)
        self.encoders.add(encoder)

    def stop_encoder(self, encoder: Any) -> None:
        self.encoders.discard(encoder)
        encoder.stop()

    def close(self) -> None:
        self.started = False
        if self._thread is not None:
            self._thread.join()
        self.is_open = False


class FakeOutput:
    def outputframe(self, *_: object) -> None:
        raise NotImplementedError


class FakeV4L2Encoder:
    """``outputframe`` is called with times relative to the first picture's, as the real one does."""

    def __init__(self, bitrate: int, repeat: bool, iperiod: int, framerate: int, enable_sps_framerate: bool) -> None:
        self.bitrate, self.repeat, self.iperiod, self.framerate = bitrate, repeat, iperiod, framerate
        self.firsttimestamp: int | None = None
        self.vd: Any = None
        self.output: Any = None
        self.size = (0, 0)
        self._number = 0

    def start(self) -> None:
        self.vd = Path("/dev/null").open("rb+", buffering=0)  # noqa: SIM115 - closed by stop()

    def stop(self) -> None:
        self.vd.close()

    def encode(self, stream: str, request: FakeRequest) -> None:
        stamp = request.sensor_ns // 1000
        if self.firsttimestamp is None:
            self.firsttimestamp = stamp
        keyframe = self._number % self.iperiod == 0
        unit = b"\0\0\0\1\x67SPS%d\0\0\0\1\x68PPS\0\0\0\1\x65IDR" % self.size[0] if keyframe else b"\0\0\0\1\x41P"
        self._number += 1
        self.output.outputframe(unit, keyframe, stamp - self.firsttimestamp)


class FakeLibavEncoder:
    """What ``H264Encoder`` is on boards without the hardware."""


def install(monkeypatch: pytest.MonkeyPatch, *, hardware_encoder: bool = False) -> Rig:
    """Put the fakes where ``import picamera2`` finds them."""
    rig = Rig()
    camera_class = type("Picamera2", (FakePicamera2,), {"rig": rig})
    encoder_class = type("H264Encoder", (FakeV4L2Encoder if hardware_encoder else FakeLibavEncoder,), {})
    modules: dict[str, dict[str, Any]] = {
        "picamera2": {"Picamera2": camera_class, "MappedArray": FakeMappedArray},
        "picamera2.encoders": {"H264Encoder": encoder_class},
        "picamera2.encoders.v4l2_encoder": {"V4L2Encoder": FakeV4L2Encoder},
        "picamera2.outputs": {"Output": FakeOutput},
        "libcamera": {"Transform": lambda **flips: flips},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return rig
