"""The video pipeline: one thread from the camera, or a still picture, to the send queue.

A plan says what is wanted; the thread brings it about and goes on meanwhile. Camera, other camera and waiting image
are interchangeable sources on one timeline: what feeds the stream is swapped, never the stream.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import av
from PIL import Image

from appliance.errors import HardwareEncoderError, LivePusherError, UnsupportedResolution, VideoEncodeError
from appliance.media.camera_slot import CameraReports, CameraSlot, CameraWish
from appliance.media.formatter import Formatter, Shape
from appliance.media.live_picture import LiveJpeg
from appliance.media.pipeline import Pipeline
from appliance.media.send_queue import SendQueue
from appliance.media.sources import Camera, CameraEncoder, Picture, VideoSpec
from appliance.media.still import STILL_FPS, STILL_KBPS, STILL_KEYFRAMES_S, as_frame, letterboxed, neutral
from appliance.media.video_encoding import EncoderReports, VideoEncoding

log = logging.getLogger(__name__)

PREVIEW_FPS = 12
READ_S = 0.25
IDLE_S = 1.0


class VideoReports(CameraReports, EncoderReports, Protocol):
    """Everything that the pipeline reports."""

    def size_changed(self, now: tuple[int, int], was: tuple[int, int]) -> None:
        """The pushed size changed during a push; width and height."""
        ...

    def no_effect(self, setting: str, camera: str, reason: str) -> None:
        """What a setting asks for, the camera lacks."""
        ...


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """What is wanted. ``camera`` None: shut. ``spec`` None: nothing is encoded; ``epoch_s`` is the push's zero.

    ``shape`` is the picture as pushed and previewed; ``auto_focus`` goes to cameras that have a motor. The camera may
    deliver a greater one: its size is part of its wish, and a camera whose wish changes is opened anew.
    """

    shape: Shape
    camera: CameraWish | None = None
    spec: VideoSpec | None = None
    every: int = 1
    """Of the camera's pictures, every how-manieth is encoded in software."""
    epoch_s: float = 0.0
    hardware: bool = True
    """Whether a camera's own encoder may be used."""
    expect_hardware: bool = False
    """Whether it is to be told (1103) when the camera has none."""
    auto_focus: bool = True
    preview_turn: int = 0
    """Counts the previews that were begun: how the camera stands is reported to each."""


