"""A microphone through ALSA (pyalsaaudio), named by its card so that the name outlives a restart and another socket.

The device is opened non-blocking and waited for with poll, so that a read keeps its bound. ``hw:`` devices are taken as they
are, in the rate and channels nearest to what is wanted; where such a device has no 16-bit samples, ALSA's ``plughw:``
converts them. The pipeline resamples: it does that better than ALSA.
"""

from __future__ import annotations

import select
import time
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import HardwareMissing, MicrophoneError, UnsupportedSampleRate, plain
from appliance.hardware.libraries import load
from appliance.media.sources import Sound, SoundFormat

PERIOD_S = 0.02
PERIODS = 25
"""Half a second of ring buffer: a pipeline that was held up for so long loses nothing."""
_OVERRUN = -32  # -EPIPE
_PROC = Path("/proc/asound")


def capture_devices() -> list[str]:
    """The stable names of the devices that can capture, the best first: USB microphones, then other cards, loopbacks
    last. Raises HardwareMissing."""
    alsa = load("alsaaudio")
    try:
        devices = [name for name in alsa.pcms(alsa.PCM_CAPTURE) if name.startswith("hw:CARD=")]
    except alsa.ALSAAudioError:
        return []
    return sorted(devices, key=_rank)


def _rank(device: str) -> int:
    card = device.removeprefix("hw:CARD=").partition(",")[0]
    if card == "Loopback":
        return 2
    return 0 if (_PROC / card / "usbid").exists() else 1


class AlsaMicrophone:
    """See :class:`appliance.media.sources.Microphone`; for one thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pcm: Any = None
        self._poll: select.poll | None = None
        self._channels = 1
        self._buffer = 0
        self._format = SoundFormat(1, 1)
        self._error: type[Exception] = OSError

    def open(self, wanted: SoundFormat) -> SoundFormat:
        if self._pcm is not None:
            raise MicrophoneError(f"microphone {self.name} is open already")
        try:
            alsa = load("alsaaudio")
        except HardwareMissing as error:
            raise MicrophoneError(error.reason, error.details) from error
        self._error = alsa.ALSAAudioError
        pcm = self._opened(alsa, self.name, wanted)
        info = pcm.info()
        if info["format_name"] != "S16_LE" and self.name.startswith("hw:"):
            pcm.close()
            native = SoundFormat(info["rate"], info["channels"])
            pcm = self._opened(alsa, "plug" + self.name, native)
            info = pcm.info()
        if info["format_name"] != "S16_LE":
            pcm.close()
            raise MicrophoneError(f"microphone {self.name} has no 16-bit samples; it has {info['format_name']}")
        if not 8000 <= info["rate"] <= 192000:
            pcm.close()
            raise UnsupportedSampleRate(f"microphone {self.name} has only {info['rate']} Hz; allowed: 8000 to 192000")
        self._pcm, self._channels, self._buffer = pcm, info["channels"], info["buffer_size"]
        self._format = SoundFormat(info["rate"], min(2, self._channels))
        self._poll = select.poll()
        for descriptor, events in pcm.polldescriptors():
            self._poll.register(descriptor, events)
        return self._format

    def _opened(self, alsa: Any, device: str, wanted: SoundFormat) -> Any:
        try:
            return alsa.PCM(
                type=alsa.PCM_CAPTURE, mode=alsa.PCM_NONBLOCK, device=device, rate=wanted.rate, channels=wanted.channels,
                format=alsa.PCM_FORMAT_S16_LE, periodsize=round(wanted.rate * PERIOD_S), periods=PERIODS,
            )  # fmt: skip
        except alsa.ALSAAudioError as error:
            raise MicrophoneError(f"microphone {self.name} cannot be opened: {plain(error)}") from error

    def read(self, timeout_s: float) -> Sound | None:
        if self._pcm is None or self._poll is None:
            raise MicrophoneError(f"microphone {self.name} is not open")
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                # reading first also starts the device: until then poll would wait for ever
                count, data = self._pcm.read()
                now = time.monotonic()
                if count > 0:
                    return self._sound(data, now)
                if count == _OVERRUN:  # pyalsaaudio has prepared the device again; the lost sound shows in the times
                    continue
                if count < 0:
                    raise MicrophoneError(f"microphone {self.name} is gone: error {-count}")
                if now >= deadline:
                    return None
                self._poll.poll(max(1, round((deadline - now) * 1000)))
        except self._error as error:
            raise MicrophoneError(f"microphone {self.name} is gone: {plain(error)}") from error

    def _sound(self, data: bytes, now_s: float) -> Sound:
        samples = np.frombuffer(data, "<i2").reshape(-1, self._channels)[:, : self._format.channels]
        return Sound(samples.astype(np.int16), now_s - (len(samples) + self._behind()) / self._format.rate)

    def _behind(self) -> int:
        """Samples that the card has recorded and nobody has read. An overrun has none; the next read reports it."""
        if hasattr(self._pcm, "avail"):
            return max(0, int(self._pcm.avail()))
        # pyalsaaudio 0.10, trixie's: by the last look at the card, which was the read; what is more than there is room for is
        # no count, but what was in memory when ALSA gave none
        count = int(self._pcm.htimestamp()[2])
        return count if 0 <= count <= self._buffer else 0

    def close(self) -> None:
        pcm, self._pcm, self._poll = self._pcm, None, None
        if pcm is not None:
            pcm.close()
