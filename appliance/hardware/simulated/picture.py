"""The moving test picture: drawn once per size with Pillow, and per frame with a few array copies.

Still parts: a gradient and a shape that differ between the cameras, colour bars, a dark panel with the camera's name.
Moving parts: a ball on a Lissajous path, and in the panel the time of day (UTC, to the millisecond) and the frame's
number. During the flash all but the panel is white. Luma and chroma are limited range (16 to 235), yuv420p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from appliance.hardware.planes import Plane, planes_of
from appliance.hardware.simulated.glyphs import Glyphs, glyphs

Colour = tuple[int, int, int]

BALL_PERIODS_S = (4.0, 6.4)
"""Once around, across and down: incommensurable enough that the ball seems to wander."""

_BARS: tuple[Colour, ...] = (
    (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191),
)  # fmt: skip
"""The 75 % colour bars."""


@dataclass(frozen=True)
class Look:
    """What tells one camera's picture from the other's at a glance."""

    title: str
    top: Colour
    bottom: Colour
    rings: bool
    """Concentric rings behind the ball; otherwise diagonal stripes."""


LOOKS = {
    "front": Look("FRONT", (180, 70, 25), (70, 12, 80), rings=True),
    "back": Look("BACK", (10, 105, 120), (12, 22, 95), rings=False),
}


class TestPicture:
    """Renders one camera's frames at one size. Not for several threads at once."""

    __test__ = False  # no test case, whatever its name

    def __init__(self, look: Look, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._layout = _Layout(width, height)
        still = _still(look, self._layout)
        self._still = _planes(still)
        box = self._layout.panel
        white = Image.new("RGB", still.size, "white")
        white.paste(still.crop(box), box)
        self._white = _planes(white)
        self._ball = _Ball(max(2, min(width, height) // 14 * 2))

    def render(self, time_s: float, number: int, wall_s: float, flash: bool) -> av.VideoFrame:
        """The frame captured at ``time_s`` (monotonic seconds): ``number`` and the time of day ``wall_s`` (seconds
        since 1970) are written into it."""
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        planes = planes_of(frame)
        for target, source in zip(planes, self._white if flash else self._still, strict=True):
            np.copyto(target, source)
        layout = self._layout
        if not flash:
            self._ball.draw(planes, *layout.ball(time_s))
            for target, source, scale in zip(planes, self._still, (1, 2, 2), strict=True):  # it passes behind the panel
                left, top, right, bottom = (edge // scale for edge in layout.panel)
                target[top:bottom, left:right] = source[top:bottom, left:right]
        layout.large.draw(planes[0], *layout.clock_at, _time_of_day(wall_s))
        layout.small.draw(planes[0], *layout.number_at, f"{number % 100_000_000:08d}")
        return frame


class _Layout:
    """Where everything stands; it follows the shorter side, so that portrait and landscape read alike."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        unit = min(width, height)
        self.title_size = max(8, unit // 7)
        self.large: Glyphs = glyphs(max(8, unit // 9))
        self.small: Glyphs = glyphs(max(8, unit // 13))
        self.margin = margin = max(2, unit // 40)
        title_height = math.ceil(self.title_size * 1.3)
        wide = self.large.width("00:00:00.000") + 2 * margin
        high = title_height + self.large.height + self.small.height + 2 * margin
        left, top = _even(max(0, (width - wide) // 2)), _even(max(0, (height - high) // 2))
        self.panel = (left, top, min(width, _even(left + wide)), min(height, _even(top + high)))
        self.title_at = (left + margin, top + margin)
        self.clock_at = (left + margin, top + margin + title_height)
        self.number_at = (left + margin, self.clock_at[1] + self.large.height)

    def ball(self, time_s: float) -> tuple[int, int]:
        """The ball's middle."""
        x, y = (0.5 + 0.42 * math.sin(2 * math.pi * time_s / period) for period in BALL_PERIODS_S)
        return round(self.width * x), round(self.height * y)


class _Ball:
    """A shaded ball of ``diameter`` (even) pixels with a soft edge, blended into the planes."""

    def __init__(self, diameter: int) -> None:
        image = Image.new("RGBA", (diameter * 4, diameter * 4), (255, 255, 255, 0))
        draw = ImageDraw.Draw(image)
        for step in range(24):  # from the rim inwards and towards the light
            size, shift = diameter * 4 * (1 - step / 30), diameter * 4 * step / 30
            shade = 120 + 5 * step
            corner = 0.35 * shift
            box = (corner, corner, corner + size - 1, corner + size - 1)
            draw.ellipse(box, fill=(shade, shade, 40 + 8 * step, 255))
        image = image.resize((diameter, diameter), Image.Resampling.LANCZOS)
        self._colour = [plane.astype(np.int16) for plane in _planes(image.convert("RGB"))]
        alpha = np.asarray(image.getchannel("A"), np.int16)
        half = alpha.reshape(diameter // 2, 2, diameter // 2, 2).mean(axis=(1, 3)).astype(np.int16)
        self._alpha = [alpha, half, half]

    def draw(self, planes: list[Plane], x: int, y: int) -> None:
        """Blend it in with its middle at (x, y), cut off at the edges."""
        size = self._alpha[0].shape[0]
        left, top = _even(x - size // 2), _even(y - size // 2)
        for index, plane in enumerate(planes):
            scale = 1 if index == 0 else 2
            x0, y0 = left // scale, top // scale
            rows = slice(max(0, y0), max(0, min(plane.shape[0], y0 + size // scale)))
            columns = slice(max(0, x0), max(0, min(plane.shape[1], x0 + size // scale)))
            part = (slice(rows.start - y0, rows.stop - y0), slice(columns.start - x0, columns.stop - x0))
            under = plane[rows, columns].astype(np.int16)
            alpha = self._alpha[index][part]
            # an int16 holds 127 * 255; chroma and luma differences stay within twice that, so the shift comes first
            plane[rows, columns] = under + ((self._colour[index][part] - under) * (alpha >> 1) >> 7)


def _still(look: Look, layout: _Layout) -> Image.Image:
    width, height = layout.width, layout.height
    down = np.linspace(0, 1, height)[:, None, None]
    gradient = np.asarray(look.top) * (1 - down) + np.asarray(look.bottom) * down
    image = Image.fromarray(np.broadcast_to(gradient, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image, "RGBA")
    unit, line = min(width, height), max(1, min(width, height) // 90)
    veil = (255, 255, 255, 40)
    if look.rings:
        for radius in range(unit // 6, width + height, unit // 6):
            draw.ellipse(
                (width // 2 - radius, height // 2 - radius, width // 2 + radius, height // 2 + radius),
                outline=veil, width=line,
            )  # fmt: skip
    else:
        for x in range(-height, width, max(4, unit // 6)):
            draw.line((x, height, x + height, 0), fill=veil, width=line)
    bars_top = height - max(2, unit // 8)
    for index, colour in enumerate(_BARS):
        draw.rectangle((width * index // 7, bars_top, width * (index + 1) // 7 - 1, height), fill=colour)
    draw.rectangle((layout.panel[0], layout.panel[1], layout.panel[2] - 1, layout.panel[3] - 1), fill=(0, 0, 0))
    draw.text(layout.title_at, look.title, fill="white", font=ImageFont.load_default(layout.title_size))
    return image


def _planes(image: Image.Image) -> list[Plane]:
    """An RGB image as Y, U and V of its own memory."""
    frame = av.VideoFrame.from_ndarray(np.asarray(image), "rgb24").reformat(
        format="yuv420p", dst_color_range="MPEG", threads=1
    )
    return [plane.copy() for plane in planes_of(frame)]


def _time_of_day(wall_s: float) -> str:
    milliseconds = int(wall_s * 1000) % 86_400_000
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"


def _even(value: int) -> int:
    return value - value % 2
