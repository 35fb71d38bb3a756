"""What is brought from the network while a package is made, kept in a cache: wheels, sources, headers.

Wheels and sources are pinned by version and hash in ``wheels-RELEASE.txt`` and ``sources.txt``, so pip refuses anything else
than what was tried. All of it is done by the ordinary clients: pip and mmdebstrap.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from releases import ARCHITECTURES, Release

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "live-pusher"

_GLIBC = ("2_34", "2_28", "2_27", "2_17", "2014")
"""The kinds of manylinux that run on every release here: bookworm's glibc is 2.36."""


class BuildError(Exception):
    """A package cannot be made; says why and what to do."""


def run(*command: str | Path, cwd: Path | None = None, within_s: float = 600) -> None:
    """Run a tool, quiet unless it fails. Raises BuildError with the end of what it said."""
    try:
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=within_s, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is missing here; see image-build/README.md for what to install") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took longer than {within_s:g} s") from error
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def wheels(release: Release, architecture: str) -> list[Path]:
    """The wheels that the release's package carries."""
    pins = HERE / f"wheels-{release.name}.txt"
    folder = CACHE / "wheels" / f"{release.name}-{architecture}"
    with _fresh(folder, pins) as fresh:
        if fresh is not None:
            download(release, architecture, fresh, "--require-hashes", "--requirement", pins)
    return sorted(folder.glob("*.whl"))


def download(release: Release, architecture: str, folder: Path, *wanted: str | Path) -> None:
    """Have pip fetch the wheels that fit the release's Python, whatever machine this is. Raises BuildError."""
    machine = ARCHITECTURES[architecture]
    short = f"cp{release.python.replace('.', '')}"
    platforms = [f"--platform=manylinux{'_' if '_' in glibc else ''}{glibc}_{machine}" for glibc in _GLIBC]
    _pip(
        "--only-binary=:all:", f"--python-version={release.python}", "--implementation=cp",
        f"--abi={short}", "--abi=abi3", "--abi=none", *platforms, "--platform=any", "--dest", folder, *wanted,
    )  # fmt: skip


def sources(name: str) -> Path:
    """The unpacked sources of a library in ``sources.txt``."""
    pins = HERE / "sources.txt"
    folder = CACHE / "sources"
    with _fresh(folder, pins) as fresh:
        if fresh is not None:
            _pip("--no-binary=:all:", "--require-hashes", "--requirement", pins, "--dest", fresh)
            for archive in sorted(fresh.glob("*.tar.gz")):
                with tarfile.open(archive) as opened:
                    opened.extractall(fresh, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir() and path.name.startswith(f"{name}-"))


def sysroot(release: Release, architecture: str, packages: list[str]) -> Path:
    """The release's headers and libraries, to compile against, by mmdebstrap: nothing in it is ever run."""
    folder = CACHE / "sysroots" / f"{release.name}-{architecture}"
    with _fresh(folder, HERE / "extensions.py") as fresh:
        if fresh is not None:
            run(
                "mmdebstrap", "--variant=extract", f"--architectures={architecture}",
                f"--include={','.join(packages)}", release.name, fresh,
            )  # fmt: skip
    return folder


def unpack(wheel: Path, target: Path) -> None:
    """Put a wheel's modules, its list of contents and its licences below ``target``."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        if odd := [name for name in names if name.partition("/")[0].endswith(".data")]:
            raise BuildError(f"{wheel.name} has parts that would have to be installed elsewhere: {odd[0]}")
        archive.extractall(target)


def _pip(*arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", *arguments)


class _fresh:
    """Gives a new folder to fill when ``folder`` is missing or older than what it is made from; else None. It takes the
    place of the old one as a whole, and only when nothing went wrong."""

    def __init__(self, folder: Path, origin: Path) -> None:
        self._folder, self._origin = folder, origin
        self._scratch: Path | None = None

    def __enter__(self) -> Path | None:
        stamp = self._folder / ".made-from"
        if stamp.exists() and stamp.read_bytes() == self._origin.read_bytes():
            return None
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(dir=self._folder.parent, prefix=f"{self._folder.name}."))
        self._scratch.chmod(0o755)
        return self._scratch

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._scratch is None:
            return
        if kind is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            return
        (self._scratch / ".made-from").write_bytes(self._origin.read_bytes())
        shutil.rmtree(self._folder, ignore_errors=True)
        self._scratch.rename(self._folder)
