"""Pictures over HTTP: the live ones, and the snapshots (SPEC 2, 8 and 11)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, send_file

from appliance.web.errors import NotFound
from appliance.web.gate import Caller, Gate
from appliance.web.requests import Query
from appliance.web.services import LivePicture, Services
from appliance.web.streams import LOOK_S, Connection, Stall, stream

LIVE_FPS = 10
"""Pictures a second in a live stream: enough to aim a camera by, and cheap for the smallest board to make."""

BOUNDARY = "live-pusher-picture"


def blueprint(services: Services, gate: Gate) -> Blueprint:
    api = Blueprint("pictures", __name__, url_prefix="/api/v1")

    def live(name: str, picture: LivePicture, why_none: str) -> None:
        def one() -> Response:
            Query("t").done()
            jpeg = picture.jpeg()
            if jpeg is None:
                raise NotFound(why_none)
            return Response(jpeg, content_type="image/jpeg")

        def moving() -> Response:
            Query("t").done()
            caller = gate.caller()
            return stream(lambda way: pictures(picture, way, caller), f"multipart/x-mixed-replace; boundary={BOUNDARY}")

        api.add_url_rule(f"/{name}.jpg", f"{name}_jpg", one)
        api.add_url_rule(f"/{name}.mjpeg", f"{name}_mjpeg", moving)

    live("preview", services.preview, "there is no picture; start the push or the preview (POST /api/v1/startPreview)")
    if services.arrived is not None:
        live("arrived", services.arrived, "no picture has arrived; start the push")

    @api.get("/snapshots")
    def snapshots() -> Response:
        Query().done()
        zone = ZoneInfo(services.settings.current.time_zone)
        return jsonify({"snapshots": [_described(entry, zone) for entry in services.snapshots.list()]})

    @api.get("/snapshots/<name>")
    def snapshot(name: str) -> Response:
        Query().done()
        path = services.snapshots.path(name)
        if path is None or not path.is_file():
            raise NotFound("there is no snapshot of that name")
        answer = send_file(path.resolve(), mimetype="image/jpeg", conditional=True)
        answer.headers["Cache-Control"] = "private, max-age=3600"
        return answer

    return api


def _described(entry: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    taken = datetime.fromtimestamp(entry["time"], zone).isoformat(timespec="seconds")
    return {**entry, "taken": taken, "href": f"/api/v1/snapshots/{quote(entry['name'])}"}


def pictures(picture: LivePicture, way: Connection, caller: Caller | None) -> Iterator[bytes]:
    """``multipart/x-mixed-replace`` without an end. A client that is slow gets fewer pictures, never old ones.

    The boundary goes out right behind each picture: a browser shows one when it sees that it is complete.
    """
    boundary = f"--{BOUNDARY}\r\n".encode()
    yield boundary
    number, due, stall = 0, time.monotonic(), Stall(way)
    while way.alive() and caller is not None and caller.still() and not stall.dead:
        wait_s = due - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, LOOK_S))
            continue
        if not stall.clear():
            time.sleep(1 / LIVE_FPS)
            continue
        found = picture.wait_jpeg(number, LOOK_S)
        if found is None:
            continue
        number, jpeg = found
        due = time.monotonic() + 1 / LIVE_FPS
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        yield head + jpeg + b"\r\n" + boundary
