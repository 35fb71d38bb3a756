"""How far the receiver has got: one small file in the state directory."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path


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
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump({"receiver": mark_of(url), "delivered": delivered}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise

    def forget(self) -> None:
        """Take the file away. Harmless when there is none."""
        with suppress(OSError):
            self._path.unlink()
