"""Supply, disk and clock, each told once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from appliance.event_codes import CLOCK_SYNCHRONISED, DISK_LOW, THROTTLED, UNDER_VOLTAGE
from appliance.events import Event, EventBus
from appliance.system.box import BoxWatch


class Usage(NamedTuple):
    free: int


class Bench:
    """A box whose supply, disk and clock a test sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flags: int | None = 0
        self.free = 10**10
        self.right = False
        self.raised: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.raised.append)
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(self.free))
        self.watch = BoxWatch(bus, self, folder, read_throttled=lambda: self.flags)

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0

    def synchronised(self) -> bool:
        return self.right

    def look(self) -> list[int]:
        """The codes that a look raises."""
        self.raised.clear()
        self.watch.look()
        return [event.code for event in self.raised]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_all_well_says_nothing(bench: Bench) -> None:
    assert bench.look() == []
    bench.flags = None
    assert bench.look() == []


def test_a_weak_supply_is_told_each_time_it_begins(bench: Bench) -> None:
    bench.flags = 0x50005
    assert bench.look() == [UNDER_VOLTAGE, THROTTLED]
    assert bench.look() == []
    bench.flags = 0x50000
    assert bench.look() == []
    bench.flags = 0x50001
    assert bench.look() == [UNDER_VOLTAGE]


def test_heat_says_what_it_does(bench: Bench) -> None:
    bench.flags = 0x8
    assert bench.look() == [THROTTLED]
    assert bench.raised[0].details == {"reason": "soft temperature limit"}


def test_a_disk_on_the_edge_is_told_once(bench: Bench) -> None:
    bench.free = 199 * 10**6
    assert bench.look() == [DISK_LOW]
    assert "199 MB" in bench.raised[0].text
    bench.free = 210 * 10**6
    assert bench.look() == []
    bench.free = 190 * 10**6
    assert bench.look() == []
    bench.free = 10**9
    assert bench.look() == []
    bench.free = 0
    assert bench.look() == [DISK_LOW]


def test_the_clock_getting_right_is_told(bench: Bench) -> None:
    assert bench.look() == []
    bench.right = True
    assert bench.look() == [CLOCK_SYNCHRONISED]
    assert bench.look() == []


def test_the_worker_looks_by_itself(bench: Bench) -> None:
    bench.flags = 0x1
    bench.watch.start()
    try:
        for _ in range(200):
            if bench.raised:
                break
            bench.watch.worker.wait(0.01)
        assert bench.raised[0].code == UNDER_VOLTAGE
    finally:
        bench.watch.stop()
    assert not bench.watch.worker.alive
