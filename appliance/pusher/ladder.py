"""Picture sizes: what the mode allows and what a bitrate is enough for (SPEC 4). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """``height`` of the landscape picture in pixels, and the bitrate from which it is used."""

    height: int
    from_kbps: int


LADDER = (Rung(180, 100), Rung(270, 250), Rung(360, 400), Rung(540, 800), Rung(720, 1200), Rung(1080, 2500))

MODE_HEIGHT = {"SD": 360, "HD": 540, "FHD": 720, "RTC": 540}
"""Greatest height of each mode; FHD reaches 1080 with hardware."""

FULL_HD_KBPS = 2500

_WIDTH = {"9:16": {180: 320, 270: 480, 360: 640, 540: 960, 720: 1280, 1080: 1920}}
_WIDTH["3:4"] = {rung.height: rung.height * 4 // 3 for rung in LADDER}


def greatest_height(mode: str, *, hardware: bool, max_kbps: int) -> int:
    """The mode's limit: 1080 lines need a hardware encoder and the bitrate for it."""
    if mode == "FHD" and hardware and max_kbps >= FULL_HD_KBPS:
        return 1080
    return MODE_HEIGHT[mode]


def size_for(kbps: int, *, mode: str, aspect: str, orientation: str, hardware: bool, max_kbps: int) -> tuple[int, int]:
    """Width and height of the picture at ``kbps``; portrait swaps the numbers."""
    limit = greatest_height(mode, hardware=hardware, max_kbps=max_kbps)
    height = LADDER[0].height
    for rung in LADDER:
        if rung.height <= limit and rung.from_kbps <= kbps:
            height = rung.height
    width = _WIDTH[aspect][height]
    return (height, width) if orientation == "vertical" else (width, height)
