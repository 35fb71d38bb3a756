"""The figures of ``net`` in the status (SPEC 11): measured, not assumed."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from appliance.media.audio import AudioPipeline
from appliance.media.meters import RateMeter
from appliance.media.send_queue import SendQueue
from appliance.media.tags import TagKind
from appliance.media.video import VideoPipeline
from appliance.rtmp.uplink import LinkStatistics

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
    """Takes what the kernel says about the link, some four times a second; any thread may read."""

    def __init__(
        self,
        video: VideoPipeline,
        audio: AudioPipeline,
        queue: SendQueue,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._video, self._audio, self._queue = video, audio, queue
        self._now = now
        self._lock = threading.Lock()
        self._due_s = 0.0
        self._acknowledged = RateMeter()
        self._sent = RateMeter()
        self._before: LinkStatistics | None = None
        self._rtts: deque[float] = deque(maxlen=20)
        self._dropped_before = 0

    def session_begins(self) -> None:
        """What comes is of another session, if there is one."""
        with self._lock:
            self._before = None
            self._rtts.clear()

    def begin(self) -> None:
        """A push begins: count dropped frames from here."""
        self._dropped_before = self._queue.dropped_frames

    def take(self, link: LinkStatistics) -> None:
        """What is known about the session's link now; more often than needed is harmless."""
        now_s = self._now()
        with self._lock:
            if now_s < self._due_s:
                return
            self._due_s = now_s + SAMPLE_S
            before, self._before = self._before, link
            if before is not None:
                self._acknowledged.add(8 * max(0, link.acked_bytes - before.acked_bytes))
                self._sent.add(8 * max(0, link.sent_bytes - before.sent_bytes))
            if link.rtt_ms:
                self._rtts.append(link.rtt_ms)

    def queue_delay_ms(self) -> float | None:
        """How long what is sent now will take to be acknowledged: what the oldest frame has waited here, and what lies in
        the kernel by the measured rate. None without a session."""
        with self._lock:
            link = self._before
        if link is None:
            return None
        rate_kbps = max(self._acknowledged.rate() / 1000, 1.0)
        return self._queue.depth().backlog_ms + min(8 * link.queued_bytes / rate_kbps, 60_000.0)

    def net(
        self, *, connected: bool, reconnecting: bool, target_kbps: int, delay_s: float | None
    ) -> dict[str, Any]:  # fmt: skip
        """``net`` of the status. ``delay_s``: the queue's, where the bitrate goes by it."""
        with self._lock:
            link, rtts = self._before, list(self._rtts)
        made = self._video.encoding.figures()
        depth = self._queue.depth()
        delay = (self.queue_delay_ms() if delay_s is None else 1000 * delay_s) if connected else None
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
