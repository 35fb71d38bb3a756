"""Push addresses that are signed by the box, and those that run out, through the whole appliance."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance import event_codes as codes
from appliance.app import Appliance
from appliance.clock import SystemClock
from appliance.pusher.operations import Operation
from tests.servers.faulty import FaultyServer, Peer

KEY = "signing-key-e12c46f2"
STREAM = "confidential-name"


class Names:
    """An RTMP server that notes the addresses and stream names it is asked for, and accepts all of them or none."""

    def __init__(self, *, accepts: bool) -> None:
        self.names: list[str] = []
        self.addresses: list[str] = []
        self._accepts = accepts

    def __call__(self, peer: Peer) -> None:
        connect = peer.until("connect")
        self.addresses.append(str(connect.information["tcUrl"]))
        peer.grant(connect)
        command = peer.until("publish")
        self.names.append(str(command.arguments[1]))
        if self._accepts:
            peer.grant(command)
            peer.recv()
            peer.reset()  # so that the box comes again
        else:
            peer.status("NetStream.Publish.Denied", description=f"{self.names[-1]} is not allowed")
            peer.watch()


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Appliance]:
    given = [(name.replace("_", "-"), value) for name, value in settings.items()]
    appliance = Appliance(folder, board="simulated", listen=None, overrides=[*given, ("enable-camera", "false")])
    appliance.start()
    try:
        yield appliance
    finally:
        appliance.stop("the test is over")


def events(appliance: Appliance, *wanted: int) -> list[dict[str, Any]]:
    return appliance.log.query(codes=wanted, limit=1000)[0][::-1]


def until(true: Callable[[], object], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


def start(appliance: Appliance) -> None:
    appliance.operations.perform(Operation.START, by="a test", timeout_s=0.1)


def test_each_connection_is_signed_afresh(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = Names(accepts=True)
    caplog.set_level(logging.DEBUG, "appliance")
    with FaultyServer(script) as server:
        url = f"{server.url}/{STREAM}?a=1&txSecret=stale&txTime=1"
        with running(tmp_path, url=url, push_key=KEY, push_key_validity="600") as appliance:
            start(appliance)
            until(lambda: len(script.names) == 2)
            status = appliance.operations.status()
            shown = json.dumps(appliance.settings.describe())
            told = json.dumps(events(appliance)) + json.dumps(status)
    times = []
    for name in script.names:
        stream, _, query = name.partition("?")
        plain, secret, until_when = query.split("&")
        digits = until_when.removeprefix("txTime=")
        assert (stream, plain) == (STREAM, "a=1")
        assert secret == "txSecret=" + hashlib.md5(f"{KEY}{STREAM}{digits}".encode()).hexdigest()
        times.append(int(digits, 16))
    assert times[0] < times[1]
    assert all(abs(when - 600 - time.time()) < 30 for when in times)
    assert status["urlExpires"] is None
    for text in (told, shown, caplog.text):
        assert not any(part in text for part in (KEY, STREAM, "txSecret=", "stale"))


def test_the_older_form_of_an_address_is_signed_where_its_signature_stands(tmp_path: Path) -> None:
    """``/app?query/stream``: the query, and so the signature, reaches the server with the app."""
    script = Names(accepts=True)
    with FaultyServer(script) as server:
        url = f"{server.url}?a=1&txSecret=stale&txTime=1/{STREAM}"
        with running(tmp_path, url=url, push_key=KEY) as appliance:
            start(appliance)
            until(lambda: script.names)
            status = appliance.operations.status()
            told = json.dumps(events(appliance)) + json.dumps(status)
    before, _, query = script.addresses[0].partition("?")
    plain, secret, until_when = query.split("&")
    assert (before, plain, script.names[0]) == (server.url, "a=1", STREAM)
    digits = until_when.removeprefix("txTime=")
    assert secret == "txSecret=" + hashlib.md5(f"{KEY}{STREAM}{digits}".encode()).hexdigest()
    assert not any(part in told for part in (KEY, STREAM, "txSecret=", "stale"))


def test_nothing_is_sent_before_the_clock_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right: list[bool] = []
    monkeypatch.setattr(SystemClock, "synchronised", lambda clock: bool(right))
    script = Names(accepts=True)
    with (
        FaultyServer(script) as server,
        running(tmp_path, url=f"{server.url}/{STREAM}", push_key=KEY, autopush="true") as appliance,
    ):
        until(lambda: len(events(appliance, codes.CLOCK_NOT_SYNCHRONISED)) >= 4)
        assert "the clock is not synchronised" in events(appliance, codes.CLOCK_NOT_SYNCHRONISED)[0]["text"]
        until(lambda: appliance.operations.status()["state"] == "FAILED")
        assert script.names == []
        right.append(True)
        until(lambda: script.names, timeout_s=3.5)


def test_a_refusal_of_an_expired_address_says_so(tmp_path: Path) -> None:
    script = Names(accepts=False)
    with FaultyServer(script) as server:
        url = f"{server.url}/{STREAM}?txSecret=0123456789abcdef&txTime=5C271099"
        with running(tmp_path, url=url) as appliance:
            start(appliance)
            until(lambda: events(appliance, codes.SERVER_DISCONNECT))
            until(lambda: events(appliance, codes.URL_EXPIRED))
            refused = events(appliance, codes.SERVER_DISCONNECT)[0]
            status = appliance.operations.status()
            told = json.dumps(events(appliance)) + json.dumps(status)
    assert "the push address has expired (txTime 2018-12-29T06:13:45+00:00)" in refused["text"]
    assert refused["details"]["expired"] == "2018-12-29T06:13:45+00:00"
    assert refused["details"]["status"] == "NetStream.Publish.Denied"
    assert status["urlExpires"] == "2018-12-29T06:13:45+00:00"
    assert script.names == [url.rpartition("/")[2]] * len(script.names), "without a key the address stays as it is"
    assert not any(part in told for part in (STREAM, "0123456789abcdef", "5C271099"))


def test_a_refusal_of_a_valid_one_does_not(tmp_path: Path) -> None:
    soon = int(time.time()) + 200
    with (
        FaultyServer(Names(accepts=False)) as server,
        running(tmp_path, url=f"{server.url}/{STREAM}?txTime={soon:X}") as appliance,
    ):
        start(appliance)
        until(lambda: events(appliance, codes.SERVER_DISCONNECT))
        until(lambda: events(appliance, codes.URL_EXPIRES_SOON))
        assert "expired (txTime" not in events(appliance, codes.SERVER_DISCONNECT)[0]["text"]
        assert events(appliance, codes.URL_EXPIRES_SOON)[0]["details"]["minutes"] == 3
        assert events(appliance, codes.URL_EXPIRED) == []
