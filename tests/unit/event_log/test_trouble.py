"""Kills, damaged files, full and read-only disks."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.event_codes import MUTED, STORAGE_FAILED
from appliance.event_log import database, log
from appliance.event_log.database import Database
from appliance.event_log.log import EventLog
from appliance.events import Event, EventBus

_WRITER = """
import sys
from pathlib import Path
from appliance.event_codes import MUTED
from appliance.event_log.log import EventLog
from appliance.events import EventBus
bus = EventBus()
log = EventLog(Path(sys.argv[1]), bus, limit=60)
while True:
    for _ in range(7):
        bus.emit(MUTED, by="the writer")
    last = log.last_id
    assert log.flush()
    print(last, flush=True)
"""


@pytest.fixture
def opened() -> Iterator[Callable[..., EventLog]]:
    logs: list[EventLog] = []

    def open_one(path: Path, bus: EventBus) -> EventLog:
        logs.append(EventLog(path, bus))
        return logs[-1]

    yield open_one
    for one in logs:
        one.close(0.5)


def heard(bus: EventBus) -> list[Event]:
    events: list[Event] = []
    bus.subscribe(lambda event: events.append(event) if event.code == STORAGE_FAILED else None)
    return events


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.02)


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    last = 0
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        try:
            for _ in range(random.randint(1, 4)):
                last = int(writer.stdout.readline())
            time.sleep(random.random() * 0.3)
        finally:
            writer.send_signal(signal.SIGKILL)
            rest = writer.communicate(timeout=10)[0].split()
        acknowledged = int(rest[-1]) if rest else last
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = [row[0] for row in connection.execute("SELECT id FROM events ORDER BY id")]
        connection.close()
        assert acknowledged in stored
        assert stored[-1] >= acknowledged
        assert len(stored) <= 60
        last = acknowledged


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path, opened: Callable[..., EventLog]) -> None:
    path = tmp_path / "events.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    bus = EventBus()
    told = heard(bus)
    one = opened(path, bus)
    bus.emit(MUTED, by="a test")
    until(lambda: told)
    assert one.flush()
    assert (tmp_path / "events.sqlite.broken-1").read_bytes().startswith(b"this is no database")
    assert "events.sqlite.broken-1" in told[0].text
    codes = {record["code"] for record in one.query()[0]}
    assert codes == {MUTED, STORAGE_FAILED}
    assert len(told) == 1


def test_damage_inside_is_found_and_ids_still_grow(tmp_path: Path, opened: Callable[..., EventLog]) -> None:
    path = tmp_path / "events.sqlite"
    bus = EventBus()
    first = opened(path, bus)
    for _ in range(400):
        bus.emit(MUTED, by="x" * 200)
    assert first.flush()
    first.close()
    last = first.last_id
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    told = heard(bus)
    second = opened(path, bus)
    until(lambda: told)
    bus.emit(MUTED, by="after")
    assert second.flush()
    assert all(int(record["id"]) > last for record in second.query()[0])
    assert len(told) == 1
    assert list(tmp_path.glob("*.broken-1"))


def test_a_file_of_a_newer_version_is_kept_aside(tmp_path: Path, opened: Callable[..., EventLog]) -> None:
    path = tmp_path / "events.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    bus = EventBus()
    told = heard(bus)
    one = opened(path, bus)
    until(lambda: told)
    assert "newer version" in told[0].text
    assert one.flush()


def test_wreckage_does_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    for number in range(6):
        path.write_text(str(number))
        assert database.move_aside(path).read_text() == str(number)
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left == [f"events.sqlite.broken-{number}" for number in (4, 5, 6)]


def test_a_disk_that_is_full_for_a_while(
    tmp_path: Path, opened: Callable[..., EventLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_RETRY_FIRST_S", 0.05)
    monkeypatch.setattr(log, "_RETRY_MOST_S", 0.1)
    bus = EventBus()
    told = heard(bus)
    one = opened(tmp_path / "events.sqlite", bus)
    bus.emit(MUTED, by="before")
    assert one.flush()
    whole = Database.append

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Database, "append", full)
    for _ in range(20):
        bus.emit(MUTED, by="meanwhile")
    until(lambda: told)
    assert not one.flush(0.3)
    assert len(told) == 1
    assert "disk is full" in told[0].text
    assert len(one.query()[0]) == 22, "memory and file are one log"
    monkeypatch.setattr(Database, "append", whole)
    assert one.flush(5)
    one.close()
    again = opened(tmp_path / "events.sqlite", EventBus())
    assert [record["id"] for record in again.after(0, 100)] == list(range(1, 23))
    assert len(told) == 1


def test_a_disk_that_stays_full_costs_a_bounded_memory(
    tmp_path: Path, opened: Callable[..., EventLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_WAITING_MOST", 50)
    bus = EventBus()
    folder = tmp_path / "absent"
    one = opened(folder / "events.sqlite", bus)
    for _ in range(200):
        bus.emit(MUTED, by="a test")
    records, _ = one.query(limit=1000)
    assert len(records) == 50
    assert int(records[0]["id"]) >= 200
    folder.mkdir()
    assert one.flush(10), "once the place is there, the rest is written"
    assert (folder / "events.sqlite").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_place(tmp_path: Path, opened: Callable[..., EventLog]) -> None:
    tmp_path.chmod(0o500)
    try:
        bus = EventBus()
        told = heard(bus)
        one = opened(tmp_path / "events.sqlite", bus)
        bus.emit(MUTED, by="a test")
        until(lambda: told)
        assert len(one.query()[0]) == 2
    finally:
        tmp_path.chmod(0o700)


def test_a_file_taken_away_is_begun_again(tmp_path: Path, opened: Callable[..., EventLog]) -> None:
    path = tmp_path / "events.sqlite"
    bus = EventBus()
    one = opened(path, bus)
    bus.emit(MUTED, by="first")
    assert one.flush()
    for file in tmp_path.iterdir():
        file.unlink()
    bus.emit(MUTED, by="second")
    assert one.flush()
    assert path.exists()
    assert [record["details"]["by"] for record in one.query()[0]] == ["second"]


def test_a_log_is_migrated_from_every_older_schema(tmp_path: Path) -> None:
    for version in range(len(database._MIGRATIONS) + 1):
        path = tmp_path / f"{version}.sqlite"
        connection = sqlite3.connect(path)
        for step in database._MIGRATIONS[:version]:
            connection.executescript(step)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        Database(path).close()
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(database._MIGRATIONS),)
        connection.close()
