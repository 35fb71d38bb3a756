"""The watchdog is fed while every worker makes progress, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from appliance.event_codes import WATCHDOG
from appliance.events import Event, EventBus
from appliance.system import notify
from appliance.system.health import Health
from appliance.threads import Worker


class Bench:
    """A health watch that looks fifty times a second, what it told, and a worker that can be made to hang."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fed = 0
        self.told: list[Event] = []
        self.hang = threading.Event()
        monkeypatch.setenv("WATCHDOG_USEC", "40000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        monkeypatch.setattr(notify, "watchdog", self._feed)
        bus = EventBus()
        bus.subscribe(self.told.append)
        self.good = Worker("good", self._beat).start()
        self.shaky = Worker("shaky", self._may_hang, stall_s=0.1).start()
        self.health = Health([self.good, self.shaky], events=bus)

    def _feed(self) -> None:
        self.fed += 1

    def _beat(self, worker: Worker) -> None:
        while not worker.wait(0.01):
            worker.beat()

    def _may_hang(self, worker: Worker) -> None:
        while not worker.wait(0.01):
            if not self.hang.is_set():
                worker.beat()

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < end, "did not come about in time"
            time.sleep(0.01)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(monkeypatch)
    yield bench
    for worker in (bench.health.worker, bench.good, bench.shaky):
        worker.stop()


def test_it_feeds_while_all_is_well(bench: Bench) -> None:
    bench.health.start()
    bench.until(lambda: bench.fed > 3)
    assert bench.health.report() == (True, {"good": "ok", "shaky": "ok"})
    assert not bench.told


def test_a_hanging_worker_is_told_once_and_starves_the_watchdog(bench: Bench) -> None:
    bench.health.start()
    bench.hang.set()
    bench.until(lambda: bench.told)
    fed = bench.fed
    time.sleep(0.2)
    assert bench.fed == fed
    assert [(event.code, event.details["worker"]) for event in bench.told] == [(WATCHDOG, "shaky")]
    assert bench.health.report() == (False, {"good": "ok", "shaky": "makes no progress"})
    bench.hang.clear()
    bench.until(lambda: bench.fed > fed)
    bench.hang.set()
    bench.until(lambda: len(bench.told) == 2)


def test_a_worker_that_ended_as_asked_is_forgotten(bench: Bench) -> None:
    bench.shaky.stop()
    assert bench.health.report() == (True, {"good": "ok"})


def test_a_worker_that_ended_unasked_is_a_failure(bench: Bench) -> None:
    bench.health.add(Worker("brief", lambda _: None).start())
    bench.until(lambda: not bench.health.report()[0])
    assert bench.health.report()[1]["brief"] == "died"


def test_workers_not_yet_started_do_not_count_and_names_may_repeat(bench: Bench) -> None:
    bench.health.add(late := Worker("good", bench._beat))
    assert bench.health.report()[1] == {"good": "ok", "shaky": "ok"}
    late.start()
    assert bench.health.report()[1] == {"good": "ok", "shaky": "ok", "good 2": "ok"}
    bench.health.remove(late)
    late.stop()
