"""A change of network in every state."""

from __future__ import annotations

import pytest

from appliance import event_codes as codes
from appliance.errors import ConnectFailed
from appliance.pusher.machine import Instant
from appliance.pusher.states import (
    Action,
    CancelTimer,
    Connect,
    Context,
    Emit,
    Happening,
    Input,
    Redial,
    Rules,
    SetTimer,
    State,
    Timer,
)
from appliance.pusher.table import step

AT = Instant(100.0)
UNATTENDED = Rules(autopush=True)


def back(context: Context) -> tuple[Context, list[Action]]:
    return step(context, Happening(Input.NETWORK_BACK), AT)


def test_an_attempt_that_is_waited_for_is_made_at_once() -> None:
    lost = Happening(Input.LOST, error=ConnectFailed("unreachable"))
    waiting, actions = step(Context(state=State.PUSHING), lost, AT)
    assert any(isinstance(action, SetTimer) and action.timer is Timer.RETRY for action in actions)
    context, actions = back(waiting)
    assert actions == [Emit(codes.NETWORK_BACK), CancelTimer(Timer.RETRY), Redial(), Connect()]
    assert context == waiting, "it is the attempt that was announced, and not one more"


def test_an_unattended_box_that_failed_starts_at_once() -> None:
    failed = Context(state=State.FAILED, rules=UNATTENDED, unattended_failures=4)
    context, actions = back(failed)
    assert context.state is State.CONNECTING
    assert context.unattended_failures == 4
    assert CancelTimer(Timer.RETRY) in actions
    context, _ = step(context, Happening(Input.CAMERA_READY), AT)
    assert context.state is State.CONNECTING


def test_an_attempt_under_way_begins_afresh() -> None:
    assert back(Context(state=State.CONNECTING))[1] == [Redial()]


@pytest.mark.parametrize("state", [State.IDLE, State.PUSHING, State.PAUSED, State.STOPPING])
@pytest.mark.parametrize("rules", [Rules(), UNATTENDED])
def test_otherwise_nothing_changes(state: State, rules: Rules) -> None:
    context = Context(state=state, rules=rules)
    assert back(context) == (context, [])


def test_a_failure_that_somebody_attends_stays() -> None:
    context = Context(state=State.FAILED)
    assert back(context) == (context, [])
