"""What others do, as rules that run in the product's place: a fixed bitrate, OBS Studio's dynamic bitrate, belacoder's
balancer.

Written from how their sources behave, against the same samples that the product's own rule gets. All of them send
through the product's queue, which is kinder to them than their own: it keeps the kernel's part short, so that they
notice sooner, and drops whole groups of pictures where they let the delay grow. One thread.
"""

from __future__ import annotations

from collections import deque

from appliance.pusher.bitrate import Decision
from appliance.pusher.link_view import LinkSample


class _Measured:
    """What a rule is told of the session, as rates."""

    WINDOW_S = 1.0

    def __init__(self) -> None:
        self._acked: deque[tuple[float, int]] = deque()

    def kbps(self, sample: LinkSample) -> float:
        """Acknowledged within the last second."""
        self._acked.append((sample.now_s, sample.acked_bytes))
        while len(self._acked) > 2 and self._acked[1][0] <= sample.now_s - self.WINDOW_S:
            self._acked.popleft()
        then_s, then_bytes = self._acked[0]
        elapsed_s = sample.now_s - then_s
        return (sample.acked_bytes - then_bytes) * 8 / 1000 / elapsed_s if elapsed_s > 0 else 0.0

    def decide(self, sample: LinkSample, target_kbps: float) -> Decision:
        delivered = self.kbps(sample)
        owed_kbit = (sample.waiting_bytes + sample.flight_bytes) * 8 / 1000
        delay_s = max(sample.waiting_s, owed_kbit / delivered if delivered else 0.0)
        return Decision(target_kbps=round(target_kbps), delay_s=delay_s, delivered_kbps=delivered)


class FixedRate:
    """The same bitrate whatever happens: `kbps`, or the highest allowed."""

    def __init__(self, kbps: int | None = None) -> None:
        self._kbps = kbps
        self._min, self._max = 0, 0
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        self._measured = _Measured()

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        self._min, self._max = min_kbps, max_kbps

    def sample(self, sample: LinkSample) -> Decision:
        wanted = self._max if self._kbps is None else self._kbps
        return self._measured.decide(sample, max(self._min, min(self._max, wanted)))


