"""Somebody who watches the stream: takes some seconds of it from the server, decodes them, and says what is seen and heard."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from .machine import BoardFailed

WAITING = (255, 0, 255)
"""The colour of the tests' waiting image, which no camera shows."""
RATE = 16000


@dataclass(frozen=True)
class View:
    """What was in the stream."""

    picture: str
    """``bars``, ``lines``, ``waiting``, or ``unknown``, of the last picture."""
    size: tuple[int, int]
    pictures: int
    tone_hz: float
    """The strongest frequency in the last second of sound; 0 in silence."""


def watch(url: str, folder: Path, *, seconds: float = 5.0) -> View:
    """View the stream from now on. Raises BoardFailed when nothing decodable comes."""
    clip = folder / "seen.flv"
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-rw_timeout", "20000000", "-i", url, "-t", str(seconds), "-c", "copy", str(clip)
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 40, check=False)
    except subprocess.TimeoutExpired as error:
        raise BoardFailed(f"no stream to view at {url}") from error
    if done.returncode:
        raise BoardFailed(f"no stream to view: {done.stderr[-500:]}")
    return look_at(clip)


def look_at(clip: Path) -> View:
    """Decode a file to its end, strictly. Raises BoardFailed."""
    last: av.VideoFrame | None = None
    pictures, sound = 0, [np.zeros(0, np.float32)]
    try:
        with av.open(str(clip)) as opened:
            resampler = av.AudioResampler("fltp", "mono", RATE)
            for frame in opened.decode(*opened.streams.video[:1], *opened.streams.audio[:1]):
                if isinstance(frame, av.VideoFrame):
                    last, pictures = frame, pictures + 1
                elif isinstance(frame, av.AudioFrame):
                    sound += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    except av.FFmpegError as error:
        raise BoardFailed(f"the stream does not decode: {error}") from error
    if last is None:
        raise BoardFailed("the stream has no picture")
    return View(
        picture_of(last.to_ndarray(format="rgb24")), (last.width, last.height), pictures, tone_of(np.concatenate(sound))
    )


def picture_of(rgb: npt.NDArray[Any]) -> str:
    """Which of the three it is. Bars are the same from top to bottom and coloured; lines neither."""
    picture = rgb.astype(np.float32)
    if np.abs(picture.mean((0, 1)) - WAITING).max() < 25:
        return "waiting"
    down, across = picture.std(axis=0).mean(), picture.mean(axis=0).std()
    colour = np.ptp(picture.mean(axis=0), axis=1).mean()
    if down < 12 and across > 30 and colour > 60:
        return "bars"
    if down > 20:
        return "lines"
    return f"unknown ({down:.0f}, {across:.0f}, {colour:.0f})"


def tone_of(samples: npt.NDArray[np.floating[Any]]) -> float:
    """The strongest frequency of the last second, to 2 Hz; 0 when there is none worth hearing."""
    last = samples[-RATE:]
    if len(last) < RATE // 4 or np.sqrt(np.mean(last**2)) < 0.01:
        return 0.0
    strengths = np.abs(np.fft.rfft(last * np.hanning(len(last))))
    return float(np.argmax(strengths) * RATE / len(last))
