"""Test equipment: makes libcamera's *virtual* cameras enough like a Pi's for an unmodified picamera2.

It changes libcamera's Python binding, nothing of picamera2 or of the appliance, when it is first imported
(``virtual_cameras.pth`` has every Python load this module, which does no more than wait for that):

1. The virtual handler has no answer for the raw role, which picamera2 asks for when it opens a camera: it gets the
   viewfinder's.
2. It wants NV12 as two planes, picamera2's allocator hands over one: that is cut in two.
3. It completes a request the moment it is queued: each is held back until its picture is due, by ``FrameDurationLimits``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PERIOD_S = 1 / 30


class _Pacer:
    """Queues a camera's requests in its driver, one each period. A late one is not made up for."""

    def __init__(self, camera: Any, queue: Any, period_s: float) -> None:
        self.period_s = period_s
        self._camera, self._queue = camera, queue
        self._waiting: deque[Any] = deque()
        self._change = threading.Condition()
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="virtual camera")
        self._thread.start()

    def put(self, request: Any) -> None:
        with self._change:
            self._waiting.append(request)
            self._change.notify()

    def stop(self) -> None:
        with self._change:
            self._running = False
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        due_s = time.monotonic()
        with self._change:
            while self._running:
                left_s = due_s - time.monotonic()
                if not self._waiting:
                    self._change.wait()
                elif left_s > 0:
                    self._change.wait(left_s)
                else:
                    due_s = max(due_s + self.period_s, time.monotonic())
                    self._queue(self._camera, self._waiting.popleft())


def _period_s(control: Any, value: Any) -> float | None:
    """The period that a control asks for, if it is the one that does."""
    if getattr(control, "name", "") != "FrameDurationLimits":
        return None
    return min(max(int(value[0]), 1_000), 10_000_000) / 1e6


def change(libcamera: Any) -> None:
    camera, request, roles, plain_buffer = (
        libcamera.Camera,
        libcamera.Request,
        libcamera.StreamRole,
        libcamera.FrameBuffer,
    )
    generate, start, stop = camera.generate_configuration, camera.start, camera.stop
    queue, set_control = camera.queue_request, request.set_control
    pacers: dict[str, _Pacer] = {}

    def generate_configuration(self: Any, wanted: Any) -> Any:
        answer = generate(self, wanted)
        if answer is None and roles.Raw in wanted:
            answer = generate(self, [roles.Viewfinder if role == roles.Raw else role for role in wanted])
        return answer

    class FrameBuffer(plain_buffer):  # type: ignore[misc, valid-type]
        Plane = plain_buffer.Plane

        def __init__(self, planes: list[Any], cookie: int = 0) -> None:
            if len(planes) == 1:
                luma, chroma = planes[0], plain_buffer.Plane()
                size = luma.length * 2 // 3
                chroma.fd, chroma.offset, chroma.length = luma.fd, luma.offset + size, luma.length - size
                luma.length = size  # the same object: picamera2's allocator knows it by its descriptor
                planes = [luma, chroma]
            super().__init__(planes, cookie)

    def paced_start(self: Any, controls: Any = None) -> Any:
        asked = [period for item in (controls or {}).items() if (period := _period_s(*item))]
        pacers[self.id] = _Pacer(self, queue, asked[-1] if asked else PERIOD_S)
        return start(self) if controls is None else start(self, controls)

    def paced_stop(self: Any) -> Any:
        if (pacer := pacers.pop(self.id, None)) is not None:
            pacer.stop()
        return stop(self)

    def paced_queue(self: Any, wanted: Any) -> Any:
        if (pacer := pacers.get(self.id)) is None:
            return queue(self, wanted)
        pacer.put(wanted)
        return 0

    def seen_control(self: Any, control: Any, value: Any) -> Any:
        if period_s := _period_s(control, value):
            for pacer in pacers.values():
                pacer.period_s = period_s
        return set_control(self, control, value)

    libcamera.FrameBuffer = FrameBuffer
    camera.generate_configuration, camera.start, camera.stop = generate_configuration, paced_start, paced_stop
    camera.queue_request, request.set_control = paced_queue, seen_control


class _Changing(MetaPathFinder, Loader):
    """Finds libcamera as Python would, and changes it once it is loaded."""

    def __init__(self) -> None:
        self._loader: Any = None

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "libcamera" or self._loader is not None:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        change(module)


sys.meta_path.insert(0, _Changing())
