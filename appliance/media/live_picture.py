"""The newest picture as JPEG, for the page: made only when somebody looks."""

from __future__ import annotations

import io
import threading

import av
from PIL import Image

PREVIEW_WIDTH = 640
"""Pixels; the longer side of the page's live picture."""


def jpeg_of(frame: av.VideoFrame, *, longest: int | None = None, quality: int = 80) -> bytes:
    """A frame as JPEG; with ``longest`` its longer side is brought down to so many pixels."""
    width, height = frame.width, frame.height
    if longest is not None and max(width, height) > longest:
        scale = longest / max(width, height)
        width, height = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
    out = io.BytesIO()
    rgb = frame.reformat(width=width, height=height, format="rgb24", threads=1).to_ndarray()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return out.getvalue()


class LiveJpeg:
    """Holds the newest frame. Any thread may offer, any number of threads may look; the JPEG is made once a frame."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: av.VideoFrame | None = None
        self._number = 0
        self._encoding = threading.Lock()
        self._encoded: tuple[int, bytes] | None = None

    def offer(self, frame: av.VideoFrame) -> None:
        """Keep ``frame`` as the newest picture; cheap."""
        with self._changed:
            self._frame = frame
            self._number += 1
            self._changed.notify_all()

    def clear(self) -> None:
        """There is no picture any more."""
        with self._changed:
            self._frame = None
            self._encoded = None

    def jpeg(self) -> bytes | None:
        """The newest picture, at most :data:`PREVIEW_WIDTH` pixels long; None when there is none."""
        numbered = self._encode()
        return None if numbered is None else numbered[1]

    def wait_jpeg(self, after: int, timeout_s: float) -> tuple[int, bytes] | None:
        """The newest picture once its number exceeds ``after``, and the number; None when none came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._frame is not None and self._number > after, timeout_s):
                return None
        return self._encode()

    def _encode(self) -> tuple[int, bytes] | None:
        with self._encoding:
            with self._changed:
                frame, number, encoded = self._frame, self._number, self._encoded
            if frame is None:
                return None
            if encoded is None or encoded[0] != number:
                encoded = (number, jpeg_of(frame, longest=PREVIEW_WIDTH))
                self._encoded = encoded
            return encoded
