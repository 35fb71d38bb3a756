"""Pictures for tests, as files of each format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

QUARTERS = ((220, 40, 40), (40, 180, 60), (40, 70, 220), (230, 210, 40))
"""Upper left, upper right, lower left, lower right: no two alike, so that a picture that is turned or mirrored shows."""


def encoded(image: Image.Image, format: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **more)
    return out.getvalue()


def quarters(width: int = 640, height: int = 360) -> Image.Image:
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(QUARTERS):
        left, top = number % 2 * width // 2, number // 2 * height // 2
        draw.rectangle((left, top, left + width // 2 - 1, top + height // 2 - 1), fill=colour)
    return image


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """As rich in detail as a photograph of foliage with sensor noise on it, in four tinted quarters: 1/f noise and grain."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fineness = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    texture = np.fft.irfft2(spectrum / np.maximum(fineness, 1 / max(width, height)) ** 1.1, (height, width))
    texture = texture / texture.std() * 20
    picture = np.asarray(quarters(width, height), float) * 0.6 + 50 + texture[:, :, None]
    picture += rng.normal(0, 5, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def near(pixel: tuple[int, ...] | Any, colour: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(int(a) - b) <= by for a, b in zip(pixel, colour, strict=True))
