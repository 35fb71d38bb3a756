"""The pure parts of the panel: wiring, gestures, light patterns."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.hardware.panel import lights
from appliance.hardware.panel.gestures import ButtonGestures, Debounce, Gesture
from appliance.hardware.panel.wiring import wiring
from appliance.settings.declaration import Settings

PRESS, HOLD = Gesture.PRESS, Gesture.HOLD


def play(button: ButtonGestures, edges: list[tuple[float, bool]], until_s: float) -> list[tuple[float, Gesture]]:
    """Feed a button as the panel does: at each edge, and whenever it asked to be looked at."""
    found, level, now = [], False, 0.0
    edges = sorted(edges)
    while now <= until_s:
        while edges and edges[0][0] <= now:
            level = edges.pop(0)[1]
        gesture = button.update(level, now)
        if gesture is not None:
            found.append((round(now, 3), gesture))
        following = min(edges[0][0] if edges else math.inf, button.due_s(), now + 1.0)
        now = following if following > now else now + 0.001
    return found


# -- gestures ------------------------------------------------------------------------------------------------------


def test_without_a_hold_gesture_a_press_counts_at_once() -> None:
    assert play(ButtonGestures(False, None), [(1.0, True), (3.0, False)], 5.0) == [(1.03, PRESS)]


def test_with_a_hold_gesture_a_press_counts_on_release() -> None:
    assert play(ButtonGestures(False, 1.5), [(1.0, True), (1.2, False)], 5.0) == [(1.23, PRESS)]


def test_a_hold_is_no_press_too() -> None:
    assert play(ButtonGestures(False, 1.5), [(1.0, True), (4.0, False)], 6.0) == [(2.5, HOLD)]


def test_just_short_of_a_hold_is_a_press() -> None:
    assert play(ButtonGestures(False, 1.5), [(1.0, True), (2.45, False)], 6.0) == [(2.48, PRESS)]


def test_a_button_held_at_boot_does_nothing_until_released() -> None:
    edges = [(0.0, True), (9.0, False), (10.0, True), (10.2, False)]
    assert play(ButtonGestures(True, 1.5), list(edges), 12.0) == [(10.23, PRESS)]
    assert play(ButtonGestures(True, None), list(edges), 12.0) == [(10.03, PRESS)]


def test_bouncing_contacts_are_one_press() -> None:
    bounces = [(1.0 + 0.004 * i, i % 2 == 0) for i in range(7)]
    releases = [(1.5 + 0.003 * i, i % 2 == 1) for i in range(5)]
    assert [g for _, g in play(ButtonGestures(False, None), bounces + releases, 3.0)] == [PRESS]
    assert [g for _, g in play(ButtonGestures(False, 1.5), bounces + releases, 3.0)] == [PRESS]


def test_a_spike_is_no_press() -> None:
    assert play(ButtonGestures(False, None), [(1.0, True), (1.005, False)], 3.0) == []


def test_edges_count_by_their_own_times_however_late() -> None:
    late = 9.0
    tap = [(1.0, True), (1.1, False)]
    assert ButtonGestures(False, None).follow(tap, False, late) == [PRESS]
    assert ButtonGestures(False, 1.5).follow(tap, False, late) == [PRESS]
    assert ButtonGestures(False, 1.5).follow([(1.0, True), (3.0, False)], False, late) == [HOLD]
    assert ButtonGestures(False, None).follow([*tap, (1.3, True), (1.4, False)], False, late) == [PRESS, PRESS]
    assert ButtonGestures(False, None).follow([(1.0, True), (1.01, False)], False, late) == []  # a spike, late or not
    assert ButtonGestures(True, None).follow([(1.0, False), (2.0, True), (2.1, False)], False, late) == [PRESS]


def test_a_lost_edge_costs_nothing() -> None:
    button = ButtonGestures(False, None)
    assert button.follow([], True, 1.0) == []
    assert button.follow([], True, 1.1) == [PRESS]
    assert button.follow([], False, 2.0) == []
    assert button.follow([(3.0, True)], False, 4.0) == [PRESS]


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=30), st.sampled_from([None, 0.3, 1.5]))
def test_gestures_are_never_more_than_settled_presses(edges: list[tuple[float, bool]], hold_s: float | None) -> None:
    settled = Debounce(False)
    presses, level, pending, now = 0, False, sorted(edges), 0.0
    while now <= 25:
        while pending and pending[0][0] <= now:
            level = pending.pop(0)[1]
        presses += settled.update(level, now) and settled.pressed
        following = min(pending[0][0] if pending else math.inf, settled.due_s(), now + 1.0)
        now = following if following > now else now + 0.001
    assert len(play(ButtonGestures(False, hold_s), list(edges), 25.0)) <= presses


# -- lights --------------------------------------------------------------------------------------------------------


def timeline(state: str, seconds: float, step_s: float = 0.05) -> str:
    """The status light every ``step_s``, looked at in the middle."""
    blinking = lights.pattern(state)
    return "".join("#" if lights.lit(blinking, (i + 0.5) * step_s) else "." for i in range(round(seconds / step_s)))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("IDLE", "." * 40),
        ("STOPPING", "." * 40),
        ("CONNECTING", "##########.........." * 2),
        ("RECONNECTING", "##########.........." * 2),
        ("PUSHING", "#" * 40),
        ("PAUSED", "###...###................." + "###...###....."),
        ("FAILED", "##.." * 10),
        ("something new", "##.." * 10),
    ],
)
def test_each_state_has_its_pattern(state: str, expected: str) -> None:
    assert timeline(state, 2.0) == expected


@given(st.sampled_from(sorted(lights.PATTERNS)), st.floats(0, 1e6))
def test_the_next_change_is_the_next_change(state: str, elapsed_s: float) -> None:
    blinking = lights.pattern(state)
    change_s = lights.next_change_s(blinking, elapsed_s)
    now = lights.lit(blinking, elapsed_s)
    if math.isinf(change_s):
        assert len(set(timeline(state, 3.0))) == 1
    else:
        assert 0 < change_s <= 1
        assume(change_s > 1e-6)  # nearer, half of it is less than a float of this size can tell
        assert lights.lit(blinking, elapsed_s + change_s * 0.5) is now
        assert lights.lit(blinking, elapsed_s + change_s + 1e-6) is not now


def test_colours_tell_states_apart() -> None:
    seen = [lights.colour(s, muted) for s, muted in (("CONNECTING", False), ("PUSHING", False), ("PUSHING", True))]
    seen += [lights.colour("PAUSED", False), lights.colour("FAILED", False)]
    assert len(set(seen)) == 5


# -- wiring --------------------------------------------------------------------------------------------------------


def test_out_of_the_box() -> None:
    found = wiring(Settings())
    assert {name: b.pin for name, b in found.buttons.items()} == {"start-stop": 17, "pause": 27, "camera": 22}
    assert (found.buttons["start-stop"].press, found.buttons["start-stop"].hold) == ("start", "stop")
    assert found.buttons["start-stop"].hold_s == 1.5
    assert found.lights == {"status": 23, "on-air": 24}
    assert found.switches == {}
    assert found.problems == ()


def test_one_pin_given_twice_is_used_by_neither() -> None:
    found = wiring(replace(Settings(), light_status_pin=17, privacy_switch_pin=5, torch_pin=6))
    assert "start-stop" not in found.buttons
    assert "status" not in found.lights
    assert found.switches == {"privacy": 5}
    assert found.lights["torch"] == 6
    (problem,) = found.problems
    assert "pin 17" in problem
    assert "button.start-stop.pin" in problem
    assert "light.status.pin" in problem


def test_the_shutdown_button_is_held_for_five_seconds() -> None:
    button = wiring(replace(Settings(), button_shutdown_pin=3)).buttons["shutdown"]
    assert (button.press, button.hold, button.hold_s) == ("none", "shutdown", 5.0)