class VideoPipeline(Pipeline[VideoPlan]):
    """The pipeline with its thread. :meth:`set_plan` and the properties may be used from any thread."""

    def __init__(
        self,
        open_camera: Callable[[CameraWish], Camera],
        queue: SendQueue,
        reports: VideoReports,
        *,
        preview: LiveJpeg,
        idle: VideoPlan,
        on_crash: Callable[[str, BaseException], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("video", "camera hands", idle, on_crash=on_crash)
        self.encoding = VideoEncoding(queue, reports, now)
        self._reports = reports
        self._preview = preview
        self._now = now
        self._slot = CameraSlot(open_camera, reports, self._hands, now)
        self._formatter = Formatter(idle.shape)
        self._waiting_image: Image.Image | None = None
        self._still: tuple[Image.Image | None, tuple[int, int], av.VideoFrame] | None = None
        self._still_due = 0.0
        self._showing_still = False
        self._preview_due = 0.0
        self._last: av.VideoFrame | None = None
        self._size: tuple[int, int] | None = None

    def set_waiting_image(self, image: Image.Image | None) -> None:
        """The picture for a shut camera; None: the neutral one."""
        self._waiting_image = image
        self._changed.set()

    @property
    def picture(self) -> av.VideoFrame | None:
        """The newest picture, as pushed; None when there is none. Not to be written to."""
        return self._last

    @property
    def camera_name(self) -> str | None:
        camera = self._slot.camera
        return camera.name if camera is not None else None

    @property
    def camera_controls(self) -> frozenset[str]:
        """What the open camera does by itself."""
        camera = self._slot.camera
        return camera.controls if camera is not None else frozenset()

    @property
    def shows_still(self) -> bool:
        """Whether a still picture is being sent in place of the camera's."""
        return self._showing_still

    # -- the thread ----------------------------------------------------------------------------------------

    def _turn(self, plan: VideoPlan) -> None:
        picture = self._slot.poll()
        if picture is not None:
            self._control_camera(plan, fresh=True)
        elif self._slot.camera is not None:
            picture = self._slot.read(READ_S)
        if picture is not None:
            self._camera_picture(plan, picture)
        elif self._slot.camera is None:
            self._no_camera(plan)

    def _shut(self) -> None:
        self.encoding.end()
        self._slot.shut()

    def _reconcile(self, plan: VideoPlan, done: VideoPlan) -> None:
        if plan.spec is None or plan.epoch_s != done.epoch_s:
            self.encoding.end()
            self._size = None
            self._showing_still = False
        begins = plan.spec is not None and not self.encoding.begun
        if begins:
            self.encoding.begin(plan.epoch_s)
        self._slot.want(plan.camera)
        if begins or plan.preview_turn != done.preview_turn:
            self._slot.restate()
        if self._slot.camera is not None:
            self._control_camera(plan, fresh=False)

    def _control_camera(self, plan: VideoPlan, *, fresh: bool) -> None:
        """Give the camera what it does by itself, and the formatter the rest."""
        camera = self._slot.camera
        assert camera is not None
        shape = plan.shape
        own = {
            "zoom": shape.zoom, "camera.rotation": shape.rotation, "camera.mirror": shape.mirror,
            "auto-focus": plan.auto_focus,
        }  # fmt: skip
        try:
            for name in sorted(camera.controls & own.keys()):
                camera.set_control(name, own[name])
        except LivePusherError as error:
            log.warning("camera %s: %s", camera.name, error.reason)
        if not plan.auto_focus and "auto-focus" not in camera.controls:
            self._reports.no_effect("auto-focus", camera.name, "the camera has no focus motor")
        rest = replace(
            shape,
            zoom=shape.zoom and "zoom" not in camera.controls,
            rotation=0 if "camera.rotation" in camera.controls else shape.rotation,
            mirror=shape.mirror and "camera.mirror" not in camera.controls,
        )
        if rest != self._formatter.shape or fresh:
            self._formatter = Formatter(rest)

    def _camera_picture(self, plan: VideoPlan, picture: Picture) -> None:
        self._showing_still = False
        try:
            frame = self._formatter.apply(picture.frame)
        except LivePusherError as error:
            log.warning("%s", error.reason)
            return
        camera = self._slot.camera
        hardware = camera.encoder if camera is not None and plan.hardware else None
        lack = "the camera has no hardware encoder behind it"
        left = self._formatter.shape
        if hardware is not None and (left.rotation or left.mirror or left.zoom):
            # the chip sees the sensor's picture, and what has to be done to that is done here
            hardware, lack = None, "the camera's encoder cannot turn, mirror or magnify the picture as the settings ask"
        if hardware is None and plan.hardware and plan.expect_hardware and plan.spec is not None:
            self.encoding.lacks_hardware(HardwareEncoderError(lack))
        self._deliver(plan, plan.spec, frame, picture.time_s, hardware)
        now = self._now()
        if now >= self._preview_due:
            self._preview_due = max(self._preview_due + 1 / PREVIEW_FPS, now - 0.1)
            self._preview.offer(frame)

    def _no_camera(self, plan: VideoPlan) -> None:
        """Nothing from a camera now: a still picture where one is due, else wait for something to change."""
        wanted = plan.spec is not None and (plan.camera is None or self._slot.missing or self._showing_still)
        if not wanted:
            if plan.spec is None:
                self._last = None
                self._preview.clear()
            self._changed.wait(0.1 if plan.camera is not None else IDLE_S)
            return
        now = self._now()
        if self._showing_still and now < self._still_due:
            self._changed.wait(self._still_due - now)
            if self._now() < self._still_due:
                return
            now = self._now()
        self._still_due = max(now, self._still_due) + 1 / STILL_FPS if self._showing_still else now + 1 / STILL_FPS
        self._showing_still = True
        assert plan.spec is not None
        spec = replace(
            plan.spec, fps=STILL_FPS, bitrate_kbps=STILL_KBPS, ceiling_kbps=STILL_KBPS,
            keyframe_interval_s=STILL_KEYFRAMES_S,
        )  # fmt: skip
        frame = self._still_frame(spec.width, spec.height)
        self._deliver(plan, spec, frame, now, None, still=True)
        self._preview.offer(frame)

    def _still_frame(self, width: int, height: int) -> av.VideoFrame:
        image = self._waiting_image
        if self._still is None or self._still[0] is not image or self._still[1] != (width, height):
            picture = neutral(width, height) if image is None else letterboxed(image, width, height)
            self._still = (image, (width, height), as_frame(picture))
        return self._still[2]

    def _deliver(
        self, plan: VideoPlan, spec: VideoSpec | None, frame: av.VideoFrame, time_s: float,
        hardware: CameraEncoder | None, *, still: bool = False,
    ) -> None:  # fmt: skip
        self._last = frame
        if spec is None or not self.encoding.begun:
            return
        try:
            self.encoding.use(spec, hardware, still=still, every=plan.every)
        except (VideoEncodeError, UnsupportedResolution) as error:
            self._reports.encoder_failed(error)
            self.encoding.end()
            return
        self.encoding.put(frame, time_s)
        size = (spec.width, spec.height)
        if self._size is not None and size != self._size:
            self._reports.size_changed(size, self._size)
        self._size = size
