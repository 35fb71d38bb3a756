"""The links and rules of the bench without the network: seconds instead of minutes, to tune by.

What is simulated is the encoder (target followed with inertia, a keyframe every two seconds, sizes that scatter), TCP
(slow start, CUBIC's halving of its window at a loss, a router's queue that overflows) and the link. The send queue and the
rule are the product's own.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from appliance.media.encoders import BUFFER_S, RTC_BUFFER_S
from appliance.media.send_queue import RTC_VIDEO_LIMIT_S, VIDEO_LIMIT_S, SendQueue
from appliance.media.tags import Tag, TagKind
from appliance.pusher.bitrate import Decision, RateRule
from appliance.pusher.link_view import LinkSample
from appliance.rtmp.uplink import NOT_SENT_BYTES
from tests.bench.uplink.links import Link
from tests.bench.uplink.score import Frame

TICK_S = 0.005
SAMPLE_S = 0.025
FPS = 30
KEYFRAMES_S = 2.0
KEYFRAME_TIMES = 4.0
"""A keyframe's size as a multiple of the pictures between."""
LAG_S = 0.2
"""Time constant with which the encoder follows its target; measured with libx264 as the product opens it."""
SCATTER = 0.15
AUDIO_FRAME_S = 1024 / 48000
AUDIO_LATE_S = 0.045
OVERHEAD = 1.04
"""Bytes on the wire for each of payload: headers of TCP and IP."""
PACKET = 1448


class _Encoder:
    """Sizes of pictures, in bytes. ``demand(t)``: the most that the scene needs, in kbit/s."""

    def __init__(
        self, seed: int, ceiling_kbps: int, buffer_s: float, demand: Callable[[float], float] | None
    ) -> None:  # fmt: skip
        self._random = random.Random(seed)
        self._demand = demand or (lambda _: float("inf"))
        self._rate = float(ceiling_kbps)
        self._buffer_s = buffer_s
        self._owed = 0.0
        self._key_at = 0.0
        self.target_kbps = ceiling_kbps

    def picture(self, now_s: float, *, keyframe: bool) -> tuple[int, bool]:
        self._rate += (min(self.target_kbps, self._demand(now_s)) - self._rate) * (1 / FPS) / LAG_S
        even = self._rate * 125 / FPS
        keyframe = keyframe or now_s >= self._key_at
        if keyframe:
            self._key_at = now_s + KEYFRAMES_S
        size = even * max(0.3, self._random.gauss(1.0, SCATTER))
        if keyframe:
            size = min(size * KEYFRAME_TIMES, self.target_kbps * 125 * self._buffer_s + even)
        else:  # rate control takes back over some pictures what was spent too much
            repaid = min(self._owed * 0.2, 0.5 * size)
            size -= repaid
        self._owed = max(0.0, self._owed + size - even)
        return max(60, round(size)), keyframe


@dataclass
class _Tcp:
    """One connection through a router's queue, in bytes of payload."""

    link: Link
    cwnd: float = 10 * PACKET
    threshold: float = float("inf")
    not_sent: float = 0.0
    router: float = 0.0
    acked: float = 0.0
    sent: float = 0.0
    _crossed: float = 0.0
    _returning: deque[tuple[float, float]] = field(default_factory=deque)
    _lost_at: float = -1.0
    rtt_s: float = 0.0
    _saved: float = 0.0
    _limited: bool = False

    @property
    def flight(self) -> float:
        return self.sent - self.acked

    def write(self, size: float, cap: int | None) -> float:
        """Take what fits into the kernel, and of it no more than may be underway; the answer is how much."""
        room = NOT_SENT_BYTES - self.not_sent
        if cap is not None:
            room = min(room, cap - self.flight - self.not_sent)
        goes = max(0.0, min(room, size))
        self.not_sent += goes
        return goes

    def tick(self, now_s: float) -> None:
        """Let the router deliver, acknowledgements come, and the kernel send."""
        stalled = any(begin <= now_s < begin + for_s for begin, for_s in self.link.stalls)
        rate = self.link.rate_kbps(now_s) * 125 / OVERHEAD
        self._saved = self._saved + rate * TICK_S if stalled else self._saved
        able = 0.0 if stalled else rate * TICK_S + self._saved  # what had to wait comes in a burst
        self._saved = self._saved if stalled else 0.0
        out = min(self.router, able)
        self.router -= out
        if out:
            self._crossed += out
            self._returning.append((now_s + self.link.rtt_ms / 1000, self._crossed))
        acked = 0.0
        while self._returning and self._returning[0][0] <= now_s:
            acked, self.acked = self._returning[0][1] - self.acked, self._returning.popleft()[1]
            if self.cwnd < self.threshold:
                self.cwnd += acked if self._limited else 0.0
            elif self._limited:
                self.cwnd += 2.0 * PACKET * acked / self.cwnd
        sample = self.link.rtt_ms / 1000 + min(self.router / max(rate, 1.0), 5.0)
        if acked:
            self.rtt_s = sample if not self.rtt_s else self.rtt_s * 0.875 + sample * 0.125
        room = max(0.0, self.cwnd - self.flight)
        self._limited = self.not_sent > room or room < 2 * PACKET
        goes = min(room, self.not_sent)
        self.not_sent -= goes
        self.sent += goes
        self.router += goes
        if self.router > self.link.buffer_bytes and now_s - self._lost_at > 0.2:
            # the lost part is sent again: it has to cross the link once more, which the queue here stands for
            self._lost_at = now_s
            self.threshold = self.cwnd = max(2 * PACKET, self.cwnd * 0.7)


