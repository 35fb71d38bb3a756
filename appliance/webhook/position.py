"""How far the receiver has got: one small file in the state directory."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from appliance.files import write_whole


def mark_of(url: str) -> str:
    """What stands for an address in the file, which must not hold the address itself."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


class PositionFile:
    """The id of the last event that was delivered, and to whom. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, url: str) -> int | None:
        """The last event delivered to ``url``; None when there is no (readable) word of it."""
        try:
            stored = json.loads(self._path.read_text("utf-8"))
            delivered = stored["delivered"] if stored["receiver"] == mark_of(url) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return delivered if type(delivered) is int and delivered >= 0 else None

    def write(self, url: str, delivered: int) -> None:
        """Replace the file: after a power cut there is the old one or the new one. Raises OSError."""
        text = json.dumps({"receiver": mark_of(url), "delivered": delivered})
        write_whole(self._path, text.encode(), mode=0o600)

    def forget(self) -> None:
        """Take the file away. Harmless when there is none."""
        with suppress(OSError):
            self._path.unlink()
