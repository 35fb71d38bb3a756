"""What V4L2 says of a hardware encoder, and its controls while it runs: picamera2 sets them only when it starts one.

Structures and numbers are those of <linux/videodev2.h>, <linux/v4l2-controls.h> and <asm-generic/ioctl.h>, which are the
kernel's promise to programs and the same on every Pi.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

_CODEC_BASE = 0x00990000 | 0x900
BITRATE_MODE = _CODEC_BASE + 206
BITRATE = _CODEC_BASE + 207
FORCE_KEY_FRAME = _CODEC_BASE + 229
"""V4L2_CID_MPEG_VIDEO_..."""

_CAPABILITY = struct.Struct("=16s32s32sIII12x")
"""struct v4l2_capability: driver, card, bus, version, capabilities, device's capabilities."""
_QUERY = struct.Struct("=II32siiiiI8x")
"""struct v4l2_queryctrl: id, type, name, minimum, maximum, step, default, flags."""
_CONTROL = struct.Struct("=Ii")
"""struct v4l2_control: id, value."""

_READ, _READ_WRITE = 2, 3
_DISABLED = 0x1


def _request(direction: int, number: int, argument: struct.Struct) -> int:
    return direction << 30 | argument.size << 16 | ord("V") << 8 | number


VIDIOC_QUERYCAP = _request(_READ, 0, _CAPABILITY)
VIDIOC_G_CTRL = _request(_READ_WRITE, 27, _CONTROL)
VIDIOC_S_CTRL = _request(_READ_WRITE, 28, _CONTROL)
VIDIOC_QUERYCTRL = _request(_READ_WRITE, 36, _QUERY)


class HasFileno(Protocol):
    """An open device."""

    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a control takes, in its own unit."""

    minimum: int
    maximum: int
    step: int
    default: int

    def within(self, wanted: int) -> int:
        """The largest value that the control takes and that is not above ``wanted``; the minimum where there is none.

        The kernel would round to the nearest step, and so now and then above a ceiling.
        """
        inside = min(max(wanted, self.minimum), self.maximum)
        return inside - (inside - self.minimum) % max(1, self.step)


def open_device(path: Path) -> FileIO:
    """Every opening of a codec is a codec of its own, so this disturbs none that runs. Raises OSError."""
    return open(path, "r+b", buffering=0)


def card(device: HasFileno) -> tuple[str, str]:
    """The driver's name and the device's. Raises OSError."""
    answer = fcntl.ioctl(device.fileno(), VIDIOC_QUERYCAP, bytes(_CAPABILITY.size))
    driver, name, *_ = _CAPABILITY.unpack(answer)
    return _text(driver), _text(name)


def limits(device: HasFileno, control: int) -> Limits | None:
    """What ``control`` takes, None where the device has not got it. Raises OSError."""
    asked = _QUERY.pack(control, 0, b"", 0, 0, 0, 0, 0)
    try:
        answer = fcntl.ioctl(device.fileno(), VIDIOC_QUERYCTRL, asked)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise
    _, _, _, minimum, maximum, step, default, flags = _QUERY.unpack(answer)
    return None if flags & _DISABLED else Limits(minimum, maximum, step, default)


def get(device: HasFileno, control: int) -> int:
    """The control's value. Raises OSError."""
    return int(_CONTROL.unpack(fcntl.ioctl(device.fileno(), VIDIOC_G_CTRL, _CONTROL.pack(control, 0)))[1])


def put(device: HasFileno, control: int, value: int) -> int:
    """Set a control; it counts from the next picture on. The answer is the value that the driver took. Raises OSError."""
    return int(_CONTROL.unpack(fcntl.ioctl(device.fileno(), VIDIOC_S_CTRL, _CONTROL.pack(control, value)))[1])


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("ascii", "replace")
