"""The picture that is sent while the camera is shut: the waiting image, or a neutral one of our own."""

from __future__ import annotations

import av
import numpy as np
from PIL import Image, ImageDraw

STILL_FPS = 4
"""Pictures per second while a still picture is sent."""

STILL_KBPS = 40
"""Bitrate of a still picture; SPEC 4 allows 50."""

STILL_KEYFRAMES_S = 2.0
"""Time between its keyframes, whatever the push's is: the bitrate leaves too little for more of them, and with fewer, those
who join wait for the picture and each keyframe is a burst."""

_TOP, _BOTTOM, _MARK = (38, 43, 51), (24, 27, 33), (150, 158, 170)


def neutral(width: int, height: int) -> Image.Image:
    """A calm dark picture with a pause mark: says that the stream lives, and nothing else."""
    ramp = np.linspace(0.0, 1.0, height)[:, None, None]
    rows = np.array(_TOP) * (1 - ramp) + np.array(_BOTTOM) * ramp
    image = Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    unit = min(width, height) / 20
    x, y = width / 2, height / 2
    draw.ellipse((x - 3 * unit, y - 3 * unit, x + 3 * unit, y + 3 * unit), outline=_MARK, width=max(1, round(unit / 4)))
    for side in (-1, 1):
        left = x + side * unit - unit * 0.4
        draw.rectangle((left, y - 1.3 * unit, left + 0.8 * unit, y + 1.3 * unit), fill=_MARK)
    return image


def letterboxed(image: Image.Image, width: int, height: int) -> Image.Image:
    """``image`` whole, in its own shape, in the middle of a black picture of the wanted size."""
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new("RGB", (width, height))
    inner = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    canvas.paste(inner, ((width - size[0]) // 2, (height - size[1]) // 2))
    return canvas


def as_frame(image: Image.Image) -> av.VideoFrame:
    """An RGB image as a frame that the encoders take."""
    return av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24").reformat(
        format="yuv420p", threads=1
    )
