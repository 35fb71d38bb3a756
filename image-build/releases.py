"""The systems that a package is made for, and what differs between them: that, and nothing else, is written here.

A dependency is left to apt where the release has it in the version that pyproject.toml asks for, or newer; else it is carried
along: as a wheel (``wheels-RELEASE.txt``) where its authors publish one, compiled (``extensions.py``) where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A release of Debian, and the Raspberry Pi OS made from it."""

    name: str
    number: int
    python: str
    """Its own Python, which picamera2 and libcamera there are bound to; no other can import them."""
    depends: tuple[str, ...]
    """What apt gives, in Debian's words, beside :data:`DEPENDS`."""
    lib: str
    """Where its systemd and udev have their files: /lib and /usr/lib are one folder, but dpkg knows it by one name."""
    extension: str
    """The one library that neither apt nor a wheel gives: a key of ``extensions.EXTENSIONS``."""


DEPENDS = (
    "ca-certificates",  # rtmps
    "libc6 (>= 2.34)",
    "libgcc-s1",
    "libstdc++6",
    "zlib1g",
    "systemd",
    "tzdata",
)
"""Needed on every release."""

RECOMMENDS = ("avahi-daemon", "polkitd", "python3-picamera2")
"""The box's name in the LAN, the shutdown button, the camera. Debian itself has no picamera2: apt passes over it there."""

RELEASES = {
    release.name: release
    for release in (
        Release(
            name="bookworm",
            number=12,
            python="3.11",
            lib="lib",
            # flask 2.2, werkzeug 2.2, waitress 2.1, tomlkit 0.11, pillow 9.4, gpiozero 1.6 and alsaaudio 0.8 are too old
            depends=(
                "libasound2",
                "python3-click (>= 8.1.3)",
                "python3-colorzero (>= 2.0)",
                "python3-jinja2 (>= 3.1.2)",
                "python3-markupsafe (>= 2.1.1)",
                "python3-numpy (>= 1:1.24)",
            ),
            extension="alsaaudio",
        ),
        Release(
            name="trixie",
            number=13,
            python="3.13",
            lib="usr/lib",
            # gpiozero 1.6 is too old, PyAV 14 as well; Debian has no lgpio, and no wheel of it is for this Python
            depends=(
                "python3-alsaaudio (>= 0.10)",
                "python3-colorzero (>= 2.0)",
                "python3-flask (>= 3.1)",
                "python3-numpy (>= 1:1.24)",
                "python3-pil (>= 11)",
                "python3-tomlkit (>= 0.13)",
                "python3-waitress (>= 3.0.1)",
            ),
            extension="lgpio",
        ),
    )
}

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's name of each, and everybody else's."""
