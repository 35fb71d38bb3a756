"""Which pin carries what, read from the settings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from appliance.settings.declaration import Settings

NOT_CONNECTED = 0
SHUTDOWN_HOLD_S = 5.0
PRIVACY = "privacy"


@dataclass(frozen=True, slots=True)
class ButtonWire:
    """A button: its pin, what pressing and holding it do (``none``: nothing), and how long a hold is."""

    name: str
    pin: int
    press: str
    hold: str
    hold_s: float


@dataclass(frozen=True, slots=True)
class Wiring:
    """The connected pins by name; ``problems`` says which were left out, and why."""

    buttons: dict[str, ButtonWire]
    switches: dict[str, int]
    lights: dict[str, int]
    problems: tuple[str, ...]


def wiring(settings: Settings) -> Wiring:
    """The panel as the settings describe it.

    Two things on one pin are both left out: a light's output on a pin that a button shorts to ground would damage the
    board, and there is no telling which of the two is meant.
    """
    s, hold_s = settings, settings.button_hold_time
    buttons = [
        ButtonWire("start-stop", s.button_start_stop_pin, s.button_start_stop_press, s.button_start_stop_hold, hold_s),
        ButtonWire("pause", s.button_pause_pin, s.button_pause_press, s.button_pause_hold, hold_s),
        ButtonWire("camera", s.button_camera_pin, s.button_camera_press, s.button_camera_hold, hold_s),
        ButtonWire("mute", s.button_mute_pin, s.button_mute_press, "none", hold_s),
        ButtonWire("snapshot", s.button_snapshot_pin, s.button_snapshot_press, "none", hold_s),
        ButtonWire("shutdown", s.button_shutdown_pin, "none", "shutdown", SHUTDOWN_HOLD_S),
    ]
    lights = {
        "status": s.light_status_pin,
        "on-air": s.light_on_air_pin,
        "red": s.light_red_pin,
        "green": s.light_green_pin,
        "blue": s.light_blue_pin,
        "torch": s.torch_pin,
    }
    users: dict[int, list[str]] = defaultdict(list)
    for button in buttons:
        users[button.pin].append(f"button.{button.name}.pin")
    users[s.privacy_switch_pin].append("switch.privacy.pin")
    for name, pin in lights.items():
        users[pin].append("torch.pin" if name == "torch" else f"light.{name}.pin")
    users.pop(NOT_CONNECTED, None)
    twice = {pin: names for pin, names in users.items() if len(names) > 1}
    return Wiring(
        buttons={b.name: b for b in buttons if b.pin in users and b.pin not in twice},
        switches={name: p for name, p in ((PRIVACY, s.privacy_switch_pin),) if p in users and p not in twice},
        lights={name: pin for name, pin in lights.items() if pin in users and pin not in twice},
        problems=tuple(
            f"pin {pin} is given to {' and '.join(names)}; each needs a pin of its own, so none of them is used"
            for pin, names in sorted(twice.items())
        ),
    )
