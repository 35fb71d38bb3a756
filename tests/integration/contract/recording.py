"""What a viewer saw and heard: a recording of the simulated board, measured.

The board's flash and beep begin at each whole second of the monotonic clock, which is the same for every process of this
machine. So a recording's own time can be set to the clock, and a phase of a test looked up in it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

BLOCK_S = 0.005
FLASH_LUMA = 185
BEEP_RMS, HUM_RMS = 0.03, 0.0006
"""The beep is 0.21, the hum between 0.0018: between them, and between the hum and silence."""


@dataclass(frozen=True)
class Shown:
    """One picture. ``source``: front, back, still or flash; ``bars``: whether the colour bars at the bottom are there."""

    time_s: float
    size: tuple[int, int]
    source: str
    bars: bool
    bytes: int = 0


def _shown(frame: av.VideoFrame, size: int) -> Shown:
    small = frame.reformat(width=64, height=36, format="yuv444p").to_ndarray().astype(np.float32)
    luma, u, v = small
    # the frame's edge: the panel in the middle is black in every picture
    edge = np.ones((36, 64), bool)
    edge[6:30, 8:56] = False
    edge[30:] = False
    brightness, blue, red = float(luma[edge].mean()), float(u[edge].mean()) - 128, float(v[edge].mean()) - 128
    if brightness > FLASH_LUMA:
        source = "flash"
    elif abs(blue) < 5 and abs(red) < 5:
        source = "still"
    else:
        source = "front" if red > blue else "back"
    bars = float(np.std(u[33:35])) > 25
    return Shown(frame.time or 0.0, (frame.width, frame.height), source, bars, size)


@dataclass
class Recording:
    """Pictures and sound in the order of their timestamps (seconds of the recording)."""

    pictures: list[Shown] = field(default_factory=list)
    sound_times: list[float] = field(default_factory=list)
    """Of each audio frame."""
    levels: list[tuple[float, float]] = field(default_factory=list)
    """RMS of each block of 5 ms."""
    video_bytes: list[tuple[float, int]] = field(default_factory=list)
    zero_s: float = 0.0
    """Monotonic time of the recording's zero; set by :meth:`align`."""

    def flashes(self) -> list[float]:
        return [b.time_s for a, b in pairwise(self.pictures) if b.source == "flash" != a.source]

    def beeps(self) -> list[float]:
        return [b for (_, low), (b, high) in pairwise(self.levels) if high > BEEP_RMS >= low]

    def align(self, begun_s: float) -> None:
        """Set the recording to the monotonic clock: it began about ``begun_s``, and its flashes came at whole seconds."""
        flashes = self.flashes()
        angles = np.exp(2j * np.pi * np.array([time_s % 1.0 for time_s in flashes]))
        part = float(np.angle(angles.mean()) / (2 * np.pi))
        self.zero_s = round(begun_s + part) - part

    def seen(self, start_s: float, end_s: float) -> list[Shown]:
        """Pictures from ``start_s`` to ``end_s`` of the monotonic clock."""
        return [p for p in self.pictures if start_s <= p.time_s + self.zero_s < end_s]

    def heard(self, start_s: float, end_s: float) -> npt.NDArray[np.float64]:
        """Levels from ``start_s`` to ``end_s`` of the monotonic clock."""
        return np.array([level for time_s, level in self.levels if start_s <= time_s + self.zero_s < end_s])

    def kbps(self, start_s: float, end_s: float) -> float:
        """The video's bitrate."""
        total = sum(size for time_s, size in self.video_bytes if start_s <= time_s + self.zero_s < end_s)
        return 8 * total / 1000 / (end_s - start_s)

    def sound_late_ms(self, start_s: float, end_s: float) -> list[float]:
        """By how much each beep is later than its flash."""
        beeps = [beep + self.zero_s for beep in self.beeps()]
        found = []
        for flash in self.flashes():
            at = flash + self.zero_s
            near = [beep - at for beep in beeps if abs(beep - at) < 0.4]
            if start_s <= at < end_s and near:
                found.append(1000 * min(near, key=abs))
        return found


def read(path: Path) -> Recording:
    """Decode all of ``path``; an error of a decoder raises."""
    recording = Recording()
    pending = np.zeros(0, np.float32)
    at_s = 0.0
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        for packet in container.demux():
            size = packet.size
            if packet.stream.type == "video" and packet.dts is not None and packet.time_base is not None:
                recording.video_bytes.append((float(packet.dts * packet.time_base), size))
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    recording.pictures.append(_shown(frame, size))
                elif isinstance(frame, av.AudioFrame) and frame.time is not None:
                    recording.sound_times.append(frame.time)
                    rate = frame.sample_rate
                    if not pending.size or abs(at_s + pending.size / rate - frame.time) > 0.002:
                        at_s, pending = frame.time, np.zeros(0, np.float32)
                    pending = np.concatenate((pending, frame.to_ndarray().astype(np.float32)[0]))
                    block = round(rate * BLOCK_S)
                    while pending.size >= block:
                        level = float(np.sqrt(np.mean(np.square(pending[:block]))))
                        recording.levels.append((at_s, level))
                        pending, at_s = pending[block:], at_s + block / rate
    return recording


def median(values: list[float]) -> float:
    return statistics.median(values)
