"""The figures of ``net`` in the status (SPEC 11): measured, not assumed."""

from __future__ import annotations

import itertools
import statistics
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from appliance.media.audio import AudioPipeline
from appliance.media.meters import RateMeter
from appliance.media.send_queue import SendQueue
from appliance.media.tags import TagKind
from appliance.media.video import VideoPipeline
from appliance.rtmp.session import PublishSession
from appliance.rtmp.uplink import LinkStatistics
from appliance.threads import Worker

SAMPLE_S = 0.25

_LEVELS_MS = (150, 400, 800, 1500)
"""Queue delay up to which ``netQualityLevel`` is 1, 2, 3, 4."""


def quality_level(queue_delay_ms: float | None, *, reconnecting: bool) -> int:
    """0 no push, 1 best to 5 by queue delay, 6 disconnected."""
    if reconnecting:
        return 6
    if queue_delay_ms is None:
        return 0
    return next((i + 1 for i, limit in enumerate(_LEVELS_MS) if queue_delay_ms <= limit), 5)


class Figures:
    """Samples the present session four times a second, in a thread of its own; any thread may read."""

    def __init__(
        self,
        video: VideoPipeline,
        audio: AudioPipeline,
        queue: SendQueue,
        *,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._video, self._audio, self._queue = video, audio, queue
        self._lock = threading.Lock()
        self._session: PublishSession | None = None
        self._acknowledged = RateMeter()
        self._sent = RateMeter()
        self._before: LinkStatistics | None = None
        self._rtts: deque[float] = deque(maxlen=20)
        self._dropped_before = 0
        self.worker = Worker("figures", self._run, on_crash=on_crash)

    def follow(self, session: PublishSession | None) -> None:
        """Sample ``session`` from here on; None: there is none."""
        with self._lock:
            self._session, self._before = session, None
            self._rtts.clear()

    def begin(self) -> None:
        """A push begins: count dropped frames from here."""
        self._dropped_before = self._queue.dropped_frames

    def _run(self, worker: Worker) -> None:
        while not worker.wait(SAMPLE_S):
            worker.beat()
            with self._lock:
                session, before = self._session, self._before
                if session is None:
                    continue
                now = session.statistics()
                if before is not None:
                    self._acknowledged.add(8 * max(0, now.acked_bytes - before.acked_bytes))
                    self._sent.add(8 * max(0, now.sent_bytes - before.sent_bytes))
                if now.rtt_ms:
                    self._rtts.append(now.rtt_ms)
                self._before = now

    def queue_delay_ms(self) -> float | None:
        """How long what is sent now will take to be acknowledged: what the oldest frame has waited here, and what lies in
        the kernel by the measured rate. None without a session."""
        with self._lock:
            link = self._before
        if link is None:
            return None
        rate_kbps = max(self._acknowledged.rate() / 1000, 1.0)
        return self._queue.depth().backlog_ms + min(8 * link.queued_bytes / rate_kbps, 60_000.0)

    def net(self, *, connected: bool, reconnecting: bool, target_kbps: int) -> dict[str, Any]:
        """``net`` of the status."""
        with self._lock:
            link, rtts = self._before, list(self._rtts)
        made = self._video.encoding.figures()
        depth = self._queue.depth()
        delay = self.queue_delay_ms() if connected else None
        jitter = statistics.fmean(abs(b - a) for a, b in itertools.pairwise(rtts)) if len(rtts) > 1 else 0.0
        return {
            "videoBitrate": round(self._queue.taken[TagKind.VIDEO].rate() / 1000),
            "audioBitrate": round(self._queue.taken[TagKind.AUDIO].rate() / 1000),
            "encodedBitrate": round(made.kbps + self._audio.kbps),
            "targetBitrate": target_kbps,
            "videoFPS": round(made.fps, 1),
            "videoGOP": round(made.gop_s, 2),
            "videoWidth": made.width,
            "videoHeight": made.height,
            "netSpeed": round(self._acknowledged.rate() / 1000),
            "netSent": round(self._sent.rate() / 1000),
            "netJitter": round(jitter, 1),
            "netQualityLevel": quality_level(delay, reconnecting=reconnecting),
            "videoCache": depth.video_frames,
            "audioCache": depth.audio_frames,
            "queueDelay": round(delay or 0.0),
            "rtt": round(link.rtt_ms, 1) if link is not None else 0,
            "droppedFrames": self._queue.dropped_frames - self._dropped_before,
            "encoder": made.encoder,
        }
