"""``doctor``'s look at a Raspberry Pi: what its first owner can hand on, so that others see which board it is and what of
it works. Each line is named in docs/hardware.md beside what it tells.
"""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.cli.checks import Grade, Result
from appliance.cli.checks_box import tool
from appliance.errors import plain
from appliance.hardware.pi import facts
from appliance.hardware.pi.encoder import hardware_encoder_present

HOT_C = 80.0
"""From here on the firmware slows the processor down (Raspberry Pi documentation: 80 to 85 degrees)."""

_BOOT = ("boot/firmware/config.txt", "boot/config.txt")
_BOOT_KEYS = ("arm_64bit", "camera_auto_detect", "dtoverlay", "dtparam", "gpu_mem", "start_x")


def check_pi(root: Path = Path("/")) -> Iterable[Result]:
    """A line for each part that only a Pi has. Never raises."""
    yield _machine(root)
    yield Result("system", Grade.OK, _system(root))
    yield _libraries()
    yield Result("boot settings", Grade.OK, _boot(root) or "none found")
    yield _told("pipeline", lambda: [facts.pipeline(root)], "libcamera has no camera pipeline here", Grade.WARN)
    yield from _cameras()
    yield _encoder_device()
    yield _told("sound cards", lambda: facts.sound_cards(root), "none", Grade.WARN)
    yield _told("gpio chips", lambda: facts.gpio_chips(root), "none", Grade.WARN)
    yield _access(root)
    yield _firmware(root)
    yield _temperature(root)


def _machine(root: Path) -> Result:
    model = _text(root / "proc/device-tree/model")
    if not model.startswith("Raspberry Pi"):
        what = f"{model or 'no model'} ({platform.machine()})"
        return Result("machine", Grade.WARN, what, "the pi board is for a Raspberry Pi; elsewhere: --board simulated")
    return Result("machine", Grade.OK, f"{model} ({platform.machine()}), {_memory(root)}")


def _memory(root: Path) -> str:
    """RAM and what of it is set apart for cameras and codecs."""
    sizes = dict(line.split(":", 1) for line in _text(root / "proc/meminfo").splitlines() if ":" in line)
    megabytes = {
        name: int(sizes[name].split()[0]) // 1024 for name in ("MemTotal", "CmaTotal", "CmaFree") if name in sizes
    }
    told = f"{megabytes.get('MemTotal', 0)} MB of memory"
    if "CmaTotal" in megabytes:
        told += f", {megabytes['CmaTotal']} MB for devices ({megabytes.get('CmaFree', 0)} MB free)"
    return told


def _system(root: Path) -> str:
    fields = dict(line.split("=", 1) for line in _text(root / "etc/os-release").splitlines() if "=" in line)
    name = fields.get("PRETTY_NAME", "unknown system").strip('"')
    image = _text(root / "etc/rpi-issue").partition("\n")[0]
    return ", ".join(filter(None, (name, image, f"Linux {platform.release()}")))


def _libraries() -> Result:
    found = facts.libraries()
    told = ", ".join(f"{name} {version}" for name, version in found.items())
    missing = [name for name, version in found.items() if version == "missing"]
    if missing:
        advice = "sudo apt install " + " ".join(f"python3-{name}" for name in missing)
        return Result("libraries", Grade.WARN, told, advice)
    return Result("libraries", Grade.OK, told)


def _boot(root: Path) -> str:
    """The lines of the firmware's settings that bear on cameras, codecs and pins."""
    for name in _BOOT:
        lines = [line.strip() for line in _text(root / name).splitlines()]
        if lines:
            return ", ".join(line for line in lines if line.startswith(_BOOT_KEYS)) or "nothing on cameras or pins"
    return ""


def _cameras() -> Iterable[Result]:
    try:
        found = facts.cameras()
    except Exception as error:  # noqa: BLE001 - whatever libcamera raises is what is to be told
        yield Result("cameras", Grade.FAIL, plain(error), "rpicam-hello --list-cameras tells more")
        return
    if not found:
        yield Result("cameras", Grade.FAIL, "none", "check the ribbon cable with the power off")
    for number, told in enumerate(found, 1):
        yield Result(f"camera {number}", Grade.OK, told)


def _encoder_device() -> Result:
    try:
        told = facts.encoder()
    except OSError as error:
        return Result(
            "encoder device", Grade.WARN, plain(error), "is the user in the group video? is another program at it?"
        )
    if told is None:
        return Result("encoder device", Grade.OK, "none")
    if not hardware_encoder_present():
        return Result(
            "encoder device", Grade.WARN, f"{told}; picamera2 does not use it", "is picamera2 usable? see above"
        )
    return Result("encoder device", Grade.OK, told)


def _access(root: Path) -> Result:
    user = f"{getpass.getuser()} ({os.getuid()})"
    closed = facts.closed_to_us(root)
    if not closed:
        return Result("access", Grade.OK, f"{user} may use every device")
    advice = "the service's own user counts: sudo -u live-pusher live-pusher doctor --board pi"
    return Result("access", Grade.WARN, f"{user} may not use {', '.join(closed)}", advice)


def _firmware(root: Path) -> Result:
    version = " ".join(tool("vcgencmd", "version").split())
    told = [version or "vcgencmd says nothing", tool("vcgencmd", "get_throttled")]
    try:  # Pi 5: what the supply said it can give
        milliamperes = int.from_bytes((root / "proc/device-tree/chosen/power/max_current").read_bytes()[:4], "big")
        told.append(f"supply of {milliamperes} mA")
    except OSError:
        pass
    text = ", ".join(filter(None, told))
    if version:
        return Result("firmware", Grade.OK, text)
    return Result("firmware", Grade.WARN, text, "sudo apt install raspi-utils; the user needs the group video")


def _temperature(root: Path) -> Result:
    try:
        degrees = int(_text(root / "sys/class/thermal/thermal_zone0/temp")) / 1000
    except ValueError:
        return Result("temperature", Grade.WARN, "not told")
    if degrees >= HOT_C:
        return Result("temperature", Grade.WARN, f"{degrees:.0f} °C", "give the processor air, or a heat sink")
    return Result("temperature", Grade.OK, f"{degrees:.0f} °C")


def _told(name: str, ask: Callable[[], list[str]], none: str, grade: Grade) -> Result:
    found = ", ".join(filter(None, ask()))
    return Result(name, Grade.OK, found) if found else Result(name, grade, none)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
