"""What is posted: the body, and the headers with its signature. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json

from appliance import __version__
from appliance.webhook.records import Record


def body_of(record: Record, *, device: str, missed: int) -> bytes:
    """The record with the name of the box and how many events before this one were not delivered, as JSON."""
    return json.dumps({**record, "device": device, "missed": missed}, ensure_ascii=False).encode()


def headers_of(record: Record, body: bytes, *, secret: str, timestamp: int) -> dict[str, str]:
    """``timestamp``: when this try is made, in seconds since 1970, so that a receiver can refuse an old one."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Live-Pusher/{__version__}",
        "X-Live-Pusher-Event": str(record["id"]),
        "X-Live-Pusher-Timestamp": str(timestamp),
    }
    if secret:
        headers["X-Live-Pusher-Signature"] = signature(secret, timestamp, body)
    return headers


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """``sha256=`` and the HMAC-SHA256, in hexadecimal digits, of the timestamp, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"
