"""What cameras, microphones and encoders report: told to people as events, and to the pusher as happenings."""

from __future__ import annotations

from typing import Protocol

from appliance import event_codes as codes
from appliance.errors import AudioEncodeError, HardwareEncoderError, LivePusherError
from appliance.events import EventBus
from appliance.media.sources import VideoSpec
from appliance.pusher.states import Happening, Input


class Reported(Protocol):
    """What hears of happenings: the pusher."""

    def __call__(self, happening: Happening) -> None: ...


class MediaReports:
    """Fulfils the pipelines' report protocols. Called in their threads; returns at once."""

    def __init__(self, events: EventBus, report: Reported) -> None:
        self._events = events
        self._report = report
        self._first_frame = True
        self._position: str | None = None
        self._camera_works = False
        self._microphone_failed = False
        self.errors: dict[str, str] = {}
        """What is wrong now, by part, for the status."""
        self.without_effect: dict[str, tuple[str, str]] = {}
        """Settings that the camera cannot follow, with the camera and the reason."""

    def push_begins(self) -> None:
        """The next picture is the first one of a push."""
        self._first_frame = True
        self._camera_works = self._microphone_failed = False
        self.errors.clear()

    def push_ends(self) -> None:
        """What was wrong with the push is over with it."""
        self.errors.clear()

    # -- cameras -------------------------------------------------------------------------------------------

    def camera_ready(self, position: str, name: str, again: bool) -> None:
        self._camera_works = True
        self.errors.pop("camera", None)
        self.without_effect.clear()
        if again:
            self._events.emit(codes.CAMERA_BACK, camera=name, position=position)
        else:
            self._events.emit(codes.OPEN_CAMERA_SUCC, camera=name, position=position)
        if self._first_frame:
            self._first_frame = False
            self._events.emit(codes.FIRST_FRAME_AVAILABLE, camera=name, position=position)
        if self._position is not None and self._position != position:
            self._events.emit(codes.CAMERA_SWITCHED, position=position, camera=name)
        self._position = position
        self._report(Happening(Input.CAMERA_READY, position=position))

    def camera_failed(self, position: str, error: LivePusherError) -> None:
        if not self._camera_works or position == self._position:  # else the one before it goes on, and nothing is wrong
            self.errors["camera"] = error.reason
        self._report(Happening(Input.CAMERA_FAILED, position=position, error=error))

    def camera_lost(self, position: str, name: str, error: LivePusherError) -> None:
        self._camera_works = False
        self.errors["camera"] = error.reason
        self._events.emit(codes.CAMERA_REMOVED, camera=name, position=position, reason=error.reason)

    def size_changed(self, now: tuple[int, int], was: tuple[int, int]) -> None:
        self._events.emit(
            codes.CHANGE_RESOLUTION, width=now[0], height=now[1], was_width=was[0], was_height=was[1]
        )  # fmt: skip

    def no_effect(self, setting: str, camera: str, reason: str) -> None:
        if self.without_effect.get(setting) != (camera, reason):
            self.without_effect[setting] = (camera, reason)
            self._events.emit(codes.NO_EFFECT, name=setting, camera=camera, reason=reason)

    # -- encoders ------------------------------------------------------------------------------------------

    def encoder_started(self, name: str, spec: VideoSpec) -> None:
        kind = "software" if name == "libx264" else "hardware"
        self._events.emit(
            codes.START_VIDEO_ENCODER, encoder=f"{kind} ({name})", kind=kind, width=spec.width, height=spec.height,
            kbps=spec.bitrate_kbps, fps=spec.fps,
        )  # fmt: skip

    def hardware_encoder_failed(self, error: HardwareEncoderError) -> None:
        self._events.emit_error(error)

    def encoder_switched(self, was: str, now: str) -> None:
        self._events.emit(codes.SWITCH_SWENC, was=was, now=now)

    def encoder_failed(self, error: LivePusherError) -> None:
        self._report(Happening(Input.ENCODER_FAILED, error=error))

    def sound_encoder_failed(self, error: AudioEncodeError) -> None:
        self.errors["sound"] = error.reason
        self._events.emit_error(error)

    # -- microphones ---------------------------------------------------------------------------------------

    def microphone_ready(self, name: str) -> None:
        self.errors.pop("microphone", None)
        if self._microphone_failed:
            self._microphone_failed = False
            self._events.emit(codes.MIC_BACK, microphone=name)

    def microphone_failed(self, error: LivePusherError) -> None:
        self._microphone_failed = True
        self.errors["microphone"] = error.reason
        self._events.emit_error(error)
