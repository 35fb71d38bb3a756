"""Real H.264 and AAC for pushing: a clip made once, as FLV tags; and a queue that plays them."""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from appliance.media.tags import Tag, TagKind


def make_clip(*, seconds: float = 2.0, width: int = 320, height: int = 180, fps: int = 30, kbps: int = 400) -> bytes:
    """An FLV with a moving picture and a tone; a keyframe every second."""
    out = io.BytesIO()
    with av.open(out, "w", format="flv") as flv:
        video = flv.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "tune": "zerolatency"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate, video.gop_size = kbps * 1000, fps
        video.time_base = Fraction(1, fps)
        audio = flv.add_stream("aac", rate=16000, layout="mono")
        rows, columns = np.mgrid[0:height, 0:width]
        samples_done = 0
        for number in range(int(seconds * fps)):
            picture = np.stack(
                [(rows + 3 * number) % 256, (columns + 5 * number) % 256, (rows + columns) % 256], axis=-1
            )
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            for packet in video.encode(frame):
                flv.mux(packet)
            while samples_done < (number + 1) * 16000 // fps:
                phase = 2 * math.pi * 440 * (np.arange(samples_done, samples_done + 1024) / 16000)
                sound = av.AudioFrame.from_ndarray(
                    (np.sin(phase) * 8000).astype(np.int16)[None, :], format="s16", layout="mono"
                )
                sound.sample_rate, sound.pts, sound.time_base = 16000, samples_done, Fraction(1, 16000)
                samples_done += 1024
                for packet in audio.encode(sound):
                    flv.mux(packet)
        for stream in (video, audio):
            for packet in stream.encode(None):
                flv.mux(packet)
    return out.getvalue()


def flv_tags(flv: bytes) -> list[Tag]:
    """The audio and video tags of an FLV file."""
    tags, position = [], 13
    while position + 11 <= len(flv):
        kind, size = flv[position], int.from_bytes(flv[position + 1 : position + 4], "big")
        time_ms = int.from_bytes(flv[position + 4 : position + 7], "big") | flv[position + 7] << 24
        body = flv[position + 11 : position + 11 + size]
        position += 15 + size
        if kind == TagKind.VIDEO and body[1] != 2:
            tags.append(Tag(TagKind.VIDEO, time_ms, body, keyframe=body[0] >> 4 == 1, header=body[1] == 0))
        elif kind == TagKind.AUDIO:
            tags.append(Tag(TagKind.AUDIO, time_ms, body, header=body[1] == 0))
    return tags


def looped(tags: list[Tag]) -> Iterator[Tag]:
    """The tags for ever, on one timeline; sequence headers the first time only."""
    yield from (tag for tag in tags if tag.header)
    media = [tag for tag in tags if not tag.header]
    length = max(tag.time_ms for tag in media) + 33
    start = 0
    while True:
        for tag in media:
            yield replace(tag, time_ms=start + tag.time_ms)
        start += length


class Playing:
    """A queue that gives tags in real time, or ``speed`` times faster; ``speed=inf`` as fast as they are taken."""

    def __init__(self, tags: Iterator[Tag], *, speed: float = 1.0) -> None:
        self._tags = tags
        self._speed = speed
        self._next: Tag | None = next(tags, None)
        self._zero: tuple[float, int] | None = None
        self.taken = 0
        self.wakes: list[Callable[[], None] | None] = []

    def _due_s(self, now_s: float) -> float:
        assert self._next is not None
        if math.isinf(self._speed) or self._next.header:
            return now_s
        if self._zero is None:
            self._zero = (now_s, self._next.time_ms)
        return self._zero[0] + (self._next.time_ms - self._zero[1]) / 1000 / self._speed

    def take(self, now_s: float) -> Tag | None:
        if self._next is None or self._due_s(now_s) > now_s:
            return None
        tag, self._next = self._next, next(self._tags, None)
        self.taken += 1
        return tag

    def wait_s(self, now_s: float) -> float | None:
        return None if self._next is None else max(self._due_s(now_s) - now_s, 0.0)

    def set_wake(self, wake: Callable[[], None] | None) -> None:
        self.wakes.append(wake)


@dataclass
class Listener:
    """Records what a session tells, with times."""

    connected: threading.Event = field(default_factory=threading.Event)
    published: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    endings: list[Exception | None] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    ended_at: float = 0.0

    def on_connected(self, server: str) -> None:
        self.calls.append(f"connected {server}")
        self.connected.set()

    def on_published(self) -> None:
        self.calls.append("published")
        self.published.set()

    def on_ended(self, error: Exception | None) -> None:
        self.calls.append("ended")
        self.endings.append(error)
        self.ended_at = time.monotonic()
        self.ended.set()


@dataclass
class Recording:
    """What is in a file, decoded to its end. Times in seconds."""

    video_times: list[float]
    audio_times: list[float]
    pictures: int
    sizes: set[tuple[int, int]]
    samples: int
    key_times: list[float]


def decode(path: Path) -> Recording:
    """Decode all of ``path``; any error of the decoders raises."""
    found = Recording([], [], 0, set(), 0, [])
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        for packet in container.demux():
            if packet.dts is None:
                continue
            assert packet.time_base is not None
            time_s = float(packet.dts * packet.time_base)
            if packet.stream.type == "video":
                found.video_times.append(time_s)
                if packet.is_keyframe:
                    found.key_times.append(time_s)
            else:
                found.audio_times.append(time_s)
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    found.pictures += 1
                    found.sizes.add((frame.width, frame.height))
                elif isinstance(frame, av.AudioFrame):
                    found.samples += frame.samples
    return found
