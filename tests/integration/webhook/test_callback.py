"""A Python callable gets every event, and costs nothing but its own time."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from appliance.webhook.callback import Callback
from tests.integration.webhook.conftest import Box
from tests.integration.webhook.receiver import until


def test_every_event_comes_in_order_as_the_log_has_it(box: Box) -> None:
    box.mute(3)
    got: list[dict[str, Any]] = []
    callback = Callback(box.log, got.append)
    box.mute(250)
    until(lambda: len(got) == 250)
    assert got == box.log.after(3, 500)
    callback.end()
    box.mute(1)
    time.sleep(0.05)
    assert len(got) == 250


def test_a_slow_one_holds_up_nobody(box: Box) -> None:
    gate = threading.Event()
    got: list[int] = []

    def slow(record: dict[str, Any]) -> None:
        gate.wait(10)
        got.append(record["id"])

    callback = Callback(box.log, slow)
    before = time.monotonic()
    box.mute(300)
    assert time.monotonic() - before < 1
    before = time.monotonic()
    callback.end(0.2)
    assert time.monotonic() - before < 0.5
    gate.set()
    until(lambda: got == [1])


def test_what_it_raises_is_logged_and_the_next_event_comes(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    got: list[int] = []

    def bad(record: dict[str, Any]) -> None:
        got.append(record["id"])
        raise RuntimeError("of the user's making")

    callback = Callback(box.log, bad)
    box.mute(3)
    callback.end()
    assert got == [1, 2, 3]
    assert caplog.text.count("RuntimeError: of the user's making") == 3


def test_it_may_end_itself(box: Box) -> None:
    got: list[int] = []

    def once(record: dict[str, Any]) -> None:
        got.append(record["id"])
        before = time.monotonic()
        callback.end()
        assert time.monotonic() - before < 0.1

    callback = Callback(box.log, once)
    box.mute(3)
    until(lambda: got == [1])
    time.sleep(0.1)
    assert got == [1]
