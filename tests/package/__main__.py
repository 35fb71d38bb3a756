"""``python -m tests.package [--release NAME]``: make the packages and try them in real Debian systems.

For amd64 the whole life: lintian, installation offline, the service as its unit starts it, upgrade, downgrade, removal, purge.
For arm64: every binary is one, and QEMU runs the program and loads every library in an arm64 system's files.
It needs root (chroots, namespaces) and says loudly what is missing; the last line is a summary in one line.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import checks
from .chroots import QEMU, Chroot, Failed, chroot, foreign, tool

ROOT = Path(__file__).resolve().parents[2]
NEXT = "999.0"
"""A version after every other, to upgrade to and to downgrade from."""

CANNOT = 3
"""The exit status of a check that cannot be run here: neither passed nor failed (.make/system-tests)."""

TOOLS = {
    "mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg", "unshare": "util-linux", "ip": "iproute2", "swig": "swig",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu", str(QEMU): "qemu-user-static",
}  # fmt: skip
ARM_LIBRARIES = ("av", "PIL.Image", "numpy", "flask", "waitress", "gpiozero", "lgpio", "alsaaudio", "tomlkit")
ARM_ENCODES = """
import av, fractions
encoder = av.CodecContext.create("libx264", "w")
encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", fractions.Fraction(1, 30)
packets = [*encoder.encode(av.VideoFrame(64, 64, "yuv420p")), *encoder.encode(None)]
assert bytes(packets[0])[:4] == bytes((0, 0, 0, 1)), packets
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--release", action="append", choices=("bookworm", "trixie"), help="only this one")
    releases = parser.parse_args().release or ["bookworm", "trixie"]
    if reason := _cannot():
        return _summary(f"NOT RUN: {reason}", CANNOT)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="live-pusher-packages-") as scratch:
        for release in releases:
            for check in (_amd64, _arm64):
                try:
                    check(release, Path(scratch))
                except Failed as error:
                    print(error, file=sys.stderr)
                    return _summary(f"FAILED: {release} {check.__name__[1:]}: {str(error).splitlines()[0]}", 1)
    took_s = time.monotonic() - began
    return _summary(f"passed: {', '.join(releases)}; amd64 whole life, arm64 loaded under QEMU; {took_s:.0f} s", 0)


def _summary(said: str, status: int) -> int:
    print(f"debian package: {said}", flush=True)
    return status


def _cannot() -> str:
    """Why the packages cannot be tried here, and what to do; empty when they can."""
    if os.geteuid():
        return "needs root, for chroots: sudo make test-deb"
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if missing:
        return f"missing here: apt install {' '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False).returncode:
        return "this machine lets nobody make namespaces (a container without rights?)"
    return ""


def _say(what: str) -> None:
    print(f"  {what}", flush=True)


def _build(release: str, architecture: str, out: Path, *options: str) -> Path:
    """Make a package with the same tool as everybody."""
    made = tool(
        sys.executable, ROOT / "image-build" / "build_deb.py", "--release", release, "--arch", architecture, "--out", out,
        "--level", "0", *options, within_s=900,
    )  # fmt: skip
    return Path(made.splitlines()[-1])


def _amd64(release: str, scratch: Path) -> None:
    print(f"{release} amd64", flush=True)
    current = _build(release, "amd64", scratch)
    again = _build(release, "amd64", scratch / "again")
    checks.need(_sum(current) == _sum(again), "two builds of the same sources differ")
    newer = _build(release, "amd64", scratch, "--version", NEXT)
    _say("built, reproducibly")
    version = tool("dpkg-deb", "-f", current, "Version").strip().rpartition("-")[0]
    with chroot(release, tool("dpkg-deb", "-f", current, "Depends").strip()) as system:
        for package in (current, newer):
            shutil.copy(package, system.path("/tmp"))
        _life(system, f"/tmp/{current.name}", version, f"/tmp/{newer.name}")


def _life(system: Chroot, current: str, version: str, newer: str) -> None:
    checks.lint(system, current)
    before = system.files()
    checks.install(system, current)
    checks.installed(system, version)
    _say("lintian is content; installed offline, complete")
    checks.fenced(system)
    checks.doctor(system)
    said = checks.served(system, f"live-pusher settings 'device-name={checks.NAME}'", "live-pusher status")
    _say("healthy on port 80: " + " ".join(next(line for line in said.splitlines() if "healthz" in line).split()))
    checks.pushes(system)
    kept = checks.kept(system)
    for package, now in ((newer, NEXT), (current, version)):
        checks.stays_disabled(system, package)
        checks.installed(system, now)
        checks.need(checks.kept(system) == kept, f"settings or log changed on the way to {now}")
        checks.served(system, "live-pusher events")
        kept = checks.kept(system)
    _say("upgraded and downgraded, settings and log kept")
    checks.removed(system)
    checks.need(checks.kept(system) == kept, "settings or log changed when it was removed")
    checks.install(system, current)
    checks.installed(system, version)
    checks.need(checks.kept(system) == kept, "settings or log changed when it was installed again")
    checks.purged(system, before)
    _say("removed, installed again, purged: nothing is left")


def _arm64(release: str, scratch: Path) -> None:
    print(f"{release} arm64", flush=True)
    package = _build(release, "arm64", scratch)
    with foreign(release, tool("dpkg-deb", "-f", package, "Depends").strip()) as system:
        # through a tarball: in a merged-usr system, unpacking must not replace the links from /lib and /bin
        tool("sh", "-c", f"dpkg-deb --fsys-tarfile '{package}' | tar -C '{system.root}' --keep-directory-symlink -xf -")
        strange = [path for path in system.path("/usr/lib/live-pusher").rglob("*") if _machine(path) not in (None, 183)]
        checks.need(not strange, f"not for arm64: {strange[:5]}")
        libraries = "/usr/lib/aarch64-linux-gnu"
        # what configuring the packages would have told the loader; and no shell of theirs: QEMU runs one program
        found = f"LD_LIBRARY_PATH={libraries}/blas:{libraries}/lapack"
        python = (
            "env",
            "-i",
            found,
            "/usr/sbin/chroot",
            system.root,
            "/qemu",
            "/usr/lib/live-pusher/bin/python3",
            "-I",
        )
        said = tool(*python, "-m", "appliance", "--version")
        checks.need(said.startswith("live-pusher "), said)
        for library in ARM_LIBRARIES:
            tool(*python, "-c", f"import {library}", shown=f"import {library}")
        tool(*python, "-c", ARM_ENCODES, shown="encoding a picture")
    _say("every binary is arm64; QEMU ran the program, loaded every library, encoded a picture")


def _machine(path: Path) -> int | None:
    """The machine in an ELF header (183 is AArch64, 62 x86-64); None for another file."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(20)
    return struct.unpack_from("<H", head, 18)[0] if head[:4] == b"\x7fELF" else None


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
