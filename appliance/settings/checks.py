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
