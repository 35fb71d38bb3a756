"""What the media side needs of a camera and a microphone, and the data they deliver.

The back ends in ``hardware/`` fulfil these protocols; the pipelines in ``media/`` use them. Times are seconds of the
monotonic clock (``time.monotonic()``) at the moment of capture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Size in pixels, as displayed (portrait: width < height), and frames per second."""

    width: int
    height: int
    fps: int
    second: tuple[int, int] | None = None
    """A smaller size that the camera's own encoder is to take as well, so that a push changes between the two."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One captured picture. The receiver may keep ``frame``; its memory is its own."""

    frame: av.VideoFrame
    time_s: float


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """Samples per second, and channels (1 or 2)."""

    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Captured samples: int16, shape (samples, channels). ``time_s`` is when the first of them was captured."""

    samples: npt.NDArray[np.int16]
    time_s: float


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """An H.264 access unit in Annex B, parameter sets in front of every keyframe."""

    data: bytes
    time_s: float
    keyframe: bool


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """What an encoder is asked for; bitrates in kbit/s, ``keyframe_interval_s`` in seconds. ``buffer_s``: rate control's
    buffer, in seconds of the bitrate, which bounds how long a keyframe fills the link."""

    width: int
    height: int
    fps: int
    bitrate_kbps: int
    ceiling_kbps: int
    keyframe_interval_s: float
    buffer_s: float = 0.15


class CameraEncoder(Protocol):
    """An H.264 encoder that sits behind one camera, as on boards with hardware encoding."""

    name: str

    def start(self, spec: VideoSpec, on_picture: Callable[[EncodedPicture], None]) -> None:
        """Start encoding the open camera's pictures. ``on_picture`` is called in the driver's own thread and returns
        at once. One that runs goes over to another ``spec``: its pictures come until the first one of the new, a keyframe,
        is there. Raises :class:`~appliance.errors.HardwareEncoderError`."""
        ...

    def set_bitrate(self, kbps: int) -> None:
        """Takes effect without a restart; raises HardwareEncoderError."""
        ...

    def force_keyframe(self) -> None:
        """The next picture is a keyframe; raises HardwareEncoderError."""
        ...

    def progress(self) -> int:
        """How many pictures it is through with since its start, encoded or left out to keep the bitrate; what it
        was too slow for does not count. Raises HardwareEncoderError once it has failed in flight."""
        ...

    def stop(self) -> None:
        """Stop encoding; the camera stays open. Harmless when not started."""
        ...


class Camera(Protocol):
    """One camera. All methods are called from one thread, the video pipeline's."""

    name: str
    """The stable name of the device, for people and for the settings."""

    controls: frozenset[str]
    """Which of the settings ``auto-focus``, ``zoom``, ``camera.rotation``, ``camera.mirror`` the camera does by itself;
    known once open. For the others the pipeline does it, or says that it has no effect (``auto-focus``)."""

    encoder: CameraEncoder | None
    """The hardware encoder behind this camera, where the board has one."""

    def open(self, wanted: PictureFormat) -> PictureFormat:
        """Open and start. The answer is what will come: the wanted size where the device scales by itself, else what it
        has that is nearest; the pipeline crops and scales. Raises CameraError or UnsupportedResolution within 5 s."""
        ...

    def read(self, timeout_s: float) -> Picture | None:
        """The next picture, None when none came in time. When the pipeline was slow, old pictures are skipped.
        Raises CameraError once the camera is gone (unplugged, driver failed, file ended and unreadable)."""
        ...

    def set_control(self, name: str, value: object) -> None:
        """Apply one of ``controls`` to the open camera."""
        ...

    def close(self) -> None:
        """Release the device: its light goes off. Harmless when not open; may be opened again."""
        ...


class Microphone(Protocol):
    """One microphone. All methods are called from one thread, the audio pipeline's."""

    name: str

    def open(self, wanted: SoundFormat) -> SoundFormat:
        """Open and start capturing. The answer is what will come; the pipeline resamples and mixes. Raises
        MicrophoneError or UnsupportedSampleRate within 2 s."""
        ...

    def read(self, timeout_s: float) -> Sound | None:
        """The next samples (some 10 to 40 ms of them), None when none came in time. Raises MicrophoneError once the
        microphone is gone."""
        ...

    def close(self) -> None:
        """Release the device. Harmless when not open; may be opened again."""
        ...
