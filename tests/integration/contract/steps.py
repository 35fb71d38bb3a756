"""What several of the contract's tests do."""

from __future__ import annotations

import time

from tests.servers.appliance import ApplianceProcess

STOP_S = 1.0
"""SPEC 2: stop cancels connecting and every retry within so long."""


def fails_with(appliance: ApplianceProcess, url: str, code: int, *, within_s: float) -> str:
    """Start a push to ``url``; the text of the warning ``code``, which is the first of all and is followed by the
    announcement of a reconnect."""
    appliance.patch(url=url)
    appliance.mark()
    appliance.post("start", wait=0.1)
    event = appliance.wait_for(code, within_s)
    appliance.wait_for(1102, 1)
    assert [e["code"] for e in appliance.events() if e["severity"] != "info"][:2] == [code, 1102]
    stops_at_once(appliance, idle_s=0)
    return str(event["text"])


def stops_at_once(appliance: ApplianceProcess, *, idle_s: float = 1.3) -> None:
    """A commanded stop is answered within a second, and nothing starts the push again in the ``idle_s`` that follow."""
    asked_at = time.monotonic()
    appliance.do("stop")
    took_s = time.monotonic() - asked_at
    assert took_s < STOP_S, f"stop took {took_s:.2f} s"
    assert appliance.state == "IDLE"
    if idle_s:
        mark = appliance.events()[-1]["id"]
        time.sleep(idle_s)
        assert appliance.events()[-1]["id"] == mark, appliance.codes()
        assert appliance.state == "IDLE"
