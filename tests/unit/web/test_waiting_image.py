"""``/api/v1/waiting-image`` over a fake keeper of pictures."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.errors import StateDirectoryError
from tests.unit.web.fakes import Fakes, picture

PATH = "/api/v1/waiting-image"
JPEG = picture("waiting")


def form(data: bytes, field: str = "image", **more: str) -> dict[str, Any]:
    return {"data": {field: (io.BytesIO(data), "wait.jpg"), **more}, "content_type": "multipart/form-data"}


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", ""]
)
def test_the_bytes_as_the_body(local: FlaskClient, fakes: Fakes, content_type: str) -> None:
    answer = local.post(PATH, data=JPEG, content_type=content_type)
    assert answer.status_code == 200, answer.text
    md5 = hashlib.md5(JPEG).hexdigest()
    assert answer.get_json() == {"errMsg": "waitingImage:ok", "width": 640, "height": 360, "md5": md5}
    assert fakes.settings.changes == [({"waiting-image": "upload"}, "the command line")]
    got = local.get(f"{PATH}?t=5")
    assert (got.data, got.content_type) == (JPEG, "image/jpeg")


def test_a_form(local: FlaskClient, fakes: Fakes) -> None:
    assert local.post(PATH, **form(JPEG)).status_code == 200
    assert fakes.waiting_image.picture == JPEG
    wrong = local.post(PATH, **form(JPEG, field="file"))
    assert wrong.status_code == 422
    assert "image" in wrong.get_json()["problems"]


def test_what_is_refused_changes_nothing(local: FlaskClient, fakes: Fakes) -> None:
    for data in (b"", b"<html>"):
        answer = local.post(PATH, data=data, content_type="image/png")
        assert answer.status_code == 422
        assert answer.get_json() == {"errMsg": "it is no picture of a known format", "code": 10004}
    assert fakes.settings.changes == []


def test_what_cannot_be_stored(local: FlaskClient, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(data: bytes) -> dict[str, object]:
        raise StateDirectoryError("the waiting image cannot be kept in /state: no space left on device")

    monkeypatch.setattr(fakes.waiting_image, "upload", full)
    assert local.post(PATH, data=JPEG).status_code == 507
    assert fakes.settings.changes == []


def test_eight_mebibytes_here_and_64_kibibytes_elsewhere(local: FlaskClient) -> None:
    assert local.post(PATH, data=JPEG + bytes((8 << 20) - len(JPEG))).status_code == 200
    large = JPEG + bytes((8 << 20) + 1 - len(JPEG))
    for answer in (local.post(PATH, data=large), local.post(PATH, **form(large))):
        assert answer.status_code == 413
        assert answer.get_json()["errMsg"] == "the body is too large; allowed: 8 MiB"
    elsewhere = local.post("/api/v1/start", data=bytes(70_000))
    assert (elsewhere.status_code, elsewhere.get_json()["errMsg"]) == (
        413,
        "start:fail the body is too large; allowed: 64 KiB",
    )


def test_none(local: FlaskClient, fakes: Fakes) -> None:
    assert local.get(PATH).get_json()["errMsg"] == "the neutral picture is in use, no waiting image is set"
    fakes.waiting_image.reason = "box.local: HTTP 404 (Not Found)"
    answer = local.get(PATH)
    assert answer.status_code == 404
    assert answer.get_json()["errMsg"] == "the neutral picture is in use: box.local: HTTP 404 (Not Found)"


def test_removing(local: FlaskClient, fakes: Fakes) -> None:
    local.post(PATH, data=JPEG)
    for _ in range(2):
        assert local.delete(PATH).get_json() == {"errMsg": "waitingImage:ok"}
    assert fakes.waiting_image.picture is None
    assert fakes.settings.changes[-1] == ({"waiting-image": "", "waiting-image-hash": ""}, "the command line")


def test_who_may(client: FlaskClient, fakes: Fakes, csrf: Callable[[FlaskClient, str], str]) -> None:
    for method in ("get", "post", "delete"):
        assert client.open(PATH, method=method, data=JPEG).status_code == 401
    bearer = {"Authorization": f"Bearer {fakes.access.create_token('a')}"}
    assert client.post(PATH, data=JPEG, headers=bearer).status_code == 200
    client.get("/welcome/welcome-token")
    assert client.post(PATH, data=JPEG).status_code == 403
    assert client.delete(PATH).status_code == 403
    assert client.post(PATH, **form(JPEG, csrf="wrong")).status_code == 403
    token = csrf(client, "/")
    assert client.post(PATH, data=JPEG, headers={"X-CSRF-Token": token}).status_code == 200
    large = JPEG + bytes(2 << 20)
    assert client.post(PATH, **form(large, csrf=token)).status_code == 200, "a form without a script"
    assert (
        client.post(PATH, data=JPEG, headers={"X-CSRF-Token": token, "Origin": "http://evil.example"}).status_code
        == 403
    )
