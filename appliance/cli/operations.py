"""The operations (SPEC 2), asked of a running appliance."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from appliance.cli.client import Client, ServiceFailed, client_of
from appliance.pusher.operations import Operation

_LOOK_S = 0.5
_ON_THE_WAY = ("CONNECTING", "RECONNECTING")
_TIMED_OUT = 504


def perform(arguments: argparse.Namespace, operation: Operation) -> int:
    """Ask, and print the answer."""
    _print(arguments, client_of(arguments).post(f"/api/v1/{operation.value}"))
    return 0


def preview(arguments: argparse.Namespace) -> int:
    return perform(arguments, Operation.START_PREVIEW if arguments.wanted == "on" else Operation.STOP_PREVIEW)


def snapshot(arguments: argparse.Namespace) -> int:
    """Prints the path alone, for use in scripts."""
    answer = client_of(arguments).post("/api/v1/snapshot")
    print(json.dumps(answer) if arguments.json else answer["tempImagePath"])
    return 0


def start(arguments: argparse.Namespace) -> int:
    """Ask, and stay until the push has begun or failed. Ctrl-C ends the waiting alone."""
    client = client_of(arguments)
    answer: dict[str, Any] = {"errMsg": "start:ok"}
    try:
        answer = client.post("/api/v1/start")
    except ServiceFailed as error:
        if error.status != _TIMED_OUT or _state(client.get("/api/v1/status")) not in _ON_THE_WAY:
            raise
    try:
        return _follow(client, arguments, answer)
    except KeyboardInterrupt:
        print("the appliance goes on trying; 'live-pusher stop' ends that", file=sys.stderr)
        return 130


def _follow(client: Client, arguments: argparse.Namespace, answer: dict[str, Any]) -> int:
    told = ""
    while True:
        status = client.get("/api/v1/status")
        state = _state(status)
        if state not in _ON_THE_WAY:
            break
        progress = _progress(status)
        if progress != told:
            print(progress, file=sys.stderr, flush=True)
            told = progress
        time.sleep(_LOOK_S)
    if state in ("FAILED", "IDLE", "STOPPING"):
        why = "; ".join(map(str, status.get("errors") or ())) or f"the appliance is {state}"
        raise ServiceFailed(f"start:fail {why}")
    _print(arguments, answer)
    return 0


def _progress(status: dict[str, Any]) -> str:
    reconnect = status.get("reconnect") or {}
    attempt = reconnect.get("attempt") or 0
    why = "; ".join(map(str, status.get("errors") or ()))
    told = f"connecting, attempt {attempt + 1}" if attempt else "connecting"
    return f"{told}…" + (f" (last: {why})" if why else "")


def _state(status: dict[str, Any]) -> str:
    return str(status.get("state", ""))


def _print(arguments: argparse.Namespace, answer: dict[str, Any]) -> None:
    print(json.dumps(answer, ensure_ascii=False) if arguments.json else answer.get("errMsg", "ok"))
