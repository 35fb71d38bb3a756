"""``bindstatechange`` on the box: every event is posted to a receiver, in order, until it has it.

At least once: the position is written every few seconds, so a power cut may repeat the last few events; a receiver tells
them by their id. A receiver that is down is tried again, ever less often, for as long as the events are kept; when it
falls too far behind, the oldest are left out and the next body says how many (``missed``). One that refuses an event (4xx)
is given two more chances to take it, so that one bad event cannot stop the rest.

Nothing here raises an event: it would be the next to be posted. Trouble stands in the status and, seldom, in the log.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.clock import Clock
from appliance.threads import Worker
from appliance.webhook.message import body_of, headers_of
from appliance.webhook.position import PositionFile
from appliance.webhook.post import Answer, Outcome, Post, Receiver
from appliance.webhook.records import EventRecords, Record

log = logging.getLogger(__name__)

MOST_BEHIND = 1000
"""Events that a receiver may be behind before the oldest are left out."""
OLDEST_S = 24 * 3600.0
"""Age beyond which an event is left out."""
REFUSALS = 3
"""Tries after which an event that the receiver refuses is left out."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
JITTER = 0.2
"""Share by which a pause is made shorter or longer, so that a hall full of boxes does not call at once."""
SAVE_EVERY_S = 5.0
WARN_EVERY_S = 600.0

_LOOK_S = 0.5  # how often a stop or another address is looked for while nothing happens
_BATCH = 50


def pause_s(failures: int, chance: float) -> float:
    """The pause after so many failures in a row (from 1); ``chance`` is evenly drawn from 0 to 1."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10)) * (1 + JITTER * (2 * chance - 1))


@dataclass(slots=True)
class _Delivery:
    """What goes to one address."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    device: str
    receiver: Receiver = field(repr=False)
    delivered: int
    """The id of the last event that the receiver has."""
    handled: int
    """The id of the last event that is done with: delivered, or left out."""
    refusals: int = 0
    """Of the event that is next."""
    failures: int = 0
    """In a row, over all events."""
    problem: str = ""

    def done_with(self, id: int) -> None:
        self.handled, self.refusals = id, 0


