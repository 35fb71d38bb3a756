"""The pins of a real board: gpiozero with lgpio, which works on every Pi and on any Linux GPIO chip named like one."""

from __future__ import annotations

import os
import tempfile
from contextlib import chdir
from typing import Any

from appliance.errors import HardwareMissing, plain
from appliance.hardware.libraries import load


def lgpio_factory() -> Any:
    """A gpiozero factory on the board's GPIO chip. Raises HardwareMissing: a library, the chip, or the right to use it is
    missing. gpiozero's own silent fall-back through other drivers is not wanted."""
    _load_lgpio()
    module = load("gpiozero.pins.lgpio")
    try:
        return module.LGPIOFactory()
    except Exception as error:
        raise HardwareMissing(
            f"the GPIO chip cannot be used ({plain(error)}); it needs a Raspberry Pi and membership in the group gpio"
        ) from error


def _load_lgpio() -> None:
    """Import lgpio in a folder that it may write to. Its C half makes the pipe of its notifications in ``$LG_WD``, its Python
    half opens it in the working directory (lgpio 0.2.2), both while it is imported: the two must be one folder, and a
    service's own, ``/``, is nobody's to write to. Once open, the pipe needs no name."""
    with tempfile.TemporaryDirectory(prefix="live-pusher-pins-") as folder:
        os.environ["LG_WD"] = folder
        try:
            with chdir(folder):
                load("lgpio")
        finally:
            del os.environ["LG_WD"]
