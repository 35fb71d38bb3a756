"""What a Pi says of its own devices, for people: read only, nothing is opened for capture, no serial number.

``root`` is where the file system begins, another place in tests.
"""

from __future__ import annotations

import fcntl
import os
import struct
from importlib import metadata
from pathlib import Path
from typing import Any

from appliance.errors import HardwareMissing, plain
from appliance.hardware.libraries import load
from appliance.hardware.pi import v4l2
from appliance.hardware.pi.bounded import within
from appliance.hardware.pi.encoder import CODEC_DEVICE

LIBCAMERA_S = 8.0

_HANDLERS = {"pispbe": "pisp", "rp1-cfe": "pisp", "bcm2835-isp": "vc4", "unicam": "vc4"}
"""Which of libcamera's pipeline handlers belongs to which V4L2 device of the board's."""
_MOUNTED = {0: "front", 1: "back"}
_CHIP_INFO = struct.Struct("=32s32sI")
GPIO_GET_CHIPINFO_IOCTL = 2 << 30 | _CHIP_INFO.size << 16 | 0xB4 << 8 | 1
"""_IOR(0xB4, 1, struct gpiochip_info), <linux/gpio.h>"""


def pipeline(root: Path = Path("/")) -> str:
    """libcamera's pipeline handler for the board's cameras, by the devices there are: ``vc4`` or ``pisp``, or empty."""
    names = [_read(path) for path in sorted((root / "sys/class/video4linux").glob("video*/name"))]
    found = {handler: name for name in names for begin, handler in _HANDLERS.items() if name.startswith(begin)}
    return ", ".join(f"{handler} ({name})" for handler, name in found.items())


def cameras() -> list[str]:
    """Each camera that libcamera finds: model, how it is mounted, its sensor's modes, where it is. Raises HardwareMissing,
    TimeoutError, or what libcamera raises."""
    return within(LIBCAMERA_S, "libcamera's list of cameras", _cameras)


def _cameras() -> list[str]:
    listed = list(load("picamera2").Picamera2.global_camera_info())
    library = load("libcamera")
    by_id = {camera.id: camera for camera in library.CameraManager.singleton().cameras}
    told = []
    for info in listed:
        mounted = _MOUNTED.get(info.get("Location", 2), "not said")
        modes = _modes(library, by_id.get(info["Id"]))
        told.append(f"{info.get('Model', 'unknown')}, mounted: {mounted}, modes: {modes}, {info['Id']}")
    return told


def _modes(library: Any, camera: Any) -> str:
    """What the sensor delivers, as libcamera offers it without taking the camera."""
    try:
        formats = camera.generate_configuration([library.StreamRole.Raw]).at(0).formats
        return "; ".join(
            f"{pixels} {' '.join(f'{size.width}x{size.height}' for size in formats.sizes(pixels))}"
            for pixels in formats.pixel_formats
        )
    except Exception as error:  # noqa: BLE001 - a camera in use may refuse; the rest is worth telling
        return f"not told ({plain(error)})"


def encoder() -> str | None:
    """The hardware encoder's device and what it takes; None where there is none. Raises OSError."""
    if not CODEC_DEVICE.exists():
        return None
    with v4l2.open_device(CODEC_DEVICE) as device:
        driver, name = v4l2.card(device)
        bitrate = v4l2.limits(device, v4l2.BITRATE)
        mode = v4l2.get(device, v4l2.BITRATE_MODE) if v4l2.limits(device, v4l2.BITRATE_MODE) else None
        keyframes = v4l2.limits(device, v4l2.FORCE_KEY_FRAME) is not None
    takes = "no bitrate can be set"
    if bitrate is not None:
        takes = f"{bitrate.minimum // 1000} to {bitrate.maximum // 1000} kbit/s in steps of {bitrate.step // 1000}"
    rate = {0: "variable rate", 1: "constant rate", None: "rate mode not said"}.get(mode, f"rate mode {mode}")
    asked = "keyframes on request" if keyframes else "no keyframes on request"
    return f"{CODEC_DEVICE}, {driver} ({name}), {takes}, {rate}, {asked}"


def sound_cards(root: Path = Path("/")) -> list[str]:
    """ALSA's cards: number, name, and whether they can capture."""
    told = []
    for card in sorted((root / "proc/asound").glob("card[0-9]*")):
        captures = "captures" if list(card.glob("pcm*c")) else "plays only"
        told.append(f"{card.name} {_read(card / 'id') or 'without a name'} ({captures})")
    return told


def gpio_chips(root: Path = Path("/")) -> list[str]:
    """Each GPIO chip: device, label, lines."""
    told = []
    for path in sorted((root / "dev").glob("gpiochip*")):
        try:
            with path.open("rb", buffering=0) as device:
                answer = fcntl.ioctl(device.fileno(), GPIO_GET_CHIPINFO_IOCTL, bytes(_CHIP_INFO.size))
            _, label, lines = _CHIP_INFO.unpack(answer)
            told.append(f"{path.name} {label.partition(bytes(1))[0].decode('ascii', 'replace')} ({lines} lines)")
        except OSError as error:
            told.append(f"{path.name} ({(error.strerror or 'cannot be asked').lower()})")
    return told


def libraries() -> dict[str, str]:
    """The versions of what comes from the operating system; ``missing``, or why it cannot be used."""
    found = {}
    for library in ("libcamera", "picamera2", "lgpio", "alsaaudio", "gpiozero"):
        try:
            module = load(library)
        except HardwareMissing as error:
            found[library] = (
                "missing" if isinstance(error.__cause__, ModuleNotFoundError) else plain(error.__cause__ or error)
            )
            continue
        found[library] = _version(library, module)
    return found


def _version(library: str, module: Any) -> str:
    try:
        if library == "libcamera":
            return str(module.CameraManager.singleton().version)
        return metadata.version({"alsaaudio": "pyalsaaudio"}.get(library, library))
    except Exception:  # noqa: BLE001 - some distributions leave the version out
        return "there, version not said"


def closed_to_us(root: Path = Path("/")) -> list[str]:
    """Devices of the appliance's that this user may not use."""
    patterns = ("video*", "media*", "dma_heap/*", "gpiochip*", "snd/pcm*c", "vcio")
    found = [path for pattern in patterns for path in sorted((root / "dev").glob(pattern))]
    return [str(path.relative_to(root / "dev")) for path in found if not os.access(path, os.R_OK | os.W_OK)]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
