"""Buttons and lights on their pins (SPEC 7).

One thread, the panel's, looks at the pins and drives the lights; it never waits for anything but time and pins, so the
lights are right while the network hangs. gpiozero's callbacks do nothing but note the time and wake it: an exception in
one would end lgpio's only thread, and every later press would be lost silently. Noted times make a press count even when
the machine is too busy to look while the button is down; the level is read besides, so that a lost edge costs nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from appliance import event_codes
from appliance.errors import HardwareMissing, plain
from appliance.events import EventBus
from appliance.hardware.libraries import load
from appliance.hardware.panel import lights
from appliance.hardware.panel.actions import Actions, power_off
from appliance.hardware.panel.gestures import ButtonGestures, Debounce, Edge, Gesture
from appliance.hardware.panel.wiring import PRIVACY, ButtonWire, Wiring, wiring
from appliance.pusher.operations import Operations
from appliance.settings.declaration import Settings
from appliance.threads import Worker

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0
"""Pins are looked at this often even when nothing woke the panel."""
EDGES = 64
"""As many changes of one pin are remembered between two looks; more is a broken contact."""
_RGB = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class _Shown:
    state: str
    muted: bool
    on_air: bool
    since_s: float


class Panel:
    """The box's buttons and lights. ``factory`` is a gpiozero pin factory, or a callable that makes one (a board's
    ``pin_factory``) and may raise HardwareMissing: then :meth:`start` says so with an event, and the service goes on.
    All methods may be called from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        factory: Any,
        operations: Operations,
        events: EventBus,
        *,
        shutdown: Callable[[], None] = power_off,
    ) -> None:
        self._factory = factory
        self._events = events
        self._actions = Actions(operations, shutdown)
        self._wiring: Wiring = wiring(settings)
        self._wake = threading.Event()
        self._shown = _Shown("IDLE", False, False, 0.0)
        self._inputs: dict[str, Any] = {}
        self._edges: dict[str, deque[Edge]] = {}
        self._outputs: dict[str, Any] = {}
        self._lit: dict[str, bool] = {}
        self._torch = False
        self._worker: Worker | None = None

    # -- what others see -------------------------------------------------------------------------------------

    def buttons(self) -> dict[str, int]:
        """Every connected button and switch, with its BCM pin."""
        return {name: b.pin for name, b in self._wiring.buttons.items()} | self._wiring.switches

    def lights(self) -> dict[str, int]:
        """Every connected light, with its BCM pin."""
        return dict(self._wiring.lights)

    def lit(self, name: str) -> bool:
        """Whether that light is on now; False for one that is not connected."""
        return self._lit.get(name, False)

    def workers(self) -> list[Worker]:
        """The threads a watchdog may look at."""
        return [self._worker] if self._worker is not None else []

    def show(self, state: str, muted: bool, on_air: bool) -> None:
        """Have the lights show a state (of SPEC 2), whether it is muted, and whether it is on air; never waits."""
        shown = self._shown
        if (shown.state, shown.muted, shown.on_air) != (state, muted, on_air):
            since_s = shown.since_s if lights.pattern(state) == lights.pattern(shown.state) else time.monotonic()
            self._shown = _Shown(state, muted, on_air, since_s)
            self._wake.set()

    def set_torch(self, on: bool) -> bool:
        """Switch the lamp; False where no lamp is connected."""
        if "torch" not in self._outputs:
            return False
        self._torch = on
        self._wake.set()
        return True

    # -- start and stop --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the pins and begin. Whatever cannot be had is said in an event (PANEL_FAILED); never raises."""
        for problem in self._wiring.problems:
            self._failed(problem)
        if not self._wiring.buttons and not self._wiring.switches and not self._wiring.lights:
            return
        try:
            factory = self._factory() if callable(self._factory) else self._factory
            gpio = load("gpiozero")
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the push goes on
            self._failed(error.reason if isinstance(error, HardwareMissing) else plain(error))
            return
        for name, pin in self.buttons().items():
            self._edges[name] = deque(maxlen=EDGES)
            self._take(name, pin, self._inputs, partial(_input, gpio, factory, self._edges[name], self._wake))
        for name, pin in self._wiring.lights.items():
            self._take(name, pin, self._outputs, lambda pin: gpio.LED(pin, pin_factory=factory))
        if self._inputs or self._outputs:
            self._worker = Worker("panel", self._run).start()

    def _take(self, name: str, pin: int, into: dict[str, Any], make: Callable[[int], Any]) -> None:
        try:
            into[name] = make(pin)
        except Exception as error:  # noqa: BLE001 - likewise
            self._failed(f"pin {pin} ({name}): {plain(error)}")

    def _failed(self, reason: str) -> None:
        self._events.emit(event_codes.PANEL_FAILED, reason=reason)

    def stop(self) -> None:
        """Lights off, pins given back."""
        self._actions.stop()
        if self._worker is not None:
            self._worker.request_stop()
            self._wake.set()
            self._worker.stop()
        for name, device in [*self._inputs.items(), *self._outputs.items()]:
            with suppress(Exception):
                if name in self._outputs:
                    device.off()
                device.close()
        self._inputs, self._outputs, self._lit = {}, {}, {}

    # -- the panel's thread ----------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        buttons = {
            name: ButtonGestures(self._pressed(name), None if wire.hold == "none" else wire.hold_s)
            for name, wire in self._wiring.buttons.items()
            if name in self._inputs
        }
        privacy = Debounce(self._pressed(PRIVACY)) if PRIVACY in self._inputs else None
        if privacy is not None and privacy.pressed:
            self._actions.background(True, PRIVACY)
        while not worker.stopping:
            worker.beat()
            self._wake.clear()
            now = time.monotonic()
            due_s = now + LOOK_AGAIN_S
            for name, gestures in buttons.items():
                for gesture in gestures.follow(self._new_edges(name), self._pressed(name), now):
                    self._gesture(self._wiring.buttons[name], gesture)
                due_s = min(due_s, gestures.due_s())
            if privacy is not None:
                if privacy.update(self._pressed(PRIVACY), now):
                    self._switched(privacy.pressed)
                due_s = min(due_s, privacy.due_s())
            due_s = min(due_s, now + self._light(now))
            self._wake.wait(max(0.0, due_s - time.monotonic()))

    def _new_edges(self, name: str) -> list[Edge]:
        edges, found = self._edges[name], []
        while edges:
            found.append(edges.popleft())
        return found

    def _pressed(self, name: str) -> bool:
        try:
            return bool(self._inputs[name].is_active)
        except Exception:
            log.exception("the pin of %s cannot be read", name)
            return False

    def _gesture(self, wire: ButtonWire, gesture: Gesture) -> None:
        self._events.emit(event_codes.BUTTON_PRESSED, button=wire.name, gesture=gesture.value)
        self._actions.do(wire.hold if gesture is Gesture.HOLD else wire.press, wire.name)

    def _switched(self, closed: bool) -> None:
        self._events.emit(event_codes.BUTTON_PRESSED, button=PRIVACY, gesture="closed" if closed else "opened")
        self._actions.background(closed, PRIVACY)

    def _light(self, now_s: float) -> float:
        """Bring every light to what it should be; seconds until one of them changes."""
        shown = self._shown
        blinking = lights.pattern(shown.state)
        on = lights.lit(blinking, now_s - shown.since_s)
        mix = lights.colour(shown.state, shown.muted)
        wanted = {"status": on, "on-air": shown.on_air, "torch": self._torch}
        wanted |= {name: on and name in mix for name in _RGB}
        for name, device in self._outputs.items():
            if self._lit.get(name) is not wanted[name]:
                self._lit[name] = wanted[name]
                try:
                    device.value = wanted[name]
                except Exception:
                    log.exception("the light %s cannot be switched", name)
        return lights.next_change_s(blinking, now_s - shown.since_s) if self._outputs else math.inf


def _input(gpio: Any, factory: Any, edges: deque[Edge], wake: threading.Event, pin: int) -> Any:
    """A button between ``pin`` and ground. A plain input instead of gpiozero's Button, whose every instance keeps a
    thread that wakes ten times a second to time holds: the panel times them."""
    device = gpio.DigitalInputDevice(pin, pull_up=True, pin_factory=factory)

    def note(pressed: bool) -> None:
        edges.append((time.monotonic(), pressed))
        wake.set()

    device.when_activated = partial(note, True)
    device.when_deactivated = partial(note, False)
    return device
