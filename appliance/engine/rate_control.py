"""The adaptive bitrate at work: measures the link, asks the rule, and has the encoder follow (SPEC 4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from appliance import event_codes as codes
from appliance.engine.target_report import TargetReport
from appliance.events import EventBus
from appliance.media.send_queue import SendQueue
from appliance.media.tags import TagKind
from appliance.pusher.bitrate import LIVE, RTC, BitrateController, Decision, RateRule
from appliance.pusher.link_view import LinkSample
from appliance.rtmp.uplink import LinkStatistics
from appliance.threads import Worker

SAMPLE_S = 0.025
"""Less than a picture's: what is seen late is queued meanwhile, at the old rate."""


class Session(Protocol):
    """What is needed of a session."""

    def statistics(self) -> LinkStatistics: ...

    def limit_flight(self, size: int | None) -> None:
        """Let no more than so many bytes be underway; None: any number."""
        ...


def rule_for(mode: str, *, min_kbps: int, max_kbps: int) -> RateRule:
    """The rule of a push in this ``mode``."""
    return BitrateController(RTC if mode == "RTC" else LIVE, min_kbps=min_kbps, max_kbps=max_kbps)


class RateControl:
    """One thread, 40 times a second. The methods may be called from any thread and return at once.

    ``on_decision`` gets the time and the decision at each sample of a push with pictures; ``on_statistics`` what the kernel
    knows about the link.
    """

    def __init__(
        self,
        queue: SendQueue,
        events: EventBus,
        *,
        on_decision: Callable[[float, Decision], None],
        on_statistics: Callable[[LinkStatistics], None],
        on_crash: Callable[[str, BaseException], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._events = events
        self._on_decision = on_decision
        self._on_statistics = on_statistics
        self._now = now
        self._lock = threading.Lock()
        self._rule: RateRule | None = None
        self._report = TargetReport(0.0, 0)
        self._session: Session | None = None
        self._fresh = True
        self._acked_bytes = 0
        self._busy = False
        self._limits = (0, 0)
        self._decision = Decision(0, 0.0, 0.0)
        self.worker = Worker("rate-control", self._run, on_crash=on_crash)

    def push_begins(self, mode: str, *, min_kbps: int, max_kbps: int) -> None:
        """The target is the upper bound again; nothing is known of the link."""
        with self._lock:
            self._rule = rule_for(mode, min_kbps=min_kbps, max_kbps=max_kbps)
            self._limits = (min_kbps, max_kbps)
            self._decision = Decision(max_kbps, 0.0, 0.0)
            self._report = TargetReport(self._now(), max_kbps)
            self._busy = False

    def push_ends(self) -> None:
        """There is no target."""
        with self._lock:
            self._rule = None
            self._decision = Decision(0, 0.0, 0.0)

    def set_limits(self, *, min_kbps: int, max_kbps: int) -> None:
        """The bounds from here on: the target stays within them at once."""
        with self._lock:
            if self._rule is None or (min_kbps, max_kbps) == self._limits:
                return
            self._limits = (min_kbps, max_kbps)
            self._rule.set_limits(min_kbps=min_kbps, max_kbps=max_kbps)
            self._report.expect_change(self._now())

    def follow(self, session: Session | None) -> None:
        """Measure ``session`` from here on; None: there is none."""
        with self._lock:
            self._session, self._fresh = session, True

    @property
    def decision(self) -> Decision:
        """The last one; its target is 0 while there is no push with pictures."""
        return self._decision

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        while not worker.wait(SAMPLE_S):
            worker.beat()
            with self._lock:
                session, rule = self._session, self._rule
                if session is None:
                    continue
                measured = session.statistics()
                decision = self._decide(rule, measured) if rule is not None else None
            self._on_statistics(measured)
            if decision is not None:
                session.limit_flight(decision.flight_bytes)
                self._on_decision(self._now(), decision)

    def _decide(self, rule: RateRule, measured: LinkStatistics) -> Decision | None:
        """Take a sample, once the session publishes."""
        now_s = self._now()
        if not self._queue.is_open:
            return None
        if self._fresh:
            self._fresh = False
            self._acked_bytes = 0
            rule.begin(now_s)
        depth, offered = self._queue.depth(), self._queue.offered_bytes
        # what lies behind a gap is an estimate, but what has been counted as acknowledged stays so
        acked = self._acked_bytes = max(self._acked_bytes, measured.acked_bytes + measured.sacked_bytes)
        decision = self._decision = rule.sample(
            LinkSample(
                now_s=now_s,
                made_bytes=offered[TagKind.VIDEO],
                audio_bytes=offered[TagKind.AUDIO],
                acked_bytes=acked,
                flight_bytes=max(0, measured.acked_bytes + measured.queued_bytes - acked),
                waiting_bytes=depth.bytes if measured.blocked and depth.backlog_ms else 0,
                waiting_s=depth.backlog_ms / 1000,
                rtt_s=measured.rtt_ms / 1000,
                probing=measured.probing,
            )
        )
        self._tell(now_s, decision)
        return decision

    def _tell(self, now_s: float, decision: Decision) -> None:
        # what is held back for a moment to drain a queue is no news
        change = self._report.target(now_s, decision.sustained_kbps or decision.target_kbps)
        if change is not None:
            self._events.emit(
                codes.CHANGE_BITRATE, kbps=change.kbps, was_kbps=change.was_kbps, lowest_kbps=change.lowest_kbps,
                highest_kbps=change.highest_kbps, delivered_kbps=round(decision.delivered_kbps),
                queue_delay_ms=round(1000 * decision.delay_s),
            )  # fmt: skip
        if decision.busy != self._busy:
            self._busy = decision.busy
            if decision.busy:
                self._events.emit(
                    codes.NET_BUSY, measured_kbps=round(decision.delivered_kbps), min_kbps=self._limits[0]
                )  # fmt: skip
            else:
                self._events.emit(codes.NET_RECOVERED, measured_kbps=round(decision.delivered_kbps))
