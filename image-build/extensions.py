"""Compiles the library that a release's apt lacks and of which no wheel is published: a few C files, against the release's own
headers, for either architecture on either.

No chroot is entered and no foreign program run: compiler and linker are told a sysroot (``fetching.sysroot``) instead.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from fetching import BuildError, run, sources, sysroot
from releases import ARCHITECTURES, Release

FLAGS = (
    "-O2", "-fPIC", "-shared", "-pthread", "-w",
    # as Debian hardens its own (dpkg-buildflags), and without what the folder of the build would leave behind
    "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--as-needed", "-g0", "-s",
)  # fmt: skip


def _alsaaudio(compile: Callable[..., None], scratch: Path, target: Path) -> None:
    compile("alsaaudio", [sources("pyalsaaudio") / "alsaaudio.c"], "-lasound")


def _lgpio(compile: Callable[..., None], scratch: Path, target: Path) -> None:
    """With its C library inside, as its own wheels have it (setup.py, PYPI=1)."""
    source = sources("lgpio")
    run("swig", "-python", "-outdir", target, "-o", scratch / "lgpio_wrap.c", source / "lgpio.i", cwd=source)
    # what its setup.py gives the compiler: every lg*.c, and the daemon's file that some of them need
    files = [scratch / "lgpio_wrap.c", *sorted((source / "src").glob("lg*.c")), source / "src" / "rgpiod.c"]
    compile("_lgpio", files, "-I", source / "src", "-lrt", "-ldl")


EXTENSIONS = {"alsaaudio": _alsaaudio, "lgpio": _lgpio}


def build(release: Release, architecture: str, scratch: Path, target: Path) -> None:
    """Compile the release's extension for ``architecture`` into ``target``. Raises BuildError."""
    # base-files: since trixie it is what holds the links from /lib to /usr/lib, which the linker follows
    root = sysroot(
        release, architecture, ["base-files", "libasound2-dev", "libc6-dev", f"libpython{release.python}-dev"]
    )
    machine = ARCHITECTURES[architecture]
    compiler = _compiler(machine)
    suffix = f"cpython-{release.python.replace('.', '')}-{machine}-linux-gnu.so"

    def compile(name: str, files: list[Path], *options: str | Path) -> None:
        run(
            compiler, f"--sysroot={root}", f"-ffile-prefix-map={scratch}=.", "-I", root / "usr" / "include" / f"python{release.python}", *FLAGS,
            *files, *options, "-o", target / f"{name}.{suffix}",
        )  # fmt: skip

    EXTENSIONS[release.extension](compile, scratch, target)


def _compiler(machine: str) -> str:
    for candidate in (f"{machine}-linux-gnu-gcc", "gcc" if platform.machine() == machine else ""):
        if candidate and shutil.which(candidate):
            return candidate
    raise BuildError(
        f"no C compiler for {machine} is here; on Debian: apt install gcc-{machine.replace('_', '-')}-linux-gnu"
    )
