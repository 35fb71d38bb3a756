"""Rows of the event log, which of them are wanted, and how those of the file and of the memory become one list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One event as it is stored. ``time`` is seconds since 1970, ``details`` JSON."""

    id: int
    code: int
    name: str
    severity: str
    text: str
    time: float
    synchronised: bool
    monotonic: float
    details: str


class Filter(NamedTuple):
    """Which events: ids between the two bounds (both excluded), not before ``since_time``; empty sets mean all."""

    codes: frozenset[int] = frozenset()
    severities: frozenset[str] = frozenset()
    after_id: int | None = None
    before_id: int | None = None
    since_time: float | None = None

    def takes(self, row: Row) -> bool:
        return (
            (not self.codes or row.code in self.codes)
            and (not self.severities or row.severity in self.severities)
            and (self.after_id is None or row.id > self.after_id)
            and (self.before_id is None or row.id < self.before_id)
            and (self.since_time is None or row.time >= self.since_time)
        )

    def where(self) -> tuple[str, list[object]]:
        """The same as an SQL condition and its parameters."""
        terms: list[str] = []
        values: list[object] = []
        for column, wanted in (("code", self.codes), ("severity", self.severities)):
            if wanted:
                terms.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(sorted(wanted))
        for term, value in (
            ("id > ?", self.after_id), ("id < ?", self.before_id), ("time >= ?", self.since_time),
        ):  # fmt: skip
            if value is not None:
                terms.append(term)
                values.append(value)
        return (f"WHERE {' AND '.join(terms)}" if terms else ""), values


def merge(stored: Iterable[Row], waiting: Iterable[Row], *, limit: int, newest_first: bool) -> list[Row]:
    """Rows of the file and of the memory in one order, each once."""
    rows = {row.id: row for row in (*stored, *waiting)}
    return [rows[id] for id in sorted(rows, reverse=newest_first)[:limit]]
