"""The software H.264 encoders: libx264 through PyAV, for moving pictures and for one that stands still."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from appliance.errors import UnsupportedResolution, VideoEncodeError
from appliance.media.sources import EncodedPicture, VideoSpec

PRESET = "superfast"
"""A Pi 5 makes 720p30 with it on less than one core; two steps further down the picture falls apart at 600 kbit/s."""

BUFFER_S = 0.15
"""Rate control's buffer as seconds of the bitrate at which an encoder was opened: short, so that a new bitrate is followed
within half a second, and that a keyframe fills the link for no longer."""

RTC_BUFFER_S = 0.07
"""The same where delay counts for more than the picture, which is coarser at a keyframe: two pictures' worth."""

ROOM = 4.0
"""An encoder may grow to so many times its bitrate: what a controller climbs in two seconds, until the next keyframe."""

OUTGROWN_S = 0.5
"""Where keyframes are rare, one comes so long after an encoder has become too small."""

FITS = (0.6, 1.6)
"""Times the bitrate at which it was opened, between which an encoder is left as it is when a keyframe is due. Opened for 2500
and asked for 300 kbit/s, a keyframe of 720 lines took 0.9 s of the bitrate, and 0.2 s from a fresh one."""

STILL_SHARE = 0.9
"""Of a still picture's bitrate, what its keyframes may take; the pictures between them say "as before" in some 20 bytes."""

FINEST, COARSEST = 20, 51
"""The quantisers that a still picture may get; H.264 has none coarser."""

SOFTEST = 16


class X264:
    """One open libx264, tuned for no delay: one picture in, one access unit out. For one thread.

    Keyframes come by time, not by count, since cameras drop pictures. Raises VideoEncodeError, or UnsupportedResolution for
    a size H.264 does not take.
    """

    name = "libx264"

    def __init__(self, spec: VideoSpec, options: Mapping[str, str], *, bit_rate: int = 0) -> None:
        _check_size(spec)
        self.spec = spec
        self._last_key_s: float | None = None
        self._last_pts = -1
        try:
            context = av.CodecContext.create("libx264", "w")
            assert isinstance(context, VideoCodecContext)
            context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
            context.time_base = Fraction(1, 1000)
            context.framerate = Fraction(spec.fps, 1)
            if bit_rate:
                context.bit_rate = bit_rate
            context.gop_size = max(1, round(spec.fps * spec.keyframe_interval_s * 4))
            context.options = {
                "preset": PRESET, "tune": "zerolatency", "forced-idr": "1", "sc_threshold": "0", **options,
            }  # fmt: skip
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise VideoEncodeError(f"libx264 cannot be opened: {error}") from error
        self._context = context

    def due(self, time_s: float) -> bool:
        """Whether a picture of that time is to be a keyframe."""
        half_frame_s = 0.5 / self.spec.fps
        return self._last_key_s is None or time_s - self._last_key_s >= self.spec.keyframe_interval_s - half_frame_s

    def encode(self, frame: av.VideoFrame, time_s: float, *, keyframe: bool = False) -> list[EncodedPicture]:
        """``frame`` has the encoder's size and format. ``time_s`` must grow. Raises VideoEncodeError."""
        due = self.due(time_s)
        # A frame that was decoded carries its old picture type: left alone, each would become a keyframe.
        frame.pict_type = PictureType.I if keyframe or due else PictureType.NONE
        if keyframe or due:
            self._last_key_s = time_s
        frame.pts = self._last_pts = max(self._last_pts + 1, round(time_s * 1000))
        frame.time_base = Fraction(1, 1000)
        try:
            packets = self._context.encode(frame)
        except (av.FFmpegError, ValueError) as error:
            raise VideoEncodeError(f"libx264: {error}") from error
        return [EncodedPicture(bytes(packet), time_s, packet.is_keyframe) for packet in packets]

    def set_bitrate(self, kbps: float) -> None:
        """From the next picture on, at most ``bit_rate`` of the opening; without one there is none to change."""
        self._context.bit_rate = round(kbps * 1000)