class ObsDynamicBitrate:
    """OBS Studio's "dynamically change bitrate to manage congestion" (its RTMP output).

    Down: whenever 0.2 s of pictures wait, to what was sent over the last one to two seconds less the sound, in whole
    hundreds, if that is below the present bitrate; the measurement then begins anew. While it is too young, a step up
    that was just made is taken back. Up: a tenth of the maximum, four seconds after the last change, congested or not.
    """

    TRIGGER_S = 0.2
    UP_EVERY_S = 4.0
    UP_SHARE = 0.1
    ESTIMATE_FROM_S, ESTIMATE_UP_TO_S = 1.0, 2.0
    FLOOR_KBPS = 50.0
    GRAIN_KBPS = 100.0

    def __init__(self) -> None:
        self._min, self._max = 0, 0
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        self._measured = _Measured()
        self._now: float | None = None
        self._sent = self._audio = 0
        self._window: deque[tuple[float, int, int]] = deque()
        """(since when, bytes sent, bytes of sound made)"""
        self._target = float(self._max)
        self._before_up: float | None = None
        self._up_at: float | None = None

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        if self._target >= self._max:
            self._target = float(max_kbps)
        self._min, self._max = min_kbps, max_kbps

    def sample(self, sample: LinkSample) -> Decision:
        now_s = sample.now_s
        estimate = self._estimate_kbps(sample)
        if self._up_at is not None and now_s >= self._up_at:
            self._before_up = self._target
            self._target = min(float(self._max), self._target + self._max * self.UP_SHARE)
            self._up_at = now_s + self.UP_EVERY_S if self._target < self._max else None
        if sample.waiting_s >= self.TRIGGER_S:
            self._lower(now_s, estimate)
        self._target = max(float(self._min), min(float(self._max), self._target))
        return self._measured.decide(sample, self._target)

    def _lower(self, now_s: float, estimate: float | None) -> None:
        wanted = self._before_up
        if estimate is not None and estimate < self._target:
            self._window.clear()
            wanted = max(self.FLOOR_KBPS, estimate // self.GRAIN_KBPS * self.GRAIN_KBPS)
        if wanted is None or wanted == self._target:
            return
        self._target, self._before_up = wanted, None
        self._up_at = now_s + self.UP_EVERY_S

    def _estimate_kbps(self, sample: LinkSample) -> float | None:
        """What was sent of pictures lately; None while that is too young."""
        sent = sample.acked_bytes + sample.flight_bytes
        if self._now is not None and sent > self._sent:
            self._window.append((self._now, sent - self._sent, sample.audio_bytes - self._audio))
        self._now, self._sent, self._audio = sample.now_s, sent, sample.audio_bytes
        while self._window and sample.now_s - self._window[0][0] > self.ESTIMATE_UP_TO_S:
            self._window.popleft()
        if not self._window or (for_s := sample.now_s - self._window[0][0]) < self.ESTIMATE_FROM_S:
            return None
        size = sum(sent - audio for _, sent, audio in self._window)
        return max(self.FLOOR_KBPS, size * 8 / 1000 / for_s)


class Belacoder:
    """belacoder's balancer, which people who stream on the move rely on, with its default latency of two seconds.

    Every 20 ms it looks at the round trip time and at what the sender still holds (packets of 1316 bytes not yet
    acknowledged), beside their slow averages, their jitter (the greatest rise of late) and, for the round trip, its
    minimum. Far too much of either: to the minimum at once. Much: down by 100 kbit/s and a tenth, every 0.25 s. Some:
    down by 100 kbit/s, every 0.2 s. A round trip near its minimum that does not rise: up by 30 kbit/s and a thirtieth,
    every 0.5 s. It begins at the maximum; the encoder is given whole hundreds.
    """

    STEP_S = 0.02
    LATENCY_MS = 2000
    PACKET_BYTES = 1316
    UP_EVERY_S = 0.5
    DOWN_EVERY_S, DOWN_FAST_EVERY_S = 0.2, 0.25
    LEAST_PACKETS = 50.0

    def __init__(self) -> None:
        self._min, self._max = 0, 0
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        self._measured = _Measured()
        self._kbps = float(self._max)
        self._at_s: float | None = None
        self._sampled_s, self._sent = now_s, 0
        self._throughput = 0.0
        self._held, self._held_average, self._held_jitter = 0, 0.0, 0.0
        self._rtt, self._rtt_average, self._rtt_slope = 300, 0.0, 0.0
        self._rtt_jitter, self._rtt_min = 0.0, 200.0
        self._next_up_s = self._next_down_s = now_s

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        self._min, self._max = min_kbps, max_kbps
        if self._at_s is None:
            self._kbps = float(max_kbps)

    def sample(self, sample: LinkSample) -> Decision:
        sent = sample.acked_bytes + sample.flight_bytes
        if self._at_s is None:
            self._at_s = self._sampled_s = sample.now_s
            self._sent = sent
        elapsed_s = sample.now_s - self._at_s
        # Samples come less often than it looks: what it would see in between is the last one again.
        if looks := int(elapsed_s / self.STEP_S + 1e-6):
            sent_kbps = max(0, sent - self._sent) * 8 / 1024 / (sample.now_s - self._sampled_s)
            held = (sample.waiting_bytes + sample.flight_bytes) // self.PACKET_BYTES
            rtt = int(sample.rtt_s * 1000)
            self._sampled_s, self._sent = sample.now_s, sent
            for _ in range(looks):
                self._at_s += self.STEP_S
                if rtt:
                    self._observe(held, rtt, sent_kbps)
                    self._kbps = max(float(self._min), min(float(self._max), self._next_kbps(self._at_s)))
        rounded = self._kbps // 100 * 100
        return self._measured.decide(sample, max(self._min, min(self._max, rounded)))

    def _observe(self, held: int, rtt: int, sent_kbps: float) -> None:
        self._held_average += 0.01 * (held - self._held_average)
        self._held_jitter = max(0.99 * self._held_jitter, float(held - self._held))
        self._held = held
        self._rtt_average = self._rtt_average + 0.01 * (rtt - self._rtt_average) if self._rtt_average else float(rtt)
        rise = rtt - self._rtt
        self._rtt_slope = 0.8 * self._rtt_slope + 0.2 * rise
        self._rtt = rtt
        self._rtt_min *= 1.001
        if rtt < self._rtt_min and self._rtt_slope < 1.0:
            self._rtt_min = float(rtt)
        self._rtt_jitter = max(0.99 * self._rtt_jitter, float(rise))
        self._throughput = 0.97 * self._throughput + 0.03 * sent_kbps

    def _next_kbps(self, now_s: float) -> float:
        kbps, held, rtt = self._kbps, self._held, self._rtt
        far_too_many = 4 * (self._held_average + self._held_jitter)
        many = max(self.LEAST_PACKETS, self._held_average + max(3 * self._held_jitter, self._held_average))
        many = min(many, self._throughput / 8 * (self.LATENCY_MS / 2) / self.PACKET_BYTES)
        some = max(self.LEAST_PACKETS, self._held_average + 2.5 * self._held_jitter)
        long = self._rtt_average + max(4 * self._rtt_jitter, 0.15 * self._rtt_average)
        short = self._rtt_min + max(1.0, 2 * self._rtt_jitter)
        # Thresholds are whole numbers there.
        if kbps > self._min and (rtt >= self.LATENCY_MS / 3 or held > int(far_too_many)):
            self._next_down_s = now_s + self.DOWN_EVERY_S
            return float(self._min)
        if now_s > self._next_down_s and (rtt > self.LATENCY_MS / 5 or held > int(many)):
            self._next_down_s = now_s + self.DOWN_FAST_EVERY_S
            return kbps - 100 - kbps / 10
        if now_s > self._next_down_s and (rtt > int(long) or held > int(some)):
            self._next_down_s = now_s + self.DOWN_EVERY_S
            return kbps - 100
        if now_s > self._next_up_s and rtt < int(short) and self._rtt_slope < 0.01:
            self._next_up_s = now_s + self.UP_EVERY_S
            return kbps + 30 + kbps / 30
        return kbps
