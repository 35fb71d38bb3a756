"""Closer looks at text values. Each raises ValueError that says what is allowed and never repeats a secret."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo


def webhook_url(value: str) -> None:
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address, a port that is none
        right = False
    if not right:
        raise ValueError("allowed: an http:// or https:// address")


PICTURE_SOURCES = "an http:// or https:// address, file:/PATH, or upload"


def picture_source(value: str) -> None:
    """Where a picture comes from. Whether there is one is seen when it is fetched."""
    if value == "upload":
        return
    if value.startswith("file:"):
        if not PurePath(value[5:]).is_absolute() or not PurePath(value[5:]).name:
            raise ValueError("names no file; allowed: file:/PATH")
        return
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # whose text would repeat the address
        right = False
    if not right:
        raise ValueError(f"allowed: {PICTURE_SOURCES}")
    if parts.username is not None:
        raise ValueError(f"the address holds a user name; allowed: {PICTURE_SOURCES}")


def media_input(value: str) -> None:
    """``auto``, ``none``, a device's name, or ``file:PATH``. Whether the file plays is seen when it is opened."""
    if value == "file:" or (value.startswith("file:") and not PurePath(value[5:]).name):
        raise ValueError("names no file; allowed: file:PATH")


def time_zone(value: str) -> None:
    if value == "UTC":
        return  # needs no data base of time zones, which a small system may lack
    try:
        ZoneInfo(value)
    except Exception as error:
        raise ValueError("is no time zone; allowed: a name like UTC or Europe/Zurich") from error


def absolute_folder(value: str) -> None:
    if not PurePath(value).is_absolute() or ".." in PurePath(value).parts:
        raise ValueError("allowed: an absolute path like /media/snapshots, or empty")
