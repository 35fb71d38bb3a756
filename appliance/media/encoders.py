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

BUFFER_S = 0.25
"""Rate control's buffer as seconds of the ceiling: short, so that a new bitrate is followed within half a second."""

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

    def encode(self, frame: av.VideoFrame, time_s: float, *, keyframe: bool = False) -> list[EncodedPicture]:
        """``frame`` has the encoder's size and format. ``time_s`` must grow. Raises VideoEncodeError."""
        half_frame_s = 0.5 / self.spec.fps
        due = self._last_key_s is None or time_s - self._last_key_s >= self.spec.keyframe_interval_s - half_frame_s
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


class SoftwareEncoder(X264):
    """For moving pictures.

    Rate control is opened as CBR at the ceiling, because libx264 follows a changed bitrate only then, and never above
    the ceiling that it was opened with.
    """

    def __init__(self, spec: VideoSpec) -> None:
        ceiling = spec.ceiling_kbps * 1000
        limits = {"maxrate": str(ceiling), "bufsize": str(round(ceiling * BUFFER_S))}
        super().__init__(spec, limits, bit_rate=ceiling)
        if spec.bitrate_kbps != spec.ceiling_kbps:
            self.set_bitrate(spec.bitrate_kbps)

    def set_bitrate(self, kbps: int) -> None:
        """Takes effect with the next pictures; at most the ceiling that the encoder was opened with."""
        self._context.bit_rate = min(kbps, self.spec.ceiling_kbps) * 1000


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
