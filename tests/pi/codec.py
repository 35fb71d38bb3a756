"""/dev/video11 of a Pi 4 at its edge: what open, ioctl, poll and mmap do there. It really encodes, with libx264, what the
buffers hold that it is given; each opening is an encoder of its own.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.pi.device import Device

PATH = "/dev/video11"


@dataclass
class Codec:
    """The chip, and what is to go wrong with it."""

    slow_s: float = 0.0
    """It takes so long for a picture, beside the encoding itself."""
    fails: dict[str, int] = field(default_factory=dict)
    """Which ioctl fails from here on, and with what errno: ``{"DQBUF": errno.EIO}``."""
    refuses: set[int] = field(default_factory=set)
    """Controls that are refused (EINVAL), as the driver does when the firmware will not."""
    dead: bool = False
    """It returns nothing any more, and says nothing."""
    broken: bool = False
    """The driver has given its queues up: POLLERR at once, for ever."""
    skips: bool = False
    """It takes pictures and gives no encoded one, as the firmware does when the bits have run out."""
    paths: set[str] = field(default_factory=lambda: {PATH})
    settings: list[tuple[int, int, int]] = field(default_factory=list)
    """Each control that was set: which, the value asked for, the pictures queued before that."""
    devices: list[Device] = field(default_factory=list)
    queued: int = 0
    rate: float = 30.0
    """What it was told of the frame rate, as the driver presumes it."""

    def mend(self) -> None:
        """It works again."""
        self.slow_s = 0.0
        self.fails.clear()
        self.refuses.clear()
        self.dead = self.broken = self.skips = False

    # -- in place of the modules' functions ------------------------------------------------------------------------

    def open(self, path: Any, mode: str = "r", buffering: int = -1) -> Any:
        if str(path) not in self.paths:
            return open(path, mode, buffering)
        if "open" in self.fails:
            raise OSError(self.fails["open"], os.strerror(self.fails["open"]), PATH)
        device = Device(self)
        self.devices.append(device)
        return device

    def ioctl(self, which: Any, request: int, argument: Any = 0) -> Any:
        fd = which if isinstance(which, int) else which.fileno()
        device = next((d for d in self.devices if not d.closed and d.fileno() == fd), None)
        if device is None:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        if isinstance(argument, bytes):
            structure = structures()[request & 0xFFFFFFFF].from_buffer_copy(argument)
            device.ioctl(request, structure)
            return bytes(structure)
        device.ioctl(request, argument)
        return 0

    def poll(self) -> Poll:
        return Poll(self)

    @property
    def alive(self) -> list[Device]:
        """What nobody has closed."""
        return [device for device in self.devices if not device.closed]

    def asked(self, control: int) -> list[int]:
        """The values that ``control`` was set to, in order."""
        return [value for which, value, _ in self.settings if which == control]


def structures() -> dict[int, type[ctypes.Structure]]:
    import videodev2 as v4l2

    structures = {
        v4l2.VIDIOC_QUERYCAP: v4l2.v4l2_capability,
        v4l2.VIDIOC_QUERYCTRL: v4l2.v4l2_queryctrl,
        v4l2.VIDIOC_G_CTRL: v4l2.v4l2_control,
        v4l2.VIDIOC_S_CTRL: v4l2.v4l2_control,
    }
    return {request & 0xFFFFFFFF: structure for request, structure in structures.items()}  # they are signed there


class Poll:
    """``select.poll`` for one device."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._device: Any = None
        self._fd = -1

    def register(self, device: Device, _mask: int) -> None:
        self._device, self._fd = device, device.fileno()

    def poll(self, timeout_ms: int) -> list[tuple[int, int]]:
        device = self._device
        with device.changed:
            device.changed.wait_for(lambda: device.closed or device.ready(), timeout_ms / 1000)
            event = select.POLLNVAL if device.closed else device.ready()
        if event & (select.POLLERR | select.POLLNVAL):
            time.sleep(0.001)  # a real one spins: not on a machine that others share
        return [(self._fd, event)] if event else []


def put_under(codec: Codec, module: Any, replace: Callable[[Any, str, Any], None]) -> None:
    """Have ``module`` find ``codec`` where it opens, asks and waits. ``replace`` is like ``setattr``."""
    replace(module, "open", codec.open)
    replace(module, "fcntl", SimpleNamespace(ioctl=codec.ioctl))
    if hasattr(module, "select"):
        replace(module, "select", SimpleNamespace(poll=codec.poll, POLLIN=select.POLLIN, POLLOUT=select.POLLOUT))
    assert not hasattr(module, "mmap") or module.mmap is mmap
