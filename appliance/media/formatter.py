"""From what a camera delivers to what is pushed: rotate, mirror, crop to the wanted shape, magnify, scale."""

from __future__ import annotations

from dataclasses import dataclass

import av
import av.filter
from av.filter.context import FilterContext

from appliance.errors import CameraError


@dataclass(frozen=True, slots=True)
class Shape:
    """The wanted picture. ``rotation`` in degrees clockwise: 0, 90, 180, 270."""

    width: int
    height: int
    rotation: int = 0
    mirror: bool = False
    zoom: bool = False


_TURN = {90: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")], 270: [("transpose", "cclock")]}


def crop_box(width: int, height: int, shape: Shape) -> tuple[int, int]:
    """The largest middle part of ``width`` x ``height`` with the wanted shape; half of it with zoom. Even numbers."""
    wanted = shape.width / shape.height
    box = (height * wanted, float(height)) if width / height > wanted else (float(width), width / wanted)
    part = 0.5 if shape.zoom else 1.0
    return max(2, round(box[0] * part / 2) * 2), max(2, round(box[1] * part / 2) * 2)


def steps(width: int, height: int, pixel_format: str, shape: Shape) -> list[tuple[str, str]]:
    """The FFmpeg filters (name, arguments) that are needed; none where the picture is right already."""
    needed: list[tuple[str, str]] = list(_TURN.get(shape.rotation, []))
    if shape.rotation in (90, 270):
        width, height = height, width
    if shape.mirror:
        needed.append(("hflip", ""))
    box = crop_box(width, height, shape)
    if box != (width, height):
        needed.append(("crop", f"{box[0]}:{box[1]}"))
    if box != (shape.width, shape.height):
        needed.append(("scale", f"{shape.width}:{shape.height}:flags=bilinear"))
    if pixel_format != "yuv420p":
        needed.append(("format", "yuv420p"))
    return needed


class Formatter:
    """Applies a :class:`Shape` to pictures of any size; a new filter graph whenever their format changes.
    For one thread."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._made_for: tuple[int, int, str] | None = None
        self._graph: tuple[FilterContext, FilterContext] | None = None

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The picture in the wanted shape, yuv420p; the same frame where nothing has to be done."""
        key = (frame.width, frame.height, frame.format.name)
        try:
            if key != self._made_for:
                self._graph = self._make(*key)
                self._made_for = key
            if self._graph is None:
                return frame
            source, sink = self._graph
            source.push(frame)
            out = sink.pull()
        except (av.FFmpegError, ValueError) as error:
            self._made_for = None
            raise CameraError(f"the picture ({key[0]}x{key[1]}, {key[2]}) cannot be converted: {error}") from error
        assert isinstance(out, av.VideoFrame)
        return out

    def _make(self, width: int, height: int, pixel_format: str) -> tuple[FilterContext, FilterContext] | None:
        needed = steps(width, height, pixel_format, self.shape)
        if not needed:
            return None
        graph = av.filter.Graph()
        source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base="1/1000")  # type: ignore[arg-type]
        last = source
        for name, arguments in needed:
            node = graph.add(name, arguments or None)
            last.link_to(node)
            last = node
        sink = graph.add("buffersink")
        last.link_to(sink)
        graph.configure()
        self._keep = graph
        return source, sink
