"""What a running appliance does and has done, for people and as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from appliance import __version__
from appliance.cli.client import ServiceFailed, client_of

_UNITS = {
    "videoBitrate": "kbit/s", "audioBitrate": "kbit/s", "targetBitrate": "kbit/s", "netSpeed": "kbit/s", "videoGOP":
    "s", "netJitter": "ms", "queueDelay": "ms", "rtt": "ms", "videoFPS": "frames/s", "videoCache": "frames",
    "audioCache": "frames", "videoWidth": "pixels", "videoHeight": "pixels",
}  # fmt: skip


def version(arguments: argparse.Namespace) -> int:
    del arguments
    print(f"live-pusher {__version__}")
    return 0


def status(arguments: argparse.Namespace) -> int:
    answer = client_of(arguments).get("/api/v1/status")
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    rows = list(_rows(answer))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")
    return 0


def events(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    last_id = 0
    codes = "".join(f"&code={code}" for code in arguments.code)
    if arguments.limit:
        for record in reversed(client.get(f"/api/v1/events?limit={arguments.limit}{codes}")["events"]):
            _print_event(arguments, record)
    if not arguments.follow:
        return 0
    for record in client.get("/api/v1/events?limit=1")["events"]:
        last_id = record["id"]
    for record in client.events(last_id):
        if not arguments.code or record["code"] in arguments.code:
            _print_event(arguments, record)
    raise ServiceFailed("the appliance ended the stream of events")


def _print_event(arguments: argparse.Namespace, record: Mapping[str, Any]) -> None:
    if arguments.json:
        print(json.dumps(record, ensure_ascii=False), flush=True)
        return
    # The appliance's own zone and clock: what stands here stands on its page too.
    when = str(record["time"])[:19].replace("T", " ")
    mark = "" if record.get("synchronised", True) else "?"
    severity = str(record["severity"])
    told = "" if severity == "info" else f"{severity}: "
    print(f"{when}{mark}  {record['code']:>6}  {told}{record['text']}", flush=True)


def _rows(status: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in status.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", "; ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{name}", _text(name, value)


def _text(name: str, value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("since", "time") and isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")
    return f"{value} {_UNITS[name]}" if name in _UNITS else str(value)
