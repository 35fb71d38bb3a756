"""The pixels of a picture as arrays, without copies."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]


def planes_of(frame: av.VideoFrame) -> list[Plane]:
    """Writable views of the planes of an 8-bit planar or semi-planar ``frame``: (rows, bytes that hold pixels), without
    the padding behind each row. They share the frame's memory and keep it alive."""
    views = []
    for index, plane in enumerate(frame.planes):
        row = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        # the second plane of NV12 holds U and V side by side, and is as many bytes wide as Y
        used = frame.width if index == 0 else plane.width * (2 if len(frame.planes) == 2 else 1)
        views.append(row[: plane.height, :used])
    return views


def frame_of(planes: Sequence[Plane], pixel_format: str) -> av.VideoFrame:
    """A new picture of its own memory from ``planes`` (the first one has the picture's size), copied once."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for target, source in zip(planes_of(frame), planes, strict=True):
        np.copyto(target, source)
    return frame
