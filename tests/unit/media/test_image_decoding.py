"""Pictures that somebody else made."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from appliance.errors import WaitingImageError
from appliance.media.image_decoding import LONGEST, MOST_BYTES, decode
from tests.unit.media.pictures import QUARTERS, encoded, near, quarters


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    width, height = image.size
    return [image.getpixel((x, y)) for y in (10, height - 10) for x in (10, width - 10)]  # type: ignore[misc]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_every_common_format(format: str) -> None:
    image = decode(encoded(quarters(), format))
    assert (image.mode, image.size) == ("RGB", (640, 360))
    assert all(near(pixel, colour) for pixel, colour in zip(corners(image), QUARTERS, strict=True))


@pytest.mark.parametrize("format", ["TIFF", "PPM", "ICO", "PDF"])
def test_no_other_format(format: str) -> None:
    with pytest.raises(WaitingImageError, match="allowed: JPEG, PNG, WebP, GIF, BMP"):
        decode(encoded(quarters(), format))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK"])
def test_every_mode(mode: str) -> None:
    image = decode(encoded(Image.new("RGB", (64, 32), "white").convert(mode), "JPEG" if mode == "CMYK" else "PNG"))
    assert (image.mode, image.size) == ("RGB", (64, 32))
    assert near(image.getpixel((5, 5)), (255, 255, 255))


def test_grey_of_16_bits_is_scaled_and_not_clipped() -> None:
    grey = Image.fromarray(np.full((32, 64), 32768, np.uint16))
    assert near(decode(encoded(grey, "PNG")).getpixel((5, 5)), (128, 128, 128))


def test_transparency_lies_over_black() -> None:
    image = Image.new("RGBA", (64, 32), (200, 100, 50, 128))
    image.paste((255, 255, 255, 0), (32, 0, 64, 32))
    found = decode(encoded(image, "PNG"))
    assert near(found.getpixel((5, 5)), (100, 50, 25), 2)
    assert near(found.getpixel((50, 5)), (0, 0, 0), 0)


def test_of_an_animation_the_first_picture() -> None:
    frames = [Image.new("RGB", (64, 32), colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        moving = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
        assert near(decode(moving).getpixel((5, 5)), (255, 0, 0)), format


@pytest.mark.parametrize(("orientation", "size", "order"), [
    (1, (640, 360), (0, 1, 2, 3)), (2, (640, 360), (1, 0, 3, 2)), (3, (640, 360), (3, 2, 1, 0)),
    (6, (360, 640), (2, 0, 3, 1)), (8, (360, 640), (1, 3, 0, 2)), (99, (640, 360), (0, 1, 2, 3)),
])  # fmt: skip
def test_the_way_up(orientation: int, size: tuple[int, int], order: tuple[int, ...]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(quarters(), "JPEG", exif=exif))
    assert image.size == size
    assert all(near(pixel, QUARTERS[place]) for pixel, place in zip(corners(image), order, strict=True))
    assert not dict(image.getexif())


def test_notes_that_cannot_be_read_are_none() -> None:
    image = decode(encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"))
    assert image.size == (640, 360)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (5000, 40), (1921, 1921)])
def test_large_ones_are_brought_down(size: tuple[int, int]) -> None:
    for format in ("JPEG", "PNG"):
        image = decode(encoded(quarters(*size), format))
        assert max(image.size) == LONGEST
        assert abs(image.width / image.height / (size[0] / size[1]) - 1) < 0.1
        if min(size) > 100:
            assert all(near(pixel, colour) for pixel, colour in zip(corners(image), QUARTERS, strict=True))


def test_no_seam_where_a_large_one_is_put_together() -> None:
    grey = np.repeat(np.linspace(0, 255, 4000).astype(np.uint8)[:, None], 300, axis=1)
    rows = np.asarray(decode(encoded(Image.fromarray(grey), "PNG")))[:, 5, 0].astype(int)
    assert len(rows) == LONGEST
    assert np.abs(np.diff(rows)).max() <= 1


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(6400, 6400), (12000, 12000), (60000, 60000), (2_000_000_000, 1)])
def test_a_bomb_is_refused_before_it_goes_off(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("was decoded"))
    with pytest.raises(WaitingImageError, match="more than 40 million pixels"):
        decode(_png_that_claims(*size))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_what_is_cut_short_or_damaged_is_refused(format: str) -> None:
    whole = encoded(quarters(), format)
    for part in (whole[: len(whole) // 2], whole[:30], whole[:4]):
        with pytest.raises(WaitingImageError):
            decode(part)


def test_what_is_no_picture() -> None:
    for data, why in ((b"", "empty"), (b"<html>", "no picture"), (b"\0" * (MOST_BYTES + 1), "larger than 8 MiB")):
        with pytest.raises(WaitingImageError, match=why):
            decode(data)


def test_noise_never_gets_further_than_a_refusal() -> None:
    rng = np.random.default_rng(7)
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        whole = np.frombuffer(encoded(quarters(64, 32), format), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            places = rng.integers(8, len(whole), 5)
            damaged[places] = rng.integers(0, 256, 5)
            try:
                assert decode(damaged.tobytes()).mode == "RGB"
            except WaitingImageError:
                continue
