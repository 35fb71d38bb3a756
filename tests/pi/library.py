"""The real picamera2 where there is no libcamera.

It is looked for as any package, then in ``<environment>/picamera2``, where ``make dev`` puts it: apart, so that a machine
without libcamera does not seem to have a usable one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

APART = Path(sys.prefix) / "picamera2"
AROUND = ("libcamera", "kms", "pykms", "prctl", "piexif", "simplejpeg", "pidng", "pidng.camdefs", "pidng.core")
"""What picamera2 imports and its encoders, requests and loop do not need to be real."""

_kept: dict[str, types.ModuleType] = {}


class _Name(type):
    """A class whose attributes are such classes again: ``controls.SensorTimestamp``, ``StreamRole.Raw``."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _named(name)
        setattr(cls, name, made)
        return made


def _named(name: str) -> Any:
    return _Name(name, (), {"name": name, "type": None, "__init__": lambda self, *_, **__: None})


class _StandIn(types.ModuleType):
    """A module that has every name; none of them does anything."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _named(name)
        setattr(self, name, made)
        return made


def lacking() -> str:
    """Why the real picamera2 cannot be had here; empty when it can."""
    try:
        with real_picamera2():
            return ""
    except ImportError as error:
        return f"picamera2 and videodev2 are not there ({error}): run make dev"


@contextmanager
def real_picamera2() -> Iterator[Any]:
    """``import picamera2`` gives the real one inside, and afterwards whatever it gave before."""
    before = {name: module for name, module in sys.modules.items() if _ours(name)}
    for name in before:
        del sys.modules[name]
    sys.path.append(str(APART))
    sys.modules.update(_kept)
    try:
        for name in AROUND:
            if name not in sys.modules and not _there(name):
                sys.modules[name] = _StandIn(name)
        module = importlib.import_module("picamera2")
        importlib.import_module("picamera2.encoders.v4l2_encoder")
        importlib.import_module("picamera2.outputs")
        yield module
    finally:
        sys.path.remove(str(APART))
        _kept.update({name: module for name, module in sys.modules.items() if _ours(name)})
        for name in _kept:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("picamera2", "videodev2", *AROUND)


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
