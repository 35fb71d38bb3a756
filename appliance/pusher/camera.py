"""Answers of the state machine about cameras: opening, switching, preview and snapshot. Pure, as :mod:`machine` is."""

from __future__ import annotations

from dataclasses import replace

from appliance import event_codes as codes
from appliance.errors import plain
from appliance.pusher.machine import Instant, Step, abandon_switch, emit_error, fail
from appliance.pusher.operations import Operation
from appliance.pusher.states import (
    Action,
    Connect,
    Context,
    Emit,
    Happening,
    Hold,
    Reply,
    Resolve,
    TakeSnapshot,
    Wait,
)


def _concerns(context: Context, happening: Happening) -> bool:
    """Whether a report is about the camera that is wanted now, and not about one that was."""
    return happening.position in ("", context.position)


def camera_ready_connecting(context: Context, happening: Happening, at: Instant) -> Step:
    if not _concerns(context, happening):
        return context, []
    context, actions = camera_ready(context, happening, at)
    return context, [*actions, Connect()]


def camera_failed_connecting(context: Context, happening: Happening, at: Instant) -> Step:
    """A missing camera fails a commanded start; unattended, the push goes on with the waiting image (SPEC 3)."""
    if not _concerns(context, happening):
        return context, []
    if context.switching_from is not None:
        context, actions = camera_failed(context, happening, at)
        return context, [*actions, Connect()]
    if context.rules.autopush:
        return context, [*emit_error(happening, camera=happening.position), Connect()]
    reason = plain(happening.error) if happening.error is not None else "the camera failed"
    code = happening.error.code if happening.error is not None else codes.OPEN_CAMERA_FAIL
    context, actions = fail(context, reason, code, at)
    return context, [*emit_error(happening, camera=happening.position), *actions]


def camera_ready(context: Context, happening: Happening, at: Instant) -> Step:
    """The camera of the present position delivers; ends a switch and a wait for the preview."""
    if not _concerns(context, happening):
        return context, []
    actions: list[Action] = [
        Resolve(Operation.START_PREVIEW, True),
        Resolve(Operation.SWITCH_CAMERA, True, result={"camera": context.position}),
    ]
    context = replace(context, switching_from=None)
    wanted = context.wanted_position
    if wanted is not None and wanted != context.position and context.active:
        return replace(context, position=wanted, switching_from=context.position, wanted_position=None), actions
    return replace(context, wanted_position=None), actions


def camera_failed(context: Context, happening: Happening, at: Instant) -> Step:
    """A camera could not be opened. In a switch the old one goes on; a push goes on with the waiting image."""
    if not _concerns(context, happening):
        return context, []
    error = happening.error
    reason = plain(error) if error is not None else "the camera failed"
    code = error.code if error is not None else codes.OPEN_CAMERA_FAIL
    actions = emit_error(happening, camera=happening.position)
    actions.append(Resolve(Operation.SWITCH_CAMERA, False, reason, code))
    actions.append(Resolve(Operation.START_PREVIEW, False, reason, code))
    if context.switching_from is not None:
        return abandon_switch(context), actions
    return replace(context, preview=context.preview and context.active), actions


def want_position(context: Context, happening: Happening, at: Instant) -> Step:
    """The settings ask for a position while no switch can be made: remembered, and made as soon as it can."""
    return replace(context, wanted_position=happening.position or None), []


def switch_to_wanted(context: Context, happening: Happening, at: Instant) -> Step:
    """The settings ask for a position: nobody waits for the answer."""
    if context.switching_from is not None:
        return want_position(context, happening, at)
    context, actions = switch(context, happening, at)
    return context, [action for action in actions if not isinstance(action, Wait | Reply)]


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
    return replace(context, preview=True, preview_turn=context.preview_turn + 1), [
        event,
        Reply(True) if shown else Wait(),
    ]


def stop_preview(context: Context, happening: Happening, at: Instant) -> Step:
    if not context.preview:
        return context, [Reply(True, note="the preview is off already")]
    pending = Resolve(Operation.START_PREVIEW, False, "the preview was stopped")
    return replace(context, preview=False), [pending, Emit(codes.PREVIEW_STOPPED), Reply(True)]


def snapshot(context: Context, happening: Happening, at: Instant) -> Step:
    """The picture being pushed, or previewed; there is none in any other case."""
    if not (context.preview or (context.active and context.video)):
        what = "the push has no picture" if context.active else "there is no picture; start the push or the preview"
        return context, [Reply(False, what, refused=True)]
    return context, [TakeSnapshot(), Wait()]
