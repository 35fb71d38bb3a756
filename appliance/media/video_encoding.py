"""Which encoder makes the stream's pictures, and their way into the send queue."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import av

from appliance.errors import HardwareEncoderError, LivePusherError, UnsupportedResolution, VideoEncodeError
from appliance.media.encoders import SoftwareEncoder, StillEncoder
from appliance.media.flv import FlvVideoTrack
from appliance.media.keeping_up import KeepingUp
from appliance.media.meters import RateMeter
from appliance.media.send_queue import SendQueue
from appliance.media.sources import CameraEncoder, EncodedPicture, VideoSpec

log = logging.getLogger(__name__)

FAILURES = 3
FAILURES_WITHIN_S = 10.0
"""An encoder that fails so often in so short a time cannot be restarted (-1303)."""

KEYFRAME_WAIT_S = 0.5
"""A hardware encoder delivers a keyframe that it was asked for within some frames; only then it is asked again."""


class EncoderReports(Protocol):
    """What happened to the encoder; any thread, returns at once."""

    def encoder_started(self, name: str, spec: VideoSpec) -> None: ...

    def hardware_encoder_failed(self, error: HardwareEncoderError) -> None:
        """The software encoder goes on."""
        ...

    def encoder_switched(self, was: str, now: str) -> None:
        """The encoder could not keep up, and the other kind goes on."""
        ...

    def encoder_failed(self, error: LivePusherError) -> None:
        """The encoder could not be restarted: the push cannot go on."""
        ...


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """What really left the encoder in the last seconds."""

    encoder: str
    width: int
    height: int
    fps: float
    kbps: float
    gop_s: float


class VideoEncoding:
    """One push's video track: changes of encoder, size and source, on one timeline that never goes back.

    :meth:`begin`, :meth:`use`, :meth:`put` and :meth:`end` belong to the pipeline's thread; a hardware encoder delivers
    in the driver's. :meth:`set_bitrate` and :meth:`figures` may be called from any thread.
    """

    def __init__(self, queue: SendQueue, reports: EncoderReports, now: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._reports = reports
        self._now = now
        self._lock = threading.Lock()
        self._track: FlvVideoTrack | None = None
        self._epoch = 0.0
        self._last_ms = -1
        self._software: SoftwareEncoder | StillEncoder | None = None
        self._hardware: CameraEncoder | None = None
        self._hardware_failed = False
        self._using: tuple[VideoSpec, bool, int] | None = None
        self._asked: tuple[int | None, int] = (None, 0)
        """What :meth:`set_bitrate` was told last: one object, as another thread puts another in its place at any moment."""
        self._applied: tuple[int | None, int] | None = None
        self._every = 1
        self._encoded_at_s = -math.inf
        self._keyframe_asked_at = -math.inf
        self._keeping_up = KeepingUp()
        self._done = 0
        self._failures: list[float] = []
        self._frames = RateMeter()
        self._bits = RateMeter()
        self._last_key_ms: int | None = None
        self._gop_s = 0.0

    def begin(self, epoch_s: float) -> None:
        """A push begins; its timestamps count from ``epoch_s`` of the monotonic clock."""
        with self._lock:
            self._track = FlvVideoTrack()
            self._epoch, self._last_ms, self._last_key_ms = epoch_s, -1, None
        self._hardware_failed = False
        self._asked = (None, 0)
        self._encoded_at_s = -math.inf
        self._failures.clear()

    def end(self) -> None:
        """The push is over."""
        self._drop_encoder()
        with self._lock:
            self._track = None

    @property
    def begun(self) -> bool:
        return self._track is not None

    def use(self, spec: VideoSpec, hardware: CameraEncoder | None, *, still: bool = False, every: int = 1) -> None:
        """Have pictures of ``spec`` encoded from here on, ``every`` so manieth of them; nothing happens where that is so
        already. A hardware encoder that runs goes over to ``spec`` by itself, and takes every picture."""
        self._every = every
        asked = self._asked
        if self._hardware_failed:
            hardware = None
        wanted = (spec, still, id(hardware))
        if self._using is not None and wanted == self._using:
            return
        if self._only_bitrates_differ(wanted):
            self._using, self._applied = wanted, None
            if isinstance(self._software, SoftwareEncoder):
                self._software.set_ceiling(_at_bitrate(spec, asked[0]))
            else:
                self._steer(_at_bitrate(spec, asked[0]).bitrate_kbps, keyframe=False)
            return
        if hardware is None or hardware is not self._hardware:
            self._drop_encoder()
        if hardware is not None:
            try:
                self._keeping_up, self._done = KeepingUp(), 0
                hardware.start(_at_bitrate(spec, asked[0]), self._put_encoded)
                self._hardware = hardware
            except HardwareEncoderError as error:
                self._hardware_lost(error)
        if self._hardware is None:
            self._software = StillEncoder(spec) if still else SoftwareEncoder(_at_bitrate(spec, asked[0]), asked[1])
        self._using = (spec, still, id(self._hardware) if self._hardware is not None else id(None))
        self._applied = None if still else asked
        if not still:
            self._reports.encoder_started(self.name, _at_bitrate(spec, asked[0]))

    def lacks_hardware(self, error: HardwareEncoderError) -> None:
        """Tell, once a push, that there is no hardware encoder where one was expected."""
        if not self._hardware_failed:
            self._hardware_lost(error)

    @property
    def name(self) -> str:
        """The encoder in use, for people; empty when there is none."""
        encoder = self._hardware or self._software
        return encoder.name if encoder is not None else ""

    def put(self, frame: av.VideoFrame, time_s: float) -> None:
        """Encode one picture of the size in use. With a hardware encoder there is nothing to do but its controls."""
        every = 1 if self._using is not None and self._using[1] else self._every
        if self._software is not None and self._too_soon(time_s, every):
            return
        keyframe = self._keyframe_wanted()
        self._control(keyframe)
        if self._software is None:
            self._watch_hardware()
            return
        if round((time_s - self._epoch) * 1000) <= self._last_ms:
            return  # captured before the last picture of the source before it
        self._encoded_at_s = time_s
        try:
            if isinstance(self._software, SoftwareEncoder):
                self._software.set_every(every)
            for picture in self._software.encode(frame, time_s - self._epoch, keyframe=keyframe):
                self._put_encoded(EncodedPicture(picture.data, time_s, picture.keyframe))
        except VideoEncodeError as error:
            self._restart(error)

    def set_bitrate(self, kbps: int | None, expected_kbps: int = 0) -> None:
        """The bitrate from here on, None: as the spec says. ``expected_kbps``: what it will be again soon, where it is less
        for a moment. Not for still pictures."""
        self._asked = kbps, expected_kbps

    def figures(self) -> VideoFigures:
        spec = self._using[0] if self._using is not None else None
        return VideoFigures(
            encoder=self.name,
            width=spec.width if spec else 0,
            height=spec.height if spec else 0,
            fps=self._frames.rate(),
            kbps=self._bits.rate() / 1000,
            gop_s=self._gop_s if spec else 0.0,
        )

    # -- inside --------------------------------------------------------------------------------------------

    def _only_bitrates_differ(self, wanted: tuple[VideoSpec, bool, int]) -> bool:
        """Whether the encoder in use can do what is wanted as it is."""
        if self._using is None or wanted[1:] != self._using[1:] or isinstance(self._software, StillEncoder):
            return False
        was, spec = self._using[0], wanted[0]
        return replace(was, bitrate_kbps=spec.bitrate_kbps, ceiling_kbps=spec.ceiling_kbps) == spec

    def _too_soon(self, time_s: float, every: int) -> bool:
        """Whether a picture is one of those that are left out. By time: a camera that is slow already is not thinned."""
        assert self._using is not None
        return every > 1 and 0 <= time_s - self._encoded_at_s < (every - 0.5) / self._using[0].fps

    def _keyframe_wanted(self) -> bool:
        """Whether the queue waits for a keyframe; a hardware encoder is asked once, and given time to deliver it."""
        if not self._queue.awaits_keyframe:
            self._keyframe_asked_at = -math.inf
            return False
        if self._hardware is not None and self._now() - self._keyframe_asked_at < KEYFRAME_WAIT_S:
            return False
        self._keyframe_asked_at = self._now()
        return True

    def _control(self, keyframe: bool) -> None:
        asked = self._asked
        still = self._using is not None and self._using[1]
        fresh = asked[0] is not None and asked != self._applied and not still
        if fresh:
            self._applied = asked
        self._steer(asked[0] if fresh else None, asked[1], keyframe=keyframe)

    def _steer(self, kbps: int | None, expected_kbps: int = 0, *, keyframe: bool) -> None:
        """Have the encoder in use aim at ``kbps``, None: as it does; and give a keyframe, which libx264 is asked for with
        the picture."""
        encoder = self._hardware or self._software
        try:
            if kbps is None or encoder is None or isinstance(encoder, StillEncoder):
                pass
            elif isinstance(encoder, SoftwareEncoder):
                encoder.set_bitrate(kbps, expected_kbps)
            else:
                encoder.set_bitrate(kbps)
            if keyframe and self._hardware is not None:
                self._hardware.force_keyframe()
        except HardwareEncoderError as error:
            self._hardware_lost(error)
            self._using = None

    def _watch_hardware(self) -> None:
        """A hardware encoder that fails (1103), or gets through too few of the pictures the camera has (1107), gives way
        to the software."""
        hardware = self._hardware
        if hardware is None:
            return
        now = self._now()
        self._keeping_up.offered(now)
        try:
            done = hardware.progress()
        except HardwareEncoderError as error:
            self._hardware_lost(error)
            self._using = None
            return
        for _ in range(done - self._done):
            self._keeping_up.delivered(now)
        self._done = done
        if self._keeping_up.behind(now):
            self._drop_encoder()
            self._hardware_failed = True
            self._reports.encoder_switched(hardware.name, SoftwareEncoder.name)

    def _put_encoded(self, picture: EncodedPicture) -> None:
        with self._lock:
            track, time_ms = self._track, round((picture.time_s - self._epoch) * 1000)
            if track is None or time_ms < 0:
                return
            if time_ms <= self._last_ms:
                time_ms = self._last_ms + 1
            self._last_ms = time_ms
            tags = track.mux(picture.data, time_ms, keyframe=picture.keyframe)
            if picture.keyframe:
                if self._last_key_ms is not None:
                    self._gop_s = (time_ms - self._last_key_ms) / 1000
                self._last_key_ms = time_ms
        self._frames.add()
        self._bits.add(8 * len(picture.data))
        for tag in tags:
            self._queue.put(tag)

    def _hardware_lost(self, error: HardwareEncoderError) -> None:
        hardware, self._hardware = self._hardware, None
        self._hardware_failed = True
        if hardware is not None:
            hardware.stop()
        self._reports.hardware_encoder_failed(error)

    def _restart(self, error: VideoEncodeError | UnsupportedResolution) -> None:
        log.warning("the video encoder failed and is started again: %s", error.reason)
        now = self._now()
        self._failures = [t for t in self._failures if now - t < FAILURES_WITHIN_S] + [now]
        self._drop_encoder()
        if len(self._failures) >= FAILURES:
            self._reports.encoder_failed(error)

    def _drop_encoder(self) -> None:
        if self._hardware is not None:
            self._hardware.stop()
        self._hardware = self._software = None
        self._using = None


def _at_bitrate(spec: VideoSpec, kbps: int | None) -> VideoSpec:
    return spec if kbps is None else replace(spec, bitrate_kbps=min(kbps, spec.ceiling_kbps))
