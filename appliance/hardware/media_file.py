"""Media files as inputs: what is in them, and the loop they are played in.

Sound and picture of one file are opened apart, perhaps seconds apart, by two pipelines. They stay together because
both follow one schedule per path, which begins with the first opener and ends with the last: what stands at ``t`` in the
file is captured at ``start_s + n * length_s + t`` of the monotonic clock in loop ``n``, for both.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.container

from appliance.errors import LivePusherError, plain

Kind = Literal["video", "audio"]
Failure = Callable[[str], LivePusherError]
"""Makes the error of the device that the file stands in for."""

_ONLY_FILES = {"protocol_whitelist": "file"}
"""A playlist in disguise may not make the appliance open addresses in the network."""
_SHORTEST_S = 0.02
"""A still image has no length; its loop must not spin."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """``origin_s`` is the earliest timestamp in the file, ``length_s`` how long picture or sound last from there, whichever
    is longer. ``still`` marks a file of one picture."""

    origin_s: float
    length_s: float
    video: bool
    audio: bool
    still: bool


def open_media(path: str, failure: Failure) -> av.container.InputContainer:
    """Open the regular file ``path``; what is wrong with it is raised as ``failure``."""
    shown = f"file {path}"
    if not os.path.exists(path):
        raise failure(f"{shown} does not exist")
    if not os.path.isfile(path):
        raise failure(f"{shown} is no file; allowed: a media file")
    try:
        return av.open(f"file:{Path(path).absolute()}", "r", container_options=_ONLY_FILES)
    except PermissionError:
        raise failure(f"{shown} may not be read by the service") from None
    except (av.FFmpegError, ValueError) as error:
        raise failure(f"{shown} is no media file: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or plain(error)


def media_stream(
    container: av.container.InputContainer, kind: Kind
) -> av.video.stream.VideoStream | av.audio.stream.AudioStream | None:
    """The stream to play; a cover picture in a sound file is none."""
    if kind == "audio":
        return container.streams.audio[0] if container.streams.audio else None
    return next(
        (s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic), None
    )  # fmt: skip


def picture_rate(stream: av.stream.Stream) -> Fraction | None:
    """Pictures a second, as far as the header tells; None for sound."""
    return stream.average_rate or None if isinstance(stream, av.video.stream.VideoStream) else None


def media_info(path: str, failure: Failure) -> MediaInfo:
    """Look into a file; quick where its header says how long it lasts, else its packets are counted through."""
    with open_media(path, failure) as container:
        streams = [s for s in (media_stream(container, "video"), media_stream(container, "audio")) if s is not None]
        if not streams:
            raise failure(f"file {path} has neither picture nor sound")
        still = len(streams) == 1 and streams[0].type == "video" and _is_still(container, streams[0])
        spans = [_span(s, container) for s in streams]
        if any(span is None for span in spans) and not still:
            spans = _measured(path, failure, [s.index for s in streams])
        known = [span for span in spans if span is not None] or [(0.0, 0.0)]
        origin = min(begin for begin, _ in known)
        length = max(end for _, end in known) - origin
        kinds = {s.type for s in streams}
        return MediaInfo(origin, max(_SHORTEST_S, length), "video" in kinds, "audio" in kinds, still)


def _is_still(container: av.container.InputContainer, stream: av.stream.Stream) -> bool:
    """Image demuxers give a picture without a duration; other files may hold a single picture too."""
    return container.format.name.endswith("_pipe") or container.format.name == "image2" or stream.frames == 1


def _span(stream: av.stream.Stream, container: av.container.InputContainer) -> tuple[float, float] | None:
    """First and last instant of a stream in seconds, where its header tells, or else the container's."""
    if stream.time_base is None or stream.start_time is None:
        return None
    begin = float(stream.start_time * stream.time_base)
    if stream.duration is not None and stream.duration > 0:
        return begin, begin + float(stream.duration * stream.time_base)
    if container.duration is not None and container.duration > 0:
        whole = (container.start_time or 0) + container.duration
        return begin, max(begin, whole / av.time_base)
    return None


def _measured(path: str, failure: Failure, indexes: list[int]) -> list[tuple[float, float] | None]:
    """First and last instant of each stream, from the packets (not decoded)."""
    spans: dict[int, tuple[float, float]] = {}
    with open_media(path, failure) as container:
        try:
            for packet in container.demux([container.streams[i] for i in indexes]):
                low, high = spans.get(packet.stream_index, (math.inf, 0.0))
                if packet.pts is not None:
                    begin = float(packet.pts * packet.time_base)
                    end = begin + float((packet.duration or 0) * packet.time_base)
                elif packet.size:  # a raw stream bears no timestamps: its packets are pictures
                    begin, end = min(low, 0.0), high + float(1 / (picture_rate(packet.stream) or 25))
                else:
                    continue
                spans[packet.stream_index] = (min(low, begin), max(high, end))
        except av.FFmpegError as error:
            if not spans:
                raise failure(f"file {path} is no media file: {_reason(error)}") from error
    return [spans.get(index) for index in indexes]


class LoopSchedule:
    """When what stands in a file is captured, loop after loop. Immutable once made; any thread may read it."""

    def __init__(self, info: MediaInfo, start_s: float) -> None:
        self.info = info
        self.start_s = start_s

    def time_s(self, loop: int, within_s: float) -> float:
        """When ``within_s`` seconds after the file's origin come, in the loop of this number."""
        return self.start_s + loop * self.info.length_s + within_s

    def position(self, now_s: float) -> tuple[int, float]:
        """The loop that runs at ``now_s``, and how many seconds into it."""
        loop = max(0, int((now_s - self.start_s) // self.info.length_s))
        return loop, max(0.0, now_s - self.start_s - loop * self.info.length_s)


class LoopRegistry:
    """The schedules of the files in use, one per path. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, tuple[LoopSchedule, int]] = {}

    def join(self, path: str, failure: Failure) -> LoopSchedule:
        """The schedule of ``path``; the first to join looks into the file and begins the loop. Each join needs a
        :meth:`leave`."""
        key = os.path.realpath(path)
        with self._lock:
            running = self._running.get(key)
            if running is None:
                info = media_info(path, failure)
                running = (LoopSchedule(info, time.monotonic()), 0)
            schedule, users = running
            self._running[key] = (schedule, users + 1)
            return schedule

    def leave(self, path: str) -> None:
        """One user less; with the last one the schedule is forgotten."""
        key = os.path.realpath(path)
        with self._lock:
            schedule, users = self._running[key]
            if users > 1:
                self._running[key] = (schedule, users - 1)
            else:
                del self._running[key]


LOOPS = LoopRegistry()
"""The process's one registry: a file is one thing, whichever board plays it."""
