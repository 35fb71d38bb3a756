"""The settings of a running appliance: shown and changed."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Mapping
from typing import Any

from appliance.cli.client import client_of
from appliance.errors import SettingError
from appliance.settings import schema
from appliance.settings.declaration import DECLARED
from appliance.settings.validate import canonical, parse_assignments, parse_texts

_ALLOWED = "allowed: list, get NAME, schema, or NAME=VALUE …"


def settings(arguments: argparse.Namespace) -> int:
    match arguments.words:
        case [] | ["list"]:
            return _list(arguments)
        case ["get", name]:
            return _get(arguments, name)
        case ["schema"]:
            print(json.dumps(schema.document(), ensure_ascii=False, indent=2))
            return 0
        case ["set", first, *rest] if "=" in first:
            return _change(arguments, [first, *rest])
        case [first, *_] if "=" in first:
            return _change(arguments, arguments.words)
    print(f"live-pusher: settings: {_ALLOWED}", file=sys.stderr)
    return 2


def _list(arguments: argparse.Namespace) -> int:
    described = client_of(arguments).get("/api/v1/settings")["settings"]
    if arguments.json:
        print(json.dumps({name: item["value"] for name, item in described.items()}, ensure_ascii=False, indent=2))
        return 0
    width = max(map(len, described))
    group = None
    for name, item in described.items():
        if item["group"] != group:
            group = item["group"]
            print(f"{'' if group == described[next(iter(described))]['group'] else chr(10)}[{group}]")
        print(f"{name:<{width}} = {_shown(item['value'])}{_remarks(item)}")
    return 0


def _get(arguments: argparse.Namespace, name: str) -> int:
    name = canonical(name)
    described = client_of(arguments).get("/api/v1/settings")["settings"]
    if name not in described:
        parse_texts([(name, "")])  # raises with the nearest name
        raise SettingError({name: "no such setting"})
    item = described[name]
    print(json.dumps(item, ensure_ascii=False, indent=2) if arguments.json else _plain(item["value"]))
    return 0


def _change(arguments: argparse.Namespace, words: list[str]) -> int:
    changes = parse_texts(
        [(name, _secret(name) if value == "-" else value) for name, value in parse_assignments(words)]
    )
    answer = client_of(arguments).patch("/api/v1/settings", changes)
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    changed = answer.get("changed", sorted(changes))
    print(f"changed: {', '.join(changed)}" if changed else "nothing changed")
    for name in changed:
        applies = DECLARED[name].applies.value if name in DECLARED else "now"
        if applies != "now":
            print(f"{name} takes effect at the {applies}")
    return 0


def _secret(name: str) -> str:
    """A secret's value from standard input, so that it stands in no list of processes; of another setting ``-`` is
    meant."""
    declared = DECLARED.get(canonical(name))
    if declared is None or not declared.secret:
        return "-"
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _remarks(item: Mapping[str, Any]) -> str:
    remarks = []
    if item["value"] != item["default"] and not item["secret"]:
        remarks.append(f"default {_shown(item['default'])}")
    if item["applied"] != item["value"]:
        remarks.append(f"running with {_shown(item['applied'])} until the {item['applies']}")
    if item["source"] == "--set":
        remarks.append("by --set")
    if not item["available"]:
        remarks.append("not yet available")
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _shown(value)
