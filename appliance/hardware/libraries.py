"""Device libraries, loaded when a board needs them: the service starts where they are absent, and says what is missing.

They come from the operating system's packages where they are tied to it (libcamera, picamera2, lgpio), so they are no
dependencies of the package.
"""

from __future__ import annotations

import importlib
from typing import Any

from appliance.errors import HardwareMissing, plain

_SITE_PACKAGES = "and make the environment with --system-site-packages"

INSTALL = {
    "picamera2": f"sudo apt install python3-picamera2, {_SITE_PACKAGES}",
    "libcamera": f"sudo apt install python3-libcamera, {_SITE_PACKAGES}",
    "lgpio": f"sudo apt install python3-lgpio, {_SITE_PACKAGES}",
    "alsaaudio": "pip install pyalsaaudio, or sudo apt install python3-alsaaudio",
    "gpiozero": "pip install gpiozero, or sudo apt install python3-gpiozero",
}
"""What to do about each library that is missing."""


def load(module: str) -> Any:
    """Import ``module``. Raises HardwareMissing, which says how to install it.

    Any exception counts: a library built for another libcamera or numpy fails with more than ImportError.
    """
    library = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise HardwareMissing(
            f"{library} cannot be used ({plain(error)}); to install it: {INSTALL[library]}", {"library": library}
        ) from error