class Webhook:
    """Posts the events of ``records``. :meth:`follow` says where to, and may be called at any time; all methods may be
    called from any thread. Make it before anything raises events: what is raised later is posted."""

    def __init__(
        self,
        records: EventRecords,
        position: Path,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._records = records
        self._file = PositionFile(position)
        self._clock = clock
        self._chance = chance
        # Ids that a power cut took from the log are given again: what is stored must not lie behind them.
        self._newest_at_start: int | None = records.last_id
        self._delivery: _Delivery | None = None
        self._post: Post | None = None
        self._tls: ssl.SSLContext | None = None
        self._saved: int | None = None
        self._saved_at = -SAVE_EVERY_S
        self._warned = False
        self._warned_at = -WARN_EVERY_S
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self.worker = Worker("webhook", self._run, stall_s=None)

    def start(self) -> None:
        """Begin to post."""
        self.worker.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End within about ``timeout_s`` seconds, half of them for what was raised last. The rest is posted after the
        next start."""
        end = time.monotonic() + timeout_s / 2
        last = self._records.last_id
        while self.worker.alive and time.monotonic() < end:
            delivery = self._delivery
            if delivery is None or delivery.failures or delivery.handled >= last:
                break
            time.sleep(0.01)
        self.worker.request_stop()
        self._wake.set()
        post = self._post
        if post is not None:
            post.abort()
        if self.worker.started and self.worker.stop(timeout_s / 2 + _LOOK_S):
            self._save(self._delivery, at_once=True)

    def follow(self, url: str, *, secret: str, device: str) -> None:
        """Post to ``url`` from here on; empty: nowhere. Another address begins with the newest event, the one that was
        stored goes on where it was. ``secret`` signs, ``device`` is the name of the box."""
        with self._lock:
            was, start = self._delivery, self._newest_at_start
            self._newest_at_start = None
            if was is not None and was.url == url:
                was.secret, was.device = secret, device
            elif not url:
                self._delivery = None
            else:
                if start is None:
                    start = self._records.last_id
                elif (stored := self._file.read(url)) is not None:
                    start = min(stored, start)
                self._saved = None
                self._delivery = _Delivery(url, secret, device, Receiver.parse(url), delivered=start, handled=start)
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """``state`` (off, ok, failing), ``lastError`` (of what fails now, or None) and ``behind`` (events)."""
        delivery = self._delivery
        if delivery is None:
            return {"state": "off", "lastError": None, "behind": 0}
        return {
            "state": "failing" if delivery.failures else "ok",
            "lastError": delivery.problem or None,
            "behind": max(0, self._records.last_id - delivery.handled),
        }

    # -- the worker's thread -------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        while not worker.stopping:
            delivery = self._delivery
            try:
                pause = self._post_some(delivery, worker) if delivery is not None else LONGEST_PAUSE_S
            except Exception:
                # A fault of ours must not end the service: the push goes on without the webhook.
                log.exception("the webhook failed")
                pause = LONGEST_PAUSE_S
            self._save(delivery)
            if pause and self._delivery is delivery:
                self._wake.wait(pause)
            self._wake.clear()

    def _post_some(self, delivery: _Delivery, worker: Worker) -> float:
        """Post what is next; the pause to make thereafter, in seconds."""
        if (newest := self._records.last_id) - delivery.handled > MOST_BEHIND:
            delivery.done_with(newest - MOST_BEHIND)
        for record in self._records.wait_after(delivery.handled, _LOOK_S, _BATCH):
            if worker.stopping or self._delivery is not delivery:
                break
            if self._too_old(record):
                delivery.done_with(record["id"])
                continue
            pause = self._settle(delivery, record, self._send(delivery, record))
            if pause:
                return pause
            self._save(delivery)
        return 0.0

    def _send(self, delivery: _Delivery, record: Record) -> Answer:
        if delivery.receiver.secure and self._tls is None:
            self._tls = ssl.create_default_context()
        body = body_of(record, device=delivery.device, missed=record["id"] - delivery.delivered - 1)
        headers = headers_of(record, body, secret=delivery.secret, timestamp=int(self._clock.wall()))
        self._post = Post(delivery.receiver, self._tls)
        try:
            return self._post.send(headers, body)
        finally:
            self._post = None

    def _settle(self, delivery: _Delivery, record: Record, answer: Answer) -> float:
        """Take note of an answer; the pause to make before the next try, in seconds."""
        if answer.outcome is Outcome.DELIVERED:
            if self._warned:
                self._warned = False
                log.warning("the webhook's receiver takes events again")
            delivery.done_with(record["id"])
            delivery.delivered = delivery.handled
            delivery.failures, delivery.problem = 0, ""
            return 0.0
        if self.worker.stopping:
            return 0.0  # aborted, not failed
        delivery.failures += 1
        delivery.problem = answer.problem
        left_out = ""
        if answer.outcome is Outcome.REFUSED:
            delivery.refusals += 1
            if delivery.refusals >= REFUSALS:
                delivery.done_with(record["id"])
                left_out = f"; event {record['id']} ({record['code']}) is left out"
        self._warn(f"the webhook does not get through: {answer.problem}{left_out}")
        return pause_s(delivery.failures, self._chance())

    def _too_old(self, record: Record) -> bool:
        # A time that was taken, or is compared, with a clock that is not yet set says nothing.
        if not (record["synchronised"] and self._clock.synchronised()):
            return False
        return self._clock.wall() - datetime.fromisoformat(record["time"]).timestamp() > OLDEST_S

    def _save(self, delivery: _Delivery | None, *, at_once: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            if delivery is not self._delivery:
                return
            if delivery is None:
                if self._newest_at_start is None:  # told to post nowhere, and not: told nothing yet
                    self._file.forget()
                return
            if delivery.delivered == self._saved or (not at_once and now - self._saved_at < SAVE_EVERY_S):
                return
            self._saved_at = now
            try:
                self._file.write(delivery.url, delivery.delivered)
                self._saved = delivery.delivered
            except OSError as error:
                self._warn(f"the webhook's position cannot be stored: {error.strerror or error}")

    def _warn(self, text: str) -> None:
        """Log a warning, unless there was one not long ago."""
        now = time.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at, self._warned = now, True
            log.warning("%s", text)