def simulate(
    link: Link,
    rule: RateRule,
    *,
    ceiling_kbps: int,
    min_kbps: int = 200,
    audio_kbps: int = 64,
    seed: int = 1,
    rtc: bool = False,
    demand: Callable[[float], float] | None = None,
    watch: Callable[[float, Decision], None] | None = None,
) -> Sequence[Frame]:
    """What became of every frame. ``demand``: what the scene needs at most, in kbit/s by the second. ``watch`` gets
    each decision with its time."""
    clock = [0.0]
    queue = SendQueue(now=lambda: clock[0])
    queue.video_limit_s = RTC_VIDEO_LIMIT_S if rtc else VIDEO_LIMIT_S
    queue.audio_first = rtc
    queue.open(video=True)
    encoder = _Encoder(seed, ceiling_kbps, RTC_BUFFER_S if rtc else BUFFER_S, demand)
    tcp = _Tcp(link, rtt_s=link.rtt_ms / 1000)  # from the handshake
    rule.set_limits(min_kbps=min_kbps, max_kbps=ceiling_kbps)
    rule.begin(0.0)
    frames: list[Frame] = []
    made: dict[int, int] = {}  # id of a tag: index of its frame
    on_way: deque[tuple[float, int | None]] = deque()  # last byte on the wire, frame
    unwritten = written = 0.0
    video_bytes = audio_bytes = 0
    next_video, next_audio, next_sample = 0.0, 0.0, SAMPLE_S
    late_audio: deque[tuple[float, Tag]] = deque()
    queue.put(Tag(TagKind.VIDEO, 0, b"\0" * 50, header=True))
    queue.put(Tag(TagKind.AUDIO, 0, b"\0" * 7, header=True))
    keep: list[Tag] = []  # so that ids stay unique

    def put(tag: Tag, at_s: float) -> None:
        keep.append(tag)
        made[id(tag)] = len(frames)
        video = tag.kind is TagKind.VIDEO
        frames.append(Frame(video=video, made_s=at_s, size=len(tag.body), arrived_s=None, keyframe=tag.keyframe))
        queue.put(tag)

    cap: int | None = None
    step = 0
    while clock[0] < link.duration_s:
        step += 1
        now = clock[0] = step * TICK_S
        if now >= next_video:
            size, key = encoder.picture(now, keyframe=queue.awaits_keyframe)
            next_video += 1 / FPS
            video_bytes += size
            put(Tag(TagKind.VIDEO, round(now * 1000), bytes(size), keyframe=key), now)
        if now >= next_audio:
            size = round(audio_kbps * 125 * AUDIO_FRAME_S)
            audio_bytes += size
            late_audio.append((now + AUDIO_LATE_S, Tag(TagKind.AUDIO, round(now * 1000), bytes(size))))
            next_audio += AUDIO_FRAME_S
        while late_audio and late_audio[0][0] <= now:
            tag = late_audio.popleft()[1]
            put(tag, tag.time_ms / 1000)
        while (
            unwritten <= 0
            and (cap is None or tcp.flight + tcp.not_sent < cap)
            and (tag_ := queue.take(now)) is not None
        ):
            size_ = len(tag_.body) + 12
            unwritten += size_
            written += size_
            on_way.append((written, made.get(id(tag_))))
            unwritten -= tcp.write(unwritten, cap)
        if unwritten <= 0:
            queue.wait_s(now)
        elif tcp.not_sent < NOT_SENT_BYTES / 2:
            unwritten -= tcp.write(unwritten, cap)
        tcp.tick(now)
        arrived_at = now - link.rtt_ms / 2000  # half the way back belongs to the acknowledgement
        while on_way and on_way[0][0] <= tcp.acked + 1e-6:
            index = on_way.popleft()[1]
            if index is not None:
                frame = frames[index]
                frames[index] = Frame(
                    video=frame.video, made_s=frame.made_s, size=frame.size, arrived_s=arrived_at,
                    keyframe=frame.keyframe,
                )  # fmt: skip
        if now >= next_sample:
            next_sample += SAMPLE_S
            depth = queue.depth()
            decision = rule.sample(
                LinkSample(
                    now_s=now, made_bytes=video_bytes, audio_bytes=audio_bytes, acked_bytes=int(tcp.acked),
                    flight_bytes=int(tcp.flight + tcp.not_sent + unwritten),
                    waiting_bytes=depth.bytes if depth.backlog_ms else 0, waiting_s=depth.backlog_ms / 1000,
                    rtt_s=tcp.rtt_s,
                )
            )  # fmt: skip
            cap = decision.flight_bytes
            encoder.target_kbps = decision.target_kbps
            if watch is not None:
                watch(now, decision)
    return frames
