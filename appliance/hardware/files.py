"""Media files in a loop as camera and microphone (``camera.front=file:PATH``): any container and codec FFmpeg reads,
still images included."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Protocol

import av
import numpy as np

from appliance.errors import CameraError, MicrophoneError, UnsupportedSampleRate
from appliance.hardware.lookahead import Lookahead
from appliance.hardware.media_file import LOOPS, LoopSchedule, media_info, media_stream, open_media, picture_rate
from appliance.hardware.planes import frame_of, planes_of
from appliance.hardware.playback import Samples, pictures, sound
from appliance.media.sources import CameraEncoder, Picture, PictureFormat, Sound, SoundFormat

FIRST_PICTURE_S = 4.0
"""A file that gives no picture for so long cannot be opened."""
STANDSTILL_S = 0.5
"""A picture that stands longer (a gap at the loop's end, a slide show) is delivered again: a camera without pictures would
be taken for a broken one."""
LATE_S = 0.1
CATCH_UP_S = 0.02
"""A picture later than the first is held back for the second, in case a newer one comes."""
STALLED_S = 1.0
"""A reader that stayed away for longer does not get what was prepared for it then."""
BLOCK_S = 0.02
BUFFER_S = 0.5
"""As much sound waits for a late reader; older sound is lost, as in a sound card's ring buffer."""
RATES = range(8000, 96001)


def has_sound(path: str) -> bool:
    """Whether ``path`` is a media file with sound; never raises."""
    try:
        return media_info(path, MicrophoneError).audio
    except MicrophoneError:
        return False


class FileCamera:
    """The pictures of a media file as a camera's, in the file's own size and pixel format, at most ``wanted.fps`` a
    second. For one thread, the video pipeline's; a thread of its own decodes ahead.
    """

    controls: frozenset[str] = frozenset()
    encoder: CameraEncoder | None = None

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._path = path
        self._source: _Pictures | None = None

    def open(self, wanted: PictureFormat) -> PictureFormat:
        if self._source is not None:
            raise CameraError(f"{self.name} is open already")
        schedule = LOOPS.join(self._path, CameraError)
        try:
            if not schedule.info.video:
                raise CameraError(f"file {self._path} has no picture")
            moving = not schedule.info.still
            source = _Moving(self._path, schedule, wanted) if moving else _Still(self._path, wanted)
            self._source = source
            return source.format
        except BaseException:
            LOOPS.leave(self._path)
            raise

    def read(self, timeout_s: float) -> Picture | None:
        if self._source is None:
            raise CameraError(f"{self.name} is not open")
        return self._source.read(timeout_s)

    def set_control(self, name: str, value: object) -> None:
        raise CameraError(f"{self.name} has no control {name}; it has none")

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
            LOOPS.leave(self._path)


class _Pictures(Protocol):
    format: PictureFormat

    def read(self, timeout_s: float) -> Picture | None: ...

    def close(self) -> None: ...


class _Moving:
    """A film."""

    def __init__(self, path: str, schedule: LoopSchedule, wanted: PictureFormat) -> None:
        self._ahead: Lookahead[tuple[float, av.VideoFrame]] = Lookahead(
            f"decode {path}", partial(pictures, path, schedule, CameraError, wanted.fps), 4, CameraError
        )
        try:
            first = self._ahead.peek(FIRST_PICTURE_S)
            if first is None:
                raise CameraError(f"file {path} gives no picture within {FIRST_PICTURE_S:g} s")
        except BaseException:
            self._ahead.close()
            raise
        self.format = PictureFormat(first[1].width, first[1].height, min(wanted.fps, _rate(path) or wanted.fps))
        self._last: Picture | None = None
        self._read_s = time.monotonic()

    def read(self, timeout_s: float) -> Picture | None:
        now = time.monotonic()
        deadline = now + timeout_s
        if now - self._read_s > STALLED_S:
            self._skip_to(now - STALLED_S)
        try:
            while True:
                picture = self._due(deadline)
                if picture is not None and (self._last is None or picture.time_s > self._last.time_s):
                    self._last = picture
                    return picture
                again_s = self._last.time_s + STANDSTILL_S if self._last is not None else math.inf
                now = time.monotonic()
                if self._last is not None and now >= again_s:
                    self._last = Picture(_copy(self._last.frame), now)
                    return self._last
                if now >= deadline:
                    return None
                until = min(deadline, again_s)
                upcoming = self._ahead.peek(until - now)
                if upcoming is not None and upcoming[0] > (now := time.monotonic()):
                    time.sleep(max(0.0, min(upcoming[0], until) - now))
        finally:
            self._read_s = time.monotonic()

    def _due(self, deadline_s: float) -> Picture | None:
        """The newest picture that is due; older ones are skipped. While what is prepared is late, the decoder gets a
        moment to come up with what is not."""
        newest: tuple[float, av.VideoFrame] | None = None
        while True:
            now = time.monotonic()
            late = newest is not None and now - newest[0] > LATE_S
            item = self._ahead.peek(max(0.0, min(CATCH_UP_S, deadline_s - now)) if late else 0.0)
            if item is None or item[0] > time.monotonic():
                return Picture(newest[1], newest[0]) if newest is not None else None
            newest = self._ahead.pop()

    def _skip_to(self, time_s: float) -> None:
        while (item := self._ahead.peek()) is not None and item[0] < time_s:
            self._ahead.pop()

    def close(self) -> None:
        self._ahead.close()


class _Still:
    """A still image, delivered at every 1 / fps seconds. It is brought near the wanted size once instead of for each
    delivery."""

    def __init__(self, path: str, wanted: PictureFormat) -> None:
        image = _only_picture(path)
        scale = min(1.0, max(wanted.width / image.width, wanted.height / image.height))
        width, height = (max(2, round(side * scale / 2) * 2) for side in (image.width, image.height))
        image = image.reformat(width, height, "yuv420p", dst_color_range="MPEG", interpolation="AREA", threads=1)
        self._planes = [plane.copy() for plane in planes_of(image)]
        self.format = PictureFormat(width, height, wanted.fps)
        self._next = math.ceil(time.monotonic() * wanted.fps)

    def read(self, timeout_s: float) -> Picture | None:
        fps, now = self.format.fps, time.monotonic()
        wait_s = self._next / fps - now
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            return None
        if wait_s > 0:
            time.sleep(wait_s)
        number = max(self._next, math.floor(time.monotonic() * fps))
        self._next = number + 1
        return Picture(frame_of(self._planes, "yuv420p"), number / fps)

    def close(self) -> None:
        self._planes = []


class FileMicrophone:
    """The sound of a media file as a microphone's, resampled to what is wanted. For one thread, the audio pipeline's; a
    thread of its own decodes ahead."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._path = path
        self._ahead: Lookahead[tuple[int, Samples]] | None = None
        self._schedule: LoopSchedule | None = None
        self._rate = 1
        self._block = 1
        self._position = 0
        self._pieces: list[Samples] = []

    def open(self, wanted: SoundFormat) -> SoundFormat:
        if self._ahead is not None:
            raise MicrophoneError(f"{self.name} is open already")
        if wanted.rate not in RATES:
            raise UnsupportedSampleRate(f"{self.name} has no {wanted.rate} Hz; allowed: {RATES[0]} to {RATES[-1]}")
        form = SoundFormat(wanted.rate, min(2, max(1, wanted.channels)))
        self._schedule = LOOPS.join(self._path, MicrophoneError)
        if not self._schedule.info.audio:
            LOOPS.leave(self._path)
            raise MicrophoneError(f"file {self._path} has no sound")
        self._rate, self._block, self._pieces = form.rate, round(form.rate * BLOCK_S), []
        self._ahead = Lookahead(
            f"decode sound of {self._path}", partial(sound, self._path, self._schedule, MicrophoneError, form), 10,
            MicrophoneError,
        )  # fmt: skip
        return form

    def read(self, timeout_s: float) -> Sound | None:
        if self._ahead is None or self._schedule is None:
            raise MicrophoneError(f"{self.name} is not open")
        deadline = time.monotonic() + timeout_s
        while self._gather(deadline):
            now = time.monotonic()
            begin_s = self._schedule.start_s + self._position / self._rate
            ready_s = begin_s + self._block / self._rate
            if now - ready_s > BUFFER_S:
                self._take()
                continue
            if ready_s > deadline:
                time.sleep(max(0.0, deadline - now))
                return None
            if ready_s > now:
                time.sleep(ready_s - now)
            return Sound(self._take(), begin_s)
        return None

    def _gather(self, deadline_s: float) -> bool:
        """Have a block's worth of contiguous samples in ``_pieces``; False when the time is up."""
        assert self._ahead is not None
        have = sum(map(len, self._pieces))
        while have < self._block:
            item = self._ahead.peek(max(0.0, deadline_s - time.monotonic()))
            if item is None:
                return False
            first, piece = self._ahead.pop()
            if first != self._position + have:  # the begin, or a jump ahead
                self._pieces, self._position, have = [], first, 0
            self._pieces.append(piece)
            have += len(piece)
        return True

    def _take(self) -> Samples:
        """One block off the front of ``_pieces``."""
        samples = np.concatenate(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces = [samples[self._block :]] if len(samples) > self._block else []
        self._position += self._block
        return samples[: self._block].copy()

    def close(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
            LOOPS.leave(self._path)
        self._pieces = []


def _rate(path: str) -> int | None:
    """Pictures a second as the file's header tells."""
    with open_media(path, CameraError) as container:
        stream = media_stream(container, "video")
        rate = picture_rate(stream) if stream is not None else None
        return max(1, round(rate)) if rate else None


def _only_picture(path: str) -> av.VideoFrame:
    with open_media(path, CameraError) as container:
        stream = media_stream(container, "video")
        try:
            for frame in container.decode(stream):
                if isinstance(frame, av.VideoFrame):
                    return frame
        except av.FFmpegError as error:
            raise CameraError(f"file {path} holds no picture that can be decoded: {error.strerror}") from error
    raise CameraError(f"file {path} holds no picture that can be decoded")


def _copy(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture in memory of its own."""
    if frame.format.name not in ("yuv420p", "yuvj420p", "nv12"):
        return frame.reformat(format="yuv420p", threads=1)
    copy = frame_of(planes_of(frame), frame.format.name)
    copy.color_range, copy.colorspace = frame.color_range, frame.colorspace
    return copy
