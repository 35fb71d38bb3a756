"""Buttons and lights on gpiozero's mock pins (SPEC 7)."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from appliance import event_codes as codes
from appliance.errors import HardwareMissing
from appliance.events import Event, EventBus
from appliance.hardware.panel import Panel, actions, wiring
from appliance.hardware.panel.actions import Actions
from appliance.hardware.simulated.board import SimulatedBoard
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.settings.declaration import Settings

ALL = replace(
    Settings(), button_mute_pin=5, button_snapshot_pin=6, button_shutdown_pin=13, privacy_switch_pin=19, torch_pin=26,
    light_red_pin=16, light_green_pin=20, light_blue_pin=21, button_hold_time=0.4,
)  # fmt: skip


class FakeOperations:
    """Answers what it is told to, and remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[Operation, str]] = []
        self.state: dict[str, Any] = {"state": "PUSHING", "muted": False}
        self.hang: set[Operation] = set()
        self.answers: list[Failure | Exception] = []
        self.release = threading.Event()

    def perform(
        self, operation: Operation, parameters: Mapping[str, Any] | None = None, *, by: str, timeout_s: float = 10.0
    ) -> Answer:
        self.asked.append((operation, by))
        if operation in self.hang:
            self.release.wait(10)
        if self.answers:
            trouble = self.answers.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            return Answer(operation, False, "no", failure=trouble)
        return Answer(operation, True)

    def status(self) -> dict[str, Any]:
        return self.state

    @property
    def operations(self) -> list[Operation]:
        return [operation for operation, _ in self.asked]


class Stand:
    """A panel on a simulated board, with everything around it to look at."""

    def __init__(self, settings: Settings = ALL, **arguments: Any) -> None:
        self.board = SimulatedBoard()
        self.hands = self.board.simulated
        self.operations = FakeOperations()
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.shut_down = threading.Event()
        factory = arguments.pop("factory", self.board.pin_factory())
        self.panel = Panel(settings, factory, self.operations, bus, shutdown=self.shut_down.set)
        self.board.attach_panel(self.panel)

    def close(self) -> None:
        self.operations.release.set()
        self.panel.stop()
        self.board.close()

    def reasons(self) -> list[object]:
        return [e.details["reason"] for e in self.events if e.code == codes.PANEL_FAILED]


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    made.panel.start()
    yield made
    made.close()


def eventually(condition: Callable[[], object], timeout_s: float = 3.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


# -- gestures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "operation"),
    [
        ("start-stop", Operation.START), ("17", Operation.START), ("start", Operation.START), ("pause", Operation.PAUSE),
        ("camera", Operation.SWITCH_CAMERA), ("mute", Operation.MUTE), ("snapshot", Operation.SNAPSHOT),
    ],
)  # fmt: skip
def test_a_press_asks_for_its_operation(stand: Stand, button: str, operation: Operation) -> None:
    stand.hands.press(button)
    eventually(lambda: stand.operations.asked)
    time.sleep(0.1)
    name = "start-stop" if button in ("17", "start") else button
    assert stand.operations.asked == [(operation, f"button {name}")]
    pressed = [e.details for e in stand.events if e.code == codes.BUTTON_PRESSED]
    assert pressed == [{"button": name, "gesture": "press"}]


def test_a_hold_stops_and_is_no_press(stand: Stand) -> None:
    stand.hands.hold("start-stop", 0.8)
    eventually(lambda: stand.operations.asked)
    assert stand.hands.state()["pressed"] == ["start-stop"]  # it counts while still held
    eventually(lambda: not stand.hands.state()["pressed"])
    time.sleep(0.1)
    assert stand.operations.operations == [Operation.STOP]
    assert [e.details["gesture"] for e in stand.events if e.code == codes.BUTTON_PRESSED] == ["hold"]


def test_toggles_look_at_the_state(stand: Stand) -> None:
    stand.operations.state = {"state": "PAUSED", "muted": True}
    stand.hands.press("pause")
    stand.hands.press("mute")
    eventually(lambda: len(stand.operations.asked) == 2)
    assert set(stand.operations.operations) == {Operation.RESUME, Operation.UNMUTE}


def test_a_stop_does_not_queue_up_behind_a_start_that_hangs(stand: Stand) -> None:
    stand.operations.hang = {Operation.START}
    stand.hands.press("start-stop")
    eventually(lambda: stand.operations.asked)
    stand.hands.hold("start-stop", 0.6)
    eventually(lambda: Operation.STOP in stand.operations.operations, 1.5)


