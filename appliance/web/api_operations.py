"""``GET /api/v1/status`` and one POST for each operation (SPEC 2 and 11)."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, jsonify

from appliance.pusher.operations import Operation
from appliance.web.errors import Invalid, error_answer, status_of_answer
from appliance.web.gate import Gate
from appliance.web.requests import Query, json_object
from appliance.web.services import Services

START_WAIT_S = 8.0
"""How long a start is waited for, when the caller does not say: a server that answers does so within this."""
WAIT_S = 10.0
LONGEST_WAIT_S = 60.0

_POSITION = ("front", "back")


def blueprint(services: Services, gate: Gate) -> Blueprint:
    api = Blueprint("operations", __name__, url_prefix="/api/v1")

    @api.get("/status")
    def status() -> Response:
        Query().done()
        return jsonify(full_status(services))

    def perform(operation: str) -> Response:
        query = Query("wait")
        wait_s = query.number("wait", 0.1, LONGEST_WAIT_S)
        query.done()
        wanted = Operation(operation)
        parameters = _parameters(wanted, json_object())
        caller = gate.caller()
        answer = services.operations.perform(
            wanted,
            parameters,
            by=caller.by if caller is not None else "somebody",
            timeout_s=wait_s or (START_WAIT_S if wanted is Operation.START else WAIT_S),
        )
        if not answer.ok:
            return error_answer(answer.reason, status_of_answer(answer), code=answer.code)
        return jsonify({**answer.result, "errMsg": answer.message})

    for operation in Operation:
        api.add_url_rule(
            f"/{operation.value}",
            endpoint=operation.value,
            view_func=perform,
            methods=["POST"],
            defaults={"operation": operation.value},
        )
    return api


def full_status(services: Services) -> dict[str, Any]:
    """The pusher's status, what the page says about the box, and in the demonstration what arrived."""
    settings = services.settings.current
    status = dict(services.operations.status())
    status["device"] = {"name": settings.device_name, "version": services.version, "board": services.board}
    status["time"] = time.time()
    status["debug"] = settings.debug
    if services.webhook_status is not None:
        status["webhook"] = dict(services.webhook_status())
    if services.arrived_status is not None:
        status["arrived"] = dict(services.arrived_status())
    return status


def _parameters(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """The body, if it holds what the operation takes and nothing else. Raises Invalid."""
    problems: dict[str, str] = {}
    if operation is Operation.SET_MIC_VOLUME:
        volume = body.get("volume")
        if isinstance(volume, bool) or not isinstance(volume, int | float) or not 0 <= volume <= 1:
            problems["volume"] = "allowed: a number from 0 to 1"
        known = {"volume"}
    elif operation is Operation.SET_ZOOM:
        if not isinstance(body.get("zoom"), bool):
            problems["zoom"] = "allowed: true or false"
        known = {"zoom"}
    elif operation is Operation.SWITCH_CAMERA:
        if "position" in body and body["position"] not in _POSITION:
            problems["position"] = f"allowed: {', '.join(_POSITION)}"
        known = {"position"}
    else:
        known = set()
    for name in body:
        if name not in known:
            problems[name[:64]] = f"is no parameter; known: {', '.join(sorted(known)) or 'none'}"
    if problems:
        raise Invalid(problems)
    return body
