"""What a camera buffer holds, made a picture: planes without the padding, and the sensor's time on our clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import av

from appliance.hardware.planes import Plane, frame_of

PIXEL_FORMATS = {"YUV420": "yuv420p", "NV12": "nv12"}
"""libcamera's names and FFmpeg's for what a camera here is taken with."""

_PLAUSIBLE_AGE_S = 5.0


def buffer_planes(buffer: Plane, pixel_format: str, width: int, height: int, stride: int) -> list[Plane]:
    """The planes in one camera buffer, as views. Rows are ``stride`` bytes apart (chroma rows of YUV420 half of it).
    Raises ValueError when the buffer is too small for what its configuration says."""
    half_h = (height + 1) // 2
    luma = buffer[: stride * height].reshape(height, stride)[:, :width]
    chroma = buffer[stride * height :]
    if pixel_format == "NV12":
        return [luma, chroma[: stride * half_h].reshape(half_h, stride)[:, : (width + 1) // 2 * 2]]
    half, half_w = stride // 2, (width + 1) // 2
    u, v = (chroma[i * half * half_h : (i + 1) * half * half_h].reshape(half_h, half)[:, :half_w] for i in (0, 1))
    return [luma, u, v]


def picture_of(buffer: Plane, configuration: Mapping[str, Any]) -> av.VideoFrame:
    """A picture of its own memory from a buffer and its stream's configuration as it is after ``configure()``."""
    name = configuration["format"]
    width, height = configuration["size"]
    return frame_of(buffer_planes(buffer, name, width, height, configuration["stride"]), PIXEL_FORMATS[name])


def monotonic_s(sensor_ns: int | None) -> float:
    """A SensorTimestamp in seconds of ``time.monotonic()``.

    libcamera defines it as CLOCK_BOOTTIME, the kernel's drivers stamp CLOCK_MONOTONIC; the two part when the machine has
    slept. The one that makes the picture a little old is right; without either, the picture is of now.
    """
    now = time.monotonic()
    if sensor_ns:
        asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - now
        for candidate in (sensor_ns / 1e9, sensor_ns / 1e9 - asleep):
            if -0.005 <= now - candidate <= _PLAUSIBLE_AGE_S:
                return min(candidate, now)
    return now
