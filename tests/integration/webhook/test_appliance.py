"""``bindstatechange`` of the whole appliance: the setting, the status, the events of a life, and the Python callable."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from appliance import event_codes as codes
from appliance.app import Appliance
from appliance.pusher.operations import Operation
from tests.integration.webhook.receiver import Receiver, until
from tests.servers.appliance import ApplianceProcess


def test_a_life_of_the_service_is_told(receiver: Receiver, tmp_path: Path) -> None:
    settings = {"bindstatechange": receiver.url, "bindstatechange-secret": "shared", "device-name": "Booth 3"}
    with ApplianceProcess(tmp_path, settings) as appliance:
        receiver.wait_for(1)
        appliance.do("startPreview")
        appliance.do("mute")
        until(lambda: codes.MUTED in [body["code"] for body in receiver.bodies])
        until(lambda: appliance.status()["webhook"]["behind"] == 0)
        records = appliance.all_events()
        assert appliance.status()["webhook"] == {"state": "ok", "lastError": None, "behind": 0}
        shown = appliance.get("settings")["settings"]
        assert shown["bindstatechange"]["value"] == shown["bindstatechange-secret"]["value"] == "***"
    until(lambda: receiver.bodies[-1]["code"] == codes.SERVICE_STOPPED, 2)
    assert receiver.bodies[: len(records)] == [{**record, "device": "Booth 3", "missed": 0} for record in records]
    assert receiver.bodies[0]["code"] == codes.SERVICE_STARTED
    for _, headers, body in receiver.requests:
        signed = headers["X-Live-Pusher-Timestamp"].encode() + b"." + body
        assert headers["X-Live-Pusher-Signature"] == f"sha256={hmac.new(b'shared', signed, hashlib.sha256).hexdigest()}"
    said = json.dumps(records) + appliance.log()
    assert not any(secret in said for secret in ("very-secret", "token=abc", "shared"))


def test_the_setting_applies_now_and_after_a_restart_the_rest_comes(receiver: Receiver, tmp_path: Path) -> None:
    with ApplianceProcess(tmp_path) as appliance:
        assert appliance.status()["webhook"]["state"] == "off"
        appliance.patch(bindstatechange=receiver.url)
        receiver.wait_for(1)
        assert receiver.bodies[0]["code"] == codes.SETTINGS_CHANGED
        receiver.stop()
        appliance.do("mute")
        until(lambda: appliance.status()["webhook"]["state"] == "failing")
    receiver.start()
    with ApplianceProcess(tmp_path) as appliance:
        until(lambda: appliance.status()["webhook"] == {"state": "ok", "lastError": None, "behind": 0})
        assert receiver.ids == list(range(receiver.ids[0], receiver.ids[0] + len(receiver.ids)))
        assert {codes.MUTED, codes.SERVICE_STOPPED, codes.SERVICE_STARTED} <= {body["code"] for body in receiver.bodies}


def test_a_python_callable_hears_everything(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path, board="simulated", listen=None)
    got: list[dict[str, Any]] = []
    other: list[dict[str, Any]] = []
    appliance.on_event(got.append)
    end = appliance.on_event(other.append)
    appliance.start()
    try:
        appliance.operations.perform(Operation.MUTE, by="a test")
        until(lambda: codes.MUTED in [record["code"] for record in got])
        end()
        records = appliance.log.after(0)
    finally:
        appliance.stop("the test is over")
    assert got[: len(records)] == records
    assert got[-1]["code"] == codes.SERVICE_STOPPED
    assert [record["code"] for record in other][-1] == codes.MUTED
