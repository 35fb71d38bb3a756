"""The API over the real settings store and the real event log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from flask.testing import FlaskClient

from appliance import event_codes
from appliance.event_log.log import EventLog
from appliance.settings.store import SettingsStore
from appliance.web.app import create_app
from appliance.web.server import LOCAL_KEY, WebServer
from appliance.web.services import Services
from tests.integration.web.conftest import Connect
from tests.unit.web.fakes import Fakes


@pytest.fixture
def services(fakes: Fakes, tmp_path: Path) -> Iterator[Services]:
    store = SettingsStore(tmp_path / "settings.toml", events=fakes.events)
    log = EventLog(tmp_path / "events.sqlite", fakes.events)
    yield replace(fakes.services, settings=store, log=log)
    log.close()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    client = create_app(services).test_client()
    client.environ_base[LOCAL_KEY] = "yes"
    return client


def test_settings_are_stored(client: FlaskClient, tmp_path: Path) -> None:
    url = "rtmp://live.example/app/very-secret?txSecret=abc"
    answer = client.patch("/api/v1/settings", json={"url": url, "max-bitrate": 800})
    assert answer.status_code == 200, answer.text
    assert sorted(answer.get_json()["changed"]) == ["max-bitrate", "url"]
    assert "very-secret" in (tmp_path / "settings.toml").read_text()
    for path in ("settings", "events", "status"):
        text = client.get(f"/api/v1/{path}").text
        assert "very-secret" not in text
        assert "txSecret=" not in text
    refused = client.patch("/api/v1/settings", json={"min-bitrate": 900, "beauty": 10, "nonsense": 1})
    assert refused.status_code == 422
    assert {"beauty", "nonsense"} <= set(refused.get_json()["problems"])


def test_a_full_disk_is_507(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    answer = client.patch("/api/v1/settings", json={"debug": True})
    assert answer.status_code == 507
    assert answer.get_json()["errMsg"]
    assert client.get("/api/v1/settings").get_json()["settings"]["debug"]["value"] is False


def test_answers_are_as_described(client: FlaskClient, fakes: Fakes) -> None:
    for n in range(5):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    document = client.get("/api/v1/openapi.json").get_json()
    jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"]["Settings"])
    for path in ("settings", "events", "events.json", "status"):
        schema = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        answer = client.get(f"/api/v1/{path}").get_json()
        jsonschema.validate(answer, {**schema, "components": document["components"]})


def test_events(client: FlaskClient, fakes: Fakes) -> None:
    for n in range(120):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    fakes.events.emit(event_codes.DNS_FAIL, reason="x")
    first = client.get("/api/v1/events?limit=100").get_json()
    second = client.get(f"/api/v1/events?limit=100&before={first['next']}").get_json()
    ids = [event["id"] for event in first["events"] + second["events"]]
    assert len(ids) == 121
    assert ids == sorted(ids, reverse=True)
    assert second["next"] is None
    time = first["events"][0]["time"]
    assert len(client.get(f"/api/v1/events?severity=warning,error&since={time}").get_json()["events"]) == 1
    assert len(client.get("/api/v1/events?severity=warning&code=1006").get_json()["events"]) == 0
    assert len(client.get("/api/v1/events.json").get_json()["events"]) == 121


def test_the_stream(services: Services, fakes: Fakes, connect: Connect) -> None:
    server = WebServer(create_app(services), "127.0.0.1", 0)
    server.start()
    try:
        for n in range(300):
            fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
        last = services.log.last_id
        client = connect(server.port)
        token = services.access.create_token("a")
        client.ask("/api/v1/events/stream", token=token, headers=f"Last-Event-ID: {last - 250}\r\n")
        client.read_until(b"retry: 2000\n\n")
        seen = []
        for _ in range(250):
            text = client.read_until(b"\n\n").decode()
            seen.append(json.loads(text.partition("data: ")[2])["id"])
        assert seen == list(range(last - 249, last + 1))
        fakes.events.emit(event_codes.PUSH_BEGIN)
        assert b'"code": 1002' in client.read_until(b"\n\n", timeout_s=1)
    finally:
        server.stop()
