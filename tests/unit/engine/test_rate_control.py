"""The sampler of the adaptive bitrate: what it measures, whom it tells, and which events it raises. No thread, no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance import event_codes as codes
from appliance.engine import rate_control
from appliance.engine.rate_control import SAMPLE_S, RateControl, rule_for
from appliance.events import Event, EventBus
from appliance.media.send_queue import SendQueue
from appliance.media.tags import Tag, TagKind
from appliance.pusher.bitrate import BUSY_AFTER_S, RECOVERED_AFTER_S, BitrateController, Decision
from appliance.pusher.link_view import LinkSample
from appliance.rtmp.uplink import LinkStatistics
from appliance.threads import Worker

PICTURE_S = 0.05
KEYFRAMES_S = 2.0


@dataclass
class Session:
    """A session over a link that carries so much; the way takes 50 ms. It takes tags as the real one does."""

    queue: SendQueue
    kbps: float
    limit: int | None = None
    _underway: float = 0.0
    _acked: float = 0.0
    _sent: float = 0.0
    _blocked: bool = False
    asked: int = 0

    def statistics(self) -> LinkStatistics:
        self.asked += 1
        underway = round(self._underway)
        return LinkStatistics(
            sent_bytes=round(self._sent), acked_bytes=round(self._acked), queued_bytes=underway, rtt_ms=50.0,
            blocked=self._blocked,
        )  # fmt: skip

    def limit_flight(self, size: int | None) -> None:
        self.limit = size

    def go_on(self, now_s: float, for_s: float) -> None:
        """Deliver and take."""
        delivered = min(self._underway, self.kbps * 125 * for_s)
        self._underway -= delivered
        self._acked += delivered
        while not (full := self.limit is not None and self._underway >= self.limit):
            tag = self.queue.take(now_s)
            if tag is None:
                break
            self._underway += len(tag.body)
            self._sent += len(tag.body)
        self._blocked = full


@dataclass
class Bench:
    """A push at 20 pictures a second, whose encoder follows the target; time passes in steps of a sample."""

    kbps: float = 5000
    video: bool = True
    now_s: float = 100.0
    heard: list[Event] = field(default_factory=list)
    decisions: list[tuple[float, Decision]] = field(default_factory=list)
    measured: list[LinkStatistics] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = SendQueue(now=lambda: self.now_s)
        self.events = EventBus()
        self.events.subscribe(self.heard.append)
        self.control = RateControl(
            self.queue, self.events, on_decision=lambda now_s, decision: self.decisions.append((now_s, decision)),
            on_statistics=self.measured.append, now=lambda: self.now_s,
        )  # fmt: skip
        self.session = Session(self.queue, self.kbps)
        self._picture_at = self._key_at = self.now_s
        self.dropped = 0

    def connect(self) -> None:
        self.control.follow(self.session)
        self.queue.open()

    def run(self, for_s: float) -> None:
        """Let the sampler's thread do its work for so long, on this clock."""
        self._left = round(for_s / SAMPLE_S)
        # what the thread sees of its Worker is wait() and beat()
        self.control._run(cast(Worker, self))

    def wait(self, seconds: float) -> bool:
        if not self._left:
            return True
        self._left -= 1
        self.now_s += seconds
        while self._picture_at <= self.now_s:
            self._make(self._picture_at)
            self._picture_at += PICTURE_S
        self.session.go_on(self.now_s, seconds)
        self.queue.wait_s(self.now_s)
        return False

    def beat(self) -> None:
        pass

    def _make(self, at_s: float) -> None:
        target = self.control.decision.target_kbps or 1000
        key = self.queue.awaits_keyframe or at_s >= self._key_at
        if key:
            self._key_at = at_s + KEYFRAMES_S
        ms = round(1000 * at_s)
        self.queue.put(Tag(TagKind.VIDEO, ms, bytes(round(target * 125 * PICTURE_S)), keyframe=key))
        self.queue.put(Tag(TagKind.AUDIO, ms, bytes(round(32 * 125 * PICTURE_S))))

    def told(self, code: int) -> list[dict[str, object]]:
        return [event.details for event in self.heard if event.code == code]


def push(*, kbps: float = 5000, mode: str = "HD", low: int = 200, high: int = 1000) -> Bench:
    bench = Bench(kbps)
    bench.control.push_begins(mode, min_kbps=low, max_kbps=high)
    bench.connect()
    return bench


def test_a_mode_has_its_own_rule() -> None:
    live, rtc = (rule_for(mode, min_kbps=200, max_kbps=900) for mode in ("HD", "RTC"))
    assert isinstance(live, BitrateController) and isinstance(rtc, BitrateController)
    assert live._tuning != rtc._tuning


def test_without_a_push_the_link_is_measured_and_nothing_decided() -> None:
    bench = Bench()
    bench.connect()
    bench.run(1.0)
    assert len(bench.measured) == round(1.0 / SAMPLE_S)
    assert not bench.decisions and not bench.heard
    assert bench.control.decision.target_kbps == 0
    assert bench.session.limit is None


