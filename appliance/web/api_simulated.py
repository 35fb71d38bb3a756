"""``/api/v1/simulated``: hands for the simulated board (SPEC 11). The routes exist on that board alone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from appliance.web.errors import Invalid
from appliance.web.requests import Query, json_object
from appliance.web.services import Simulated

HOLD_S = 1.6
"""How long a button is held when the caller does not say: a little longer than the default ``button.hold-time``."""
LONGEST_HOLD_S = 10.0


def blueprint(simulated: Simulated) -> Blueprint:
    api = Blueprint("simulated", __name__, url_prefix="/api/v1/simulated")

    @api.get("")
    def state() -> Response:
        Query().done()
        return jsonify(simulated.state())

    @api.post("/press")
    def press() -> Response:
        body = _body("button", "name", "pin")
        _done("button", simulated.press, _one_of(body, "button", "name", "pin"))
        return _ok("press")

    @api.post("/hold")
    def hold() -> Response:
        body = _body("button", "name", "pin", "seconds")
        button = _one_of(body, "button", "name", "pin")
        seconds = body.get("seconds", HOLD_S)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_HOLD_S:
            raise Invalid({"seconds": f"allowed: a number above 0, at most {LONGEST_HOLD_S:g}"})
        _done("button", simulated.hold, button, float(seconds))
        return _ok("hold")

    @api.post("/unplug")
    def unplug() -> Response:
        _done("device", simulated.unplug, _one_of(_body("device", "name"), "device", "name"))
        return _ok("unplug")

    @api.post("/plug")
    def plug() -> Response:
        _done("device", simulated.plug, _one_of(_body("device", "name"), "device", "name"))
        return _ok("plug")

    def _ok(operation: str) -> Response:
        return jsonify({"errMsg": f"{operation}:ok", **simulated.state()})

    return api


def _body(*known: str) -> dict[str, Any]:
    Query().done()
    body = json_object(required=True)
    problems = {name[:64]: f"is no parameter; known: {', '.join(known)}" for name in body if name not in known}
    if problems:
        raise Invalid(problems)
    return body


def _one_of(body: dict[str, Any], *names: str) -> str:
    given = [body[name] for name in names if name in body]
    if len(given) != 1 or isinstance(given[0], bool) or not isinstance(given[0], str | int):
        raise Invalid({names[0]: f"allowed: one of {', '.join(names)}, as a text or a number"})
    return str(given[0])


def _done(parameter: str, action: Any, *arguments: Any) -> None:
    try:
        action(*arguments)
    except ValueError as error:
        raise Invalid({parameter: str(error)}) from error
