"""Pictures that somebody else made, decoded without trusting them (SPEC 4, waiting image).

Only the common formats are tried; a size that memory would not hold is refused before a pixel is decoded; what is damaged
or cut short is refused. Of an animation the first picture counts. The way up that a camera noted (EXIF) is honoured,
transparency lies over black, and what is larger than any stream is brought down.
"""

from __future__ import annotations

import io
import logging

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from appliance.errors import WaitingImageError

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
"""Four bytes each while it is decoded: as much as a board with 512 MB can spare for a moment."""

LONGEST = 1920
"""Pixels of the longer side as kept: no stream is larger."""

_BAND = 64
"""Rows, after scaling, that are converted at a time."""


def decode(data: bytes) -> Image.Image:
    """The picture in RGB, at most :data:`LONGEST` pixels long. Raises WaitingImageError that says what is wrong."""
    if not data:
        raise WaitingImageError("it is empty")
    if len(data) > MOST_BYTES:
        raise WaitingImageError(f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        # Entering does not decode: Pillow reads the header alone until pixels are asked for.
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_many_pixels()
            image.draft("RGB", (LONGEST, LONGEST))  # a JPEG can be decoded at a fraction of its size
            image.load()
            return _upright(_reduced(_eight_bits(image)), image)
    except WaitingImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except UnidentifiedImageError:
        raise WaitingImageError("it is no picture of a known format; allowed: JPEG, PNG, WebP, GIF, BMP") from None
    except Exception as error:  # noqa: BLE001  # decoders raise what they like on damaged data
        log.info("a picture could not be decoded: %s: %s", type(error).__name__, error)
        raise WaitingImageError("the picture is damaged or cut short") from None


def _too_many_pixels() -> WaitingImageError:
    return WaitingImageError(f"it has more than {MOST_PIXELS // 1_000_000} million pixels")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits a pixel, which Pillow would clip instead of scaling."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    return image


def _reduced(image: Image.Image) -> Image.Image:
    """RGB over black, not longer than :data:`LONGEST`.

    Converted in bands: Pillow copies a whole picture to convert it, and again to scale it when it has transparency.
    """
    factor = max(1, max(image.size) // LONGEST)
    width, height = -(-image.width // factor), -(-image.height // factor)
    small = Image.new("RGB", (width, height))
    for top in range(0, height, _BAND):
        box = (0, top * factor, image.width, min((top + _BAND) * factor, image.height))
        band = image.crop(box).convert("RGBA")
        if factor > 1:
            band = band.reduce(factor)
        small.paste(band, (0, top), band)
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return small


def _upright(small: Image.Image, original: Image.Image) -> Image.Image:
    """Turned as the EXIF data of the original says, when they can be read."""
    try:
        orientation = original.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001  # a note that cannot be read is none
        return small
    small.getexif()[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(small)
    return Image.frombytes("RGB", upright.size, upright.tobytes())  # without the note, or it would be followed twice
