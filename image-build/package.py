"""Lays out the package's files and closes it: the appliance, what it carries along, systemd's files, Debian's own.

Everything is put where a file of that kind belongs, with one time and plain modes, so that the same sources give the same
package, byte for byte.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import string
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import extensions
from fetching import HERE, run, unpack, wheels
from releases import DEPENDS, RECOMMENDS, Release

ROOT = HERE.parent
LIB = Path("usr/lib/live-pusher")

SYSTEMD = {
    "live-pusher.service": "@LIB@/systemd/system/live-pusher.service",
    "live-pusher.sysusers.conf": "usr/lib/sysusers.d/live-pusher.conf",
    "live-pusher.tmpfiles.conf": "usr/lib/tmpfiles.d/live-pusher.conf",
    "60-live-pusher.rules": "@LIB@/udev/rules.d/60-live-pusher.rules",
    "live-pusher.rules": "usr/share/polkit-1/rules.d/50-live-pusher.rules",
    "live-pusher.sleep": "@LIB@/systemd/system-sleep/live-pusher",
}
"""Where each file of systemd/ goes; @LIB@ is the release's ``lib``."""

DEBIAN = {
    "launcher": "usr/bin/live-pusher",
    "default": "etc/default/live-pusher",
    "copyright": "usr/share/doc/live-pusher/copyright",
    "lintian-overrides": "usr/share/lintian/overrides/live-pusher",
}
"""Where each file of image-build/debian/ goes, beside control and the scripts."""


def build(
    release: Release, architecture: str, *, upstream: str, epoch: int, level: int, scratch: Path, out: Path
) -> Path:
    """Make one package in ``out`` and say where. ``upstream`` is the appliance's version (PEP 440), ``epoch`` the time of
    every file in it, ``level`` how hard to compress (0 to 9). ``scratch`` is an empty folder. Raises BuildError."""
    version = debian_version(upstream, release)
    tree = scratch / "tree"
    _environment(tree, release, architecture, scratch, upstream)
    for folder, places in (("systemd", SYSTEMD), ("image-build/debian", DEBIAN)):
        for name, place in places.items():
            _copy(ROOT / folder / name, tree / place.replace("@LIB@", release.lib))
    _documents(tree, release, version, epoch)
    _control(tree, release, architecture, version)
    _settle(tree, epoch)
    package = out / f"live-pusher_{version}_{architecture}.deb"
    out.mkdir(parents=True, exist_ok=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)  # for the archive's own members
    run("dpkg-deb", "--root-owner-group", "-Zxz", f"-z{level}", "--build", tree, package)
    return package


def debian_version(upstream: str, release: Release) -> str:
    """A development version sorts before the release it leads to, bookworm's package before trixie's of the same version."""
    sortable = re.sub(r"[.]?(dev|a|b|rc)([0-9]+)", r"~\1\2", upstream)
    return f"{sortable}-1~deb{release.number}u1"


def _environment(tree: Path, release: Release, architecture: str, scratch: Path, upstream: str) -> None:
    """The appliance's own environment (venv), which sees the system's packages behind its own."""
    environment = tree / LIB
    packages = environment / "lib" / f"python{release.python}" / "site-packages"
    packages.mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "bin" / "python3").symlink_to(f"../../../bin/python{release.python}")
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    for wheel in wheels(release, architecture):
        unpack(wheel, packages)
    extensions.build(release, architecture, scratch, packages)
    shutil.copytree(ROOT / "appliance", packages / "appliance", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    declared = packages / "appliance" / "__init__.py"
    declared.write_text(re.sub(r"(?m)^__version__ = .*$", f'__version__ = "{upstream}"', declared.read_text()))


def _documents(tree: Path, release: Release, version: str, epoch: int) -> None:
    documents = tree / "usr/share/doc/live-pusher"
    when = format_datetime(datetime.fromtimestamp(epoch, UTC))
    entry = (
        f"live-pusher ({version}) {release.name}; urgency=medium\n\n"
        f"  * What is new in this version stands in changelog.gz.\n\n -- {_maintainer()}  {when}\n"
    )
    _compress(entry.encode(), documents / "changelog.Debian.gz")
    _compress((ROOT / "CHANGELOG.md").read_bytes(), documents / "changelog.gz")
    _compress((HERE / "debian" / "live-pusher.1").read_bytes(), tree / "usr/share/man/man1/live-pusher.1.gz")


def _control(tree: Path, release: Release, architecture: str, version: str) -> None:
    scripts = tree / "DEBIAN"
    scripts.mkdir()
    size_kib = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()) // 1024
    major, minor = release.python.split(".")
    python = (f"python3 (>= {release.python})", f"python3 (<< {major}.{int(minor) + 1})")
    fields = {
        "version": version,
        "architecture": architecture,
        "maintainer": _maintainer(),
        "size": str(size_kib),
        "depends": ", ".join((*python, *sorted((*DEPENDS, *release.depends)))),
        "recommends": ", ".join(RECOMMENDS),
    }
    control = string.Template((HERE / "debian" / "control.in").read_text()).substitute(fields)
    (scripts / "control").write_text(control)
    (scripts / "conffiles").write_text("/etc/default/live-pusher\n")
    for script in ("postinst", "prerm", "postrm"):
        text = (HERE / "debian" / script).read_text().replace("@PYTHON@", release.python)
        (scripts / script).write_text(text)
        (scripts / script).chmod(0o755)


def _maintainer() -> str:
    return (HERE / "debian" / "maintainer").read_text().strip()


def _settle(tree: Path, epoch: int) -> None:
    """Modes as policy has them, sums for dpkg --verify, and one time for all."""
    sums = []
    for path in sorted(tree.rglob("*")):
        if path.is_symlink():
            continue
        if path.is_dir():
            path.chmod(0o755)
            continue
        inside = path.relative_to(tree)
        runs = path.stat().st_mode & 0o111 and not inside.is_relative_to(LIB)
        path.chmod(0o755 if runs else 0o644)
        if inside.parts[0] not in ("DEBIAN", "etc"):
            sums.append(f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {inside}\n")
    (tree / "DEBIAN" / "md5sums").write_text("".join(sums))
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _md5(path: Path) -> str:
    import hashlib

    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _compress(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))
