"""The pusher's effects: pipelines, queue, session and snapshots, wired together (SPEC 2)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from appliance import event_codes as codes
from appliance.clock import Clock, SystemClock
from appliance.engine.address import PushAddresses
from appliance.engine.adjustments import Adjustments
from appliance.engine.figures import Figures
from appliance.engine.link import Link
from appliance.engine.picture_size import PictureSize
from appliance.engine.plans import rules_of, sound_plan, stream_metadata, taken_over, video_plan
from appliance.engine.rate_control import RateControl
from appliance.engine.reports import MediaReports
from appliance.errors import (
    ClockNotSynchronised,
    ConnectFailed,
    LivePusherError,
    NetworkError,
    OperationRefused,
    SettingError,
    VideoEncodeError,
    plain,
)
from appliance.events import EventBus
from appliance.media.audio import AudioPipeline
from appliance.media.camera_slot import CameraWish
from appliance.media.formatter import Shape
from appliance.media.hands import Hands
from appliance.media.live_picture import LiveJpeg
from appliance.media.send_queue import RTC_VIDEO_LIMIT_S, VIDEO_LIMIT_S, SendQueue
from appliance.media.snapshots import SnapshotFolder
from appliance.media.sources import Camera, Microphone
from appliance.media.still import STILL_KBPS
from appliance.media.video import VideoPipeline, VideoPlan
from appliance.pusher.bitrate import Decision
from appliance.pusher.operations import Operation
from appliance.pusher.pusher import Pusher
from appliance.pusher.states import Happening, Input, MediaPlan, State
from appliance.rtmp.session import PublishSession
from appliance.rtmp.uplink import LinkStatistics
from appliance.settings import push_address
from appliance.settings.declaration import Applies, Settings
from appliance.settings.store import SettingsStore
from appliance.threads import Worker

log = logging.getLogger(__name__)


class Inputs(Protocol):
    """Where cameras and microphones come from; called in the threads that open devices."""

    hardware_encoder: bool
    """Whether the board should have hardware encoders behind its cameras."""
    encoder_present: bool
    """Whether it has them."""

    def camera(self, settings: Settings, position: str) -> Camera: ...

    def microphone(self, settings: Settings, position: str) -> Microphone | None: ...


class Engine:
    """Everything behind the pusher. :meth:`apply`, :meth:`connect`, :meth:`disconnect`, :meth:`take_snapshot`
    and :meth:`adjust` belong to the pusher's thread; the rest may be called by anybody."""

    def __init__(
        self,
        store: SettingsStore,
        inputs: Inputs,
        events: EventBus,
        snapshots: SnapshotFolder,
        *,
        clock: Clock | None = None,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._store = store
        self._inputs = inputs
        self._events = events
        self._snapshots = snapshots
        self.preview = LiveJpeg()
        self._settings = store.current
        self._media = MediaPlan()
        self._epoch_s = 0.0
        self._picture_size = PictureSize(self._settings, hardware=inputs.encoder_present)
        self.adjustments = Adjustments(self._settings, events)

        self.pusher = Pusher(
            self, events, rules=rules_of(self._settings), position=self._settings.device_position, on_crash=on_crash
        )
        self.reports = MediaReports(events, self.pusher.report)
        self.queue = SendQueue()
        self.video = VideoPipeline(
            self._open_camera, self.queue, self.reports, preview=self.preview,
            idle=VideoPlan(Shape(*self._picture_size.present.picture)), on_crash=on_crash,
        )  # fmt: skip
        self.audio = AudioPipeline(self._open_microphone, self.queue, self.reports, on_crash=on_crash)
        self.figures = Figures(self.video, self.audio, self.queue)
        self.rate = RateControl(
            self.queue, events, on_decision=self._decided, on_statistics=self.figures.take, on_crash=on_crash
        )  # fmt: skip
        self.address = PushAddresses(
            lambda: self._settings, events, clock or SystemClock(), on_clock=self._sign_at_last, on_crash=on_crash
        )  # fmt: skip
        self.link = Link(
            self.queue, events, self._link_reports,
            on_session=self._session_changed,
        )  # fmt: skip
        self._files = Hands("snapshots", lambda: None)
        store.subscribe(self._settings_changed)

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all threads; with ``autopush`` the push begins."""
        for part in (self.video, self.audio, self.pusher):
            part.start()
        self.rate.worker.start()
        self.address.worker.start()
        if self._store.current.autopush:
            error = self.check_start()
            if error is None:
                self.pusher.report(Happening(Input.START, by="autopush"))
            else:
                self._events.emit(codes.SETTINGS_REFUSED, reason=f"autopush cannot start: {error.reason}")

    def close(self) -> None:
        """End the push, announced to the server, and all threads; within 2.5 s."""
        self.pusher.perform(Operation.STOP, by="the service", timeout_s=1.0)
        self.pusher.close(0.5)
        self.rate.worker.request_stop()
        self.address.worker.request_stop()
        self.video.worker.request_stop()
        self.audio.close(0.5)
        self.video.close(0.5)
        self._files.close(0.2)

    @property
    def workers(self) -> list[Worker]:
        """The threads whose progress the watchdog looks at."""
        return [self.pusher.worker, self.video.worker, self.audio.worker, self.rate.worker, self.address.worker]

    # -- effects: the pusher's thread ----------------------------------------------------------------------

    def check_start(self) -> LivePusherError | None:
        settings = self._store.current
        if not settings.url:
            return OperationRefused("there is no push address; set url in the settings first")
        try:
            push_address.parse(settings.url, settings.stream_key)
        except ValueError as error:
            return SettingError({"url": str(error)})
        return None

    def apply(self, media: MediaPlan) -> None:
        was, self._media = self._media, media
        if media.encode and not was.encode:
            self._settings = taken_over(self._settings, self._store.current, Applies.NEXT_START)
            self._epoch_s = time.monotonic()
            self.queue.forget()
            self.figures.begin()
            self.reports.push_begins()
            self._picture_size.push_begins(self._settings)
            self._begin_rate(self._settings, video=media.video)
        elif was.encode and not media.encode:
            self.reports.push_ends()
            self.rate.push_ends()
        self._refresh()

    def _begin_rate(self, settings: Settings, *, video: bool) -> None:
        rtc = settings.mode == "RTC"
        self.queue.video_limit_s = RTC_VIDEO_LIMIT_S if rtc else VIDEO_LIMIT_S
        self.queue.audio_first = rtc
        if video:
            self.rate.push_begins(settings.mode, min_kbps=settings.min_bitrate, max_kbps=settings.max_bitrate)
        else:
            self.rate.push_ends()

    def _refresh(self) -> None:
        """Tell the pipelines the present plan under the present settings."""
        media, current = self._media, self._store.current
        # a running push keeps what applies at the next start; what needs a restart stays as it was when the service began
        when = (Applies.NOW,) if media.encode else (Applies.NOW, Applies.NEXT_START)
        settings = self._settings = taken_over(self._settings, current, *when)
        self._store.set_applied(settings)
        if media.encode:
            self.rate.set_limits(min_kbps=settings.min_bitrate, max_kbps=settings.max_bitrate)
        hardware = self._inputs.hardware_encoder
        if not media.encode or not self.pusher.context.connected and not self.video.encoding.begun:
            self._picture_size.push_begins(settings)
        else:
            self._picture_size.limit(settings.max_bitrate)
        position = self.pusher.context.position
        self.video.set_plan(
            video_plan(
                media, settings, epoch_s=self._epoch_s, zoom=self.adjustments.zoom, hardware=hardware,
                sizes=self._picture_size.present,
            )
        )  # fmt: skip
        self.audio.set_plan(
            sound_plan(
                media, settings, position=position, epoch_s=self._epoch_s, muted=self.adjustments.muted,
                gain_db=self.adjustments.gain_db,
            )
        )  # fmt: skip

    def connect(self) -> None:
        try:
            address = self.address.current()
        except ClockNotSynchronised as error:
            self.pusher.report(Happening(Input.LOST, error=error))
            return
        except ValueError as error:
            # cleared since: an unattended box tries again by itself, and finds the next one that is set
            reason = f"the push address cannot be used: {error}" if self._settings.url else "there is no push address"
            self.pusher.report(Happening(Input.LOST, error=ConnectFailed(reason)))
            return
        self._between_sessions()
        self.link.connect(address, self._metadata, video=self.pusher.context.video)

    def _between_sessions(self) -> None:
        """The next session of the push begins with the size for its bitrate; a still picture stays as it is."""
        another = self.pusher.context.connected and self._media.camera is not None
        if another and self._picture_size.reconnected():
            self._refresh()

    def redial(self) -> None:
        self.link.redial()

    def disconnect(self) -> bool:
        return self.link.disconnect()

    def take_snapshot(self, done: Callable[[Mapping[str, Any] | LivePusherError], None]) -> None:
        frame = self.video.picture
        if frame is None:
            done(OperationRefused("there is no picture yet"))
            return
        settings = self._store.current

        def save() -> None:
            try:
                saved = self._snapshots.save(
                    frame, limit=settings.snapshot_limit, time_zone=settings.time_zone, wall_s=time.time()
                )
            except LivePusherError as error:
                self._events.emit(codes.STORAGE_FAILED, path=str(self._snapshots.folder), reason=error.reason)
                done(error)
                return
            except Exception as error:  # whatever a codec raises: the caller waits for an answer
                log.exception("a snapshot failed")
                done(VideoEncodeError(f"the picture cannot be saved: {plain(error)}"))
                return
            self._events.emit(codes.SNAPSHOT_TAKEN, name=saved["name"], width=saved["width"], height=saved["height"])
            done(
                {
                    "tempImagePath": saved["path"], "width": saved["width"], "height": saved["height"],
                    "href": f"/api/v1/snapshots/{saved['name']}",
                }
            )  # fmt: skip

        self._files.do(save)

    def adjust(self, operation: Operation, parameters: Mapping[str, Any], by: str) -> Mapping[str, Any]:
        result = self.adjustments.adjust(operation, parameters, by)
        self._refresh()
        return result

    def status(self) -> dict[str, Any]:
        settings, context, decision = self._settings, self.pusher.context, self.rate.decision
        return {
            "url": push_address.redact(settings.url, settings.stream_key),
            **self.address.status(),
            "muted": self.adjustments.muted,
            "zoom": self.adjustments.zoom,
            "camera": {
                "name": self.video.camera_name,
                "open": self.video.camera_name is not None,
                "enabled": settings.enable_camera,
                "waitingImage": self.video.shows_still,
            },
            "microphone": {"name": self.audio.microphone_name},
            "mode": settings.mode,
            "withoutEffect": {name: reason for name, (_, reason) in self.reports.without_effect.copy().items()},
            "net": self.figures.net(
                connected=context.state in (State.PUSHING, State.PAUSED),
                reconnecting=context.state in (State.RECONNECTING, State.CONNECTING),
                target_kbps=STILL_KBPS if self.video.shows_still else decision.target_kbps,
                delay_s=decision.delay_s if decision.target_kbps else None,
            ),
            "errors": list(self.reports.errors.copy().values()),
        }

    def link_statistics(self) -> LinkStatistics | None:
        """What is known about the present connection, None without one. Any thread."""
        return self.link.statistics()

    # -- others' threads -----------------------------------------------------------------------------------

    def _session_changed(self, session: PublishSession | None) -> None:
        self.figures.session_begins()
        self.rate.follow(session)

    def _decided(self, now_s: float, decision: Decision) -> None:
        sustained_kbps = decision.sustained_kbps or decision.target_kbps
        self.video.encoding.set_bitrate(decision.target_kbps, sustained_kbps)
        self.target_changed(now_s, sustained_kbps)

    def target_changed(self, now_s: float, target_kbps: float) -> None:
        """What the video encoder is to aim at, every 25 ms or so while a push is on: the picture's size follows. A still
        picture stays as it is. Any one thread."""
        if self._media.camera is None or self.video.shows_still:
            self._picture_size.rest()
        elif self._picture_size.follow(now_s, target_kbps):
            self.pusher.post(self._refresh)

    def _sign_at_last(self) -> None:
        """The clock has become right: make the attempt that waits for it, now."""

        def retry() -> None:
            context = self.pusher.context
            if context.state is State.RECONNECTING or (context.state is State.FAILED and context.rules.autopush):
                self.pusher.report(Happening(Input.RETRY_DUE))

        self.pusher.post(retry)

    def _link_reports(self, happening: Happening) -> None:
        error = happening.error
        if isinstance(error, NetworkError):
            happening = replace(happening, error=self.address.explained(error))
        self.pusher.report(happening)
        if happening.input is Input.LOST:
            self.pusher.post(self._between_sessions)  # already now, so that the next one has no picture of the old size

    def _open_camera(self, wish: CameraWish) -> Camera:
        return self._inputs.camera(self._settings, wish.position)

    def _open_microphone(self, source: tuple[str, ...]) -> Microphone | None:
        return self._inputs.microphone(self._settings, self.pusher.context.position)

    def _settings_changed(self, old: Settings, new: Settings, names: frozenset[str]) -> None:
        def take_over() -> None:
            self.adjustments.settings_changed(new, names)
            self._refresh()

        self.pusher.post(take_over)
        self.pusher.report(Happening(Input.SETTINGS, rules=rules_of(new)))
        if "device-position" in names:
            self.pusher.report(Happening(Input.WANT_POSITION, by="the settings", position=new.device_position))

    def _metadata(self) -> Mapping[str, object]:
        """onMetaData of the present push (Adobe FLV 10.1, E.5)."""
        size = self._picture_size.present.picture if self.pusher.context.video else None
        return stream_metadata(self._settings, size)
