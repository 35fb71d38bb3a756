"""Files that are written whole or not at all, over power cuts and full disks.

The new content goes to a temporary file beside the old one, is flushed to the disk and read back, and takes the old
one's name in one step; then the directory is flushed, for the new name is content of its. After a power cut there is the
old file or the new one, and perhaps a temporary one, which the next writing takes the place of.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int = 0o666, shared: bool = False) -> None:
    """Give ``path`` a new content. Raises OSError, and then what was there before is still there.

    ``mode`` are the permissions of the file, less the process's umask. One caller at a time for a path; where others,
    also other processes, may write it meanwhile, ``shared`` gives each a temporary file of its own, and the last wins.
    """
    own = f".{os.getpid()}.{threading.get_ident()}" if shared else ""
    temporary = path.with_name(f".{path.name}{own}.new")
    try:
        # Made anew, so that what a power cut left behind lends it neither content nor permissions.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if temporary.read_bytes() != data:
            raise OSError(errno.EIO, "what was written reads back differently")
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    """Have the names in ``folder`` on the disk. The file has its content already, so a file system that cannot do this
    (some on memory sticks and in the network) is no failure."""
    with suppress(OSError):
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
