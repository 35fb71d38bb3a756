"""The pins of a real board: gpiozero with lgpio, which works on every Pi and on any Linux GPIO chip named like one."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from appliance.errors import HardwareMissing, plain
from appliance.hardware.libraries import load


def lgpio_factory() -> Any:
    """A gpiozero factory on the board's GPIO chip. Raises HardwareMissing: a library, the chip, or the right to use it is
    missing. gpiozero's own silent fall-back through other drivers is not wanted."""
    # lgpio makes its notification pipes in the working directory, which a hardened service may not write to
    os.environ.setdefault("LG_WD", os.environ.get("RUNTIME_DIRECTORY") or tempfile.gettempdir())
    load("lgpio")
    module = load("gpiozero.pins.lgpio")
    try:
        return module.LGPIOFactory()
    except Exception as error:
        raise HardwareMissing(
            f"the GPIO chip cannot be used ({plain(error)}); it needs a Raspberry Pi and membership in the group gpio"
        ) from error
