"""What is posted, and its signature."""

from __future__ import annotations

import json

from appliance.webhook.message import body_of, headers_of, signature

RECORD = {"id": 7, "code": 1001, "text": "Verbunden mit Zürich", "details": {"server": "a:1935"}}


def test_the_body_is_the_record_and_two_things_more() -> None:
    assert json.loads(body_of(RECORD, device="Booth 3", missed=2)) == {**RECORD, "device": "Booth 3", "missed": 2}


def test_a_signature_anybody_can_make() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    wanted = "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert signature("secret", 1_700_000_000, b"{}") == wanted


def test_the_headers() -> None:
    headers = headers_of(RECORD, b"{}", secret="secret", timestamp=1_700_000_000)
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Live-Pusher-Event"] == "7"
    assert headers["X-Live-Pusher-Timestamp"] == "1700000000"
    assert headers["X-Live-Pusher-Signature"] == signature("secret", 1_700_000_000, b"{}")


def test_without_a_secret_nothing_is_signed() -> None:
    assert "X-Live-Pusher-Signature" not in headers_of(RECORD, b"{}", secret="", timestamp=1)