def test_a_press_counts_though_the_panel_was_kept_from_looking(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, look = threading.Event(), stand.panel._light

    def held_up(now_s: float) -> float:
        busy.wait(2)
        return look(now_s)

    monkeypatch.setattr(stand.panel, "_light", held_up)
    stand.panel.show("IDLE", muted=True, on_air=False)
    time.sleep(0.05)
    stand.hands.press("snapshot")
    stand.hands.press("snapshot")
    assert stand.operations.asked == []
    busy.set()
    eventually(lambda: stand.operations.operations == [Operation.SNAPSHOT] * 2)


def test_an_operation_that_raises_costs_no_later_press(stand: Stand) -> None:
    stand.operations.answers = [RuntimeError("boom"), Failure.REFUSED]
    for _ in range(3):
        stand.hands.press("snapshot")
    eventually(lambda: len(stand.operations.asked) == 3)


def test_too_many_operations_at_once_are_dropped(stand: Stand) -> None:
    stand.operations.hang = {Operation.SNAPSHOT}
    for _ in range(6):
        stand.hands.press("snapshot")
        time.sleep(0.05)
    assert len(stand.operations.asked) == actions.AT_ONCE
    stand.operations.release.set()
    time.sleep(0.05)
    stand.hands.press("snapshot")
    eventually(lambda: len(stand.operations.asked) == actions.AT_ONCE + 1)


def test_shutting_down_takes_a_long_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "SHUTDOWN_HOLD_S", 0.8)
    stand = Stand()
    stand.panel.start()
    stand.hands.press("shutdown")
    stand.hands.hold("shutdown", 1.2)
    time.sleep(0.6)
    assert not stand.shut_down.is_set()
    assert stand.shut_down.wait(1.0)
    assert stand.operations.asked == []
    stand.close()


def test_a_button_held_at_boot_waits_for_its_release() -> None:
    stand = Stand()
    stand.hands.latch("start-stop", True)
    stand.panel.start()
    time.sleep(0.6)
    stand.hands.latch("start-stop", False)
    time.sleep(0.2)
    assert stand.operations.asked == []
    stand.hands.press("start-stop")
    eventually(lambda: stand.operations.operations == [Operation.START])
    stand.close()


# -- the privacy switch ----------------------------------------------------------------------------------------------


def test_the_privacy_switch_follows_its_position(stand: Stand) -> None:
    stand.hands.latch("privacy", True)
    eventually(lambda: stand.operations.asked == [(Operation.BACKGROUND, "button privacy")])
    stand.hands.latch("privacy", False)
    eventually(lambda: stand.operations.operations == [Operation.BACKGROUND, Operation.FOREGROUND])
    gestures = [e.details["gesture"] for e in stand.events if e.code == codes.BUTTON_PRESSED]
    assert gestures == ["closed", "opened"]


def test_privacy_counts_at_boot() -> None:
    stand = Stand()
    stand.hands.latch("privacy", True)
    stand.panel.start()
    eventually(lambda: stand.operations.operations == [Operation.BACKGROUND])
    stand.close()


def test_privacy_is_asked_for_until_it_is_granted(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "RETRY_S", 0.05)
    stand.operations.answers = [Failure.TIMEOUT, RuntimeError("boom"), Failure.FAILED]
    stand.hands.latch("privacy", True)
    eventually(lambda: len(stand.operations.asked) == 4)
    time.sleep(0.2)
    assert stand.operations.operations == [Operation.BACKGROUND] * 4


# -- lights ----------------------------------------------------------------------------------------------------------


def test_the_lights_show_the_state(stand: Stand) -> None:
    def lit() -> set[str]:
        return {name for name in stand.panel.lights() if stand.panel.lit(name)}

    assert lit() == set()
    stand.panel.show("PUSHING", muted=False, on_air=True)
    eventually(lambda: lit() == {"status", "on-air", "green"}, 0.5)
    stand.panel.show("PUSHING", muted=True, on_air=True)
    eventually(lambda: lit() == {"status", "on-air", "green", "blue"}, 0.5)
    stand.panel.show("IDLE", muted=True, on_air=False)
    eventually(lambda: lit() == set(), 0.5)
    assert stand.hands.state()["lights"]["status"] is False


