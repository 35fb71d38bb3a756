"""A picture that stands still: letterboxed, and below 50 kbit/s however rich it is."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from appliance.errors import UnsupportedResolution
from appliance.media.encoders import StillEncoder
from appliance.media.sources import EncodedPicture, VideoSpec
from appliance.media.still import STILL_FPS, STILL_KBPS, STILL_KEYFRAMES_S, as_frame, letterboxed, neutral
from tests.unit.media.pictures import near, photograph, quarters


def spec(width: int, height: int) -> VideoSpec:
    return VideoSpec(width, height, STILL_FPS, STILL_KBPS, STILL_KBPS, STILL_KEYFRAMES_S)


def encode(encoder: StillEncoder, image: Image.Image, seconds: float, begin_s: float = 0.0) -> list[EncodedPicture]:
    frame = as_frame(letterboxed(image, encoder.spec.width, encoder.spec.height))
    times = [begin_s + n / STILL_FPS for n in range(round(seconds * STILL_FPS))]
    return [picture for time_s in times for picture in encoder.encode(frame, time_s)]


def decode(pictures: list[EncodedPicture]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for picture in pictures for frame in decoder.decode(av.Packet(picture.data))]
    return [frame.to_ndarray(format="rgb24") for frame in (*frames, *decoder.decode(None))]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize("size", [(320, 180), (960, 540), (540, 960), (1280, 720)])
def test_a_photograph_is_below_50_kbps_and_recognisable(size: tuple[int, int]) -> None:
    image = photograph(1280, 720)
    pictures = encode(StillEncoder(spec(*size)), image, 12)
    in_5_s = 5 * STILL_FPS
    worst = max(sum(len(p.data) for p in pictures[n : n + in_5_s]) for n in range(len(pictures) - in_5_s + 1))
    assert worst * 8 / 5000 < 50, "in any five seconds"
    wanted = np.asarray(letterboxed(image, *size))
    levels = [psnr(frame, wanted) for frame in decode(pictures)]
    assert min(levels) > 26
    assert max(levels) - min(levels) < 0.2, "it does not pump"
    keys = [n / STILL_FPS for n, p in enumerate(pictures) if p.keyframe]
    assert keys == [0, 2, 4, 6, 8, 10]


def test_pure_noise_stays_below_50_kbps() -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (720, 1280, 3), dtype=np.uint8))
    pictures = encode(StillEncoder(spec(1280, 720)), noise, 10)
    assert sum(len(picture.data) for picture in pictures) * 8 / 10_000 < 50


def test_a_plain_picture_is_as_good_as_it_gets() -> None:
    pictures = encode(StillEncoder(spec(1280, 720)), neutral(1280, 720), 4)
    assert psnr(decode(pictures)[-1], np.asarray(neutral(1280, 720))) > 40
    assert sum(len(picture.data) for picture in pictures) * 8 / 4000 < 30


def test_another_picture_begins_with_a_keyframe() -> None:
    encoder = StillEncoder(spec(320, 180))
    pictures = encode(encoder, quarters(), 1) + encode(encoder, neutral(320, 180), 1, begin_s=1.0)
    assert [picture.keyframe for picture in pictures] == [True, False, False, False] * 2
    assert psnr(decode(pictures)[-1], np.asarray(neutral(320, 180))) > 35


def test_a_keyframe_on_request() -> None:
    encoder, frame = StillEncoder(spec(320, 180)), as_frame(quarters(320, 180))
    keys = [encoder.encode(frame, n / 4, keyframe=n == 3)[0].keyframe for n in range(6)]
    assert keys == [True, False, False, True, False, False]


def test_a_size_that_h264_does_not_have() -> None:
    with pytest.raises(UnsupportedResolution):
        StillEncoder(spec(321, 180))


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
@pytest.mark.parametrize("shape", [(640, 360), (300, 300), (90, 400), (3000, 10), (1, 1)])
def test_letterboxed_whole_and_in_the_middle(shape: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.asarray(letterboxed(Image.new("RGB", shape, "white"), *size)).min(axis=2) > 128
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    width, height = len(columns), len(rows)
    assert width == size[0] or height == size[1]
    if min(shape) > 20:
        assert abs(width / height - shape[0] / shape[1]) / (shape[0] / shape[1]) < 0.03
    assert abs(rows[0] - (size[1] - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (size[0] - 1 - columns[-1])) <= 1


def test_letterboxing_keeps_left_and_right() -> None:
    picture = letterboxed(quarters(640, 360), 180, 320)
    middle = 160
    assert near(picture.getpixel((40, middle - 25)), (220, 40, 40))
    assert near(picture.getpixel((140, middle + 25)), (230, 210, 40))
    assert near(picture.getpixel((90, 20)), (0, 0, 0))
