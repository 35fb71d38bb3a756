"""The event log as its users see it: order, filters, paging, following, retention."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import SettingError
from appliance.event_codes import BUTTON_PRESSED, MUTED, PAUSED, SERVER_DISCONNECT, UNMUTED
from appliance.event_log.log import EventLog
from appliance.events import EventBus


class WallClock:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now - 1_799_999_000

    def wall(self) -> float:
        return self.now

    def synchronised(self) -> bool:
        return True


class Bench:
    """A log, its bus and its clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = WallClock()
        self.bus = EventBus(self.clock)
        self.log = EventLog(path, self.bus)

    def reopen(self, limit: int = 100_000) -> EventLog:
        self.log.close()
        self.log = EventLog(self.path, self.bus, limit=limit)
        return self.log

    def mute(self, number: int) -> None:
        for index in range(number):
            self.bus.emit(MUTED, by=f"test {index}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "events.sqlite")
    yield bench
    bench.log.close()


def ids(records: list[dict[str, object]]) -> list[object]:
    return [record["id"] for record in records]


def test_a_record_has_every_field(bench: Bench) -> None:
    bench.bus.emit(SERVER_DISCONNECT, reason="no", status="NetStream.Publish.BadName", tries=3)
    (record,), more = bench.log.query()
    assert more is None
    assert record["code"] == 3004
    assert record["name"] == "PUSH_WARNING_SERVER_DISCONNECT"
    assert record["severity"] == "warning"
    assert record["text"].startswith("The server refused or closed the push: no.")
    assert record["time"] == "2027-01-15T08:00:00.000+00:00"
    assert record["synchronised"] is True
    assert record["monotonic"] == 1000.0
    assert record["details"] == {"reason": "no", "status": "NetStream.Publish.BadName", "tries": 3}
    json.dumps(record)


def test_memory_and_file_give_the_same_record(bench: Bench) -> None:
    bench.bus.emit(MUTED, by="a test")
    fresh = bench.log.query()
    assert bench.log.flush()
    assert bench.log.query() == fresh
    assert bench.reopen().query() == fresh


def test_times_carry_the_zone(bench: Bench) -> None:
    bench.bus.emit(MUTED, by="a test")
    bench.log.zone = ZoneInfo("Asia/Shanghai")
    assert bench.log.query()[0][0]["time"] == "2027-01-15T16:00:00.000+08:00"


def test_newest_first_in_pages(bench: Bench) -> None:
    bench.mute(7)
    first, more = bench.log.query(limit=3)
    assert ids(first) == [7, 6, 5]
    assert more == 5
    second, more = bench.log.query(limit=3, before=more)
    assert ids(second) == [4, 3, 2]
    third, more = bench.log.query(limit=3, before=more)
    assert ids(third) == [1]
    assert more is None
    assert bench.log.query(limit=7)[1] is None


def test_pages_join_across_memory_and_file(bench: Bench) -> None:
    bench.mute(50)
    bench.log.flush()
    bench.mute(50)
    seen: list[object] = []
    before: int | None = None
    while True:
        page, before = bench.log.query(limit=9, before=before)
        seen += ids(page)
        if before is None:
            break
    assert seen == list(range(100, 0, -1))


def test_filters(bench: Bench) -> None:
    bench.bus.emit(MUTED, by="a")
    bench.bus.emit(PAUSED, by="b")
    bench.clock.now += 10
    bench.bus.emit(SERVER_DISCONNECT, reason="c")
    bench.bus.emit(UNMUTED, by="d")
    for _ in range(2):  # once from the memory, perhaps, and once from the file
        assert ids(bench.log.query(codes=[MUTED, UNMUTED])[0]) == [4, 1]
        assert ids(bench.log.query(severity="warning")[0]) == [3]
        assert ids(bench.log.query(severity=("warning", "error"))[0]) == [3]
        assert ids(bench.log.query(since=2)[0]) == [4, 3]
        assert ids(bench.log.query(since="2")[0]) == [4, 3]
        assert ids(bench.log.query(since="2027-01-15T08:00:05Z")[0]) == [4, 3]
        assert ids(bench.log.query(since="2027-01-15 08:00:05")[0]) == [4, 3]
        assert ids(bench.log.query(since=bench.clock.now)[0]) == [4, 3]
        assert ids(bench.log.query(since=datetime(2027, 1, 15, 9, tzinfo=UTC))[0]) == []
        assert ids(bench.log.query(codes=[MUTED], severity="error")[0]) == []
        assert bench.log.flush()


def test_numbers_too_large_for_the_file_are_no_trouble(bench: Bench) -> None:
    bench.mute(1)
    assert ids(bench.log.query(before=10**30)[0]) == [1]
    assert ids(bench.log.query(since=10**30)[0]) == []
    assert bench.log.after(10**30) == []
    assert ids(bench.log.query(codes=[10**30, MUTED])[0]) == [1]


@pytest.mark.parametrize("since", ["yesterday", "", "1e5", "9" * 30])
def test_a_since_that_is_none_is_refused(bench: Bench, since: str) -> None:
    with pytest.raises(SettingError, match="allowed"):
        bench.log.query(since=since)


def test_following(bench: Bench) -> None:
    bench.mute(3)
    assert ids(bench.log.after(1, 10)) == [2, 3]
    assert ids(bench.log.after(0, 2)) == [1, 2]
    assert bench.log.wait_after(3, 0.05) == []
    threading.Timer(0.1, bench.mute, (1,)).start()
    begun = time.monotonic()
    assert ids(bench.log.wait_after(3, 10.0)) == [4]
    assert time.monotonic() - begun < 5


def test_ids_go_on_after_a_restart(bench: Bench) -> None:
    bench.mute(3)
    log = bench.reopen()
    bench.mute(1)
    assert ids(log.query()[0]) == [4, 3, 2, 1]
    assert log.last_id == 4


def test_ids_given_out_and_lost_are_not_given_again(bench: Bench) -> None:
    bench.mute(3)
    assert bench.log.flush()
    # A second log on the same file, as after a kill: the first one never closed.
    other = EventLog(bench.path, bus := EventBus())
    try:
        bus.emit(MUTED, by="later")
        assert other.last_id > 3 + 500
        assert other.wait_after(3, 5)[0]["details"] == {"by": "later"}
    finally:
        other.close()


def test_the_oldest_go(bench: Bench) -> None:
    bench.log.limit = 20
    for _ in range(5):
        bench.mute(30)
        bench.log.flush()
    records, more = bench.log.query(limit=1000)
    assert ids(records) == list(range(150, 130, -1))
    assert more is None


def test_a_lowered_limit_drops_what_is_there(bench: Bench) -> None:
    bench.mute(1500)
    assert bench.log.flush()
    bench.log.limit = 10
    end = time.monotonic() + 10
    while len(bench.log.query(limit=2000)[0]) > 10 and time.monotonic() < end:
        time.sleep(0.02)
    assert ids(bench.log.query(limit=2000)[0]) == list(range(1500, 1490, -1))
    assert len(bench.reopen(limit=5).query()[0]) <= 10


def test_details_of_any_kind_are_kept_as_far_as_json_can(bench: Bench) -> None:
    bench.bus.emit(
        BUTTON_PRESSED,
        button="b\udcffad",
        path=Path("/x"),
        broken=float("nan"),
        nested={"a": [1, None]},
        text="飞",
        big=2**70,
    )
    assert bench.log.flush()
    details = bench.reopen().query()[0][0]["details"]
    assert details["button"] == "b?ad"
    assert details["broken"] == "nan"
    assert details["text"] == "飞"
    assert details["big"] == 2**70
    json.dumps(details, allow_nan=False)


def test_many_threads_raise_and_nothing_is_lost(bench: Bench) -> None:
    threads = [threading.Thread(target=bench.mute, args=(100,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    end = time.monotonic() + 20
    while len(seen) < 800 and time.monotonic() < end:
        seen += [int(r["id"]) for r in bench.log.wait_after(seen[-1] if seen else 0, 5.0)]
    for thread in threads:
        thread.join(10)
    assert seen == list(range(1, 801))
    assert ids(bench.reopen().query(limit=1000)[0]) == list(range(800, 0, -1))


def test_raising_an_event_does_not_wait_for_the_file(bench: Bench) -> None:
    slowest = 0.0
    for _ in range(500):
        begun = time.perf_counter()
        bench.mute(1)
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < 0.5
    assert bench.log.flush()
