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
STREAMS = ("main", "lores")
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
            for buffer in request.buffers.values():
                buffer.pixels[: buffer.luma] = np.resize(np.repeat(np.roll(texture, number * 3), 4), buffer.luma)
            request.stamp(time.monotonic_ns())
            self._owner.completed(request)


class Request:
    """libcamera's request, with a buffer for each stream."""

    def __init__(self, buffers: dict[Any, Buffer], stamp_control: Any) -> None:
        self.buffers = buffers
        self._stamp_control = stamp_control
        self.metadata: dict[Any, Any] = {}

    def stamp(self, sensor_ns: int) -> None:
        self.metadata = {self._stamp_control: sensor_ns}

    def reuse(self) -> None:
        self.metadata = {}

    def set_control(self, *_: Any) -> None:
        """Exposure and the like."""


class Stream:
    """libcamera's stream: the key of a request's buffers."""

    def __init__(self, frame_size: int) -> None:
        self.configuration = SimpleNamespace(frame_size=frame_size)


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
            self._buffers: list[dict[Any, Buffer]] = []
            rig.opened.append(self)

        def create_video_configuration(
            self, *, transform: Any, queue: bool, **streams: dict[str, Any]
        ) -> dict[str, Any]:
            assert not queue
            made = {name: dict(stream) for name, stream in streams.items()}
            return {"lores": None, **made, "display": None, "transform": transform}

        def configure(self, configuration: dict[str, Any]) -> None:
            success = libcamera.FrameMetadata.Status.Success
            buffers: list[dict[Any, Buffer]] = [{} for _ in range(BUFFERS)]
            self.stream_map = {}
            for name in STREAMS:
                asked = configuration[name]
                if asked is None:
                    continue
                width, height = asked["size"]
                stride = (width + 63) // 64 * 64
                size = stride * height * 3 // 2
                asked.update(stride=stride, framesize=size)
                stream = self.stream_map[name] = Stream(size)
                for request in buffers:
                    request[stream] = Buffer(size, stride * height, success)
            self.camera_config = configuration
            self._buffers = buffers
            self.allocator = Heap([buffer for request in buffers for buffer in request.values()])
            self._max_queue_len = 0
            self.configure_count += 1

        def start(self) -> None:
            shortest = getattr(self.controls, "FrameDurationLimits", (33_333, 33_333))[0]
            self.camera: Any = Sensor(self, rig, 1e6 / shortest)
            for buffers in self._buffers:
                self.camera.queue_request(Request(buffers, libcamera.controls.SensorTimestamp))
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
            for buffers in self._buffers:
                for buffer in buffers.values():
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
