"""A waiting image on disk: JPEG, written whole or not at all (SPEC 11).

The comment inside names the md5 of the original bytes and a digest of the source: an address may hold a token, and stays
out of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from appliance.files import write_whole

log = logging.getLogger(__name__)

QUALITY = 92


@dataclass(frozen=True, slots=True)
class Held:
    """A picture that was checked; ``md5`` is that of the bytes it was made from, ``key`` tells what it belongs to."""

    image: Image.Image
    md5: str
    key: str


def key_of(source: str) -> str:
    """What a picture from ``source`` is known by."""
    return hashlib.sha256(source.encode()).hexdigest()


def save(path: Path, held: Held) -> None:
    """Raises OSError; then what lay there before is still there."""
    comment = json.dumps({"source": held.key, "md5": held.md5}).encode()
    write_whole(path, jpeg(held.image, comment))


def jpeg(image: Image.Image, comment: bytes = b"") -> bytes:
    """The picture as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, subsampling=0, comment=comment)
    return out.getvalue()


def load(path: Path) -> Held | None:
    """A picture that we kept; None when there is none, or not a whole one."""
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            noted = json.loads(image.info["comment"])
            return Held(image.convert("RGB"), str(noted["md5"]), str(noted["source"]))
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001  # whatever a damaged file makes a decoder raise
        log.warning("%s is not used: %s", path.name, type(error).__name__)
        return None
