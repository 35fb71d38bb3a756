"""Which Pi this is, as far as it matters."""

from __future__ import annotations

from pathlib import Path

COMPATIBLE = Path("/proc/device-tree/compatible")
"""The names of the board and its processor, each ended by a zero byte (Devicetree Specification 0.4, 2.3.1)."""

_WITH_ENCODER = {"brcm,bcm2835", "brcm,bcm2836", "brcm,bcm2837", "brcm,bcm2711"}
"""Processors with an H.264 encoder: all of the Pis before the Pi 5, whose BCM2712 has none."""


def has_encoder() -> bool:
    """Whether a Pi like this one has an H.264 encoder in hardware, be it usable now or not."""
    try:
        names = COMPATIBLE.read_bytes().decode("ascii", "replace").split("\0")
    except OSError:
        return False
    return not _WITH_ENCODER.isdisjoint(names)