def test_a_failure_blinks_fast_while_every_operation_hangs(stand: Stand) -> None:
    stand.operations.hang = set(Operation)
    for button in ("start-stop", "pause", "camera", "snapshot"):
        stand.hands.press(button)
    stand.panel.show("FAILED", muted=False, on_air=False)
    eventually(lambda: stand.panel.lit("status"), 0.5)
    pin = stand.board.pin_factory().pin(ALL.light_status_pin)
    pin.clear_states()
    time.sleep(1.05)
    steps = [state.timestamp for state in pin.states[2:]]
    assert 6 <= len(steps) <= 11
    assert 0.09 < sorted(steps)[len(steps) // 2] < 0.14


def test_a_reconnect_does_not_restart_the_slow_blink(stand: Stand) -> None:
    stand.panel.show("CONNECTING", muted=False, on_air=False)
    time.sleep(0.3)
    stand.panel.show("RECONNECTING", muted=False, on_air=False)
    time.sleep(0.3)
    assert not stand.panel.lit("status")


def test_the_lamp(stand: Stand) -> None:
    assert stand.panel.set_torch(True)
    eventually(lambda: stand.panel.lit("torch"), 0.5)
    assert stand.panel.set_torch(False)
    eventually(lambda: not stand.panel.lit("torch"), 0.5)
    other = Stand(Settings())
    other.panel.start()
    assert not other.panel.set_torch(True)
    other.close()


def test_stopping_puts_the_lights_out_and_gives_the_pins_back(stand: Stand) -> None:
    stand.panel.show("PUSHING", muted=False, on_air=True)
    eventually(lambda: stand.panel.lit("on-air"), 0.5)
    worker = stand.panel.workers()[0]
    stand.panel.stop()
    assert not worker.alive
    assert not stand.board.pin_factory().pin(24).state
    assert not stand.panel.lit("on-air")
    again = Panel(ALL, stand.board.pin_factory(), stand.operations, EventBus())
    again.start()
    assert again.workers()
    again.stop()


# -- what is missing -------------------------------------------------------------------------------------------------


def test_a_missing_chip_is_said_and_stops_nothing() -> None:
    def missing() -> Any:
        raise HardwareMissing("the GPIO chip cannot be used")

    stand = Stand(factory=missing)
    stand.panel.start()
    assert stand.reasons() == ["the GPIO chip cannot be used"]
    stand.panel.show("PUSHING", muted=False, on_air=True)
    assert not stand.panel.lit("status")
    assert stand.panel.workers() == []
    stand.close()


def test_pins_given_twice_are_said_and_the_rest_works() -> None:
    stand = Stand(replace(Settings(), light_status_pin=17))
    stand.panel.start()
    (reason,) = stand.reasons()
    assert "button.start-stop.pin and light.status.pin" in str(reason)
    assert "start-stop" not in stand.panel.buttons()
    stand.hands.press("camera")
    eventually(lambda: stand.operations.operations == [Operation.SWITCH_CAMERA])
    with pytest.raises(ValueError, match=r"allowed: pause \(27\), camera \(22\)"):
        stand.hands.press("start-stop")
    stand.close()


def test_a_pin_that_cannot_be_had_is_named_and_the_rest_works() -> None:
    stand = Stand()
    first = Panel(
        replace(Settings(), button_pause_pin=0, button_camera_pin=0),
        stand.board.pin_factory(),
        stand.operations,
        EventBus(),
    )
    first.start()
    stand.panel.start()
    assert any("pin 17 (start-stop)" in str(reason) for reason in stand.reasons())
    stand.hands.press("camera")
    eventually(lambda: stand.operations.operations == [Operation.SWITCH_CAMERA])
    first.stop()
    stand.close()


def test_nothing_connected_is_no_failure() -> None:
    unconnected: dict[str, Any] = {n: 0 for n in vars(Settings()) if n.endswith("_pin")}
    stand = Stand(replace(Settings(), **unconnected))
    stand.panel.start()
    assert stand.events == []
    assert stand.panel.buttons() == {}
    stand.close()


def test_powering_off_goes_through_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    done = Actions(FakeOperations(), actions.power_off)
    done.do("shutdown", "shutdown")
    eventually(lambda: ran == [["systemctl", "poweroff"]])
    done.stop()
