"""The Pi's codec as one open device has it: its controls and two queues, and the firmware that encodes.

Of the driver: controls with their ranges and defaults, buffers that go back as the encoder is through with them, a bitrate
and keyframes that count from the next picture on. Of the core (v4l2-mem2mem): POLLERR while neither queue can deliver,
integer controls rounded to the nearest step instead of refused, EINVAL for controls that are not there.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from io import FileIO
from typing import Any, Protocol

import av
import numpy as np

from appliance.hardware.pi.frames import picture_of
from appliance.media.encoders import SoftwareEncoder
from appliance.media.sources import VideoSpec

CAPTURE_SIZE = 512 << 10
CEILING_KBPS = 4000

_BASE = 0x00990900
CONTROLS: dict[int, tuple[str, int, int, int, int]] = {
    _BASE + 206: ("Video Bitrate Mode", 0, 1, 1, 0),
    _BASE + 207: ("Video Bitrate", 25_000, 25_000_000, 25_000, 10_000_000),
    _BASE + 226: ("Repeat Sequence Header", 0, 1, 1, 0),
    _BASE + 229: ("Force Key Frame", 0, 0, 0, 0),
    _BASE + 358: ("H264 I-Frame Period", 0, 0x7FFFFFFF, 1, 60),
    _BASE + 359: ("H264 Level", 0, 15, 1, 11),
}
"""Name, minimum, maximum, step, default, as ``bcm2835_codec_open`` declares them."""
MODE, BITRATE, REPEAT, FORCE, PERIOD, LEVEL = CONTROLS

_OUTPUT, _CAPTURE, _KEYFRAME = 10, 9, 0x8
"""V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_BUF_FLAG_KEYFRAME."""


class Chip(Protocol):
    """What is to go wrong, and what is noted down: :class:`tests.pi.codec.Codec`."""

    slow_s: float
    fails: dict[str, int]
    refuses: set[int]
    dead: bool
    broken: bool
    skips: bool
    settings: list[tuple[int, int, int]]
    queued: int
    rate: float


class Queue:
    """One of a device's two queues of buffers."""

    def __init__(self) -> None:
        self.streaming = False
        self.count = 0
        self.waiting: deque[Any] = deque()
        self.done: deque[Any] = deque()

    def clear(self) -> list[Any]:
        left = [*self.waiting, *self.done]
        self.waiting.clear()
        self.done.clear()
        return left