class SoftwareEncoder:
    """For moving pictures, at a bitrate that changes. For one thread; raises as :class:`X264` does.

    Rate control is opened as CBR, because libx264 follows a changed bitrate only then, never above the one that it was opened
    for, and with the buffer that it was given then. So it is opened with room to grow, and opened anew when a keyframe is due
    and the bitrate has become another: a fresh encoder begins with one. Hardly in between, since a keyframe is the last thing
    that a link needs whose bitrate changes. Nothing waits in an encoder, so nothing is lost with the old one.
    """

    name = X264.name

    def __init__(self, spec: VideoSpec, expected_kbps: int = 0) -> None:
        """``expected_kbps``: see :meth:`set_bitrate`."""
        self.spec = spec
        self._kbps = min(spec.bitrate_kbps, spec.ceiling_kbps)
        self._expected_kbps = min(max(self._kbps, expected_kbps), spec.ceiling_kbps)
        self._every = 1
        self._outgrown_s = 0.0
        self._open()

    def set_bitrate(self, kbps: int, expected_kbps: int = 0) -> None:
        """Takes effect with the next picture; at most the ceiling of ``spec``. ``expected_kbps``: what it will be again soon,
        where it is less for a moment."""
        self._kbps = min(kbps, self.spec.ceiling_kbps)
        self._expected_kbps = min(max(kbps, expected_kbps), self.spec.ceiling_kbps)
        self._apply()

    def set_ceiling(self, spec: VideoSpec) -> None:
        """Go on with ``spec``, which differs in nothing but bitrate and ceiling."""
        self.spec = spec
        self.set_bitrate(spec.bitrate_kbps)

    def set_every(self, every: int) -> None:
        """Only every so manieth of the camera's pictures comes from here on: each may be so much bigger."""
        self._every = every
        self._apply()

    def encode(self, frame: av.VideoFrame, time_s: float, *, keyframe: bool = False) -> list[EncodedPicture]:
        """As :meth:`X264.encode`."""
        if self._kbps * self._every <= self._most_kbps:
            self._outgrown_s = time_s
        if not self._fits() and (keyframe or self._x264.due(time_s) or time_s - self._outgrown_s >= OUTGROWN_S):
            self._open()
        return self._x264.encode(frame, time_s, keyframe=keyframe)

    def _fits(self) -> bool:
        least, most = FITS
        return least <= self._expected_kbps / self._opened_at_kbps <= most and self._every == self._opened_every

    def _open(self) -> None:
        kbps = self._opened_at_kbps = self._expected_kbps
        self._opened_every = self._every
        # libx264 counts pictures and not time: fewer pictures are to it a higher bitrate
        rate = round(min(ROOM * kbps, self.spec.ceiling_kbps) * self._every * 1000)
        buffer = max(kbps * 1000 * self.spec.buffer_s, 2 * rate / self.spec.fps)
        self._x264 = X264(self.spec, {"maxrate": str(rate), "bufsize": str(round(buffer))}, bit_rate=rate)
        self._most_kbps = rate / 1000
        self._apply()

    def _apply(self) -> None:
        self._x264.set_bitrate(min(self._kbps * self._every, self._most_kbps))


class StillEncoder:
    """For a picture that stands still, at the bitrate of ``spec``.

    Rate control is made for change: it would spend too little on each keyframe and mend the picture until the next one, so
    that it pumps. Here a picture gets the finest constant quantiser with which its keyframes fit the bitrate, found by
    trial when it is first seen; what is too rich for the coarsest is softened. From then on every picture looks the same.
    For one thread; raises as :class:`X264` does.
    """

    name = X264.name

    def __init__(self, spec: VideoSpec) -> None:
        _check_size(spec)
        self.spec = spec
        self._budget_bytes = spec.bitrate_kbps * 1000 / 8 * spec.keyframe_interval_s * STILL_SHARE
        self._given: av.VideoFrame | None = None
        self._fitted: tuple[X264, av.VideoFrame] | None = None

    def encode(self, frame: av.VideoFrame, time_s: float, *, keyframe: bool = False) -> list[EncodedPicture]:
        """As :meth:`X264.encode`; another frame object is another picture, and begins with a keyframe."""
        if self._fitted is None or frame is not self._given:
            self._given, self._fitted = frame, self._fit(frame)
        encoder, fitted = self._fitted
        return encoder.encode(fitted, time_s, keyframe=keyframe)

    def _fit(self, frame: av.VideoFrame) -> tuple[X264, av.VideoFrame]:
        fitted, softness = frame, 1
        while softness < SOFTEST and self._keyframe_bytes(fitted, COARSEST) > self._budget_bytes:
            softness *= 2
            fitted = _softened(frame, softness)
        scale = range(FINEST, COARSEST)
        fits = bisect_left(scale, True, key=lambda q: self._keyframe_bytes(fitted, q) <= self._budget_bytes)
        return self._open(FINEST + fits), fitted

    def _open(self, quantiser: int) -> X264:
        return X264(self.spec, {"qp": str(quantiser)})

    def _keyframe_bytes(self, frame: av.VideoFrame, quantiser: int) -> int:
        return sum(len(picture.data) for picture in self._open(quantiser).encode(frame, 0.0))


def _check_size(spec: VideoSpec) -> None:
    if spec.width < 16 or spec.height < 16 or spec.width % 2 or spec.height % 2:
        raise UnsupportedResolution(
            f"{spec.width}x{spec.height} cannot be encoded; allowed: even numbers from 16",
            {"width": spec.width, "height": spec.height},
        )


def _softened(frame: av.VideoFrame, times: int) -> av.VideoFrame:
    """Without the finest detail: brought down ``times`` and up again."""
    width, height = (max(16, round(side / times / 2) * 2) for side in (frame.width, frame.height))
    return frame.reformat(width=width, height=height).reformat(width=frame.width, height=frame.height)