def test_without_a_session_nothing_is_measured() -> None:
    bench = Bench()
    bench.control.push_begins("HD", min_kbps=200, max_kbps=1000)
    bench.run(1.0)
    assert not bench.measured and not bench.decisions
    assert bench.control.decision.target_kbps == 1000


def test_before_the_server_accepts_the_push_nothing_is_decided() -> None:
    bench = Bench()
    bench.control.push_begins("HD", min_kbps=200, max_kbps=1000)
    bench.control.follow(bench.session)
    bench.run(1.0)
    assert bench.measured and not bench.decisions


def test_a_link_with_room_has_the_upper_bound_and_no_event() -> None:
    bench = push()
    bench.run(10)
    assert {decision.target_kbps for _, decision in bench.decisions} == {1000}
    assert not bench.heard
    assert bench.queue.dropped_frames == 0


def test_decisions_come_with_their_time_and_bound_what_is_underway() -> None:
    bench = push()
    bench.run(1)
    times = [now_s for now_s, _ in bench.decisions]
    assert times == pytest.approx([100 + SAMPLE_S * (n + 1) for n in range(len(times))])
    assert bench.session.limit == bench.decisions[-1][1].flight_bytes is not None


def test_a_change_of_the_target_is_told_summarised() -> None:
    bench = push(high=1500)
    bench.run(3)
    bench.session.kbps = 600
    bench.run(20)
    told = bench.told(codes.CHANGE_BITRATE)
    assert 1 <= len(told) <= 5, "and not one per step"
    assert told[0]["was_kbps"] == 1500
    for details in told:
        numbers = {name: cast(int, value) for name, value in details.items()}
        assert 200 <= numbers["lowest_kbps"] <= numbers["kbps"] <= numbers["highest_kbps"] <= 1500
        assert numbers["delivered_kbps"] > 0 and numbers["queue_delay_ms"] >= 0
    assert not bench.told(codes.NET_BUSY)


def test_a_link_too_small_is_told_once_and_so_is_its_end() -> None:
    bench = push(low=300)
    bench.run(3)
    bench.session.kbps = 150
    bench.run(BUSY_AFTER_S + 8)
    (busy,) = bench.told(codes.NET_BUSY)
    assert busy["min_kbps"] == 300
    assert cast(int, busy["measured_kbps"]) == pytest.approx(150, rel=0.2)
    assert bench.queue.dropped_frames > 0
    assert not bench.told(codes.NET_RECOVERED)
    bench.session.kbps = 5000
    bench.run(RECOVERED_AFTER_S + 8)
    assert len(bench.told(codes.NET_BUSY)) == len(bench.told(codes.NET_RECOVERED)) == 1
    assert bench.control.decision.target_kbps == 1000


def test_a_link_too_small_is_told_once_however_often_it_breaks() -> None:
    bench = push(low=300)
    bench.session.kbps = 150
    bench.run(BUSY_AFTER_S + 8)
    for kbps in 150, 5000:
        assert (len(bench.told(codes.NET_BUSY)), len(bench.told(codes.NET_RECOVERED))) == (1, 0)
        bench.queue.close()
        bench.control.follow(None)
        bench.run(1)
        bench.session = Session(bench.queue, kbps)
        bench.connect()
        bench.run(RECOVERED_AFTER_S + 4)
    assert (len(bench.told(codes.NET_BUSY)), len(bench.told(codes.NET_RECOVERED))) == (1, 1)


def test_the_next_push_begins_anew() -> None:
    bench = push(low=300)
    bench.run(2)
    bench.session.kbps = 150
    bench.run(6)
    assert len(bench.told(codes.NET_BUSY)) == 1
    bench.control.push_ends()
    assert bench.control.decision.target_kbps == 0
    bench.queue.close()
    bench.control.follow(None)
    bench.run(1)
    assert not bench.told(codes.NET_RECOVERED), "a push that is over has recovered from nothing"
    bench.session = Session(bench.queue, 5000)
    bench.control.push_begins("HD", min_kbps=300, max_kbps=800)
    assert bench.control.decision.target_kbps == 800
    bench.connect()
    before = len(bench.decisions)
    bench.run(3)
    assert {decision.target_kbps for _, decision in bench.decisions[before:]} == {800}


def test_another_session_of_the_push_goes_on_with_its_target() -> None:
    bench = push(high=2000)
    bench.run(2)
    bench.session.kbps = 500
    bench.run(6)
    target = bench.control.decision.target_kbps
    assert target < 600
    bench.queue.close()
    bench.control.follow(None)
    bench.run(1)
    bench.session = Session(bench.queue, 500)
    bench.connect()
    bench.run(SAMPLE_S)
    assert bench.control.decision.target_kbps == target


