"""The event log: every event of the bus, kept over restarts and power cuts (SPEC 3, SPEC 9).

An event gets its id in the raising thread, goes into memory, and is written by a thread of its own; who asks sees the
file and the memory as one. When the file cannot be written (full, read-only, damaged) events stay in memory, the newest
few thousand of them, and are written when it works again; one event 20020 tells. A damaged file is moved aside and a
new one begun.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from appliance import event_codes
from appliance.errors import SettingError
from appliance.event_log.database import Damaged, Database, Reader, last_id_of_broken, move_aside
from appliance.event_log.rows import Filter, Row, merge
from appliance.events import Event, EventBus
from appliance.threads import Worker

log = logging.getLogger(__name__)

_WAITING_MOST = 2000  # events kept in memory while nothing can be written: about a megabyte
_BATCH = 500
_BATCH_EVERY_S = 0.2
_RETRY_FIRST_S, _RETRY_MOST_S = 1.0, 30.0
_PAGE_MOST = 10_000
_NUMBER_MOST = 2**63 - 1  # what SQLite can compare with
_STALL_S = 90.0  # a worn-out card may take tens of seconds for one flush

Record = dict[str, Any]


class EventLog:
    """The log of one state directory. All methods may be called from any thread.

    ``limit`` is how many events are kept, ``zone`` the time zone of the records' times; both may be set at any time. A
    record has ``id``, ``code``, ``name``, ``severity``, ``text``, ``time`` (ISO 8601 with offset), ``synchronised``,
    ``monotonic`` (seconds) and ``details``. Never raises for trouble with the file.
    """

    def __init__(self, path: Path, bus: EventBus, *, limit: int = 100_000, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self._limit = limit
        self._trim_due = True
        self._path = path
        self._bus = bus
        self._changed = threading.Condition()
        """Guards what follows; notified for every new event."""
        self._waiting: deque[Row] = deque()
        self._lost = 0
        self._last_id = 0
        self._stored_id = 0
        self._wake = threading.Event()
        self._database: Database | None = None
        """The worker's alone, once that runs."""
        self._trouble = ""
        """Why nothing can be written at present."""
        self._moved = ""
        """What became of a damaged file, as long as no event has told it."""
        self._reading = threading.Lock()
        self._reader: Reader | None = None
        self._open()
        self._stored_id = self._last_id
        self._unsubscribe = bus.subscribe(self._take)
        self.worker = Worker("event log", self._write_on, stall_s=_STALL_S).start()

    # -- asking ------------------------------------------------------------------------------------------

    def query(
        self,
        *,
        codes: Collection[int] = (),
        severity: str | Collection[str] | None = None,
        since: int | float | str | datetime | None = None,  # noqa: PYI041  the two mean different things
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[list[Record], int | None]:
        """Newest first, at most ``limit`` events older than the event ``before``; and the ``before`` of the next page,
        None when this was the last.

        ``since`` is an id (int, or a text of digits: events after it), or a time (seconds since 1970 as float,
        datetime, or ISO 8601 text, in the log's zone when it has no offset). Everything raised before the call is seen.
        :class:`~appliance.errors.SettingError` for a ``since`` that is neither.
        """
        limit = min(max(limit, 1), _PAGE_MOST)
        severities = frozenset([severity] if isinstance(severity, str) else severity or ())
        after_id, since_time = self._since(since)
        before_id = None if before is None else _bounded(before)
        wanted = Filter(frozenset(map(_bounded, codes)), severities, after_id, before_id, since_time)
        rows = self._select(wanted, limit=limit + 1, newest_first=True)
        return [self._record(row) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else None

    def after(self, id: int, limit: int = 100) -> list[Record]:
        """Oldest first, at most ``limit`` events behind the event ``id``."""
        limit = min(max(limit, 1), _PAGE_MOST)
        wanted = Filter(after_id=_bounded(id))
        return [self._record(row) for row in self._select(wanted, limit=limit, newest_first=False)]

    def wait_after(self, id: int, timeout_s: float, limit: int = 100) -> list[Record]:
        """The same, waiting up to ``timeout_s`` seconds until there is one; for those who follow the log."""
        end = time.monotonic() + timeout_s
        while True:
            seen = self.last_id
            if records := self.after(id, limit):
                return records
            with self._changed:
                while self._last_id == seen:
                    if not self._changed.wait(max(0.0, end - time.monotonic())):
                        return []

    @property
    def limit(self) -> int:
        """How many events are kept; a lower one drops the oldest at once."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._trim_due = True
        self._wake.set()

    @property
    def last_id(self) -> int:
        """The id of the newest event, 0 when there was never one."""
        with self._changed:
            return self._last_id

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything raised before the call is on the disk; False when it is not after ``timeout_s``
        seconds."""
        with self._changed:
            wanted = self._last_id
            self._wake.set()
            return self._changed.wait_for(lambda: self._stored_id >= wanted, timeout_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, for at most ``timeout_s`` seconds, and end. Events raised later are not logged."""
        self._unsubscribe()
        if not self._trouble:
            self.flush(timeout_s)
        self.worker.request_stop()
        self._wake.set()
        stopped = self.worker.stop(timeout_s)
        if not stopped:
            return
        self._close_reader()
        if self._database is not None:
            self._database.finish(self._last_id)
            self._database = None

    # -- taking ------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        details = _json(event.details)
        with self._changed:
            self._last_id += 1
            if len(self._waiting) >= _WAITING_MOST:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(
                Row(
                    self._last_id, event.code, event.name, event.severity.value, _clean(event.text), event.time,
                    event.synchronised, event.monotonic, details,
                )
            )  # fmt: skip
            self._changed.notify_all()
        self._wake.set()

    # -- writing (the worker's thread, but for the first opening) ------------------------------------------

    def _write_on(self, worker: Worker) -> None:
        self._attempt(self._check)
        retry_s = _RETRY_FIRST_S
        while True:
            worker.beat()
            if self._waiting or self._trim_due:
                if self._attempt(self._store):
                    retry_s = _RETRY_FIRST_S
                elif worker.stopping:
                    return
                else:
                    worker.wait(retry_s)
                    retry_s = min(retry_s * 2, _RETRY_MOST_S)
                    continue
            elif worker.stopping:
                return
            if not self._waiting and not self._trim_due:
                self._wake.wait(_RETRY_MOST_S)
            self._wake.clear()
            # Those that come now go into the same commit.
            worker.wait(_BATCH_EVERY_S)

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Do a step with the file. Trouble is told once, until it works again; a damaged file makes room for a new
        one."""
        trouble = ""
        try:
            step()
        except Damaged as error:
            trouble = self._replace_damaged(str(error))
        except (sqlite3.Error, OSError) as error:
            trouble = str(error)
        if self._moved:
            moved, self._moved = self._moved, ""
            self._bus.emit(event_codes.STORAGE_FAILED, path=str(self._path), reason=moved)
            return False
        if trouble and not self._trouble:
            self._bus.emit(event_codes.STORAGE_FAILED, path=str(self._path), reason=trouble)
        self._trouble = trouble
        return not trouble

    def _check(self) -> None:
        if self._database is not None:
            self._database.check()

    def _store(self) -> None:
        if self._database is None or not self._path.exists():
            # Not there yet, or taken away under us: begin it (again).
            self._close_files()
            self._database = Database(self._path)
        with self._changed:
            batch = list(islice(self._waiting, _BATCH))
        self._trim_due = False
        self._database.append(batch, self._limit)
        self._database.trim(self._limit)
        with self._changed:
            if batch:
                self._stored_id = max(self._stored_id, batch[-1].id)
            while self._waiting and self._waiting[0].id <= self._stored_id:
                self._waiting.popleft()
            lost, self._lost = self._lost, 0
            self._changed.notify_all()
        if self._trouble:
            log.warning("the event log is written again%s", f"; {lost} events were lost" if lost else "")

    def _open(self) -> None:
        try:
            self._database = Database(self._path)
            self._last_id = self._database.last_id
        except Damaged as error:
            trouble = self._replace_damaged(str(error))
            if trouble:
                log.warning("%s", trouble)
        except (sqlite3.Error, OSError) as error:
            log.warning("the event log cannot be opened, events are kept in memory: %s", error)

    def _replace_damaged(self, reason: str) -> str:
        """Begin a new file; empty when that worked, else why not."""
        self._close_files()
        try:
            aside = move_aside(self._path)
            self._moved = f"the file is damaged ({reason}); kept as {aside.name}, a new one is begun"
            with self._changed:
                if not self._last_id:
                    self._last_id = last_id_of_broken(aside)
            self._database = Database(self._path)
        except (sqlite3.Error, Damaged, OSError) as error:
            return f"the damaged file cannot be replaced: {error}"
        return ""

    def _close_files(self) -> None:
        self._close_reader()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _close_reader(self) -> None:
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    # -- reading -----------------------------------------------------------------------------------------

    def _select(self, wanted: Filter, *, limit: int, newest_first: bool) -> list[Row]:
        # The memory first: what is written meanwhile is then seen twice, and never not at all.
        with self._changed:
            waiting = [row for row in self._waiting if wanted.takes(row)]
        return merge(self._stored(wanted, limit, newest_first), waiting, limit=limit, newest_first=newest_first)

    def _stored(self, wanted: Filter, limit: int, newest_first: bool) -> list[Row]:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = Reader(self._path)
                return self._reader.select(wanted, limit=limit, newest_first=newest_first)
            except (Damaged, sqlite3.Error) as error:
                # The file is missing, or has trouble that the worker meets, tells and mends.
                log.debug("the event log cannot be read: %s", error)
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                return []

    def _since(self, since: int | float | str | datetime | None) -> tuple[int | None, float | None]:  # noqa: PYI041
        if isinstance(since, str):
            if since.isascii() and since.isdigit() and len(since) <= 18:
                return int(since), None
            try:
                since = datetime.fromisoformat(since)
            except ValueError:
                raise SettingError(
                    {"since": "allowed: an event's id, or a time like 2026-03-01T12:00:00+00:00"}
                ) from None
        if isinstance(since, datetime):
            aware = since if since.tzinfo is not None else since.replace(tzinfo=self.zone)
            return None, aware.timestamp()
        if isinstance(since, int):
            return _bounded(since), None
        return None, since

    def _record(self, row: Row) -> Record:
        try:
            when = datetime.fromtimestamp(row.time, self.zone)
        except (OverflowError, ValueError, OSError):
            when = datetime.fromtimestamp(0, self.zone)
        record = row._asdict()
        record["time"] = when.isoformat(timespec="milliseconds")
        record["synchronised"] = bool(row.synchronised)
        record["details"] = json.loads(row.details)
        return record


def _bounded(number: int) -> int:
    return min(max(number, -_NUMBER_MOST), _NUMBER_MOST)


def _clean(text: str) -> str:
    """Text that SQLite and JSON can hold: a name from the file system may have bytes that are no characters."""
    return text.encode("utf-8", "replace").decode()


def _json(details: dict[str, object]) -> str:
    try:
        return _clean(json.dumps(details, ensure_ascii=False, default=str, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return _clean(json.dumps({str(key): _plain(value) for key, value in details.items()}, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, int | float | str | bool | None) else repr(value)
