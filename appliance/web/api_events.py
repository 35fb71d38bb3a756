"""The event log over HTTP (SPEC 3 and 11): pages of it, a live stream, and downloads."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from appliance.web.gate import Caller, Gate
from appliance.web.requests import LARGEST_ID, Query
from appliance.web.services import EventRecords, Services
from appliance.web.streams import LOOK_S, Connection, Stall, stream

HEARTBEAT_S = 10.0
RETRY_MS = 2000
"""After so long a browser comes back to a stream that ended."""
PAGE = 100
LARGEST_PAGE = 1000
_BATCH = 500
Record = dict[str, Any]
_COLUMNS = ("id", "time", "synchronised", "code", "name", "severity", "text", "monotonic", "details")


@dataclass(frozen=True)
class Filter:
    """What of the log is asked for."""

    codes: tuple[int, ...]
    severities: tuple[str, ...]
    since: int | str | None

    def page(self, log: EventRecords, before: int | None, limit: int) -> tuple[list[Record], int | None]:
        severity = self.severities or None
        return log.query(codes=self.codes, severity=severity, since=self.since, before=before, limit=limit)

    def every(self, log: EventRecords) -> Iterator[Record]:
        """All of it, newest first, a batch at a time; what is added meanwhile is left out."""
        before: int | None = None
        while True:
            records, before = self.page(log, before, _BATCH)
            yield from records
            if before is None:
                return


def blueprint(services: Services, gate: Gate) -> Blueprint:
    api = Blueprint("events", __name__, url_prefix="/api/v1")
    log = services.log

    def wanted(query: Query) -> Filter:
        return Filter(query.integers("code"), query.severities("severity"), query.since("since"))

    @api.get("/events")
    def events() -> Response:
        query = Query("code", "severity", "since", "before", "limit")
        what = wanted(query)
        before = query.integer("before", 0, LARGEST_ID)
        limit = query.integer("limit", 1, LARGEST_PAGE)
        query.done()
        records, following = what.page(log, before, limit or PAGE)
        return jsonify({"events": records, "next": following})

    @api.get("/events/stream")
    def live() -> Response:
        query = Query("after")
        after = query.integer("after", 0, LARGEST_ID)
        query.done()
        last = request.headers.get("Last-Event-ID", "")
        if last.isascii() and last.isdigit() and len(last) < 19:
            after = int(last)  # on a reconnect the browser repeats the address, and knows better than it
        caller = gate.caller()
        answer = stream(lambda way: follow(log, way, caller, after), "text/event-stream; charset=utf-8")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def download(name: str, content_type: str, chunks: Callable[[Iterator[Record]], Iterator[bytes]]) -> Response:
        query = Query("code", "severity", "since")
        what = wanted(query)
        query.done()
        answer = stream(lambda way: chunks(what.every(log)), content_type)
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @api.get("/events.csv")
    def as_csv() -> Response:
        return download("events.csv", "text/csv; charset=utf-8", _csv)

    @api.get("/events.json")
    def as_json() -> Response:
        return download("events.json", "application/json", _json)

    return api


def follow(log: EventRecords, way: Connection, caller: Caller | None, after: int | None) -> Iterator[bytes]:
    """Server-sent events from number ``after`` on (None: from now on)."""
    newest = log.last_id
    # a number beyond the newest was given by a log that has since been cleared
    last = newest if after is None or after > newest else after
    yield b"retry: %d\n\n" % RETRY_MS
    said, stall = time.monotonic(), Stall(way)
    while way.alive() and caller is not None and caller.still() and not stall.dead:
        if not stall.clear():
            time.sleep(LOOK_S)
            continue
        records = log.wait_after(last, LOOK_S)
        now = time.monotonic()
        if records:
            last = records[-1]["id"]
            yield b"".join(_event(record) for record in records)
            said = now
        elif now - said >= HEARTBEAT_S:
            yield b": alive\n\n"
            said = now


def _event(record: Record) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (record["id"], json.dumps(record, ensure_ascii=False, default=str).encode())


def _csv(records: Iterator[Record]) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf"  # spreadsheets take a file without it for the local code page
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for record in records:
        writer.writerow([_cell(record.get(column)) for column in _COLUMNS])
        if text.tell() > 16384:
            yield _taken(text)
    yield _taken(text)


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict) else value


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken


def _json(records: Iterator[Record]) -> Iterator[bytes]:
    yield b'{"events": ['
    separator = "\n"
    batch: list[str] = []
    for record in records:
        batch.append(separator + json.dumps(record, ensure_ascii=False, default=str))
        separator = ",\n"
        if len(batch) == 50:
            yield "".join(batch).encode()
            batch.clear()
    yield "".join(batch).encode() + b"\n]}\n"