def test_new_limits_hold_and_are_told_once_settled() -> None:
    bench = push()
    bench.run(2)
    bench.control.set_limits(min_kbps=200, max_kbps=900)
    bench.run(5)
    assert bench.control.decision.target_kbps == 900
    (told,) = bench.told(codes.CHANGE_BITRATE)
    assert (told["kbps"], told["was_kbps"]) == (900, 1000)


def test_the_same_limits_again_are_no_change() -> None:
    bench = push()
    bench.run(2)
    bench.session.kbps = 500
    bench.run(2)
    before = bench.control.decision
    bench.control.set_limits(min_kbps=200, max_kbps=1000)
    bench.run(SAMPLE_S)
    assert bench.control.decision.target_kbps <= 1.1 * before.target_kbps


def test_limits_without_a_push_are_of_no_use() -> None:
    bench = Bench()
    bench.control.set_limits(min_kbps=200, max_kbps=1000)
    assert bench.control.decision.target_kbps == 0


class Recording:
    """A rule that keeps what it is given."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.samples: list[LinkSample] = []

    def begin(self, now_s: float) -> None:
        self.begun.append(now_s)

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        pass

    def sample(self, sample: LinkSample) -> Decision:
        self.samples.append(sample)
        return Decision(700, 0.0, 0.0)


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    rule = Recording()
    monkeypatch.setattr(rate_control, "rule_for", lambda mode, *, min_kbps, max_kbps: rule)
    return rule


def test_the_rule_is_told_of_each_session_once(recording: Recording) -> None:
    bench = push()
    bench.run(1)
    bench.queue.close()
    bench.control.follow(bench.session)
    bench.run(1)
    bench.queue.open()
    bench.run(1)
    assert recording.begun == pytest.approx([100 + SAMPLE_S, 102 + SAMPLE_S])


def test_what_lies_behind_a_lost_segment_has_left_the_link(recording: Recording) -> None:
    """Selectively acknowledged bytes are still queued in the kernel, but are no longer underway."""
    bench = push()
    measured = LinkStatistics(acked_bytes=50_000, sacked_bytes=7_000, queued_bytes=10_000, rtt_ms=80.0)
    bench.session.statistics = lambda: measured  # type: ignore[method-assign]
    bench.run(SAMPLE_S)
    (sample,) = recording.samples
    assert (sample.acked_bytes, sample.flight_bytes, sample.rtt_s) == (57_000, 3_000, 0.08)


def test_what_has_been_acknowledged_never_becomes_less(recording: Recording) -> None:
    """How much lies behind a gap is an estimate; when the gap is filled, it was less."""
    bench = push()
    for acked, sacked, queued in ((50_000, 7_000, 10_000), (56_000, 0, 4_000), (58_000, 0, 2_500)):
        measured = LinkStatistics(acked_bytes=acked, sacked_bytes=sacked, queued_bytes=queued, rtt_ms=80.0)
        bench.session.statistics = lambda now=measured: now  # type: ignore[method-assign, misc]
        bench.run(SAMPLE_S)
    seen = [(sample.acked_bytes, sample.flight_bytes) for sample in recording.samples]
    assert seen == [(57_000, 3_000), (57_000, 3_000), (58_000, 2_500)]
    bench.control.follow(bench.session)  # another one, whose counters begin at zero
    measured = LinkStatistics(acked_bytes=100, queued_bytes=200)
    bench.session.statistics = lambda: measured  # type: ignore[method-assign]
    bench.run(SAMPLE_S)
    assert (recording.samples[-1].acked_bytes, recording.samples[-1].flight_bytes) == (100, 200)


def test_what_was_made_is_counted_by_track_and_what_waits_while_the_link_is_busy(recording: Recording) -> None:
    bench = push(kbps=0)
    bench.session.limit = 1
    bench.session.limit_flight = lambda size: None  # type: ignore[method-assign]
    bench.run(0.5)
    sample = recording.samples[-1]
    offered, depth = bench.queue.offered_bytes, bench.queue.depth()
    assert (sample.made_bytes, sample.audio_bytes) == (offered[TagKind.VIDEO], offered[TagKind.AUDIO])
    assert sample.waiting_bytes == depth.bytes > 0
    assert sample.waiting_s == depth.backlog_ms / 1000 > 0.3


def test_what_waits_for_the_other_track_does_not_wait_for_the_link(recording: Recording) -> None:
    """A queue from which the session takes all that is due has no backlog, whatever it holds."""
    bench = push()
    bench.run(2)
    for ms in range(4):
        bench.queue.put(Tag(TagKind.VIDEO, round(1000 * bench.now_s) + 200 + ms, bytes(30_000)))
    bench.run(3 * SAMPLE_S)
    assert bench.queue.depth().bytes >= 120_000
    assert {(sample.waiting_bytes, sample.waiting_s) for sample in recording.samples} == {(0, 0)}
