"""Small media files for tests, made with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SOUND_RATE = 48000


def make_clip(
    path: Path, *, seconds: float = 1.0, fps: int = 30, size: tuple[int, int] = (160, 96), sound_s: float | None = None,
    codec: str = "libx264",
) -> Path:  # fmt: skip
    """A film whose first tenth of a second is white and beeps; black and silent after that. ``sound_s`` None: no sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        if codec == "libx264":
            video.options = {"preset": "ultrafast"}
        audio = None
        if sound_s is not None:
            audio = container.add_stream("aac", rate=SOUND_RATE)
            assert isinstance(audio, av.AudioStream)
            audio.layout = "mono"
        for number in range(round(seconds * fps)):
            luma = 235 if number * 10 < fps else 16
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = luma
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound_s is not None:
            t = np.arange(round(sound_s * SOUND_RATE)) / SOUND_RATE
            samples = (16000 * np.sin(2 * np.pi * 1000 * t) * (t < 0.1)).astype(np.int16)
            for begin in range(0, len(samples), 1024):
                sound = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], "s16", "mono")
                sound.sample_rate, sound.pts, sound.time_base = SOUND_RATE, begin, Fraction(1, SOUND_RATE)
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
    return path


def make_tone(path: Path, seconds: float = 0.5) -> Path:
    """A sound file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SOUND_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        t = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
        samples = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
