"""A clip that flashes and beeps at the same instants, and where a recording has them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 48000


def make_flash_clip(path: Path, *, seconds: int = 4, fps: int = 30, width: int = 640, height: int = 360) -> None:
    """At each half second past the whole: a white picture and a 1 kHz tone, both for 100 ms. A box moves meanwhile."""
    with av.open(str(path), "w") as clip:
        video = clip.add_stream("libx264", rate=fps, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = clip.add_stream("aac", rate=RATE, layout="stereo")
        audio.bit_rate = 128_000
        for number in range(seconds * fps):
            picture = np.full((height, width, 3), 40, np.uint8)
            left = number * 7 % (width - 60)
            picture[100:160, left : left + 60] = (200, 80, 20)
            if _lit(number / fps):
                picture[:] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            clip.mux(video.encode(frame))
        times = np.arange(seconds * RATE) / RATE
        tone = np.where(_lit(times), 0.5 * np.sin(2 * np.pi * 1000 * times), 0.0).astype(np.float32)
        for start in range(0, len(tone) - 1023, 1024):
            sound = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(np.stack([tone[start : start + 1024]] * 2)), format="fltp", layout="stereo"
            )
            sound.sample_rate, sound.pts, sound.time_base = RATE, start, Fraction(1, RATE)
            clip.mux(audio.encode(sound))
        clip.mux(video.encode(None))
        clip.mux(audio.encode(None))


def _lit(time_s: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    part = np.asarray(time_s) % 1.0
    return (part >= 0.5 - 1e-6) & (part < 0.6 - 1e-6)


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """When pictures turn white and the sound sets in, in seconds of the recording's own timestamps."""
    flashes: list[float] = []
    beeps: list[float] = []
    white, quiet_since = False, -1.0
    with av.open(str(path)) as recording:
        for frame in recording.decode(*recording.streams.video[:1], *recording.streams.audio[:1]):
            if not isinstance(frame, av.VideoFrame | av.AudioFrame) or frame.time is None:
                continue
            if isinstance(frame, av.VideoFrame):
                luma = float(frame.reformat(format="gray").to_ndarray()[::8, ::8].mean())
                if luma > 190 and not white:
                    flashes.append(frame.time)
                white = luma > 190
            else:
                samples = np.abs(frame.to_ndarray().astype(np.float32)[0])
                loud = np.flatnonzero(samples > 0.1)
                if loud.size:
                    onset = frame.time + loud[0] / frame.sample_rate
                    if onset - quiet_since > 0.3:
                        beeps.append(onset)
                    quiet_since = frame.time + loud[-1] / frame.sample_rate
    return flashes, beeps


def offsets_ms(flashes: list[float], beeps: list[float]) -> list[float]:
    """How late the sound is, for every flash that has a beep within half a second."""
    found = []
    for flash in flashes:
        nearest = min(beeps, key=lambda beep: abs(beep - flash), default=None)
        if nearest is not None and abs(nearest - flash) < 0.5:
            found.append(1000 * (nearest - flash))
    return found
