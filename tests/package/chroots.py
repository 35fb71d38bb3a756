"""Real Debian systems to try a package in: made once by mmdebstrap and kept in a cache, unpacked anew for each use.

What needs the network is all in the making: the package's dependencies, from its own Depends, and lintian. A command in a
chroot runs without any network, so what works there works offline.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "live-pusher" / "chroots"
QEMU = Path("/usr/bin/qemu-aarch64-static")

MAKING_S = 900
RUN_S = 240

_ENTER = """
set -e
mount -t proc proc "$1/proc"
ip link set lo up
cd /
exec chroot "$@"
"""
"""Runs in namespaces of its own: nothing of it is left when it ends, however it ends."""


class Failed(Exception):
    """A check failed; says which and what was seen."""


def tool(*command: str | Path, within_s: float = RUN_S, shown: str = "") -> str:
    """What a command prints. Raises Failed with the end of it, and ``shown`` or its words, when it fails or takes too long."""
    words = [str(word) for word in command]
    name = (shown or " ".join(words)).replace("\n", " ")[:200]
    try:
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=within_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{name}: took longer than {within_s:g} s") from error
    if done.returncode:
        raise Failed(f"{name}: exit status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


class Chroot:
    """One unpacked system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, within_s: float = RUN_S) -> str:
        """Run a command in it as root, offline, in a clean environment. Raises Failed."""
        return tool(
            "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "enter", self.root,
            "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
            "DEBIAN_FRONTEND=noninteractive", *command,
            within_s=within_s, shown=" ".join(command),
        )  # fmt: skip

    def as_user(self, user: str, *command: str) -> str:
        """The same as somebody else, without any of root's rights."""
        return self.run(
            "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps=-all", "--bounding-set=-all",
            "--no-new-privs", *command,
        )  # fmt: skip

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def files(self) -> set[str]:
        """Everything there is, but for dpkg's and apt's own books and what is scratch by its nature."""
        passed_over = ("proc", "tmp", "run", "var/lib/dpkg", "var/lib/apt", "var/log", "var/cache")
        found = set()
        for folder, folders, names in os.walk(self.root):
            here = os.path.relpath(folder, self.root)
            folders[:] = [name for name in folders if os.path.normpath(f"{here}/{name}") not in passed_over]
            found |= {os.path.normpath(f"{here}/{name}") for name in (*folders, *names)}
        return found


@contextmanager
def chroot(release: str, depends: str) -> Iterator[Chroot]:
    """A new Debian ``release`` in which ``depends`` (a control field) is satisfied from apt, and lintian is there."""
    key = hashlib.sha256(f"2 {release} {depends}".encode()).hexdigest()[:16]
    archive = CACHE / f"{release}-{key}.tar"
    if not archive.exists():
        _make(archive, "--variant=minbase", "--include=lintian,init-system-helpers,systemd,udev,iproute2",
              f"--customize-hook=chroot \"$1\" apt-get satisfy -y -q --no-install-recommends '{depends}'", release)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="live-pusher-chroot-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        tool("tar", "-C", root, "-xf", archive)
        yield Chroot(root)


@contextmanager
def foreign(release: str, depends: str) -> Iterator[Chroot]:
    """An arm64 ``release`` with ``depends`` unpacked, not configured, for its programs to be run one by one by QEMU."""
    names = [word.split()[0] for word in depends.split(", ")]
    key = hashlib.sha256(f"1 {release} {names}".encode()).hexdigest()[:16]
    archive = CACHE / f"{release}-arm64-{key}.tar"
    if not archive.exists():
        _make(archive, "--variant=extract", "--architectures=arm64", f"--include=base-files,{','.join(names)}", release)
    with tempfile.TemporaryDirectory(prefix="live-pusher-chroot-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        tool("tar", "-C", root, "-xf", archive)
        shutil.copy(QEMU, root / "qemu")
        for folder in ("proc", "tmp"):
            (root / folder).mkdir(exist_ok=True)
        yield Chroot(root)


def _make(archive: Path, *arguments: str) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    for old in archive.parent.glob(f"{archive.name.rpartition('-')[0]}-*.tar"):
        old.unlink()  # for dependencies as they were
    half = archive.with_suffix(".making.tar")
    *options, release = arguments
    try:
        tool("mmdebstrap", "--mode=root", "--format=tar", *options, release, half, within_s=MAKING_S)
        half.rename(archive)
    finally:
        half.unlink(missing_ok=True)
