"""One V4L2 control: the bitrate of a hardware encoder that runs. picamera2 sets it only when it starts one."""

from __future__ import annotations

import fcntl
import struct
from typing import Protocol

# <linux/videodev2.h>, <linux/v4l2-controls.h>, <asm-generic/ioctl.h>
V4L2_CID_MPEG_VIDEO_BITRATE = 0x00990000 + 0x900 + 207
_CONTROL = struct.Struct("=Ii")
"""struct v4l2_control { __u32 id; __s32 value; }"""
_IOC_READ_WRITE = 3
VIDIOC_S_CTRL = _IOC_READ_WRITE << 30 | _CONTROL.size << 16 | ord("V") << 8 | 28
"""_IOWR('V', 28, struct v4l2_control)"""


class HasFileno(Protocol):
    """An open device."""

    def fileno(self) -> int: ...


def set_bitrate(device: HasFileno, bits_per_second: int) -> None:
    """Have the encoder ``device`` aim at this bitrate from its next picture on. Raises OSError."""
    fcntl.ioctl(device.fileno(), VIDIOC_S_CTRL, _CONTROL.pack(V4L2_CID_MPEG_VIDEO_BITRATE, bits_per_second))
