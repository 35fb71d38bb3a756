"""The hands on the simulated board: press, hold, unplug, plug (SPEC 11), and more for tests."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from appliance.hardware.board import PanelNames
from appliance.hardware.simulated.bench import SimulatedDevice
from appliance.hardware.simulated.microphone import Skew

TAP_S = 0.1
"""How long a press takes: about as long as a finger's, and longer than any debouncing."""
SETTLE_S = 0.05
"""What a finger takes at least until it presses again."""
LONGEST_HOLD_S = 10.0

_ALIASES = {"mic": "microphone", "camera": "front", "camera.front": "front", "camera.back": "back"}


class SimulatedHands:
    """What a person could do to a real board. Every method may be called from any thread, and raises ValueError, which
    says what is allowed, for a name that is none."""

    def __init__(self, factory: Any, devices: dict[str, SimulatedDevice], skew: Skew) -> None:
        self._factory = factory
        self._devices = devices
        self._skew = skew
        self._panel: PanelNames | None = None
        self._down: set[int] = set()
        self._lock = threading.Lock()

    def attach_panel(self, panel: PanelNames) -> None:
        """From here on buttons have names."""
        self._panel = panel

    # -- buttons -------------------------------------------------------------------------------------------

    def press(self, button: str) -> None:
        """Press and release; returns when the button can be pressed again. ``button`` is its name or its pin."""
        number = self._button(button)
        self._push(number)
        time.sleep(TAP_S)
        self._let_go(number)
        time.sleep(SETTLE_S)

    def hold(self, button: str, seconds: float) -> None:
        """Press, and release ``seconds`` later (at most 10) in the background."""
        if not _is_number(seconds) or not 0 < seconds <= LONGEST_HOLD_S:
            raise ValueError(f"cannot hold for {seconds!r} s; allowed: more than 0, at most {LONGEST_HOLD_S:g}")
        number = self._button(button)
        self._push(number)
        timer = threading.Timer(seconds, self._let_go, [number])
        timer.name, timer.daemon = f"simulated hand on pin {number}", True
        timer.start()

    def latch(self, switch: str, closed: bool) -> None:
        """Set a latching switch, as the privacy switch is."""
        number = self._button(switch)
        with self._lock:
            self._level(number, closed)

    def _push(self, number: int) -> None:
        with self._lock:
            if number in self._down:
                raise ValueError(f"the button on pin {number} is pressed already; allowed once it is released")
            self._down.add(number)
            self._level(number, True)

    def _let_go(self, number: int) -> None:
        with self._lock:
            self._down.discard(number)
            self._level(number, False)

    def _level(self, number: int, pressed: bool) -> None:
        self._factory.pin(number).contact(pressed)

    def _button(self, button: str) -> int:
        buttons = self._panel.buttons() if self._panel is not None else {}
        wanted = str(button).strip().lower().removeprefix("button.")
        if wanted in buttons:
            return buttons[wanted]
        if wanted == "start" and "start-stop" in buttons:
            return buttons["start-stop"]
        if wanted.isdecimal() and int(wanted) in buttons.values():
            return int(wanted)
        allowed = ", ".join(f"{name} ({pin})" for name, pin in buttons.items()) or "none, no button is connected"
        raise ValueError(f"there is no button {button!r}; allowed: {allowed}")

    # -- devices -------------------------------------------------------------------------------------------

    def unplug(self, device: str) -> None:
        """Pull it out; whoever uses it loses it at once."""
        self._device(device).set(plugged=False)

    def plug(self, device: str) -> None:
        """Put it back in; it can be opened again."""
        self._device(device).set(plugged=True)

    def freeze(self, device: str) -> None:
        """From here on it opens but delivers nothing."""
        self._device(device).set(frozen=True)

    def thaw(self, device: str) -> None:
        """It delivers again."""
        self._device(device).set(frozen=False)

    def occupy(self, device: str) -> None:
        """Another program takes it: it can no longer be opened (whoever has it open keeps it)."""
        self._device(device).set(busy=True)

    def vacate(self, device: str) -> None:
        """The other program gives it back."""
        self._device(device).set(busy=False)

    def limit(self, device: str, limited: bool) -> None:
        """It turns out to have none of the sizes or sample rates that are asked of it, or has them again."""
        self._device(device).set(limited=limited)

    def skew(self, ppm: float) -> None:
        """Have the microphone's clock run ``ppm`` millionths fast (negative: slow)."""
        self._skew.ppm = checked_ppm(ppm)

    def _device(self, device: str) -> SimulatedDevice:
        wanted = str(device).strip().lower().removeprefix("simulated:")
        found = self._devices.get(_ALIASES.get(wanted, wanted))
        if found is None:
            raise ValueError(f"there is no device {device!r}; allowed: {', '.join(self._devices)}")
        return found

    def state(self) -> dict[str, Any]:
        """``buttons`` with their pins, ``lights`` with whether they are lit, ``devices`` with whether they are plugged;
        and which buttons are ``pressed``, which devices ``open``, ``frozen`` and ``busy``, and the microphone's
        ``ppm``."""
        panel, devices = self._panel, self._devices.items()
        buttons = panel.buttons() if panel is not None else {}
        return {
            "buttons": buttons,
            "lights": {name: panel.lit(name) for name in panel.lights()} if panel is not None else {},
            "devices": {name: device.plugged for name, device in devices},
            "pressed": [name for name, pin in buttons.items() if not self._factory.pin(pin).state],
            "open": [name for name, device in devices if device.open],
            "frozen": [name for name, device in devices if device.frozen],
            "busy": [name for name, device in devices if device.busy],
            "ppm": self._skew.ppm,
        }


def _is_number(value: object) -> bool:
    """What comes from the API is not always what it should be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def checked_ppm(ppm: float) -> float:
    """``ppm`` as a clock error; raises ValueError for one no clock has."""
    if not _is_number(ppm) or abs(ppm) > 100_000:
        raise ValueError(f"{ppm!r} ppm is no clock error; allowed: -100000 to 100000")
    return float(ppm)
