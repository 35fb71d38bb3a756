"""The vocabulary of the state machine: states, inputs, context and what a step may ask for (SPEC 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from appliance.errors import LivePusherError
from appliance.pusher.operations import Operation


class State(StrEnum):
    IDLE = "IDLE"
    CONNECTING = "CONNECTING"
    PUSHING = "PUSHING"
    PAUSED = "PAUSED"
    RECONNECTING = "RECONNECTING"
    STOPPING = "STOPPING"
    FAILED = "FAILED"


class Input(StrEnum):
    """What can happen: an operation asked for, a report of a worker, or a timer that ran out."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    BACKGROUND = "background"
    FOREGROUND = "foreground"
    SWITCH_CAMERA = "switch camera"
    START_PREVIEW = "start preview"
    STOP_PREVIEW = "stop preview"
    WANT_POSITION = "device-position changed"
    SNAPSHOT = "snapshot"
    SETTINGS = "settings changed"

    CAMERA_READY = "camera ready"
    CAMERA_FAILED = "camera failed"
    ENCODER_FAILED = "video encoder failed"
    PUBLISHED = "published"
    LOST = "connection lost"
    ENDED = "connection ended"
    NETWORK_BACK = "network back"

    RETRY_DUE = "retry due"
    STABLE = "push is stable"
    PAUSE_EXPIRED = "pause expired"
    END_OVERDUE = "end overdue"


class Timer(StrEnum):
    """Timers of the machine; each has one input that it becomes."""

    RETRY = "retry"
    STABLE = "stable"
    PAUSE = "pause"
    END = "end"


TIMER_INPUT = {
    Timer.RETRY: Input.RETRY_DUE,
    Timer.STABLE: Input.STABLE,
    Timer.PAUSE: Input.PAUSE_EXPIRED,
    Timer.END: Input.END_OVERDUE,
}


class Hold(StrEnum):
    """Who keeps the camera shut."""

    OPERATOR = "operator"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that the machine decides by."""

    autopush: bool = False
    enable_camera: bool = True
    background_mute: bool = False
    pause_limit_s: int = 180


@dataclass(frozen=True, slots=True)
class NameWait:
    """The server says that the stream name is in use, as it does until it notices that our last session is dead: since
    when (monotonic seconds), and how often it has said so."""

    since_s: float
    refusals: int = 0

    def again(self) -> NameWait:
        """It says so once more."""
        return NameWait(self.since_s, self.refusals + 1)


@dataclass(frozen=True, slots=True)
class Context:
    """All that the machine knows. A step makes a new one."""

    state: State = State.IDLE
    rules: Rules = Rules()
    position: str = "front"
    wanted_position: str | None = None
    """What the settings ask for, while no switch can be made."""
    switching_from: str | None = None
    """The camera that goes on until the other one has delivered."""
    holds: frozenset[Hold] = frozenset()
    preview: bool = False
    preview_turn: int = 0
    """Counts the previews that were begun, so that each is reported on."""
    video: bool = True
    """Whether this push has a video track: false when it began with ``enable-camera`` off."""
    connected: bool = False
    """Whether the server has accepted the present push at least once."""
    attempt: int = 0
    """Reconnects since the push was last stable."""
    name_wait: NameWait | None = None
    """Not None while the name is waited for, which uses up no attempts."""
    unattended_failures: int = 0
    start_in_foreground: bool = False
    """The background ended an unattended push: it begins again when the background ends."""
    error: str = ""
    """Why the last push failed, or why it is not connected now, for people."""
    error_code: int = 0
    """The event that told it."""

    @property
    def active(self) -> bool:
        """Whether a push is on, connected or not."""
        return self.state in (State.CONNECTING, State.PUSHING, State.PAUSED, State.RECONNECTING)


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What the media side shall do; a pure function of the context, so that it can never get out of step.

    ``camera``: position of the camera to capture from, None: closed. ``sound``: whether to capture. ``encode``:
    whether a push is on; ``video``: whether it has pictures (the waiting image takes the place of a closed camera).
    """

    camera: str | None = None
    sound: bool = False
    encode: bool = False
    video: bool = True
    preview_turn: int = 0


def plan(context: Context) -> MediaPlan:
    """The media plan of a context."""
    if not context.active:
        held = Hold.BACKGROUND in context.holds or not context.rules.enable_camera
        camera = context.position if context.preview and not held and context.state is not State.STOPPING else None
        return MediaPlan(camera=camera, preview_turn=context.preview_turn)
    shut = bool(context.holds) or not context.rules.enable_camera or not context.video
    mute = bool(context.holds) and context.rules.background_mute
    return MediaPlan(
        camera=None if shut else context.position, sound=not mute, encode=True, video=context.video,
        preview_turn=context.preview_turn,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happening:
    """An input with what came along: who asked, the error reported, the camera it is about."""

    input: Input
    by: str = ""
    error: LivePusherError | None = None
    position: str = ""
    rules: Rules | None = None


# -- what a step asks for ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Emit:
    """Raise an event."""

    code: int
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the caller of this input."""

    ok: bool
    reason: str = ""
    code: int = 0
    refused: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Answer everybody who waits for ``operation``."""

    operation: Operation
    ok: bool
    reason: str = ""
    code: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """The caller of this input is answered later, by a :class:`Resolve`."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a session to the server."""


@dataclass(frozen=True, slots=True)
class Redial:
    """Begin an attempt afresh that has not reached the server yet: it began on another network."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the session: announce the end where the push was accepted, cancel everything else."""


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Save the present picture; the outcome resolves :attr:`Operation.SNAPSHOT`."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Have a timer run out in ``delay_s`` seconds; replaces a running one."""

    timer: Timer
    delay_s: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    timer: Timer


Action = Emit | Reply | Resolve | Wait | Connect | Redial | Disconnect | TakeSnapshot | SetTimer | CancelTimer
