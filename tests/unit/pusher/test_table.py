"""The state machine: total, and right in the ways that people notice."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import event_codes as codes
from appliance.errors import CameraError, ConnectFailed, ServerRefused, VideoEncodeError
from appliance.pusher import retry
from appliance.pusher.machine import Instant
from appliance.pusher.operations import Operation
from appliance.pusher.states import (
    Action,
    Connect,
    Context,
    Disconnect,
    Emit,
    Happening,
    Hold,
    Input,
    MediaPlan,
    NameWait,
    Reply,
    Resolve,
    Rules,
    SetTimer,
    State,
    Timer,
    Wait,
    plan,
)
from appliance.pusher.table import TABLE, step

AT = Instant(100.0, 0.5)

OPERATIONS = {
    Input.START, Input.STOP, Input.PAUSE, Input.RESUME, Input.BACKGROUND, Input.FOREGROUND, Input.SWITCH_CAMERA,
    Input.START_PREVIEW, Input.STOP_PREVIEW, Input.SNAPSHOT,
}  # fmt: skip


def drive(context: Context, *happenings: Input | Happening, at: Instant = AT) -> tuple[Context, list[Action]]:
    """Feed inputs one after the other; the last context and all actions."""
    done: list[Action] = []
    for happening in happenings:
        happening = happening if isinstance(happening, Happening) else Happening(happening, by="a test")
        context, actions = step(context, happening, at)
        done += actions
    return context, done


def emitted(actions: list[Action]) -> list[int]:
    return [action.code for action in actions if isinstance(action, Emit)]


def reconnects(actions: list[Action]) -> list[dict[str, object]]:
    return [dict(action.details) for action in actions if isinstance(action, Emit) and action.code == codes.RECONNECT]


def timer(actions: list[Action], which: Timer) -> float:
    return [a.delay_s for a in actions if isinstance(a, SetTimer) and a.timer is which][-1]


PUSHING = Context(state=State.PUSHING, connected=True)
LOST = Happening(Input.LOST, error=ConnectFailed("connection refused"))


def test_every_state_and_input_has_an_answer() -> None:
    assert set(TABLE) == set(itertools.product(State, Input))


contexts = st.builds(
    Context,
    state=st.sampled_from(State),
    rules=st.builds(Rules, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 180])),
    position=st.sampled_from(["front", "back"]),
    switching_from=st.sampled_from([None, "front", "back"]),
    holds=st.frozensets(st.sampled_from(Hold)),
    preview=st.booleans(),
    video=st.booleans(),
    attempt=st.integers(0, 3),
    name_wait=st.sampled_from([None, NameWait(-20.0, 24), NameWait(99.0, 1)]),
    unattended_failures=st.integers(0, 100),
)
errors = st.sampled_from(
    [None, CameraError("gone"), ConnectFailed("refused"), ServerRefused("in use", "NetStream.Publish.BadName")]
)


@given(contexts, st.sampled_from(Input), errors, st.sampled_from(["", "front", "back"]))
def test_every_answer_can_be_carried_out(context: Context, kind: Input, error: Exception | None, where: str) -> None:
    after, actions = step(context, Happening(kind, by="x", error=error, position=where), AT)  # type: ignore[arg-type]
    answers = [a for a in actions if isinstance(a, Reply | Wait)]
    assert len(answers) == (1 if kind in OPERATIONS else len(answers))
    assert all(a.delay_s > 0 for a in actions if isinstance(a, SetTimer))
    for action in actions:
        if isinstance(action, Emit):
            assert codes.TABLE[action.code].text.format_map(
                {**dict.fromkeys(_fields(action.code), 1), **action.details}
            )
    # a camera is never captured from while it is held shut
    if after.holds and after.active:
        assert plan(after).camera is None
    if after.state in (State.IDLE, State.FAILED, State.STOPPING):
        assert not plan(after).encode


def _fields(code: int) -> list[str]:
    import string

    return [name for _, name, _, _ in string.Formatter().parse(codes.TABLE[code].text) if name]


def test_a_start_opens_the_camera_then_calls_the_server() -> None:
    context, actions = drive(Context(), Input.START)
    assert context.state is State.CONNECTING
    assert plan(context) == MediaPlan(camera="front", sound=True, encode=True)
    assert Connect() not in actions
    context, actions = drive(context, Input.CAMERA_READY)
    assert Connect() in actions
    context, actions = drive(context, Input.PUBLISHED)
    assert context.state is State.PUSHING
    assert Resolve(Operation.START, True) in actions


def test_a_missing_camera_fails_a_commanded_start_but_not_an_unattended_one() -> None:
    failed = Happening(Input.CAMERA_FAILED, position="front", error=CameraError("unplugged"))
    context, actions = drive(Context(), Input.START, failed)
    assert context.state is State.FAILED
    assert codes.OPEN_CAMERA_FAIL in emitted(actions)
    assert Resolve(Operation.START, False, "unplugged", -1301) in actions or any(
        isinstance(a, Resolve) and a.operation is Operation.START and not a.ok and a.code == -1301 for a in actions
    )
    context, actions = drive(Context(rules=Rules(autopush=True)), Input.START, failed)
    assert context.state is State.CONNECTING
    assert Connect() in actions
    assert codes.OPEN_CAMERA_FAIL in emitted(actions)


def test_without_camera_the_push_is_sound_only() -> None:
    context, actions = drive(Context(rules=Rules(enable_camera=False)), Input.START)
    assert Connect() in actions
    assert plan(context) == MediaPlan(camera=None, sound=True, encode=True, video=False)


def test_three_reconnects_then_given_up() -> None:
    context, delays, events = PUSHING, [], []
    for _ in range(3):
        context, actions = drive(context, LOST)
        assert context.state is State.RECONNECTING
        delays.append(timer(actions, Timer.RETRY))
        events += emitted(actions)
        context, actions = drive(context, Input.RETRY_DUE)
        assert Connect() in actions
    assert delays == [1.0, 2.0, 4.0]
    assert events == [3002, 1102] * 3
    context, actions = drive(context, LOST)
    assert context.state is State.FAILED
    assert emitted(actions) == [3002, -1307]
    assert not any(isinstance(a, SetTimer) for a in actions)


def test_a_push_that_was_stable_has_all_its_attempts_again() -> None:
    context, _ = drive(PUSHING, LOST, Input.RETRY_DUE, LOST, Input.RETRY_DUE, Input.PUBLISHED, Input.STABLE)
    assert context.attempt == 0
    context, _ = drive(PUSHING, LOST, Input.RETRY_DUE, Input.PUBLISHED, LOST)
    assert context.attempt == 2


def test_an_unattended_box_never_gives_up() -> None:
    context = replace(PUSHING, rules=Rules(autopush=True))
    for _ in range(3):
        context, _ = drive(context, LOST, Input.RETRY_DUE)
    delays: list[float] = []
    given_up = 0
    for _ in range(20):
        context, actions = drive(context, LOST)
        assert context.state is State.FAILED
        given_up += emitted(actions).count(-1307)
        delays.append(timer(actions, Timer.RETRY))
        context, actions = drive(context, Input.RETRY_DUE)
        assert context.state is State.CONNECTING
        context, actions = drive(context, Input.CAMERA_READY)
        assert Connect() in actions
    assert delays[:5] == [5.0, 10.0, 20.0, 40.0, 60.0]
    assert max(delays) <= retry.UNATTENDED_LAST_S
    assert given_up == 1
    context, _ = drive(context, Input.PUBLISHED, Input.STABLE)
    assert context.unattended_failures == 0


def test_a_stopped_unattended_box_stays_stopped() -> None:
    context = Context(state=State.FAILED, rules=Rules(autopush=True), unattended_failures=2)
    context, actions = drive(context, Input.STOP)
    assert context.state is State.IDLE
    context, actions = drive(context, Input.RETRY_DUE)
    assert context.state is State.IDLE
    assert actions == []


def test_a_name_in_use_is_waited_out_without_using_up_attempts() -> None:
    in_use = Happening(Input.LOST, error=ServerRefused("name in use", "NetStream.Publish.BadName"))
    context = PUSHING
    for number, second in enumerate(range(0, 120, 5), 1):
        context, actions = drive(context, in_use, at=Instant(float(second)))
        assert context.state is State.RECONNECTING
        assert context.attempt == 0
        assert timer(actions, Timer.RETRY) == retry.NAME_IN_USE_DELAY_S
        left_s = 120 - second
        turn = f"attempt {number}; the stream name is in use and is waited for, up to {left_s} s more"
        told = {"delay_s": 5.0, "attempt": number, "name_in_use": True, "left_s": left_s, "turn": turn}
        assert reconnects(actions) == [told]
    for number in (1, 2, 3):
        context, actions = drive(context, in_use, at=Instant(115.0 + 5 * number))
        told = {"delay_s": 2.0 ** (number - 1), "attempt": number, "attempts": 3, "turn": f"attempt {number} of 3"}
        assert reconnects(actions) == [told], "from then on it is a failure like others"
    context, actions = drive(context, in_use, at=Instant(140.0))
    assert context.state is State.FAILED


def test_a_name_that_is_taken_after_another_failure_is_waited_for_anew() -> None:
    in_use = Happening(Input.LOST, error=ServerRefused("name in use", "NetStream.Publish.BadName"))
    context, _ = drive(PUSHING, in_use, in_use, at=Instant(0.0))
    assert context.name_wait == NameWait(0.0, 2)
    context, _ = drive(context, LOST, at=Instant(60.0))
    assert (context.name_wait, context.attempt) == (None, 1)
    context, _ = drive(context, in_use, at=Instant(100.0))
    assert context.name_wait == NameWait(100.0, 1)
    context, _ = drive(context, Input.PUBLISHED)
    assert context.name_wait is None


def test_stop_cancels_everything_and_answers_when_the_session_ended() -> None:
    for context in (
        Context(state=State.CONNECTING), PUSHING, Context(state=State.PAUSED, holds=frozenset({Hold.OPERATOR})),
        Context(state=State.RECONNECTING),
    ):  # fmt: skip
        context, actions = drive(context, Input.STOP)
        assert context.state is State.STOPPING
        assert Disconnect() in actions and Wait() in actions
        assert timer(actions, Timer.END) < 1.0
        for end in (Input.ENDED, Input.END_OVERDUE):
            idle, after = drive(context, end)
            assert idle.state is State.IDLE
            assert Resolve(Operation.STOP, True) in after


def test_pause_releases_the_camera_and_keeps_the_session() -> None:
    context, actions = drive(PUSHING, Input.PAUSE)
    assert context.state is State.PAUSED
    assert plan(context) == MediaPlan(camera=None, sound=True, encode=True)
    assert timer(actions, Timer.PAUSE) == 180
    assert Disconnect() not in actions
    context, actions = drive(context, Input.RESUME)
    assert context.state is State.PUSHING
    assert plan(context).camera == "front"


def test_background_mute_stops_capture() -> None:
    context, actions = drive(replace(PUSHING, rules=Rules(background_mute=True)), Input.BACKGROUND)
    assert codes.HANDUP_STOP in emitted(actions)
    assert plan(context).sound is False


def test_the_background_is_not_ended_by_resume() -> None:
    context, _ = drive(PUSHING, Input.PAUSE, Input.BACKGROUND)
    context, actions = drive(context, Input.RESUME)
    assert context.state is State.PAUSED
    context, actions = drive(context, Input.RESUME)
    assert [a.ok for a in actions if isinstance(a, Reply)] == [False]
    context, _ = drive(context, Input.FOREGROUND)
    assert context.state is State.PUSHING


def test_a_pause_outlives_a_reconnect() -> None:
    context, _ = drive(PUSHING, Input.PAUSE, LOST, Input.RETRY_DUE, Input.PUBLISHED)
    assert context.state is State.PAUSED


def test_a_pause_that_is_too_long_ends_the_push() -> None:
    context, actions = drive(PUSHING, Input.PAUSE, Input.PAUSE_EXPIRED)
    assert context.state is State.STOPPING
    assert {codes.PAUSE_LIMIT, codes.PUSH_STOPPED} <= set(emitted(actions))
    context, _ = drive(context, Input.ENDED)
    assert context.state is State.IDLE and not context.holds


def test_a_failed_switch_leaves_the_old_camera() -> None:
    context, actions = drive(PUSHING, Input.SWITCH_CAMERA)
    assert plan(context).camera == "back" and Wait() in actions
    failed = Happening(Input.CAMERA_FAILED, position="back", error=CameraError("unplugged"))
    context, actions = drive(context, failed)
    assert plan(context).camera == "front"
    assert context.state is State.PUSHING
    assert codes.OPEN_CAMERA_FAIL in emitted(actions)
    assert any(isinstance(a, Resolve) and a.operation is Operation.SWITCH_CAMERA and not a.ok for a in actions)


def test_a_second_switch_waits_for_the_first() -> None:
    context, _ = drive(PUSHING, Input.SWITCH_CAMERA)
    context, actions = drive(context, Input.SWITCH_CAMERA)
    assert [a.ok for a in actions if isinstance(a, Reply)] == [False]
    context, actions = drive(context, Happening(Input.CAMERA_READY, position="back"))
    assert context.position == "back" and context.switching_from is None


def test_a_video_encoder_that_cannot_be_restarted_fails_the_push() -> None:
    context, actions = drive(PUSHING, Happening(Input.ENCODER_FAILED, error=VideoEncodeError("broken")))
    assert context.state is State.FAILED
    assert codes.VIDEO_ENCODE_FAIL in emitted(actions)
    assert Disconnect() in actions


@pytest.mark.parametrize(("attempt", "chance", "delay"), [(1, 0.5, 1.0), (2, 0.0, 1.8), (3, 1.0, 4.4)])
def test_jitter(attempt: int, chance: float, delay: float) -> None:
    base = retry.reconnect_delay_s(attempt)
    assert base is not None
    assert retry.jittered(base, chance) == pytest.approx(delay)


def test_an_unattended_box_pushes_again_when_a_long_background_ends() -> None:
    context, _ = drive(replace(PUSHING, rules=Rules(autopush=True)), Input.BACKGROUND, Input.PAUSE_EXPIRED, Input.ENDED)
    assert context.state is State.IDLE
    context, _ = drive(context, Input.FOREGROUND)
    assert context.state is State.CONNECTING
    assert plan(context).camera == "front"
    # a commanded push is not begun again by itself, and neither is one that was stopped meanwhile
    context, _ = drive(PUSHING, Input.BACKGROUND, Input.PAUSE_EXPIRED, Input.ENDED, Input.FOREGROUND)
    assert context.state is State.IDLE
    context, _ = drive(
        replace(PUSHING, rules=Rules(autopush=True)),
        Input.BACKGROUND, Input.PAUSE_EXPIRED, Input.ENDED, Input.STOP, Input.FOREGROUND,
    )  # fmt: skip
    assert context.state is State.IDLE
