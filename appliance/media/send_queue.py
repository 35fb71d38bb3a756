"""The send queue: between the encoders and the network, and the only place where pictures are dropped.

Producers never wait. Sound and picture come from different threads and are handed out in the order of their
timestamps. A tag that is alone in the queue is held back, for at most :data:`HOLD_S`, while the other track may still
deliver an earlier one.

Drop rule: nothing while the oldest picture has waited for less than :attr:`SendQueue.video_limit_s`. Beyond that, pictures
go from the oldest up to the newest keyframe, and a keyframe is asked for at once when that one is late itself. So one late
keyframe waits at most: were all kept, they alone would fill a link that is too small, and sound and picture would be later
and later. Sound and parameter sets stay.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.media.meters import RateMeter
from appliance.media.tags import Tag, TagKind

HOLD_S = 0.3
"""How long a tag waits for an earlier one of the other track. FFmpeg's AAC encoder gives a frame when the two behind it
are in: 192 ms after its first sample at 16 kHz, and the blocks of capture come on top."""

BATCH_S = 0.03
"""Tags go out at most so often: a wake-up and a write cost more than the bytes, and 30 ms are not to be seen."""

KEYFRAMES_APART_S = 0.5
"""A keyframe is asked for at once after a drop, but not sooner after the last one: where each is late again, they would
fill the link."""

AUDIO_FIRST_MS = 100
"""A backlog from which on sound overtakes pictures where that is wanted."""

LIVE_S = 0.5
"""A track that delivered nothing for this long is not waited for."""

VIDEO_LIMIT_S = 0.7
RTC_VIDEO_LIMIT_S = 0.15
"""Video that has waited for the link for longer is dropped up to a keyframe (SPEC 4). Time in the queue and not the span
of timestamps: one picture a second is a slow source, and no queue."""

AUDIO_LIMIT_MS = 20_000
"""A bound for memory alone: without progress the session ends after 8 s (SPEC 5), long before this."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits in the queue: bytes, frames, and milliseconds of media from the oldest to the newest.

    ``backlog_ms`` is how long the oldest frame has waited for the network: 0 while the session takes whatever is due, even
    if a frame is being held back for an earlier one of the other track."""

    bytes: int
    video_frames: int
    audio_frames: int
    video_ms: int
    audio_ms: int
    backlog_ms: int


class SendQueue:
    """All methods may be called from any thread; none blocks."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._wake: Callable[[], None] | None = None
        self._open = False
        self._video = False
        self._started = False
        self._awaiting_keyframe = True
        self._keyframe_s = -math.inf
        self._begin_ms = 0
        self._first_is_due = True
        self._taking = False
        self._batch_at = 0.0
        self._emptied_at = 0.0
        self._asleep_until = math.inf
        self._queues: dict[TagKind, deque[tuple[Tag, float]]] = {TagKind.VIDEO: deque(), TagKind.AUDIO: deque()}
        self._headers: dict[TagKind, Tag] = {}
        self._newest: dict[TagKind, tuple[int, float]] = {}
        self._bytes = 0
        self.dropped_frames = 0
        self.offered_bytes = dict.fromkeys(self._queues, 0)
        """Of each track, what was put, sent or not."""
        self.video_limit_s = VIDEO_LIMIT_S
        """Video that has waited for longer is dropped up to a keyframe."""
        self.audio_first = False
        """While the link is busy, sound overtakes the pictures that wait."""
        self.taken = {kind: RateMeter(now=now) for kind in self._queues}
        """Bits per second that the session took, by track."""

    def set_wake(self, wake: Callable[[], None] | None) -> None:
        """``wake`` is called after a put that makes a tag due earlier than the last :meth:`wait_s` said, and after a
        close; it must not block."""
        with self._lock:
            self._wake = wake
            self._asleep_until = math.inf

    def open(self, *, video: bool = True) -> None:
        """A session published: keep what comes from now on. With ``video`` the stream begins with the next keyframe,
        behind the parameter sets; sound older than that keyframe is left out."""
        with self._lock:
            self._clear()
            self._open, self._video, self._started = True, video, False
            self._awaiting_keyframe = True
            self._keyframe_s = -math.inf
            self._begin_ms = 0
            self._first_is_due = True

    def close(self) -> None:
        """The session is gone: drop what waits, remember the sequence headers for the next one."""
        with self._lock:
            self._open = False
            self._clear()
        self._call_wake()

    def forget(self) -> None:
        """A push ended: the next one brings sequence headers of its own."""
        with self._lock:
            self._headers.clear()
            self._newest.clear()

    def put(self, tag: Tag) -> None:
        """Queue one tag of either track."""
        dropped, rouse = 0, False
        with self._lock:
            if tag.header:
                self._headers[tag.kind] = tag
            else:
                self._newest[tag.kind] = (tag.time_ms, self._now())
            self.offered_bytes[tag.kind] += len(tag.body)
            if not self._open:
                return
            if tag.kind is TagKind.VIDEO:
                dropped = self._put_video(tag)
            else:
                self._put_audio(tag)
            kind, due_s = self._next(self._now())
            rouse = kind is not None and due_s < self._asleep_until
            if rouse:
                self._asleep_until = -math.inf  # once is enough until it has slept again
        if dropped:
            self.dropped_frames += dropped
        if rouse:
            self._call_wake()

    @property
    def is_open(self) -> bool:
        """Whether a session takes tags."""
        return self._open

    @property
    def awaits_keyframe(self) -> bool:
        """Whether inter frames are of no use until a keyframe comes: a session has begun, or pictures were dropped. Whoever
        owns the encoder asks it for one."""
        wanted = self._open and self._video and self._awaiting_keyframe
        return wanted and self._now() - self._keyframe_s >= KEYFRAMES_APART_S

    def take(self, now_s: float) -> Tag | None:
        """The next tag in timestamp order, None while none may go out."""
        with self._lock:
            kind, due_s = self._next(now_s)
            if kind is None or due_s > now_s:
                self._emptied_at = now_s
                if self._taking:
                    self._taking, self._batch_at = False, now_s + BATCH_S
                return None
            self._taking = True
            tag = self._pop(kind)
            self.taken[kind].add(8 * len(tag.body))
            self._first_is_due = self._first_is_due and tag.header
            return tag

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until :meth:`take` may give a tag by the passage of time alone; None when only a put changes it."""
        with self._lock:
            kind, due_s = self._next(now_s)
            if kind is None:
                due_s = math.inf
            if due_s > max(now_s, self._batch_at) and self._streaming(now_s):
                # While frames come, the consumer looks by itself at every batch, so that no producer has to wake it.
                self._batch_at = max(self._batch_at, now_s + BATCH_S)
                due_s = min(due_s, self._batch_at)
            self._asleep_until = due_s
            return None if due_s == math.inf else max(0.0, due_s - now_s)

    def depth(self) -> QueueDepth:
        """What waits now."""
        with self._lock:
            video, audio = self._queues[TagKind.VIDEO], self._queues[TagKind.AUDIO]
            return QueueDepth(
                bytes=self._bytes,
                video_frames=len(video),
                audio_frames=len(audio),
                video_ms=self._span_ms(TagKind.VIDEO),
                audio_ms=self._span_ms(TagKind.AUDIO),
                backlog_ms=self._backlog_ms(),
            )

    # -- under the lock ------------------------------------------------------------------------------------

    def _streaming(self, now_s: float) -> bool:
        return self._started and any(now_s - put_s < LIVE_S for _, put_s in self._newest.values())

    def _put_video(self, tag: Tag) -> int:
        if tag.header:
            # Goes out in front of the keyframe that it was made for; a stream that has not begun gets it then.
            if self._started and self._video:
                self._append(tag)
            return 0
        if self._awaiting_keyframe:
            if not tag.keyframe:
                return int(self._started)  # else nothing has been sent that it could belong to
            self._awaiting_keyframe = False
        if tag.keyframe:
            self._keyframe_s = self._now()
        self._begin(tag.time_ms)
        self._append(tag)
        return self._drop_late() if self._video_age_s() > self.video_limit_s else 0

    def _put_audio(self, tag: Tag) -> None:
        if not self._video and not tag.header:
            self._begin(tag.time_ms)
        if self._started and (tag.header or tag.time_ms >= self._begin_ms):
            self._append(tag)
            if self._span_ms(TagKind.AUDIO) > AUDIO_LIMIT_MS:
                self._pop(TagKind.AUDIO)

    def _begin(self, time_ms: int) -> None:
        """The session's stream begins with the frame of ``time_ms``, behind the headers."""
        if self._started:
            return
        self._started, self._begin_ms = True, time_ms
        for kind in (TagKind.VIDEO, TagKind.AUDIO) if self._video else (TagKind.AUDIO,):
            if kind in self._headers:
                self._append(replace(self._headers[kind], time_ms=time_ms))

    def _drop_late(self) -> int:
        """Drop what is in front of the newest keyframe, and what is behind it too where that one is late itself."""
        queue = self._queues[TagKind.VIDEO]
        newest_key = max((i for i, (tag, _) in enumerate(queue) if tag.keyframe), default=-1)
        late = newest_key < 0 or self._waited_s(queue[newest_key]) > self.video_limit_s
        self._awaiting_keyframe = self._awaiting_keyframe or late
        end = newest_key + 1 if late else len(queue)
        kept = [item for i, item in enumerate(queue) if item[0].header or newest_key <= i < end]
        dropped = len(queue) - len(kept)
        if dropped:
            queue.clear()
            queue.extend(kept)
            self._bytes = sum(len(tag.body) for q in self._queues.values() for tag, _ in q)
        return dropped

    def _append(self, tag: Tag) -> None:
        self._queues[tag.kind].append((tag, self._now()))
        self._bytes += len(tag.body)

    def _pop(self, kind: TagKind) -> Tag:
        tag, _ = self._queues[kind].popleft()
        self._bytes -= len(tag.body)
        return tag

    def _clear(self) -> None:
        for queue in self._queues.values():
            queue.clear()
        self._bytes = 0

    def _span_ms(self, kind: TagKind) -> int:
        queue = self._queues[kind]
        oldest = self._oldest(kind)
        return max(0, queue[-1][0].time_ms - oldest[0].time_ms) if oldest is not None else 0

    def _video_age_s(self) -> float:
        oldest = self._oldest(TagKind.VIDEO)
        return self._waited_s(oldest) if oldest is not None else 0.0

    def _waited_s(self, item: tuple[Tag, float]) -> float:
        """How long a tag has waited for the link; as long as the session takes whatever is due, none has."""
        return self._now() - max(item[1], self._emptied_at)

    def _backlog_ms(self) -> int:
        now = self._now()
        waiting = [item[1] for kind in self._queues if (item := self._oldest(kind)) is not None]
        if not waiting or now - self._emptied_at < 4 * BATCH_S:
            return 0
        return max(0, round(1000 * (now - max(min(waiting), self._emptied_at))))

    def _oldest(self, kind: TagKind) -> tuple[Tag, float] | None:
        """The oldest frame of a track."""
        for item in self._queues[kind]:
            if not item[0].header:
                return item
        return None

    def _next(self, now_s: float) -> tuple[TagKind | None, float]:
        """Which track's head is next, and when it may go."""
        video, audio = self._queues[TagKind.VIDEO], self._queues[TagKind.AUDIO]
        at_once = now_s if self._taking else max(now_s, self._batch_at)
        if self._first_is_due:
            for kind, queue in self._queues.items():
                if queue and queue[0][0].header:
                    return kind, at_once  # a stream begins with both; later ones go with the frame behind them
        if video and audio:
            if self.audio_first and not self._first_is_due and self._backlog_ms() > AUDIO_FIRST_MS:
                return TagKind.AUDIO, at_once
            return (TagKind.VIDEO if video[0][0].time_ms <= audio[0][0].time_ms else TagKind.AUDIO), at_once
        if not video and not audio:
            return None, at_once
        kind, other = (TagKind.VIDEO, TagKind.AUDIO) if video else (TagKind.AUDIO, TagKind.VIDEO)
        tag, queued_s = self._queues[kind][0]
        newest = self._newest.get(other)
        if newest is None or newest[0] >= tag.time_ms or now_s - newest[1] > LIVE_S or not self._video:
            return kind, at_once
        if self._first_is_due:
            return kind, at_once  # the stream begins here: there is nothing that could be earlier
        return kind, max(at_once, queued_s + HOLD_S)

    def _call_wake(self) -> None:
        wake = self._wake
        if wake is not None:
            wake()
