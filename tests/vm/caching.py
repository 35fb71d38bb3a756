"""What took long to build, kept until what it was made of changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "live-pusher" / "vm"


class CannotBuild(Exception):
    """A part of the virtual board cannot be built; says which and why."""


class CannotFetch(CannotBuild):
    """It needs something from the network that cannot be had, or not now."""


def key_of(*parts: object) -> str:
    """A short name of everything that is given: texts as they are, of files and folders the contents and modes."""
    summed = hashlib.sha256()
    for part in parts:
        if not isinstance(part, Path):
            summed.update(f"{part!r}\n".encode())
            continue
        for path in _files(part):
            mode, content = path.stat().st_mode & 0o111, hashlib.sha256(path.read_bytes()).hexdigest()
            summed.update(f"{path.relative_to(part)} {mode:o} {content}\n".encode())
    return summed.hexdigest()[:16]


def _files(path: Path) -> Iterable[Path]:
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def kept(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name and key. When there is none, ``make`` fills an empty one, which becomes it as a whole and only
    when nothing went wrong; those of other keys are removed."""
    folder = CACHE / f"{name}-{key}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=CACHE, prefix=f"making-{name}-"))
    try:
        making.chmod(0o755)
        make(making)
        for old in CACHE.glob(f"{name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def tool(*command: str | Path, within_s: float = 600) -> str:
    """What a command prints. Raises CannotBuild with the end of it when it fails or takes too long."""
    words = [str(word) for word in command]
    shown = " ".join(words)[:200].replace("\n", " ")
    try:
        done = subprocess.run(
            ["nice", "-n", "10", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=within_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"{shown}: took longer than {within_s:g} s") from error
    if done.returncode:
        raise CannotBuild(f"{shown}: exit status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def in_root(root: Path, script: str, within_s: float = 600) -> str:
    """Run a shell script as root of the system below ``root``, in namespaces of its own that end with it; with the network."""
    enter = 'mount -t proc proc "$1/proc" && cp /etc/resolv.conf "$1/etc/resolv.conf" && exec chroot "$1" sh -euc "$2"'
    return tool(
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "sh", "-euc", enter, "enter", root, script,
        within_s=within_s,
    )  # fmt: skip
