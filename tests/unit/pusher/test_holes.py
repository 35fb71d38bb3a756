"""Places where something once fell through: pauses, switches and positions across failures."""

from __future__ import annotations

from dataclasses import replace

from appliance.errors import CameraError, ConnectFailed
from appliance.pusher.operations import Operation
from appliance.pusher.states import (
    Action,
    Connect,
    Context,
    Happening,
    Hold,
    Input,
    Reply,
    Resolve,
    Rules,
    SetTimer,
    State,
    Timer,
    plan,
)
from tests.unit.pusher.test_table import LOST, PUSHING, drive

UNATTENDED = replace(PUSHING, rules=Rules(autopush=True))
FAILED_BACK = Happening(Input.CAMERA_FAILED, position="back", error=CameraError("unplugged"))


def resolved(actions: list[Action], operation: Operation) -> list[bool]:
    return [action.ok for action in actions if isinstance(action, Resolve) and action.operation is operation]


def outage(context: Context) -> Context:
    """All reconnects fail."""
    for _ in range(3):
        context, _ = drive(context, LOST, Input.RETRY_DUE)
    context, _ = drive(context, LOST)
    assert context.state is State.FAILED
    return context


def test_a_pause_outlasts_an_outage_of_an_unattended_push() -> None:
    context, _ = drive(UNATTENDED, Input.PAUSE)
    context = outage(context)
    context, actions = drive(context, Input.RETRY_DUE)
    assert context.state is State.CONNECTING
    assert plan(context).camera is None, "nobody said resume"
    assert Connect() in actions
    context, _ = drive(context, Input.PUBLISHED)
    assert context.state is State.PAUSED
    context, _ = drive(context, Input.RESUME)
    assert plan(context).camera == "front"


def test_an_unattended_box_can_be_paused_and_resumed_while_it_waits() -> None:
    context = outage(UNATTENDED)
    context, actions = drive(context, Input.PAUSE)
    assert [a.ok for a in actions if isinstance(a, Reply)] == [True]
    assert context.holds == {Hold.OPERATOR}
    context, _ = drive(context, Input.RESUME)
    assert not context.holds
    _, actions = drive(outage(PUSHING), Input.PAUSE)
    assert [a.ok for a in actions if isinstance(a, Reply)] == [False]


def test_a_commanded_start_ends_the_pause_of_the_push_before() -> None:
    context, _ = drive(outage(drive(UNATTENDED, Input.PAUSE)[0]), Input.START)
    assert plan(context).camera == "front"
    context, _ = drive(outage(drive(UNATTENDED, Input.PAUSE)[0]), Input.STOP)
    assert context.state is State.IDLE and not context.holds


def test_a_switch_that_was_answered_with_failure_is_taken_back() -> None:
    for end in (Input.PAUSE, Input.BACKGROUND, Input.STOP):
        context, actions = drive(PUSHING, Input.SWITCH_CAMERA, end)
        assert resolved(actions, Operation.SWITCH_CAMERA) == [False]
        assert (context.position, context.switching_from) == ("front", None)


def test_a_camera_turned_off_answers_who_waits_for_it() -> None:
    off = Happening(Input.SETTINGS, rules=Rules(enable_camera=False))
    context, actions = drive(PUSHING, Input.SWITCH_CAMERA, off)
    assert resolved(actions, Operation.SWITCH_CAMERA) == [False]
    assert (context.position, context.switching_from) == ("front", None)
    _, actions = drive(Context(), Input.START_PREVIEW, off)
    assert resolved(actions, Operation.START_PREVIEW) == [False]


def test_a_position_from_the_settings_is_never_lost() -> None:
    back = Happening(Input.WANT_POSITION, position="back")
    context, _ = drive(Context(), Input.START, back)
    assert context.position == "front"
    context, _ = drive(context, Happening(Input.CAMERA_READY, position="front"), Input.PUBLISHED)
    assert (context.position, context.switching_from) == ("back", "front")
    context, _ = drive(PUSHING, Input.STOP, back, Input.ENDED)
    assert context.position == "back"
    context, _ = drive(PUSHING, back)
    assert (context.position, context.switching_from) == ("back", "front")
    front = Happening(Input.WANT_POSITION, position="front")
    context, _ = drive(context, front, Happening(Input.CAMERA_READY, position="back"))
    assert (context.position, context.switching_from) == ("front", "back"), "asked for in the middle of a switch"


def test_the_foreground_while_the_push_is_just_ending() -> None:
    ending, _ = drive(UNATTENDED, Input.BACKGROUND, Input.PAUSE_EXPIRED)
    context, _ = drive(ending, Input.FOREGROUND, Input.ENDED)
    assert context.state is State.CONNECTING
    context, _ = drive(ending, Input.STOP, Input.FOREGROUND, Input.ENDED)
    assert context.state is State.IDLE


def test_a_preview_that_is_begun_again_is_another_plan() -> None:
    first, _ = drive(Context(), Input.START_PREVIEW)
    again, _ = drive(first, Input.STOP_PREVIEW, Input.START_PREVIEW)
    assert plan(first) != plan(again)


def test_a_push_that_begins_in_the_middle_of_a_failing_switch() -> None:
    context, _ = drive(Context(preview=True, rules=Rules(autopush=True)), Input.SWITCH_CAMERA, Input.START)
    context, actions = drive(context, FAILED_BACK)
    assert resolved(actions, Operation.SWITCH_CAMERA) == [False]
    assert context.position == "front" and Connect() in actions


def test_a_report_about_the_other_camera_ends_no_switch() -> None:
    context, actions = drive(PUSHING, Input.SWITCH_CAMERA, Happening(Input.CAMERA_READY, position="front"))
    assert resolved(actions, Operation.SWITCH_CAMERA) == []
    assert context.switching_from == "front"


def test_why_it_is_not_connected_is_known_until_it_is() -> None:
    context, _ = drive(PUSHING, Happening(Input.LOST, error=ConnectFailed("connection refused")))
    assert (context.error, context.error_code) == ("connection refused", 3002)
    context, _ = drive(context, Input.RETRY_DUE, Input.PUBLISHED)
    assert (context.error, context.error_code) == ("", 0)
    for states in ((LOST, Input.STOP, Input.ENDED), (LOST, Input.RETRY_DUE, LOST, Input.STOP)):
        context, _ = drive(PUSHING, *states)
        assert (context.error, context.error_code) == ("", 0), "whoever stops it knows"


def test_autopush_that_is_turned_on_after_a_failure_starts_again() -> None:
    failed = outage(PUSHING)
    _, actions = drive(failed, Happening(Input.SETTINGS, rules=Rules(autopush=True)))
    assert any(isinstance(a, SetTimer) and a.timer is Timer.RETRY for a in actions)
