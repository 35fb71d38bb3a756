"""A sensor under picamera2: its own loop thread, requests, reference counts and locks, with buffers of memory files."""

from __future__ import annotations

import mmap
import os
import queue
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

FRONT = "/base/soc/i2c0mux/i2c@1/imx219@10"
BUFFERS = 6
"""As many as picamera2 asks for in a video configuration."""


@dataclass
class Rig:
    """What stands behind the library."""

    opened: list[Any] = field(default_factory=list)
    starved: int = 0
    """Pictures that were lost because nobody had given a buffer back."""


class Sensor:
    """libcamera's camera: fills the buffers that are queued, and gives them to picamera2's loop."""

    def __init__(self, owner: Any, rig: Rig, fps: float) -> None:
        self._owner, self._rig, self._fps = owner, rig, fps
        self.free: queue.Queue[Any] = queue.Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sensor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def queue_request(self, request: Any) -> None:
        self.free.put(request)

    def _run(self) -> None:
        number, due = 0, time.monotonic()
        texture = np.random.default_rng(1).integers(60, 200, 4096, dtype=np.uint8)
        while not self._stopping.is_set():
            due += 1 / self._fps
            self._stopping.wait(max(0.0, due - time.monotonic()))
            number += 1
            try:
                request = self.free.get_nowait()
            except queue.Empty:
                self._rig.starved += 1
                continue
            (buffer,) = request.buffers.values()
            luma = buffer.pixels[: buffer.luma]
            luma[:] = np.resize(np.repeat(np.roll(texture, number * 3), 4), buffer.luma)
            request.stamp(time.monotonic_ns())
            self._owner.completed(request)


class Request:
    """libcamera's request, with the one buffer of the one stream."""

    def __init__(self, stream: Any, buffer: Any, stamp_control: Any) -> None:
        self.buffers = {stream: buffer}
        self._stamp_control = stamp_control
        self.metadata: dict[Any, Any] = {}

    def stamp(self, sensor_ns: int) -> None:
        self.metadata = {self._stamp_control: sensor_ns}

    def reuse(self) -> None:
        self.metadata = {}

    def set_control(self, *_: Any) -> None:
        """Exposure and the like."""


class Buffer:
    """A dma-buf: a descriptor, and the memory behind it."""

    def __init__(self, size: int, luma: int, status: Any) -> None:
        self.fd = os.memfd_create("picture", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self.memory = mmap.mmap(self.fd, size)
        self.pixels = np.frombuffer(self.memory, np.uint8)
        self.pixels[luma:] = 128
        self.luma = luma
        self.planes = [SimpleNamespace(fd=self.fd, length=size)]
        self.metadata = SimpleNamespace(status=status)

    def close(self) -> None:
        del self.pixels
        self.memory.close()
        os.close(self.fd)


class Heap:
    """picamera2's allocator, as far as requests ask it."""

    def __init__(self, buffers: list[Buffer]) -> None:
        self.mapped_buffers = {buffer: buffer.memory for buffer in buffers}

    class sync:
        def __init__(self, heap: Heap, buffer: Buffer, write: bool) -> None:
            self._memory = buffer.memory

        def __enter__(self) -> Any:
            return self._memory

        def __exit__(self, *_: object) -> None:
            return None

    def acquire(self, buffers: Any) -> None: ...

    def release(self, buffers: Any) -> None: ...


def camera_class(picamera2: Any, rig: Rig) -> Any:
    """A ``Picamera2`` that opens a :class:`Sensor`; whatever happens to a request after that is picamera2's own."""
    import libcamera

    class Camera(picamera2.Picamera2):  # type: ignore[misc]
        @staticmethod
        def global_camera_info() -> list[dict[str, Any]]:
            return [{"Id": FRONT, "Model": "imx219", "Location": 2, "Num": 0}]

        def __init__(self, camera_num: int = 0) -> None:
            self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self.notifymeread = os.fdopen(self.notifyme_r, "rb")
            self._preview: Any = None
            self.request_lock, self._requestslock = threading.Lock(), threading.Lock()
            self._requests: list[Any] = []
            self._reset_flags()
            limits = SimpleNamespace(min=16_000, max=1_000_000, default=33_333)
            self.camera_ctrl_info = {"FrameDurationLimits": (libcamera.controls.FrameDurationLimits, limits)}
            self.is_open = True
            self._buffers: list[Buffer] = []
            rig.opened.append(self)

        def create_video_configuration(self, main: dict[str, Any], transform: Any, queue: bool) -> dict[str, Any]:
            assert not queue
            return {"main": dict(main), "display": None, "transform": transform}

        def configure(self, configuration: dict[str, Any]) -> None:
            main = configuration["main"]
            width, height = main["size"]
            stride = (width + 63) // 64 * 64
            main.update(stride=stride, framesize=stride * height * 3 // 2)
            self.camera_config = configuration
            stream = SimpleNamespace(configuration=SimpleNamespace(frame_size=main["framesize"]))
            stream = _Hashable(stream)
            self.stream_map = {"main": stream}
            success = libcamera.FrameMetadata.Status.Success
            self._buffers = [Buffer(main["framesize"], stride * height, success) for _ in range(BUFFERS)]
            self.allocator = Heap(self._buffers)
            self._max_queue_len = 0
            self.configure_count += 1

        def start(self) -> None:
            shortest = getattr(self.controls, "FrameDurationLimits", (33_333, 33_333))[0]
            self.camera: Any = Sensor(self, rig, 1e6 / shortest)
            for buffer in self._buffers:
                stamp = libcamera.controls.SensorTimestamp
                self.camera.queue_request(Request(self.stream_map["main"], buffer, stamp))
            self.started = True
            picamera2.picamera2.NullPreview().start(self)
            self.camera.start()

        def completed(self, request: Any) -> None:
            with self._requestslock:
                self._requests.append(picamera2.CompletedRequest(request, self))
            self._run_process_requests()

        def close(self) -> None:
            if not getattr(self, "is_open", False):
                return
            self.is_open = False
            if self._preview is not None:
                self.camera.stop()
                self._preview.stop()
            self.started = False
            self.stop_count += 1
            for request in self._requests:
                request.release()
            self.notifymeread.close()
            os.close(self.notifyme_w)
            self.camera = None
            for buffer in self._buffers:
                buffer.close()
            self._buffers = []

        @property
        def loop_alive(self) -> bool:
            """Whether picamera2's camera loop still runs."""
            return self._preview is not None and self._preview.thread.is_alive()

        @property
        def held(self) -> int:
            """Buffers that are on their way somewhere."""
            return BUFFERS - int(self.camera.free.qsize())

    return Camera


class _Hashable(SimpleNamespace):
    """libcamera's stream: the key of a request's buffers."""

    def __init__(self, other: SimpleNamespace) -> None:
        super().__init__(**other.__dict__)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other
