"""The JSON API of SPEC 11, by Flask's test client and over the control socket's rights."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance import errors, event_codes
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.web.app import create_app
from tests.unit.web.conftest import LOCAL
from tests.unit.web.fakes import Fakes

OPERATIONS = [operation.value for operation in Operation]
BODIES: dict[str, dict[str, Any]] = {"setMICVolume": {"volume": 0.5}, "setZoom": {"zoom": True}}


# -- status and operations ---------------------------------------------------------------------------------------


def test_status(local: FlaskClient) -> None:
    status = local.get("/api/v1/status").get_json()
    for name in ("state", "since", "url", "camera", "muted", "preview", "reconnect", "errors", "background"):
        assert name in status
    for name in ("videoBitrate", "targetBitrate", "videoGOP", "netQualityLevel", "queueDelay", "droppedFrames"):
        assert name in status["net"]
    assert status["device"] == {"name": "Booth 3", "version": "1.2.3", "board": "simulated"}
    assert status["arrived"]["videoKbps"] == 805.2
    assert "secret" not in json.dumps(status)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation(local: FlaskClient, fakes: Fakes, operation: str) -> None:
    body = BODIES.get(operation)
    answer = local.post(f"/api/v1/{operation}", json=body) if body else local.post(f"/api/v1/{operation}")
    assert answer.status_code == 200
    assert answer.get_json()["errMsg"] == f"{operation}:ok"
    wanted = 8.0 if operation == "start" else 10.0
    assert fakes.operations.calls == [(Operation(operation), body or {}, "the command line", wanted)]


def test_snapshot_tells_where_it_is(local: FlaskClient) -> None:
    answer = local.post("/api/v1/snapshot").get_json()
    assert answer["tempImagePath"]
    assert (answer["width"], answer["height"]) == (640, 360)
    assert answer["href"] == "/api/v1/snapshots/a.jpg"


def test_switch_to_one_of_the_two(local: FlaskClient, fakes: Fakes) -> None:
    assert local.post("/api/v1/switchCamera", json={"position": "back"}).status_code == 200
    assert fakes.operations.calls[0][1] == {"position": "back"}
    answer = local.post("/api/v1/switchCamera", json={"position": "left"})
    assert answer.status_code == 422
    assert answer.get_json()["problems"] == {"position": "allowed: front, back"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(Operation.START, False, "no", failure=Failure.REFUSED), 409),
        (Answer(Operation.START, False, "no", failure=Failure.INVALID), 422),
        (Answer(Operation.START, False, "no", 3001, Failure.FAILED), 502),
        (Answer(Operation.START, False, "no", 3004, Failure.FAILED), 502),
        (Answer(Operation.START, False, "no", -1307, Failure.FAILED), 502),
        (Answer(Operation.START, False, "no", -1301, Failure.FAILED), 503),
        (Answer(Operation.START, False, "no", failure=Failure.FAILED), 503),
        (Answer(Operation.START, False, "no", failure=Failure.TIMEOUT), 504),
    ],
)
def test_failures(local: FlaskClient, fakes: Fakes, answer: Answer, status: int) -> None:
    fakes.operations.answers[Operation.START] = answer
    got = local.post("/api/v1/start")
    assert got.status_code == status
    assert got.get_json() == {"errMsg": "start:fail no", "code": answer.code}


def test_the_caller_may_say_how_long_to_wait(local: FlaskClient, fakes: Fakes) -> None:
    local.post("/api/v1/start?wait=42.5")
    local.post("/api/v1/stop?wait=1")
    assert [call[3] for call in fakes.operations.calls] == [42.5, 1.0]


@pytest.mark.parametrize("wait", ["0", "-1", "61", "nan", "inf", "x", "1e999"])
def test_a_wait_has_bounds(local: FlaskClient, fakes: Fakes, wait: str) -> None:
    answer = local.post(f"/api/v1/start?wait={wait}")
    assert answer.status_code == 422
    assert answer.get_json()["errMsg"] == "start:fail wait: allowed: a number from 0.1 to 60"
    assert fakes.operations.calls == []


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"{", "", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b"[" * 60000, "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"<x/>", "text/xml", 415),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'"start"', "application/json", 422),
        (b'{"volume": 1}', "application/json", 422),
        (b" " * 65537, "application/json", 413),
        (b"{}", "application/x-www-form-urlencoded", 200),
        (b" {} ", "application/json", 200),
        (b"", "application/json", 200),
    ],
)
@pytest.mark.parametrize("path", ["start", "mute"])
def test_bodies(local: FlaskClient, fakes: Fakes, path: str, data: bytes, content_type: str, status: int) -> None:
    answer = local.post(f"/api/v1/{path}", data=data, content_type=content_type)
    assert answer.status_code == status
    assert answer.get_json()["errMsg"].startswith(f"{path}:ok" if status == 200 else f"{path}:fail ")
    assert len(fakes.operations.calls) == (status == 200)


@pytest.mark.parametrize(
    ("path", "body"),
    [("setMICVolume", {}), ("setMICVolume", {"volume": True}), ("setMICVolume", {"volume": 1.1}),
     ("setMICVolume", {"volume": "1"}), ("setMICVolume", {"volume": 0.5, "x": 1}), ("setZoom", {}),
     ("setZoom", {"zoom": 1}), ("setZoom", {"zoom": "true"})],
)  # fmt: skip
def test_parameters_are_strict(local: FlaskClient, fakes: Fakes, path: str, body: dict[str, Any]) -> None:
    answer = local.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 422
    assert answer.get_json()["problems"]
    assert fakes.operations.calls == []


# -- errors ------------------------------------------------------------------------------------------------------


def test_errors_are_json(local: FlaskClient) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404), ("GET", "/api/", 404), ("DELETE", "/api/v1/settings", 405),
        ("GET", "/api/v1/start", 405), ("PATCH", "/api/v1/settings", 400),
    ):  # fmt: skip
        answer = local.open(path, method=method)
        assert answer.status_code == status
        assert answer.get_json()["errMsg"]
    assert "PATCH" in local.delete("/api/v1/settings").headers["Allow"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.StateDirectoryError("the disk is full"), 507),
        (errors.OperationRefused("no"), 409),
        (errors.OperationTimeout("no"), 504),
        (errors.NameNotResolved("no"), 502),
        (errors.CameraError("no"), 503),
        (errors.ListenError("no"), 500),
    ],
)
def test_errors_of_ours(
    local: FlaskClient, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, error: errors.LivePusherError, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fakes.settings, "change", fail)
    answer = local.patch("/api/v1/settings", json={"debug": True})
    assert answer.status_code == status
    assert answer.get_json()["errMsg"] == error.reason
    assert answer.get_json()["code"] == error.code


def test_what_nobody_expected_tells_nothing(
    local: FlaskClient, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("rtmp://server/app/secret")

    monkeypatch.setattr(fakes.operations, "status", fail)
    answer = local.get("/api/v1/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text


# -- settings ----------------------------------------------------------------------------------------------------


def test_settings(local: FlaskClient, fakes: Fakes) -> None:
    described = local.get("/api/v1/settings").get_json()
    assert list(described["settings"])[:3] == ["url", "mode", "autopush"]
    assert described["scenarios"][0]["name"] == "HD live"
    answer = local.patch("/api/v1/settings", json={"max-bitrate": 800, "debug": True})
    assert answer.status_code == 200
    assert answer.get_json()["errMsg"] == "settings:ok"
    assert answer.get_json()["changed"] == ["max-bitrate", "debug"]
    assert answer.get_json()["settings"]["max-bitrate"]["value"] == 800
    assert fakes.settings.changes == [({"max-bitrate": 800, "debug": True}, "the command line")]
    assert local.get("/api/v1/settings/schema").get_json()["properties"]["mode"]["enum"]


def test_settings_refused(local: FlaskClient, fakes: Fakes) -> None:
    answer = local.patch("/api/v1/settings", json={"max-bitrate": "800", "nonsense": 1, "debug": True})
    assert answer.status_code == 422
    assert set(answer.get_json()["problems"]) == {"max-bitrate", "nonsense"}
    assert not fakes.settings.current.debug


def test_the_push_key_is_never_shown(local: FlaskClient) -> None:
    for path in ("status", "settings", "settings/schema", "events", "openapi.json"):
        assert "secret-stream-name" not in local.get(f"/api/v1/{path}").text


# -- events ------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(fakes: Fakes) -> Fakes:
    for n in range(150):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    fakes.events.emit(event_codes.DNS_FAIL, reason='"quoted", and ümläut')
    fakes.events.emit(event_codes.OPEN_CAMERA_FAIL, camera="front", reason="gone")
    return fakes


@pytest.mark.usefixtures("filled")
def test_events_in_pages(local: FlaskClient) -> None:
    page = local.get("/api/v1/events").get_json()
    assert len(page["events"]) == 100
    assert page["events"][0]["id"] == 152
    seen = [event["id"] for event in page["events"]]
    while page["next"] is not None:
        page = local.get(f"/api/v1/events?limit=33&before={page['next']}").get_json()
        seen += [event["id"] for event in page["events"]]
    assert seen == list(range(152, 0, -1))


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("code=3001", 1), ("code=-1301", 1), ("code=3001,-1301", 2), ("code=3001&code=-1301", 2), ("severity=error", 1),
        ("severity=warning,error", 2), ("since=150", 2), ("since=2000-01-01T00:00:00%2B00:00&limit=1000", 152),
        ("since=2000-01-01T00:00:00+00:00&limit=1000", 152), ("since=2000-01-01&limit=1000", 152), ("limit=7", 7),
        ("code=&severity=&since=&limit=2", 2), ("code=1006&limit=1000", 150),
    ],
)  # fmt: skip
def test_event_filters(local: FlaskClient, query: str, count: int) -> None:
    answer = local.get(f"/api/v1/events?{query}")
    assert answer.status_code == 200, answer.text
    assert len(answer.get_json()["events"]) == count


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("code=x", ["code"]), ("code=1.5", ["code"]), ("severity=fatal", ["severity"]), ("since=yesterday", ["since"]),
        ("before=-1", ["before"]), ("before=x", ["before"]), ("limit=0", ["limit"]), ("limit=1001", ["limit"]),
        ("limit=x&before=y&code=z", ["code", "before", "limit"]), ("nonsense=1", ["nonsense"]),
        ("before=99999999999999999999", ["before"]), ("limit=%D9%A3", ["limit"]),
    ],
)  # fmt: skip
def test_bad_parameters_are_named(local: FlaskClient, query: str, named: list[str]) -> None:
    answer = local.get(f"/api/v1/events?{query}")
    assert answer.status_code == 422
    assert sorted(answer.get_json()["problems"]) == sorted(named)
    assert all(name in answer.get_json()["errMsg"] for name in named)


@pytest.mark.usefixtures("filled")
def test_download_csv(local: FlaskClient) -> None:
    answer = local.get("/api/v1/events.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="events.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 152
    assert rows[0]["code"] == "-1301"
    assert "ümläut" in rows[1]["text"]
    assert json.loads(rows[1]["details"]) == {"reason": '"quoted", and ümläut'}
    assert len(list(csv.DictReader(io.StringIO(local.get("/api/v1/events.csv?severity=error").text)))) == 1


@pytest.mark.usefixtures("filled")
def test_download_json(local: FlaskClient) -> None:
    answer = local.get("/api/v1/events.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert [event["id"] for event in answer.get_json()["events"]] == list(range(152, 0, -1))
    assert local.get("/api/v1/events.json?code=42").get_json() == {"events": []}
    assert local.get("/api/v1/events.csv?limit=1").status_code == 422


# -- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["preview", "arrived"])
def test_one_picture(local: FlaskClient, fakes: Fakes, name: str) -> None:
    answer = local.get(f"/api/v1/{name}.jpg")
    assert answer.content_type == "image/jpeg"
    assert answer.data[:2] == b"\xff\xd8"
    getattr(fakes, name).on = False
    answer = local.get(f"/api/v1/{name}.jpg")
    assert answer.status_code == 404
    assert "start" in answer.get_json()["errMsg"]


def test_snapshots(local: FlaskClient, fakes: Fakes) -> None:
    fakes.snapshots.add("one & two.jpg")
    (listed,) = local.get("/api/v1/snapshots").get_json()["snapshots"]
    assert listed["href"] == "/api/v1/snapshots/one%20%26%20two.jpg"
    assert listed["taken"].endswith("+00:00")
    answer = local.get(listed["href"])
    assert answer.content_type == "image/jpeg"
    assert answer.data == (fakes.snapshots.folder / "one & two.jpg").read_bytes()
    answer.close()


@pytest.mark.parametrize(
    "name", ["nothing.jpg", "..%2Fsecrets%2Fpassword", "%2e%2e%2fsecrets%2fpassword", "..", "%00.jpg", "a%2Fb.jpg"]
)
def test_no_way_out_of_the_snapshots(local: FlaskClient, fakes: Fakes, name: str) -> None:
    fakes.access.set_password("eight chars")
    assert local.get(f"/api/v1/snapshots/{name}").status_code == 404


# -- the simulated board -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "done"),
    [
        ("press", {"button": "start-stop"}, ("press", "start-stop")),
        ("press", {"name": "start-stop"}, ("press", "start-stop")),
        ("press", {"pin": 17}, ("press", "17")),
        ("press", {"pin": "17"}, ("press", "17")),
        ("hold", {"button": "pause"}, ("hold", "pause", 1.6)),
        ("hold", {"pin": 27, "seconds": 3}, ("hold", "27", 3.0)),
    ],
)
def test_hands(local: FlaskClient, fakes: Fakes, path: str, body: dict[str, Any], done: tuple[Any, ...]) -> None:
    answer = local.post(f"/api/v1/simulated/{path}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["errMsg"] == f"{path}:ok"
    assert fakes.hands.done == [done]


def test_plugs(local: FlaskClient, fakes: Fakes) -> None:
    assert local.post("/api/v1/simulated/unplug", json={"device": "front"}).get_json()["devices"]["front"] is False
    assert local.get("/api/v1/simulated").get_json()["devices"]["front"] is False
    assert local.post("/api/v1/simulated/plug", json={"name": "front"}).get_json()["devices"]["front"] is True


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("press", None, 400), ("press", {}, 422), ("press", {"button": "nothing"}, 422), ("press", {"pin": 3}, 422),
        ("press", {"pin": True}, 422), ("press", {"button": "pause", "pin": 27}, 422), ("press", {"button": ["x"]}, 422),
        ("press", {"button": "pause", "seconds": 1}, 422), ("hold", {"button": "pause", "seconds": 11}, 422),
        ("hold", {"button": "pause", "seconds": 0}, 422), ("hold", {"button": "pause", "seconds": "1"}, 422),
        ("unplug", {"device": "speaker"}, 422), ("unplug", {"button": "front"}, 422), ("jump", {}, 404),
    ],
)  # fmt: skip
def test_hands_are_strict(
    local: FlaskClient, fakes: Fakes, path: str, body: dict[str, Any] | None, status: int
) -> None:
    answer = (
        local.post(f"/api/v1/simulated/{path}", json=body)
        if body is not None
        else local.post(f"/api/v1/simulated/{path}")
    )
    assert answer.status_code == status
    assert answer.get_json()["errMsg"]
    assert fakes.hands.done == []


@pytest.fixture
def real_board(fakes: Fakes) -> FlaskClient:
    app: Flask = create_app(Fakes(fakes.snapshots.folder.parent).services)
    client = app.test_client()
    client.environ_base.update(LOCAL)
    return client


@pytest.mark.parametrize(
    "path", ["simulated", "simulated/press", "simulated/hold", "simulated/unplug", "simulated/plug"]
)
def test_there_are_no_hands_on_a_real_board(real_board: FlaskClient, path: str) -> None:
    for method in ("GET", "POST"):
        assert real_board.open(f"/api/v1/{path}", method=method, json={"button": "pause"}).status_code == 404


def test_nothing_arrives_outside_the_demonstration(real_board: FlaskClient) -> None:
    for path in ("arrived.jpg", "arrived.mjpeg"):
        assert real_board.get(f"/api/v1/{path}").status_code == 404
    assert "arrived" not in real_board.get("/api/v1/status").get_json()
    page = real_board.get("/").text
    assert 'id="arrived"' not in page
    assert 'id="simulated"' not in page
