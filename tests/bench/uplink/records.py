"""What the product made and what arrived, as two files of lines, and the frames that follow from both.

Each line is a message: second of the monotonic clock, kind (RTMP's type id), timestamp in ms, bytes, 1 for a keyframe, 1 for a
sequence header, and the CRC of the body, by which one is found in the other. Both ends are on one machine: one clock.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appliance.media.tags import Tag, TagKind
from tests.bench.uplink.score import Frame


@dataclass(frozen=True, slots=True)
class Line:
    """One message, made or arrived."""

    at_s: float
    kind: TagKind
    time_ms: int
    size: int
    keyframe: bool
    header: bool
    crc: int

    @classmethod
    def parse(cls, text: str) -> Self:
        at_s, kind, time_ms, size, keyframe, header, crc = text.split()
        return cls(
            float(at_s), TagKind(int(kind)), int(time_ms), int(size), keyframe == "1", header == "1", int(crc)
        )  # fmt: skip


class Recorder:
    """Writes a file, line by line as they come. Any thread."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)
        self._lock = threading.Lock()

    def put(self, tag: Tag) -> None:
        now_s = time.monotonic()
        line = (
            f"{now_s:.6f} {tag.kind:d} {tag.time_ms} {len(tag.body)} {tag.keyframe:d} {tag.header:d} "
            f"{zlib.crc32(tag.body)}\n"
        )
        with self._lock:
            self._file.write(line)


def read(path: Path) -> list[Line]:
    """Without a last line that was cut off."""
    text = path.read_text() if path.exists() else ""
    return [Line.parse(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def frames(made: Sequence[Line], arrived: Sequence[Line], *, begin_s: float, late_s: float = 0.0) -> list[Frame]:
    """What became of every picture and piece of sound from the first that arrived on, in the order in which they were made.

    ``begin_s`` of the monotonic clock is 0; ``late_s`` is added to arrivals. Raises ValueError if something arrived that was
    not made."""
    found: list[Frame] = []
    for kind in (TagKind.VIDEO, TagKind.AUDIO):
        there = iter([line for line in arrived if line.kind is kind and not line.header])
        awaited = next(there, None)
        begun = False
        for line in made:
            if line.kind is not kind or line.header:
                continue
            arrived_s = None
            if awaited is not None and (awaited.crc, awaited.size) == (line.crc, line.size):
                begun, arrived_s = True, awaited.at_s - begin_s + late_s
                awaited = next(there, None)
            if begun:
                video = kind is TagKind.VIDEO
                found.append(Frame(video, line.at_s - begin_s, line.size, arrived_s, line.keyframe))
        if awaited is not None:
            raise ValueError(f"{kind.name.lower()} arrived that was not made, or twice: {awaited}")
    return sorted(found, key=lambda frame: frame.made_s)
