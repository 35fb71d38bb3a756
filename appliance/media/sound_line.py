"""One unbroken line of samples from whatever a microphone delivers: resampled, mixed, held to the monotonic clock.

FFmpeg's ``aresample`` with ``async`` does the arithmetic: it stretches or squeezes by what the timestamps say (a sound
card's clock that is 0.1 % off), fills gaps with silence and cuts overlaps.
"""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter
import numpy as np
import numpy.typing as npt
from av.filter.context import FilterContext

from appliance.errors import AudioEncodeError
from appliance.media.sample_clock import SampleClock
from appliance.media.sources import Sound, SoundFormat

_LAYOUT = {1: "mono", 2: "stereo"}

MAX_STRETCH = 0.005
"""Share by which sound is stretched or squeezed at most to follow its timestamps: not to be heard, and five times what
the worst crystal needs."""

HARD_S = 0.1
"""A difference beyond this is a gap or an overlap, and not drift."""


class SoundLine:
    """Blocks in, frames of a fixed number of samples out, without a gap. For one thread.

    Positions count output samples since ``epoch_s`` of the monotonic clock.
    """

    def __init__(self, out: SoundFormat, frame_samples: int, epoch_s: float) -> None:
        self._out = out
        self._frame_samples = frame_samples
        self._epoch_s = epoch_s
        self._graph: tuple[av.filter.Graph, FilterContext, FilterContext] | None = None
        self._in: SoundFormat | None = None
        self._clock: SampleClock | None = None
        self._pending = np.zeros((out.channels, 0), np.float32)
        self._position = 0
        """Of the first sample of ``_pending``."""

    @property
    def end_s(self) -> float:
        """Monotonic time up to which the line is filled (what is inside the resampler not counted)."""
        return self._epoch_s + (self._position + self._pending.shape[1]) / self._out.rate

    def feed(self, sound: Sound, rate: int) -> None:
        """Append a microphone's block, captured at nominal ``rate``. What was captured before the epoch is left out."""
        samples = sound.samples
        if samples.shape[0] == 0:
            return
        form = SoundFormat(rate, samples.shape[1])
        if form != self._in or self._clock is None:
            self._begin(form)
        assert self._clock is not None
        self._push(samples, self._clock.feed(sound.time_s, samples.shape[0]), form)

    def feed_silence(self, until_s: float) -> None:
        """Fill the line with silence up to ``until_s``, where it is not filled already."""
        self._flush()
        missing = round((until_s - self._epoch_s) * self._out.rate) - self._position - self._pending.shape[1]
        if missing > 0:
            self._append(np.zeros((self._out.channels, missing), np.float32))

    def take(self) -> tuple[npt.NDArray[np.float32], int] | None:
        """The next frame, shape (channels, frame_samples), and its position; None when there is none yet."""
        if self._pending.shape[1] < self._frame_samples:
            return None
        frame, position = self._pending[:, : self._frame_samples], self._position
        self._pending = self._pending[:, self._frame_samples :]
        self._position += self._frame_samples
        return frame, position

    # -- inside --------------------------------------------------------------------------------------------

    def _begin(self, form: SoundFormat) -> None:
        self._flush()
        self._in, self._clock = form, SampleClock(form.rate)

    def _open_graph(self, form: SoundFormat) -> tuple[av.filter.Graph, FilterContext, FilterContext]:
        graph = av.filter.Graph()
        base = Fraction(1, form.rate)
        source = graph.add_abuffer(sample_rate=form.rate, format="s16", layout=_LAYOUT[form.channels], time_base=base)
        resample = graph.add(
            "aresample",
            f"osr={self._out.rate}:ochl={_LAYOUT[self._out.channels]}:osf=fltp"
            f":async={round(MAX_STRETCH * form.rate)}:min_hard_comp={HARD_S}:comp_duration=1",
        )
        sink = graph.add("abuffersink")
        source.link_to(resample)
        resample.link_to(sink)
        graph.configure()
        return graph, source, sink

    def _push(self, samples: npt.NDArray[np.int16], time_s: float, form: SoundFormat) -> None:
        try:
            if self._graph is None:
                self._graph = self._open_graph(form)
            _, source, sink = self._graph
            packed = np.ascontiguousarray(samples).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=_LAYOUT[form.channels])
            frame.sample_rate = form.rate
            frame.time_base = Fraction(1, form.rate)
            frame.pts = round((time_s - self._epoch_s) * form.rate)
            source.push(frame)
            self._drain(sink)
        except (av.FFmpegError, ValueError) as error:
            self._graph = None
            raise AudioEncodeError(f"resampling {form.rate} Hz to {self._out.rate} Hz: {error}") from error

    def _drain(self, sink: FilterContext) -> None:
        while True:
            try:
                out = sink.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(out, av.AudioFrame)
            data = out.to_ndarray().astype(np.float32, copy=False)
            base = out.time_base or Fraction(1, self._out.rate)
            at = round(float((out.pts or 0) * base) * self._out.rate)
            end = self._position + self._pending.shape[1]
            if at > end:
                self._append(np.zeros((self._out.channels, at - end), np.float32))
            self._append(data[:, max(0, end - at) :])

    def _flush(self) -> None:
        if self._graph is None:
            return
        _, source, sink = self._graph
        self._graph = None
        self._clock = None
        try:
            source.push(None)
            self._drain(sink)
        except (av.FFmpegError, ValueError):
            pass  # the tail of a stream whose device is gone: a few samples

    def _append(self, samples: npt.NDArray[np.float32]) -> None:
        if samples.shape[1]:
            self._pending = np.concatenate((self._pending, samples), axis=1)
