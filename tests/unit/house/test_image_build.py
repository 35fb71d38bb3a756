"""The Debian packages bring every dependency, in a version that pyproject.toml allows, and every file of systemd/."""

from __future__ import annotations

import re
import runpy
import tomllib
from typing import Any

import pytest

from .source import ROOT

BUILD = ROOT / "image-build"
RELEASES: dict[str, Any] = runpy.run_path(str(BUILD / "releases.py"))["RELEASES"]
DEBIAN_NAMES = {"pillow": "pil", "pyalsaaudio": "alsaaudio"}
MODULES = {"alsaaudio": "pyalsaaudio"}
"""What a compiled extension is called on PyPI, where it differs."""


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version.rpartition(":")[2].split("~")[0]))


def wanted() -> dict[str, tuple[int, ...]]:
    """Every dependency of the service and of a Pi, with its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["pi"]]
    return {name: number(bound) for name, _, bound in (line.partition(">=") for line in declared)}


def pinned(file: str) -> dict[str, tuple[int, ...]]:
    found = re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", (BUILD / file).read_text())
    return {name: number(version) for name, version in found}


@pytest.mark.parametrize("release", RELEASES)
def test_every_dependency_comes_from_apt_or_is_carried(release: str) -> None:
    depends = dict(re.findall(r"python3-(\S+) \(>= ([^)]+)\)", ", ".join(RELEASES[release].depends)))
    extension = RELEASES[release].extension
    compiled = MODULES.get(extension, extension)
    carried = pinned(f"wheels-{release}.txt") | {compiled: pinned("sources.txt")[compiled]}
    for name, bound in wanted().items():
        given = carried.get(name) or number(depends.get(DEBIAN_NAMES.get(name, name), "0"))
        assert given >= bound, f"{release}: {name} {given}, needed {bound}"


@pytest.mark.parametrize("file", ["wheels-bookworm.txt", "wheels-trixie.txt", "sources.txt"])
def test_every_pin_has_its_hash(file: str) -> None:
    pins = [line for line in (BUILD / file).read_text().replace("\\\n", "").splitlines() if not line.startswith("#")]
    assert pins
    assert all(re.search(r"==\S+ +(--hash=sha256:[0-9a-f]{64} *)+$", pin) for pin in pins)


def test_both_releases_carry_the_same_encoder() -> None:
    assert len({pinned(f"wheels-{release}.txt")["av"] for release in RELEASES}) == 1, "what is tried is what is shipped"


def test_every_file_of_systemd_is_in_the_package() -> None:
    packaged = re.search(r"(?s)SYSTEMD = \{(.*?)\n\}", (BUILD / "package.py").read_text())
    assert packaged is not None
    assert set(re.findall(r'(?m)^    "([^"]+)":', packaged[1])) == {path.name for path in (ROOT / "systemd").iterdir()}
