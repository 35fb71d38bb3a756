"""Small files that hold secrets: readable by the service alone, replaced whole, and read again when another
process (the command line) has replaced them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from appliance.errors import StateDirectoryError
from appliance.files import write_whole


class SecretFile:
    """One file. All methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._text: str | None = None

    def read(self) -> str | None:
        """What the file holds now, None when there is none. Costs one ``stat`` while nobody replaces it."""
        with self._lock:
            try:
                found = os.stat(self.path)
                seen = (found.st_mtime_ns, found.st_ino, found.st_size)
                if seen != self._seen:
                    self._text = self.path.read_text("utf-8")
                    self._seen = seen
            except FileNotFoundError:
                self._seen = self._text = None
            except (OSError, UnicodeDecodeError) as error:
                raise StateDirectoryError(f"{self.path} cannot be read: {type(error).__name__}") from error
            return self._text

    def write(self, text: str) -> None:
        """Replace the file; after a power cut there is the old one or the new one. Raises StateDirectoryError."""
        with self._lock:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_whole(self.path, text.encode(), mode=0o600, shared=True)
            except OSError as error:
                raise StateDirectoryError(f"{self.path} cannot be written: {error.strerror or error}") from error
            self._seen = None

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off every other process that wants to read, change and write the file; released by the kernel at the
        latest when the process ends."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateDirectoryError(f"{self.path} cannot be locked: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