class Device(FileIO):
    """An open device: a file in memory, so that its descriptor, and mmap on it, are real."""

    def __init__(self, codec: Chip) -> None:
        super().__init__(os.memfd_create("codec", os.MFD_CLOEXEC), "r+")
        self.codec = codec
        self.values = {which: default for which, (_, _, _, _, default) in CONTROLS.items()}
        self.pictures, self.packets = Queue(), Queue()
        self.size, self.stride, self.rate = (0, 0), 0, 30.0
        self.changed = threading.Condition()
        self._force = False
        self._encoder: SoftwareEncoder | None = None
        self._thread: threading.Thread | None = None

    # -- ioctl -----------------------------------------------------------------------------------------------------

    def ioctl(self, request: int, argument: Any) -> None:
        name, handler = self._handlers()[request & 0xFFFFFFFF]
        if name in self.codec.fails:
            raise OSError(self.codec.fails[name], os.strerror(self.codec.fails[name]))
        with self.changed:
            handler(argument)
            self.changed.notify_all()

    def _handlers(self) -> dict[int, tuple[str, Callable[[Any], None]]]:
        import videodev2 as v4l2

        names = (
            "QUERYCAP QUERYCTRL G_CTRL S_CTRL S_EXT_CTRLS S_FMT S_PARM REQBUFS QUERYBUF QBUF DQBUF STREAMON STREAMOFF"
        )
        return {getattr(v4l2, f"VIDIOC_{n}") & 0xFFFFFFFF: (n, getattr(self, f"_{n.lower()}")) for n in names.split()}

    def _querycap(self, answer: Any) -> None:
        for name, text in (("driver", b"bcm2835-codec"), ("card", b"bcm2835-codec-encode")):
            to = getattr(answer, name)
            to[: len(text)] = list(text)

    def _queryctrl(self, answer: Any) -> None:
        if answer.id not in CONTROLS:
            raise OSError(errno.EINVAL, "Invalid argument")
        _, answer.minimum, answer.maximum, answer.step, answer.default_value = CONTROLS[answer.id]

    def _g_ctrl(self, answer: Any) -> None:
        answer.value = self.values[answer.id]

    def _s_ctrl(self, asked: Any) -> None:
        asked.value = self._set(asked.id, asked.value)

    def _s_ext_ctrls(self, asked: Any) -> None:
        for i in range(asked.count):
            self._set(asked.controls[i].id, asked.controls[i].value)

    def _set(self, which: int, value: int) -> int:
        if which not in CONTROLS or which in self.codec.refuses:
            raise OSError(errno.EINVAL, "Invalid argument")
        self.codec.settings.append((which, value, self.codec.queued))
        _, minimum, maximum, step, _ = CONTROLS[which]
        if which == FORCE:
            self._force = True
            return 0
        inside = min(max(value + step // 2, minimum), maximum)
        self.values[which] = inside - (inside - minimum) % step
        return self.values[which]

    def _s_fmt(self, asked: Any) -> None:
        pix = asked.fmt.pix_mp
        if asked.type == _OUTPUT:
            self.size, self.stride = (pix.width, pix.height), pix.plane_fmt[0].bytesperline
        else:
            pix.plane_fmt[0].sizeimage = CAPTURE_SIZE

    def _s_parm(self, asked: Any) -> None:
        per_frame = asked.parm.output.timeperframe
        self.rate = self.codec.rate = per_frame.denominator / per_frame.numerator

    def _reqbufs(self, asked: Any) -> None:
        queue = self._queue(asked.type)
        queue.count = asked.count
        if asked.type == _CAPTURE and asked.count:
            os.ftruncate(self.fileno(), asked.count * CAPTURE_SIZE)

    def _querybuf(self, answer: Any) -> None:
        answer.m.planes[0].length = CAPTURE_SIZE
        answer.m.planes[0].m.mem_offset = answer.index * CAPTURE_SIZE

    def _qbuf(self, given: Any) -> None:
        queue = self._queue(given.type)
        if given.index >= queue.count:
            raise OSError(errno.EINVAL, "Invalid argument")
        if given.type == _OUTPUT:
            plane = given.m.planes[0]
            stamp = given.timestamp.tv_sec, given.timestamp.tv_usec
            # as the kernel holds a dma-buf: by a reference of its own
            queue.waiting.append((given.index, os.dup(plane.m.fd), plane.bytesused, stamp))
            self.codec.queued += 1
        else:
            queue.waiting.append(given.index)

    def _dqbuf(self, answer: Any) -> None:
        queue = self._queue(answer.type)
        while not queue.done:
            if not queue.streaming or self.closed:
                raise OSError(errno.EINVAL, "Invalid argument")
            if self.codec.broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self.changed.wait(0.05)
        if answer.type == _OUTPUT:
            answer.index = queue.done.popleft()
            return
        answer.index, length, keyframe, (answer.timestamp.tv_sec, answer.timestamp.tv_usec) = queue.done.popleft()
        answer.m.planes[0].bytesused, answer.m.planes[0].length = length, CAPTURE_SIZE
        answer.flags = _KEYFRAME if keyframe else 0

    def _streamon(self, kind: Any) -> None:
        self._queue(kind.value).streaming = True
        if self.pictures.streaming and self.packets.streaming and self._thread is None:
            self._thread = threading.Thread(target=self._encode, name="codec firmware", daemon=True)
            self._thread.start()

    def _streamoff(self, kind: Any) -> None:
        queue = self._queue(kind.value)
        queue.streaming = False
        left = queue.clear()
        if queue is self.pictures:
            _drop(left)

    def _queue(self, kind: int) -> Queue:
        return self.pictures if kind == _OUTPUT else self.packets

    # -- poll ------------------------------------------------------------------------------------------------------

    def ready(self) -> int:
        """What poll says now."""
        able = [q for q in (self.pictures, self.packets) if q.streaming and (q.waiting or q.done)]
        if not able or self.codec.broken:
            return select.POLLERR
        return (select.POLLOUT if self.pictures.done else 0) | (select.POLLIN if self.packets.done else 0)

    # -- the firmware ----------------------------------------------------------------------------------------------

    def _encode(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: not self._running() or self._work())
                if not self._running():
                    return
                index, fd, length, stamp = self.pictures.waiting.popleft()
                force, self._force = self._force, False
            time.sleep(self.codec.slow_s)
            data = np.frombuffer(os.pread(fd, length, 0), np.uint8)
            os.close(fd)
            configuration = {"format": "YUV420", "size": self.size, "stride": self.stride}
            unit = self._encoded(picture_of(data, configuration), stamp[0] + stamp[1] / 1e6, force)
            with self.changed:
                if not self._running():
                    return
                self.pictures.done.append(index)
                if not self.codec.skips and self.packets.waiting:
                    to = self.packets.waiting.popleft()
                    os.pwrite(self.fileno(), unit.data, to * CAPTURE_SIZE)
                    self.packets.done.append((to, len(unit.data), unit.keyframe, stamp))
                self.changed.notify_all()

    def _encoded(self, frame: av.VideoFrame, time_s: float, force: bool) -> Any:
        kbps = self.values[BITRATE] // 1000
        if self._encoder is None:
            seconds = self.values[PERIOD] / self.rate
            spec = VideoSpec(*self.size, max(1, round(self.rate)), min(kbps, CEILING_KBPS), CEILING_KBPS, seconds)
            self._encoder = SoftwareEncoder(spec)
        self._encoder.set_bitrate(min(kbps, CEILING_KBPS))
        (unit,) = self._encoder.encode(frame, time_s, keyframe=force)
        return unit

    def _work(self) -> bool:
        return bool(self.pictures.waiting) and not self.codec.dead and not self.codec.broken

    def _running(self) -> bool:
        return not self.closed and self.pictures.streaming and self.packets.streaming

    def close(self) -> None:
        if self.closed:
            return
        with self.changed:
            left = self.pictures.clear()
            super().close()
            self.changed.notify_all()
        _drop(left)


def _drop(left: list[Any]) -> None:
    for item in left:
        if isinstance(item, tuple):
            os.close(item[1])
