"""Crop, turn, mirror and scale."""

from __future__ import annotations

import av
import numpy as np
import pytest

from appliance.media.formatter import Formatter, Shape, crop_box, steps


def quadrants(width: int, height: int) -> av.VideoFrame:
    """A grey picture: top left 40, top right 90, bottom left 140, bottom right 190."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = 40, 90
    rgb[height // 2 :, : width // 2], rgb[height // 2 :, width // 2 :] = 140, 190
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")


def corners(frame: av.VideoFrame) -> list[int]:
    grey = frame.reformat(format="rgb24").to_ndarray()[:, :, 0]
    h, w = grey.shape
    picks = [(h // 8, w // 8), (h // 8, -w // 8), (-h // 8, w // 8), (-h // 8, -w // 8)]
    return [min((40, 90, 140, 190), key=lambda v: abs(v - int(grey[p]))) for p in picks]


def test_nothing_is_done_where_nothing_is_needed() -> None:
    frame = quadrants(640, 360)
    assert Formatter(Shape(640, 360)).apply(frame) is frame


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape(320, 180), [40, 90, 140, 190]),
        (Shape(320, 180, mirror=True), [90, 40, 190, 140]),
        (Shape(320, 180, rotation=180), [190, 140, 90, 40]),
        (Shape(180, 320, rotation=90), [140, 40, 190, 90]),
        (Shape(180, 320, rotation=270), [90, 190, 40, 140]),
        (Shape(320, 180, zoom=True), [40, 90, 140, 190]),
    ],
)
def test_turning_and_mirroring(shape: Shape, expected: list[int]) -> None:
    out = Formatter(shape).apply(quadrants(640, 360))
    assert (out.width, out.height, out.format.name) == (shape.width, shape.height, "yuv420p")
    assert corners(out) == expected


def test_the_middle_is_cropped_to_the_wanted_shape() -> None:
    assert crop_box(1280, 720, Shape(540, 960)) == (404, 720)
    assert crop_box(720, 1280, Shape(960, 540)) == (720, 404)
    assert crop_box(1280, 720, Shape(1280, 720, zoom=True)) == (640, 360)
    assert steps(1280, 720, "nv12", Shape(1280, 720)) == [("format", "yuv420p")]


def test_the_source_may_change_its_format_in_flight() -> None:
    formatter = Formatter(Shape(320, 180))
    for frame in (quadrants(640, 360), quadrants(640, 480).reformat(format="nv12"), quadrants(180, 320)):
        out = formatter.apply(frame)
        assert (out.width, out.height, out.format.name) == (320, 180, "yuv420p")
