"""The answers of the pusher's state machine: pure functions from context and input to the next context and actions.

:mod:`appliance.pusher.table` says which answer stands at which (state, input). An answer may look at the context, and
never at a device, a socket or a clock of its own. Inputs that cannot matter in a state (a report that arrives late, a
timer that was cancelled) are answered by :func:`ignore`, on purpose and by name.
"""

from __future__ import annotations

from collections.abc import Callable
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
    Redial,
    Reply,
    Resolve,
    SetTimer,
    State,
    TakeSnapshot,
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


def _emit_error(happening: Happening, **details: object) -> list[Action]:
    error = happening.error
    return [] if error is None else [Emit(error.code, {"reason": error.reason, **error.details, **details})]


# -- start and stop ------------------------------------------------------------------------------------------


def start(context: Context, happening: Happening, at: Instant) -> Step:
    context = replace(
        context, state=State.CONNECTING, video=context.rules.enable_camera, connected=False, camera_missing=False,
        attempt=0, name_in_use_since=None, error="", start_in_foreground=False,
        unattended_failures=context.unattended_failures if happening.by == "autopush" else 0,
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
    return context, [Wait()]


def _end(context: Context, reason: str, *, wait: bool = False, code: int = 0) -> Step:
    actions: list[Action] = [
        Emit(codes.PUSH_STOPPED, {"reason": reason}),
        *_cancel_all(),
        *_resolve_pending(reason, code),
        Disconnect(),
        SetTimer(Timer.END, END_LIMIT_S),
    ]
    return replace(context, state=State.STOPPING, switching_from=None), [Wait(), *actions] if wait else actions


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
    return replace(context, state=State.IDLE, unattended_failures=0), [*_cancel_all(), Reply(True)]


def ended(context: Context, happening: Happening, at: Instant) -> Step:
    context = replace(context, state=State.IDLE, connected=False, holds=context.holds - {Hold.OPERATOR})
    return context, [CancelTimer(Timer.END), Resolve(Operation.STOP, True)]


def _fail(context: Context, reason: str, code: int, at: Instant) -> Step:
    """The push is over by a failure; an unattended box starts it again later."""
    failures = context.unattended_failures + 1
    actions: list[Action] = [*_cancel_all(), *_resolve_pending(reason, code), Disconnect()]
    if context.rules.autopush:
        delay_s = retry.jittered(retry.unattended_delay_s(failures), at.chance)
        actions.append(SetTimer(Timer.RETRY, delay_s))
    context = replace(
        context, state=State.FAILED, connected=False, switching_from=None, unattended_failures=failures, error=reason,
        holds=context.holds - {Hold.OPERATOR},
    )  # fmt: skip
    return context, actions


def restart_unattended(context: Context, happening: Happening, at: Instant) -> Step:
    context, actions = start(context, replace(happening, by="autopush"), at)
    return context, [action for action in actions if not isinstance(action, Wait)]


# -- the connection ------------------------------------------------------------------------------------------


def published(context: Context, happening: Happening, at: Instant) -> Step:
    paused = bool(context.holds)
    context = replace(
        context, state=State.PAUSED if paused else State.PUSHING, connected=True, name_in_use_since=None
    )  # fmt: skip
    return context, [Resolve(Operation.START, True), SetTimer(Timer.STABLE, retry.STABLE_S)]


def stable(context: Context, happening: Happening, at: Instant) -> Step:
    return replace(context, attempt=0, unattended_failures=0), []


def lost(context: Context, happening: Happening, at: Instant) -> Step:
    """A connection could not be made, or broke: try again while the contract allows."""
    error = happening.error
    reason = plain(error) if error is not None else "the connection ended"
    actions = [*_emit_error(happening), CancelTimer(Timer.STABLE)]
    if isinstance(error, ServerRefused) and error.name_in_use:
        since = context.name_in_use_since if context.name_in_use_since is not None else at.monotonic
        if at.monotonic - since < retry.NAME_IN_USE_LIMIT_S:
            waiting = replace(context, name_in_use_since=since)
            return _retry(waiting, retry.NAME_IN_USE_DELAY_S, max(1, context.attempt), at, actions)
    else:
        context = replace(context, name_in_use_since=None)
    unattended_again = context.rules.autopush and context.unattended_failures > 0
    delay_s = None if unattended_again else retry.reconnect_delay_s(context.attempt + 1)
    if delay_s is not None:
        return _retry(replace(context, attempt=context.attempt + 1), delay_s, context.attempt + 1, at, actions)
    if not unattended_again:
        # once an outage: the attempts of the hours that follow are visible by their own warnings
        actions.append(Emit(codes.NET_DISCONNECT, {"attempts": context.attempt, "reason": reason}))
    context, more = _fail(context, reason, codes.NET_DISCONNECT, at)
    return context, actions + more


def _retry(context: Context, delay_s: float, attempt: int, at: Instant, actions: list[Action]) -> Step:
    delay_s = round(retry.jittered(delay_s, at.chance), 2)
    details = {"delay_s": delay_s, "attempt": attempt, "attempts": len(retry.RECONNECT_DELAYS_S)}
    actions = [*actions, Emit(codes.RECONNECT, details), SetTimer(Timer.RETRY, delay_s)]
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


# -- the camera ----------------------------------------------------------------------------------------------


def camera_ready_connecting(context: Context, happening: Happening, at: Instant) -> Step:
    context, actions = camera_ready(context, happening, at)
    return context, [*actions, Connect()]


def camera_failed_connecting(context: Context, happening: Happening, at: Instant) -> Step:
    """A missing camera fails a commanded start; unattended, the push goes on with the waiting image (SPEC 3)."""
    if context.rules.autopush:
        return replace(context, camera_missing=True), [*_emit_error(happening, camera=happening.position), Connect()]
    reason = plain(happening.error) if happening.error is not None else "the camera failed"
    code = happening.error.code if happening.error is not None else codes.OPEN_CAMERA_FAIL
    context, actions = _fail(context, reason, code, at)
    return context, [*_emit_error(happening, camera=happening.position), *actions]


def camera_ready(context: Context, happening: Happening, at: Instant) -> Step:
    """The camera of the present position delivers; ends a switch and a wait for the preview."""
    actions: list[Action] = [
        Resolve(Operation.START_PREVIEW, True),
        Resolve(Operation.SWITCH_CAMERA, True, result={"camera": context.position}),
    ]
    return replace(context, switching_from=None, camera_missing=False), actions


def camera_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """A camera could not be opened. In a switch the old one goes on; a push goes on with the waiting image."""
    error = happening.error
    reason = plain(error) if error is not None else "the camera failed"
    code = error.code if error is not None else codes.OPEN_CAMERA_FAIL
    actions = _emit_error(happening, camera=happening.position)
    actions.append(Resolve(Operation.SWITCH_CAMERA, False, reason, code))
    actions.append(Resolve(Operation.START_PREVIEW, False, reason, code))
    if context.switching_from is not None:
        return replace(context, position=context.switching_from, switching_from=None), actions
    return replace(context, preview=context.preview and context.active), actions


def switch(context: Context, happening: Happening, at: Instant) -> Step:
    """Swap front and back. Where a camera is open, the answer comes with the new one's first picture."""
    if context.switching_from is not None:
        return context, [Reply(False, "a switch of cameras is under way", refused=True)]
    other = happening.position or ("back" if context.position == "front" else "front")
    if other == context.position:
        return context, [Reply(True, note=f"the {other} camera is in use already")]
    open_now = not context.holds and context.rules.enable_camera and (
        context.preview or (context.active and context.video)
    )  # fmt: skip
    if not open_now:
        return replace(context, position=other), [Reply(True, note="takes effect when the camera opens")]
    return replace(context, position=other, switching_from=context.position), [Wait()]


def start_preview(context: Context, happening: Happening, at: Instant) -> Step:
    if context.preview:
        return context, [Reply(True, note="the preview is on already")]
    if Hold.BACKGROUND in context.holds:
        return context, [Reply(False, "the box is in the background: its camera stays shut", refused=True)]
    if not context.rules.enable_camera:
        return context, [Reply(False, "enable-camera is off", refused=True)]
    shown = context.active
    event = Emit(codes.PREVIEW_STARTED)
    return replace(context, preview=True), [event, Reply(True) if shown else Wait()]


def stop_preview(context: Context, happening: Happening, at: Instant) -> Step:
    if not context.preview:
        return context, [Reply(True, note="the preview is off already")]
    pending = Resolve(Operation.START_PREVIEW, False, "the preview was stopped")
    return replace(context, preview=False), [pending, Emit(codes.PREVIEW_STOPPED), Reply(True)]


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
    return replace(context, state=state, holds=context.holds | {hold}, switching_from=None), actions


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
        context, more = start(context, replace(happening, by="autopush"), at)
        actions += [action for action in more if not isinstance(action, Wait)]
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
    actions: list[Action] = []
    if context.active and context.holds and was.pause_limit_s != context.rules.pause_limit_s:
        limit = context.rules.pause_limit_s
        actions.append(SetTimer(Timer.PAUSE, limit) if limit else CancelTimer(Timer.PAUSE))
    if context.state is State.CONNECTING and context.video and was.enable_camera and not context.rules.enable_camera:
        actions.append(Connect())
    if context.state is State.FAILED and was.autopush and not context.rules.autopush:
        actions.append(CancelTimer(Timer.RETRY))
    return context, actions


def encoder_failed(context: Context, happening: Happening, at: Instant) -> Step:
    error = happening.error or VideoEncodeError("the video encoder failed")
    context, actions = _fail(context, error.reason, error.code, at)
    return context, [*_emit_error(happening), *actions]


def snapshot(context: Context, happening: Happening, at: Instant) -> Step:
    """The picture being pushed, or previewed; there is none in any other case."""
    if not (context.preview or (context.active and context.video)):
        what = "the push has no picture" if context.active else "there is no picture; start the push or the preview"
        return context, [Reply(False, what, refused=True)]
    return context, [TakeSnapshot(), Wait()]
