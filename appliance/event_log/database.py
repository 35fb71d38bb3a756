"""The SQLite file behind the event log: schema, migrations, retention, and what happens to a damaged file.

Write-ahead logging with ``synchronous=FULL``: a commit is on the disk when it returns, so what was logged just before
the power went is there afterwards. Events are few (a commit costs one flush, at most five a second, in a thread of its
own), so that is cheap enough.

Ids are given out by the log before a row is written. So that a row lost with the power never has its id given to
another event (a page that follows the log would miss that one), each commit also reserves the ids to come; a log that
was not closed in order goes on behind the reservation. Ids only grow, but may leave gaps.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.event_log.rows import Filter, Row

RESERVED_IDS = 1000

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        code INTEGER NOT NULL,
        name TEXT NOT NULL,
        severity TEXT NOT NULL,
        text TEXT NOT NULL,
        time REAL NOT NULL,
        synchronised INTEGER NOT NULL,
        monotonic REAL NOT NULL,
        details TEXT NOT NULL
    );
    CREATE INDEX events_by_code ON events (code, id);
    CREATE INDEX events_by_severity ON events (severity, id);
    CREATE TABLE ids (reserved INTEGER NOT NULL);
    INSERT INTO ids VALUES (0);
    """,
)
"""Step n brings a file from ``user_version`` n to n + 1. Never change a step that was released: add one."""

_BUSY_S = 5.0
_TRIM_ROWS = 500
_KEPT_BROKEN = 3
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_COMPANIONS = ("", "-wal", "-shm")
_SECONDS_TO_2020 = 1_577_836_800


class Damaged(Exception):
    """The file is no database, is corrupt, or was written by a newer version: it cannot be used as it is."""


class Database:
    """The connection that writes. Opening migrates; raises :class:`Damaged`, or ``sqlite3.Error`` for what may pass
    (full, read-only). Not for several threads at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            with damage_told():
                self._configure()
                self._migrate()
                self.count = int(self._connection.execute("SELECT count(*) FROM events").fetchone()[0])
                self.last_id = _last_id(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def _configure(self) -> None:
        for pragma in (
            "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=1048576", "cache_size=-512",
            "temp_store=MEMORY",
        ):  # fmt: skip
            self._connection.execute(f"PRAGMA {pragma}")

    def _migrate(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(_MIGRATIONS):
            raise Damaged(f"written by a newer version of Live Pusher (schema {version})")
        for number in range(version, len(_MIGRATIONS)):
            with self._transaction():
                for statement in _MIGRATIONS[number].split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number + 1}")

    def check(self) -> None:
        """Read the whole file; :class:`Damaged` when something in it is wrong. Takes a second for a large log."""
        with damage_told():
            answer = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise Damaged(str(answer))

    def append(self, rows: Sequence[Row], limit: int) -> None:
        """Store ``rows`` and drop the oldest beyond ``limit``; on the disk when this returns."""
        with damage_told(), self._transaction():
            # A batch whose commit failed half-way may come again: what is there already stays.
            places = ", ".join("?" * len(Row._fields))
            stored = self._connection.executemany(f"INSERT OR IGNORE INTO events VALUES ({places})", rows).rowcount
            stored = max(0, stored)
            if rows:
                self._connection.execute("UPDATE ids SET reserved = ?", (rows[-1].id + RESERVED_IDS,))
            dropped = self._drop(min(self.count + stored - limit, _TRIM_ROWS))
        self.count += stored - dropped

    def trim(self, limit: int) -> None:
        """Drop the oldest beyond ``limit``, some hundreds in each transaction, so that nobody waits long."""
        while self.count > limit:
            with damage_told(), self._transaction():
                dropped = self._drop(min(self.count - limit, _TRIM_ROWS))
            if not dropped:
                self.count = limit
            self.count -= dropped

    def _drop(self, number: int) -> int:
        if number <= 0:
            return 0
        oldest = "SELECT id FROM events ORDER BY id LIMIT ?"
        return self._connection.execute(f"DELETE FROM events WHERE id IN ({oldest})", (number,)).rowcount

    def finish(self, last_id: int) -> None:
        """Close in order: the next run goes on right behind ``last_id``."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("UPDATE ids SET reserved = ?", (last_id,))
        self.close()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise


class Reader:
    """A connection that only reads, beside the one that writes: who asks never waits for the card to take a commit.

    Not for several threads at a time. Raises as :class:`Database` does; the file must be there and of today's schema.
    """

    def __init__(self, path: Path) -> None:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )

    def select(self, wanted: Filter, *, limit: int, newest_first: bool) -> list[Row]:
        where, values = wanted.where()
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT {', '.join(Row._fields)} FROM events {where} ORDER BY id {order} LIMIT ?"
        with damage_told():
            return [Row(*row) for row in self._connection.execute(query, (*values, limit))]

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """SQLite's errors that mean a damaged file, as :class:`Damaged`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise Damaged(str(error)) from error
        raise


def _last_id(connection: sqlite3.Connection) -> int:
    last, reserved = (
        connection.execute(query).fetchone() for query in ("SELECT max(id) FROM events", "SELECT reserved FROM ids")
    )
    return max(int(last[0] or 0), int(reserved[0]) if reserved else 0)


def move_aside(path: Path) -> Path:
    """Rename a damaged file, and what SQLite keeps beside it, to the first free ``.broken-N``; OSError when that fails.

    The oldest of more than three go, so that a dying card is not filled by its own wreckage.
    """
    numbers = (file.name.rpartition("-")[2] for file in path.parent.glob(f"{path.name}.broken-*"))
    broken = sorted(int(number) for number in numbers if number.isdigit())
    aside = path.with_name(f"{path.name}.broken-{broken[-1] + 1 if broken else 1}")
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{companion}").replace(f"{aside}{companion}")
    for old in broken[: max(0, len(broken) + 1 - _KEPT_BROKEN)]:
        for companion in _COMPANIONS:
            path.with_name(f"{path.name}.broken-{old}{companion}").unlink(missing_ok=True)
    return aside


def last_id_of_broken(aside: Path) -> int:
    """Behind which id a new file goes on after a damaged one: its own last id where that can still be read, else a
    number that no log reaches by counting (seconds since 2020)."""
    try:
        connection = sqlite3.connect(f"file:{aside}?mode=ro&immutable=1", uri=True)
        try:
            return _last_id(connection)
        finally:
            connection.close()
    except (sqlite3.Error, TypeError, ValueError):
        return max(0, int(time.time()) - _SECONDS_TO_2020)
