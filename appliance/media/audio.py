"""The audio pipeline: one thread from the microphone, or silence, to the send queue.

The audio track never stops while a push is on. Muted, without a microphone, or with one that gives nothing, it carries
silence; a microphone that vanished comes back by itself (SPEC 4).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from appliance.errors import AudioEncodeError, LivePusherError, MicrophoneError, MicrophoneSilent, UnsupportedSampleRate
from appliance.media.flv import FlvAudioTrack
from appliance.media.hands import Job
from appliance.media.meters import RateMeter
from appliance.media.pipeline import Pipeline
from appliance.media.send_queue import SendQueue
from appliance.media.sound_line import SoundLine
from appliance.media.sources import Microphone, Sound, SoundFormat

log = logging.getLogger(__name__)

LAG_S = 0.15
"""Silence is filled in so far behind the present: what a microphone still delivers has arrived by then."""

READ_S = 0.05
IDLE_S = 1.0
SILENT_S = 2.0
"""An open microphone that gave nothing for so long is silent (-1311)."""

RETRY_S = 3.0
RESTARTS = 3
RESTARTS_WITHIN_S = 10.0
ENCODER_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class SoundPlan:
    """What is wanted. ``format`` None: no push is on. ``source`` None: capture nothing, send silence.

    ``source`` tells microphones apart (settings' values); a change of it opens the other one.
    """

    format: SoundFormat | None = None
    bitrate_kbps: int = 32
    source: tuple[str, ...] | None = None
    epoch_s: float = 0.0
    muted: bool = False
    gain_db: float = 0.0


class SoundReports(Protocol):
    """What happened to the sound; called in the pipeline's thread, returns at once."""

    def microphone_ready(self, name: str) -> None: ...

    def microphone_failed(self, error: LivePusherError) -> None:
        """Missing, gone or silent: once until it works again."""
        ...

    def sound_encoder_failed(self, error: AudioEncodeError) -> None:
        """The track stands still; it is tried again later."""
        ...


class AudioPipeline(Pipeline[SoundPlan]):
    """The pipeline with its thread. :meth:`set_plan` and the properties may be used from any thread."""

    def __init__(
        self,
        open_microphone: Callable[[tuple[str, ...]], Microphone | None],
        queue: SendQueue,
        reports: SoundReports,
        *,
        on_crash: Callable[[str, BaseException], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("audio", "microphone hands", SoundPlan(), on_crash=on_crash)
        self._make = open_microphone
        self._queue = queue
        self._reports = reports
        self._now = now
        self._opening: tuple[tuple[str, ...], Job[tuple[Microphone | None, int]]] | None = None
        self._microphone: Microphone | None = None
        self._rate = 48000
        self._open_source: tuple[str, ...] | None = None
        self._retry_at = 0.0
        self._last_sound = 0.0
        self._told = False
        self._line: SoundLine | None = None
        self._track: FlvAudioTrack | None = None
        self._restarts: list[float] = []
        self._encoder_retry_at = 0.0
        self._bits = RateMeter()

    @property
    def kbps(self) -> float:
        """What really left the encoder in the last seconds."""
        return self._bits.rate() / 1000

    @property
    def microphone_name(self) -> str | None:
        microphone = self._microphone
        return microphone.name if microphone is not None else None

    # -- the thread ----------------------------------------------------------------------------------------

    def _turn(self, plan: SoundPlan) -> None:
        self._poll_microphone(plan)  # also without a push: one that was still opening when it ended is to be closed
        if plan.format is None:
            self._changed.wait(IDLE_S)
            return
        self._capture()
        self._encode(plan)

    def _reconcile(self, plan: SoundPlan, done: SoundPlan) -> None:
        if plan.format is None:
            self._line = self._track = None
        elif (plan.format, plan.epoch_s, plan.bitrate_kbps) != (done.format, done.epoch_s, done.bitrate_kbps):
            self._line = self._track = None
            self._restarts.clear()
            self._encoder_retry_at = self._retry_at = 0.0
            self._told = False
            self._open_track(plan)
        if self._open_source is not None and (plan.source != self._open_source or plan.format != done.format):
            self._shut()
        if plan.source != done.source:
            self._told = False
            self._retry_at = 0.0

    def _open_track(self, plan: SoundPlan) -> None:
        assert plan.format is not None
        if self._now() < self._encoder_retry_at:
            return
        try:
            self._track = FlvAudioTrack(plan.format, plan.bitrate_kbps)
        except AudioEncodeError as error:
            self._encoder_retry_at = self._now() + ENCODER_RETRY_S
            self._reports.sound_encoder_failed(error)
        if self._line is None:
            self._line = SoundLine(plan.format, 1024, plan.epoch_s)

    # -- the microphone ------------------------------------------------------------------------------------

    def _poll_microphone(self, plan: SoundPlan) -> None:
        if self._opening is not None and self._opening[1].done:
            source, job = self._opening
            self._opening = None
            if job.result is None:
                if source == plan.source:
                    self._fail(job.error)
            elif source == plan.source:
                self._microphone, self._rate = job.result
                self._open_source = source
                self._last_sound = self._now()
            elif job.result[0] is not None:
                self._hands.do(job.result[0].close)
        wanted = plan.source
        sound = plan.format
        if wanted is None or sound is None or wanted == self._open_source or self._opening is not None:
            return
        if self._now() >= self._retry_at:
            self._opening = (wanted, self._hands.do(lambda: self._open(wanted, sound)))

    def _open(self, source: tuple[str, ...], sound: SoundFormat) -> tuple[Microphone | None, int]:
        microphone = self._make(source)
        if microphone is None:
            return None, sound.rate
        try:
            return microphone, microphone.open(sound).rate
        except BaseException:
            microphone.close()
            raise

    def _capture(self) -> None:
        """Move what the microphone has into the line; where it has nothing, time passes as silence."""
        microphone, line = self._microphone, self._line
        if line is None:
            self._changed.wait(READ_S)
            return
        sound: Sound | None = None
        if microphone is None:
            self._changed.wait(READ_S)
        else:
            try:
                sound = microphone.read(READ_S)
                if sound is None and self._now() - self._last_sound > SILENT_S:
                    raise MicrophoneSilent(f"{microphone.name} gave no sound for {SILENT_S:g} s", _named(microphone))
            except LivePusherError as error:
                self._fail(error)
            except Exception as error:
                log.exception("microphone %s failed", microphone.name)
                self._fail(error)
        if sound is not None and sound.samples.shape[0]:
            self._last_sound = self._now()
            if not self._told or self._retry_at:
                self._told, self._retry_at = True, 0.0
                assert microphone is not None
                self._reports.microphone_ready(microphone.name)
            try:
                line.feed(sound, self._rate)
            except AudioEncodeError as error:
                log.warning("%s", error.reason)
        if line.end_s < self._now() - LAG_S - (0.1 if sound is not None else 0.0):
            line.feed_silence(self._now() - LAG_S)

    def _fail(self, error: Exception | None) -> None:
        name = self._microphone.name if self._microphone is not None else (self._plan.source or ("?",))[0]
        if not isinstance(error, MicrophoneError | UnsupportedSampleRate):
            error = MicrophoneError(f"the driver failed: {type(error).__name__}: {error}")
        error.details.setdefault("microphone", name)
        first = self._retry_at == 0.0
        self._shut()
        self._retry_at = self._now() + RETRY_S
        if first:
            self._reports.microphone_failed(error)

    def _shut(self) -> None:
        microphone, self._microphone, self._open_source = self._microphone, None, None
        if microphone is not None:
            self._hands.do(microphone.close)

    # -- the encoder ---------------------------------------------------------------------------------------

    def _encode(self, plan: SoundPlan) -> None:
        line = self._line
        if line is None:
            return
        if self._track is None:
            self._open_track(plan)
        while (taken := line.take()) is not None:
            track = self._track
            if track is None:
                continue  # the encoder is given up for now: what would have been said is gone
            samples, position = taken
            try:
                tags = track.encode(_adjusted(samples, plan), position)
            except AudioEncodeError as error:
                self._restart_encoder(error)
                continue
            for tag in tags:
                self._bits.add(8 * len(tag.body))
                self._queue.put(tag)

    def _restart_encoder(self, error: AudioEncodeError) -> None:
        now = self._now()
        self._track = None
        self._restarts = [t for t in self._restarts if now - t < RESTARTS_WITHIN_S] + [now]
        if len(self._restarts) >= RESTARTS:
            self._restarts.clear()
            self._encoder_retry_at = now + ENCODER_RETRY_S
            self._reports.sound_encoder_failed(error)
        else:
            log.warning("the audio encoder failed and is started again: %s", error.reason)


def _named(microphone: Microphone) -> dict[str, object]:
    return {"microphone": microphone.name}


def _adjusted(samples: npt.NDArray[np.float32], plan: SoundPlan) -> npt.NDArray[np.float32]:
    if plan.muted:
        return np.zeros_like(samples)
    if plan.gain_db == 0.0:
        return samples
    louder: npt.NDArray[np.float32] = np.clip(samples * np.float32(10 ** (plan.gain_db / 20)), -1.0, 1.0)
    return louder
