"""The simulated microphone: a beep at each whole second, on a clock that may run fast or slow."""

from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt

from appliance.errors import MicrophoneError, UnsupportedSampleRate
from appliance.hardware.simulated.bench import SimulatedDevice
from appliance.media.sources import Sound, SoundFormat

RATES = (16000, 44100, 48000)
BLOCK_S = 0.02
BUFFER_S = 0.5
"""How much sound a late reader finds; older sound is lost, as in a sound card's ring buffer."""

BEEP_HZ, BEEP_S, BEEP_PEAK, RAMP_S = 1000.0, 0.1, 0.3, 0.002
HUM_HZ, HUM_PEAK = 220.0, 10 ** (-52 / 20)
"""-55 dBFS RMS: what tells a live microphone from silence. A whole number of periods a second keeps it continuous."""

_ROUNDING_S = 1e-9
"""A sample this close before a whole second counts as being at it."""


class Skew:
    """How much faster than nominal the microphone's clock runs, in millionths. May be set from any thread."""

    def __init__(self, ppm: float = 0.0) -> None:
        self.ppm = ppm


class SimulatedMicrophone:
    """One or two channels of 16, 44.1 or 48 kHz, in blocks of 20 ms.

    The world it hears is a function of true (monotonic) time; a clock that is ``skew`` off samples that world too often
    or too seldom, so that more or fewer samples a second come than were agreed on. ``time_s`` is the true time of
    capture. For one thread, the audio pipeline's.
    """

    def __init__(self, device: SimulatedDevice, skew: Skew) -> None:
        self.name = device.name
        self._device = device
        self._skew = skew
        self._format: SoundFormat | None = None
        self._block = 0
        self._ppm = 0.0
        self._anchor_s = 0.0
        self._count = 0

    def open(self, wanted: SoundFormat) -> SoundFormat:
        if self._device.limited:
            raise UnsupportedSampleRate(f"{self.name} has no {wanted.rate} Hz, nor anything to make it of")
        self._device.claim(self)
        rate = min(RATES, key=lambda r: abs(r - wanted.rate))
        self._format = SoundFormat(rate, min(2, max(1, wanted.channels)))
        self._block = round(rate * BLOCK_S)
        self._ppm = self._skew.ppm
        self._anchor_s = math.ceil(time.monotonic() * rate) / rate
        self._count = 0
        return self._format

    def read(self, timeout_s: float) -> Sound | None:
        if self._format is None:
            raise MicrophoneError(f"{self.name} is not open")
        deadline = time.monotonic() + timeout_s
        if self._skew.ppm != self._ppm:
            self._anchor_s, self._count, self._ppm = self._time_s(), 0, self._skew.ppm
        step = self._step_s()
        late = time.monotonic() - self._time_s() - BUFFER_S
        if late > 0:
            self._count += math.ceil(late / (self._block * step)) * self._block
        start = self._time_s()
        if not self._device.wait_until(self, start + self._block * step, deadline):
            return None
        self._count += self._block
        mono = world(start, step, self._block)
        return Sound(np.repeat(mono[:, None], self._format.channels, axis=1), start)

    def close(self) -> None:
        self._device.release(self)
        self._format = None

    def _step_s(self) -> float:
        """Seconds of true time between two samples."""
        assert self._format is not None
        return 1 / (self._format.rate * (1 + self._ppm * 1e-6))

    def _time_s(self) -> float:
        """True time of the next sample."""
        return self._anchor_s + self._count * self._step_s()


def world(start_s: float, step_s: float, count: int) -> npt.NDArray[np.int16]:
    """What there is to hear at ``count`` instants from ``start_s`` on, ``step_s`` apart."""
    second = math.floor(start_s)
    within = (start_s - second + step_s * np.arange(count) + _ROUNDING_S) % 1.0
    sound = HUM_PEAK * np.sin(2 * np.pi * HUM_HZ * within)
    beeping = within < BEEP_S
    if beeping.any():
        t = within[beeping]
        # a cosine, and a ramp that is not zero at its first sample: the beep begins exactly at the second
        ramp = np.clip(np.minimum(t + step_s, BEEP_S - t) / RAMP_S, 0.0, 1.0)
        sound[beeping] += BEEP_PEAK * ramp * np.cos(2 * np.pi * BEEP_HZ * t)
    samples: npt.NDArray[np.int16] = np.round(sound * 32767).astype(np.int16)
    return samples
