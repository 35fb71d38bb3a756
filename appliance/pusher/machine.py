"""The answers of the pusher's state machine: pure functions from context and input to the next context and actions.

:mod:`appliance.pusher.table` says which answer stands at which (state, input). An answer may look at the context, and
never at a device, a socket or a clock of its own. Inputs that cannot matter in a state (a report that arrives late, a
timer that was cancelled) are answered by :func:`ignore`, on purpose and by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from appliance import event_codes as codes
from appliance.errors import ServerRefused, VideoEncodeError, plain
from appliance.pusher import retry
from appliance.pusher.operations import Operation
from appliance.pusher.states import (
    Action,
    CancelTimer,
    Connect,
    Context,
    Disconnect,
    Emit,
    Happening,
    Hold,
    Input,
    NameWait,
    Redial,
    Reply,
    Resolve,
    SetTimer,
    State,
    Timer,
    Wait,
)

END_LIMIT_S = 0.9
"""A session that has not ended by then is left behind: ``stop`` is answered within 1 s (SPEC 2)."""


@dataclass(frozen=True, slots=True)
class Instant:
    """The clock and the chance of one step."""

    monotonic: float
    chance: float = 0.5


Step = tuple[Context, list[Action]]
Cell = Callable[[Context, Happening, Instant], Step]


# -- answers that change nothing -----------------------------------------------------------------------------


def ignore(context: Context, happening: Happening, at: Instant) -> Step:
    return context, []


def note(text: str) -> Cell:
    """Nothing to do, and the caller is told so."""

    def cell(context: Context, happening: Happening, at: Instant) -> Step:
        return context, [Reply(True, note=text)]

    return cell


def refuse(text: str) -> Cell:
    def cell(context: Context, happening: Happening, at: Instant) -> Step:
        return context, [Reply(False, text, refused=True)]

    return cell


def emit_error(happening: Happening, **details: object) -> list[Action]:
    error = happening.error
    return [] if error is None else [Emit(error.code, {"reason": error.reason, **error.details, **details})]


NOT_PUSHING = Reply(False, "nothing is being pushed; start first", refused=True)


def abandon_switch(context: Context) -> Context:
    """A switch that has not come about is taken back: the camera before it is the one in use."""
    return replace(context, position=context.switching_from or context.position, switching_from=None)


def settle_position(context: Context) -> Context:
    """Take over the position that the settings asked for while a switch could not be made."""
    return replace(context, position=context.wanted_position or context.position, wanted_position=None)


def not_pushing(context: Context, happening: Happening, at: Instant) -> Step:
    return context, [NOT_PUSHING]


# -- start and stop ------------------------------------------------------------------------------------------


def start(context: Context, happening: Happening, at: Instant) -> Step:
    unattended = happening.by == "autopush"
    holds = context.holds if unattended else context.holds - {Hold.OPERATOR}
    context = replace(
        context, state=State.CONNECTING, holds=holds, video=context.rules.enable_camera, connected=False,
        attempt=0, name_wait=None, error="", error_code=0, start_in_foreground=False,
        unattended_failures=context.unattended_failures if unattended else 0,
    )  # fmt: skip
    actions: list[Action] = [CancelTimer(Timer.RETRY), Wait()]
    if context.holds and context.rules.pause_limit_s:
        actions.append(SetTimer(Timer.PAUSE, context.rules.pause_limit_s))
    return context, actions + _connect_when_ready(context)


def _connect_when_ready(context: Context) -> list[Action]:
    # With a camera to open, the server is called when the camera has delivered: a stream that is announced and then
    # has no picture is worse for viewers than one that begins a moment later.
    return [] if context.video and not context.holds else [Connect()]


def stop(context: Context, happening: Happening, at: Instant) -> Step:
    return _end(context, f"by {happening.by}" if happening.by else "asked for", wait=True)


def wait_for_end(context: Context, happening: Happening, at: Instant) -> Step:
    """Stop while stopping: answered together with the first one."""
    return replace(context, start_in_foreground=False), [Wait()]


def _end(context: Context, reason: str, *, wait: bool = False, code: int = 0) -> Step:
    actions: list[Action] = [
        Emit(codes.PUSH_STOPPED, {"reason": reason}),
        *_cancel_all(),
        *_resolve_pending(reason, code),
        Disconnect(),
        SetTimer(Timer.END, END_LIMIT_S),
    ]
    context = replace(abandon_switch(context), state=State.STOPPING, error="", error_code=0)
    return context, [Wait(), *actions] if wait else actions


def _cancel_all() -> list[Action]:
    return [CancelTimer(timer) for timer in Timer]


def _resolve_pending(reason: str, code: int = 0) -> list[Action]:
    return [
        Resolve(Operation.START, False, f"the push ended before it began: {reason}", code),
        Resolve(Operation.SWITCH_CAMERA, False, f"the push ended: {reason}", code),
    ]


def stop_idle(context: Context, happening: Happening, at: Instant) -> Step:
    """Nothing to end; but a box that would begin again by itself does not any more."""
    return replace(context, start_in_foreground=False), [Reply(True, note="nothing was being pushed")]


def stop_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """Stop in FAILED: acknowledges the failure, and an unattended box stays stopped."""
    holds = context.holds - {Hold.OPERATOR}
    context = replace(context, state=State.IDLE, unattended_failures=0, holds=holds, error="", error_code=0)
    return context, [*_cancel_all(), Reply(True)]


def hold_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """Pause in FAILED: an unattended box that starts again does so with its camera shut."""
    return hold(context, happening, at) if context.rules.autopush else (context, [NOT_PUSHING])


def release_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """Resume in FAILED: the next start of an unattended box opens the camera."""
    return release(context, happening, at) if context.rules.autopush else (context, [NOT_PUSHING])


def ended(context: Context, happening: Happening, at: Instant) -> Step:
    context = replace(
        settle_position(context), state=State.IDLE, connected=False, holds=context.holds - {Hold.OPERATOR}
    )  # fmt: skip
    actions: list[Action] = [CancelTimer(Timer.END), Resolve(Operation.STOP, True)]
    if context.start_in_foreground and not context.holds:
        context, more = restart_unattended(context, happening, at)
        actions += more
    return context, actions


def fail(context: Context, reason: str, code: int, at: Instant) -> Step:
    """The push is over by a failure; an unattended box starts it again later, and a pause outlasts that: whoever shut
    the camera shall find it shut."""
    failures = context.unattended_failures + 1
    actions: list[Action] = [*_cancel_all(), *_resolve_pending(reason, code), Disconnect()]
    if context.rules.autopush:
        delay_s = retry.jittered(retry.unattended_delay_s(failures), at.chance)
        actions.append(SetTimer(Timer.RETRY, delay_s))
    context = replace(
        settle_position(abandon_switch(context)), state=State.FAILED, connected=False,
        unattended_failures=failures, error=reason, error_code=code,
        holds=context.holds if context.rules.autopush else context.holds - {Hold.OPERATOR},
    )  # fmt: skip
    return context, actions


def restart_unattended(context: Context, happening: Happening, at: Instant) -> Step:
    context, actions = start(context, replace(happening, by="autopush"), at)
    return context, [action for action in actions if not isinstance(action, Wait)]


# -- the connection ------------------------------------------------------------------------------------------


def published(context: Context, happening: Happening, at: Instant) -> Step:
    paused = bool(context.holds)
    context = replace(
        context, state=State.PAUSED if paused else State.PUSHING, connected=True, name_wait=None, error="", error_code=0
    )  # fmt: skip
    return context, [Resolve(Operation.START, True), SetTimer(Timer.STABLE, retry.STABLE_S)]


def stable(context: Context, happening: Happening, at: Instant) -> Step:
    return replace(context, attempt=0, unattended_failures=0), []


def lost(context: Context, happening: Happening, at: Instant) -> Step:
    """A connection could not be made, or broke: try again while the contract allows."""
    error = happening.error
    reason = plain(error) if error is not None else "the connection ended"
    code = error.code if error is not None else codes.SOCKET_BROKEN
    in_use = isinstance(error, ServerRefused) and error.name_in_use
    wait = (context.name_wait or NameWait(at.monotonic)).again() if in_use else None
    context = replace(context, error=reason, error_code=code, name_wait=wait)
    actions = [*emit_error(happening), CancelTimer(Timer.STABLE)]
    details: dict[str, object]
    if wait is not None and (left_s := round(wait.since_s + retry.NAME_IN_USE_LIMIT_S - at.monotonic)) > 0:
        turn = f"attempt {wait.refusals}; the stream name is in use and is waited for, up to {left_s} s more"
        details = {"attempt": wait.refusals, "name_in_use": True, "left_s": left_s, "turn": turn}
        return _retry(context, retry.NAME_IN_USE_DELAY_S, details, at, actions)
    unattended_again = context.rules.autopush and context.unattended_failures > 0
    delay_s = None if unattended_again else retry.reconnect_delay_s(context.attempt + 1)
    if delay_s is not None:
        attempt, attempts = context.attempt + 1, len(retry.RECONNECT_DELAYS_S)
        details = {"attempt": attempt, "attempts": attempts, "turn": f"attempt {attempt} of {attempts}"}
        return _retry(replace(context, attempt=attempt), delay_s, details, at, actions)
    if not unattended_again:
        # once an outage: the attempts of the hours that follow are visible by their own warnings
        actions.append(Emit(codes.NET_DISCONNECT, {"attempts": context.attempt, "reason": reason}))
    context, more = fail(context, reason, codes.NET_DISCONNECT, at)
    return context, actions + more


def _retry(context: Context, delay_s: float, details: Mapping[str, object], at: Instant, actions: list[Action]) -> Step:
    """Connect again later; ``details`` and the delay are told by 1102."""
    delay_s = round(retry.jittered(delay_s, at.chance), 2)
    actions = [*actions, Emit(codes.RECONNECT, {"delay_s": delay_s, **details}), SetTimer(Timer.RETRY, delay_s)]
    return replace(context, state=State.RECONNECTING), actions


def reconnect(context: Context, happening: Happening, at: Instant) -> Step:
    return context, [Connect()]


def redial(context: Context, happening: Happening, at: Instant) -> Step:
    return context, [Redial()]


def network_back_reconnecting(context: Context, happening: Happening, at: Instant) -> Step:
    """The attempt that was waited for is made now; one on its way since before is begun afresh."""
    return context, [Emit(codes.NETWORK_BACK), CancelTimer(Timer.RETRY), Redial(), Connect()]


def network_back_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """An unattended box starts again at once."""
    if not context.rules.autopush:
        return context, []
    context, actions = restart_unattended(context, happening, at)
    return context, [Emit(codes.NETWORK_BACK), *actions]


# -- pause and background ------------------------------------------------------------------------------------


def hold(context: Context, happening: Happening, at: Instant) -> Step:
    """Pause, or the background: the camera is released, the session goes on."""
    operator = happening.input is Input.PAUSE
    hold = Hold.OPERATOR if operator else Hold.BACKGROUND
    if hold in context.holds:
        return context, [Reply(True, note="paused already" if operator else "in the background already")]
    actions: list[Action] = [Emit(codes.PAUSED if operator else codes.HANDUP_STOP, {"by": happening.by}), Reply(True)]
    actions.append(Resolve(Operation.SWITCH_CAMERA, False, "the camera was released"))
    actions.append(Resolve(Operation.START_PREVIEW, False, "the camera was released"))
    if context.active and not context.holds and context.rules.pause_limit_s:
        actions.append(SetTimer(Timer.PAUSE, context.rules.pause_limit_s))
    if context.state is State.CONNECTING and not context.holds and context.video:
        actions.append(Connect())  # nobody waits for the camera any more
    state = State.PAUSED if context.state is State.PUSHING else context.state
    return replace(abandon_switch(context), state=state, holds=context.holds | {hold}), actions


def release(context: Context, happening: Happening, at: Instant) -> Step:
    """Resume, or the foreground."""
    operator = happening.input is Input.RESUME
    hold = Hold.OPERATOR if operator else Hold.BACKGROUND
    if hold not in context.holds:
        if operator and context.holds:
            return context, [Reply(False, "the box is in the background: only the foreground ends that", refused=True)]
        return context, [Reply(True, note="not paused" if operator else "not in the background")]
    holds = context.holds - {hold}
    actions: list[Action] = [Reply(True)]
    state = context.state
    if not holds:
        actions += [CancelTimer(Timer.PAUSE), Emit(codes.RESUMED, {"by": happening.by})]
        state = State.PUSHING if state is State.PAUSED else state
    context = replace(context, state=state, holds=holds)
    if not holds and context.start_in_foreground and state is State.IDLE:
        # the background outlasted the limit of a pause, and this box is to push for ever
        context, more = restart_unattended(context, happening, at)
        actions += more
    return context, actions


def pause_expired(context: Context, happening: Happening, at: Instant) -> Step:
    limit = Emit(codes.PAUSE_LIMIT, {"limit_s": context.rules.pause_limit_s})
    again = context.rules.autopush and Hold.BACKGROUND in context.holds
    context, actions = _end(context, "paused for too long")
    return replace(context, start_in_foreground=again), [limit, *actions]


# -- the rest ------------------------------------------------------------------------------------------------


def settings(context: Context, happening: Happening, at: Instant) -> Step:
    if happening.rules is None:
        return context, []
    was, context = context.rules, replace(context, rules=happening.rules)
    now = context.rules
    actions: list[Action] = []
    if context.active and context.holds and was.pause_limit_s != now.pause_limit_s:
        actions.append(SetTimer(Timer.PAUSE, now.pause_limit_s) if now.pause_limit_s else CancelTimer(Timer.PAUSE))
    if was.enable_camera and not now.enable_camera:
        actions += [
            Resolve(Operation.SWITCH_CAMERA, False, "enable-camera was turned off"),
            Resolve(Operation.START_PREVIEW, False, "enable-camera was turned off"),
        ]
        if context.state is State.CONNECTING and context.video:
            actions.append(Connect())  # nobody waits for the camera any more
        context = abandon_switch(context)
    if context.state is State.FAILED and was.autopush != now.autopush:
        again = SetTimer(Timer.RETRY, retry.jittered(retry.UNATTENDED_FIRST_S, at.chance))
        actions.append(again if now.autopush else CancelTimer(Timer.RETRY))
    return context, actions


def encoder_failed(context: Context, happening: Happening, at: Instant) -> Step:
    error = happening.error or VideoEncodeError("the video encoder failed")
    context, actions = fail(context, error.reason, error.code, at)
    return context, [*emit_error(happening), *actions]
