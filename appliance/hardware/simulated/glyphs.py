"""Digits rendered once and blitted: a picture's frame number and time cost a few microseconds instead of a few
milliseconds of text layout."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from appliance.hardware.planes import Plane

CHARACTERS = "0123456789:.- "


class Glyphs:
    """The characters of :data:`CHARACTERS` as luma patches (limited range, 16 to 235) of one height in pixels. Digits
    are equally wide, so that running numbers do not jump."""

    def __init__(self, size: int) -> None:
        font = ImageFont.load_default(size)
        ascent, descent = font.getmetrics()  # type: ignore[union-attr]
        self.height = ascent + descent
        self._patches: dict[str, Plane] = {}
        for character in CHARACTERS:
            width = max(1, round(font.getlength("0" if character in "- " else character)))
            image = Image.new("L", (width, self.height))
            ImageDraw.Draw(image).text((0, 0), character, fill=255, font=font)
            ink = np.asarray(image, np.uint16)
            self._patches[character] = (16 + ink * 219 // 255).astype(np.uint8)

    def width(self, text: str) -> int:
        """How wide ``text`` comes out, in pixels."""
        return sum(self._patches[c].shape[1] for c in text)

    def draw(self, luma: Plane, x: int, y: int, text: str) -> None:
        """Write ``text`` with its upper left corner at (x, y); what does not fit is cut off."""
        rows = min(self.height, luma.shape[0] - y)
        for character in text:
            patch = self._patches[character]
            columns = min(patch.shape[1], luma.shape[1] - x)
            if columns <= 0 or rows <= 0:
                return
            luma[y : y + rows, x : x + columns] = patch[:rows, :columns]
            x += columns


@functools.lru_cache(maxsize=16)
def glyphs(size: int) -> Glyphs:
    """The glyphs of one font size, rendered once per process."""
    return Glyphs(size)
