"""The state directory, and that one instance alone uses it (SPEC 11)."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from appliance.errors import StateDirectoryError

_WORDS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTDIR: "a part of the path is no directory",
    errno.EEXIST: "there is something of that name that is no directory",
    errno.ENAMETOOLONG: "the path is too long",
}


_WORN = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})
"""What befalls a directory that was fine before."""


class StateDirectory:
    """Where everything persistent lies. :meth:`claim` it before use, :meth:`release` it at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self.trouble = ""
        """Why nothing can be written although the directory is in use; empty when all is well."""

    @property
    def settings(self) -> Path:
        return self.path / "settings.toml"

    @property
    def events(self) -> Path:
        return self.path / "events.sqlite"

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    def claim(self) -> StateDirectory:
        """Create what is missing and take the directory for this process; :class:`StateDirectoryError` says in plain
        words why that cannot be: missing permission, read-only, full, or in use.

        A directory that was in use before and has become read-only or full is taken all the same, and :attr:`trouble`
        says so: a box whose card wears out shall go on streaming."""
        known = (self.path / "lock").exists() and self.secrets.is_dir() and self.snapshots.is_dir()
        try:
            self._make(self.path, 0o750)
            lock = self._open_lock(known)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._take(lock)
            self._make(self.snapshots, 0o750)
            self._make(self.secrets, 0o700)
            self._try_writing()
            self.secrets.chmod(0o700)
        except OSError as error:
            if known and error.errno in _WORN:
                self._lock, self.trouble = lock, self._unusable(error).reason
                return self
            os.close(lock)
            raise error if isinstance(error, StateDirectoryError) else self._unusable(error) from error
        self._lock = lock
        return self

    def release(self) -> None:
        """Let another instance have it. Harmless when it was not claimed."""
        if self._lock is not None:
            with suppress(OSError):
                os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def runtime_dir(self) -> Path:
        """Where ``control.sock`` lies, created: ``$RUNTIME_DIRECTORY`` as systemd sets it, else ``run`` in here."""
        path = runtime_dir_of(self.path)
        try:
            self._make(path, 0o750)
        except OSError as error:
            raise self._unusable(error) from error
        if self._lock is not None and path != self.path / "run":
            # For those who know the state directory only: the second line says where the socket is.
            with suppress(OSError):
                os.pwrite(self._lock, f"{os.getpid()}\n{path}\n".encode(), 0)
        return path

    def _open_lock(self, known: bool) -> int:
        path = self.path / "lock"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if not known or error.errno not in _WORN:
                raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # can be locked all the same

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 64, 0).decode("ascii", "replace").split("\n")[0].strip()
            by = f"process {holder}" if holder.isdigit() else "another process"
            raise StateDirectoryError(
                f"the state directory {self.path} is in use by {by}; one appliance at a time"
            ) from None
        with suppress(OSError):  # for people alone; what can be written is seen next
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _try_writing(self) -> None:
        """A directory that takes names may still take no content: see at the start, not at the first change."""
        probe = self.path / ".probe"
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"\0" * 4096)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            with suppress(OSError):
                probe.unlink()

    def _make(self, path: Path, mode: int) -> None:
        path.mkdir(mode=mode, parents=True, exist_ok=True)

    def _unusable(self, error: OSError) -> StateDirectoryError:
        why = _WORDS.get(error.errno or 0, (error.strerror or str(error)).lower())
        at = f" ({error.filename})" if error.filename and str(error.filename) != str(self.path) else ""
        return StateDirectoryError(f"the state directory {self.path} cannot be used: {why}{at}")


def runtime_dir_of(state_dir: Path) -> Path:
    """Where a service with this state directory, started from this environment, has its socket."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]  # systemd gives several with colons between
    return Path(given) if given else state_dir.absolute() / "run"


def recorded_runtime_dir(state_dir: Path) -> Path | None:
    """Where the instance that claimed ``state_dir`` said its socket is; None when it said nothing or cannot be
    asked."""
    try:
        lines = (state_dir / "lock").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(lines[1]) if len(lines) > 1 and lines[1].startswith("/") else None
