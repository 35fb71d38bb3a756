"""The software H.264 encoder: libx264 through PyAV."""

from __future__ import annotations

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

STILL_BUFFER_S = 2.0
"""For the waiting image: long enough for a keyframe to use up what the still picture saves until the next one."""


class SoftwareEncoder:
    """libx264, tuned for no delay: one picture in, one access unit out. For one thread.

    Rate control is opened as CBR at the ceiling, because libx264 follows a changed bitrate only then, and never above
    the ceiling that it was opened with. Keyframes come by time, not by count, since cameras drop pictures.
    """

    name = "libx264"

    def __init__(self, spec: VideoSpec, *, buffer_s: float = BUFFER_S) -> None:
        """Raises VideoEncodeError, or UnsupportedResolution for a size H.264 does not take."""
        if spec.width < 16 or spec.height < 16 or spec.width % 2 or spec.height % 2:
            raise UnsupportedResolution(
                f"{spec.width}x{spec.height} cannot be encoded; allowed: even numbers from 16",
                {"width": spec.width, "height": spec.height},
            )
        self.spec = spec
        self._last_key_s: float | None = None
        self._last_pts = -1
        ceiling = spec.ceiling_kbps * 1000
        try:
            context = av.CodecContext.create("libx264", "w")
            assert isinstance(context, VideoCodecContext)
            context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
            context.time_base = Fraction(1, 1000)
            context.framerate = Fraction(spec.fps, 1)
            context.bit_rate = ceiling
            context.gop_size = max(1, round(spec.fps * spec.keyframe_interval_s * 4))
            context.options = {
                "preset": PRESET,
                "tune": "zerolatency",
                "maxrate": str(ceiling),
                "bufsize": str(round(ceiling * buffer_s)),
                "forced-idr": "1",
                "sc_threshold": "0",
            }
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise VideoEncodeError(f"libx264 cannot be opened: {error}") from error
        self._context = context
        if spec.bitrate_kbps != spec.ceiling_kbps:
            self.set_bitrate(spec.bitrate_kbps)

    def set_bitrate(self, kbps: int) -> None:
        """Takes effect with the next pictures; at most the ceiling that the encoder was opened with."""
        self._context.bit_rate = min(kbps, self.spec.ceiling_kbps) * 1000

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
