"""``doctor``'s look at the box: clock, storage, supply."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from appliance.cli.checks import Grade, Result
from appliance.clock import SystemClock
from appliance.system.box import DISK_LOW_MB, SLOWED_BITS, UNDER_VOLTAGE_BIT, throttled

_TOOL_S = 5.0
_SINCE_START = 16  # the firmware repeats each bit so much higher for "has happened since the start"


def check_clock() -> Result:
    """TLS certificates and the time-limited secrets of push addresses need the right time."""
    now = datetime.now(UTC).isoformat(" ", "seconds")
    answer = tool("timedatectl", "show", "--property=NTPSynchronized", "--value")
    synchronised = answer == "yes" if answer in ("yes", "no") else SystemClock().synchronised()
    if synchronised:
        return Result("clock", Grade.OK, f"{now}, synchronised")
    return Result(
        "clock", Grade.WARN, f"{now}, not synchronised yet", "is it right? if not: sudo timedatectl set-ntp true"
    )


def check_storage(state_dir: Path) -> Result:
    """The state directory, or where it will be made: can it be written, is there room."""
    place = state_dir.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free_mb = shutil.disk_usage(place).free // 1_000_000
    except OSError as error:
        return Result("storage", Grade.FAIL, f"{place}: {(error.strerror or str(error)).lower()}", "check the card")
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return Result(
            "storage", Grade.FAIL, f"{place} is on a read-only file system", "remount it, or take another card"
        )
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Result(
            "storage", Grade.FAIL, f"{place} cannot be written", "run this as the service's user, or use --state-dir"
        )
    if free_mb < DISK_LOW_MB:
        return Result(
            "storage", Grade.WARN, f"only {free_mb} MB left on {place}", "remove snapshots, or take a larger card"
        )
    return Result("storage", Grade.OK, f"{free_mb} MB left on {place}")


def check_supply() -> Result | None:
    """What the firmware says of supply and heat; None where there is no such firmware."""
    flags = throttled()
    if flags is None:
        answer = tool("vcgencmd", "get_throttled")
        try:
            flags = int(answer.partition("=")[2], 16)
        except ValueError:
            return None
    now = [words for bit, words in ((UNDER_VOLTAGE_BIT, "under-voltage"), *SLOWED_BITS.items()) if flags & bit]
    if now:
        advice = "use the official power supply and a short cable; give the processor air"
        return Result("power supply", Grade.FAIL, ", ".join(now), advice)
    if flags & UNDER_VOLTAGE_BIT << _SINCE_START:
        return Result("power supply", Grade.WARN, "under-voltage since the start", "use the official power supply")
    if flags >> _SINCE_START:
        return Result("power supply", Grade.WARN, "the processor was slowed down since the start", "give it air")
    return Result("power supply", Grade.OK, "no under-voltage, not throttled")


def tool(*command: str) -> str:
    """What a system's tool prints; empty where there is none, or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
