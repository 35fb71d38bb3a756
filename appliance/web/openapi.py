"""``GET /api/v1/openapi.json``: the API in OpenAPI 3.1. A test holds it against the routes and their answers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from appliance.event_codes import Severity
from appliance.pusher.operations import Operation
from appliance.web.metrics import STATES
from appliance.web.openapi_schemas import SCHEMAS, SIMULATED
from appliance.web.requests import LONGEST_BODY, LONGEST_PICTURE, WAITING_IMAGE_PATH, Query
from appliance.web.services import Services

Schema = dict[str, Any]

_WHAT = {
    Operation.START: "Start pushing; waits up to 8 s for the server's answer",
    Operation.STOP: "Stop pushing, and cancel connecting and every retry",
    Operation.PAUSE: "Release the camera and send the waiting image; the session goes on",
    Operation.RESUME: "Bring the picture back after a pause",
    Operation.SWITCH_CAMERA: "Use the other camera",
    Operation.SNAPSHOT: "Save the picture being pushed as JPEG",
    Operation.MUTE: "Send silence",
    Operation.UNMUTE: "Send sound again",
    Operation.START_PREVIEW: "Open the camera for the live picture, without a push",
    Operation.STOP_PREVIEW: "Close the camera again, unless a push needs it",
    Operation.BACKGROUND: "Put the box in the background: the camera is released (event 5000)",
    Operation.FOREGROUND: "End the background",
    Operation.SET_MIC_VOLUME: "Set the microphone's volume",
    Operation.SET_ZOOM: "Magnify the middle of the picture",
    Operation.TOGGLE_TORCH: "Switch the lamp",
}
_PARAMETERS: dict[Operation, Schema] = {
    Operation.SET_MIC_VOLUME: {
        "type": "object",
        "properties": {"volume": {"type": "number", "minimum": 0, "maximum": 1}},
        "required": ["volume"],
        "additionalProperties": False,
    },
    Operation.SET_ZOOM: {
        "type": "object",
        "properties": {"zoom": {"type": "boolean"}},
        "required": ["zoom"],
        "additionalProperties": False,
    },
    Operation.SWITCH_CAMERA: {
        "type": "object",
        "properties": {"position": {"enum": ["front", "back"], "description": "Left out: the other one"}},
        "additionalProperties": False,
    },
}
_NO_PARAMETERS: Schema = {"type": "object", "additionalProperties": False}

_ERRORS = {
    "400": "The body is not JSON",
    "401": "Nobody is signed in",
    "403": "The CSRF token of the session is missing, or the request comes from another page",
    "404": "There is nothing of that name",
    "409": "Makes no sense in the present state; nothing was changed",
    "413": "The body is too large",
    "415": "The body is not JSON, and does not say that it is",
    "422": "A parameter or a setting is refused; `problems` names each",
    "502": "Failed at the network",
    "503": "Failed at a device; or too many live streams are open",
    "504": "No outcome in time",
    "507": "Cannot be stored",
}


def blueprint(services: Services) -> Blueprint:
    api = Blueprint("openapi", __name__)

    @api.get("/api/v1/openapi.json")
    def openapi() -> Response:
        Query().done()
        return jsonify(document(services))

    return api


def document(services: Services) -> Schema:
    """The whole description, of what this instance offers."""
    own = SIMULATED if services.simulated is not None else {}
    schemas = {**SCHEMAS, **own, "Settings": services.settings.schema(), "State": {"enum": list(STATES)}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Live Pusher",
            "version": services.version,
            "description": "Everything the page does. Every error is an object with `errMsg`.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": _paths(services),
        "components": {
            "schemas": schemas,
            "responses": {_error_name(status): _error(what) for status, what in _ERRORS.items()},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`live-pusher token create NAME` prints one.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "live_pusher_…",
                    "description": "From the sign-in page. What changes something also needs the page's "
                    "X-CSRF-Token. The control socket needs neither.",
                },
            },
        },
    }


def _paths(services: Services) -> dict[str, Schema]:
    v1 = "/api/v1"
    paths: dict[str, Schema] = {f"{v1}/status": {"get": _get("What the box does now", _ref("Status"))}}
    for operation in Operation:
        paths[f"{v1}/{operation.value}"] = {"post": _operation(operation)}
    paths |= {
        f"{v1}/settings": {
            "get": _get("Every setting: value, default, limits, help, and what is applied", _ref("Described")),
            "patch": {
                "summary": "Change settings, all or nothing",
                "requestBody": _body(_ref("Settings"), required=True),
                "responses": _responses(_ref("Changed"), 400, 401, 403, 413, 415, 422, 507),
            },
        },
        f"{v1}/settings/schema": {"get": _get("JSON Schema of the settings", {"type": "object"})},
        f"{v1}/events": {"get": _get("The event log, newest first", _ref("Events"), *_filter(), *_paging())},
        f"{v1}/events/stream": {"get": _stream_of_events()},
        f"{v1}/events.csv": {"get": _download("The event log as CSV", "text/csv", {"type": "string"})},
        f"{v1}/events.json": {"get": _download("The event log as JSON", "application/json", _ref("EventList"))},
        f"{v1}/snapshots": {"get": _get("The snapshots, newest first", _ref("Snapshots"))},
        f"{v1}/snapshots/{{name}}": {"get": _picture("One snapshot", _path_parameter("name"))},
        WAITING_IMAGE_PATH: _waiting_image(),
        f"{v1}/openapi.json": {"get": _get("This document", {"type": "object"})},
        **_live("preview", "what the camera sees"),
    }
    if services.arrived is not None:
        paths |= _live("arrived", "what arrived at the demonstration's receiver")
    if services.simulated is not None:
        paths |= _simulated(v1)
    paths["/healthz"] = {"get": _health()}
    figures = _responses({"type": "string"}, media="text/plain")
    paths["/metrics"] = {"get": {"summary": "Figures for Prometheus", "security": [], "responses": figures}}
    return paths


# -- the pieces ----------------------------------------------------------------------------------------------


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _error_name(status: str) -> str:
    return f"Error{status}"


def _error(what: str) -> Schema:
    return {"description": what, "content": {"application/json": {"schema": _ref("Error")}}}


def _responses(schema: Schema, *refused: int, media: str = "application/json") -> Schema:
    answers: Schema = {"200": {"description": "Done", "content": {media: {"schema": schema}}}}
    for status in refused:
        answers[str(status)] = {"$ref": f"#/components/responses/{_error_name(str(status))}"}
    return answers


def _body(schema: Schema, *, required: bool = False) -> Schema:
    return {
        "required": required,
        "description": f"At most {LONGEST_BODY} bytes",
        "content": {"application/json": {"schema": schema}},
    }


def _get(summary: str, schema: Schema, *parameters: Schema) -> Schema:
    answer: Schema = {"summary": summary, "responses": _responses(schema, 401, 422)}
    return {**answer, "parameters": list(parameters)} if parameters else answer


def _query(name: str, schema: Schema, description: str, **more: Any) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description, **more}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _operation(operation: Operation) -> Schema:
    wait = _query("wait", {"type": "number", "minimum": 0.1, "maximum": 60}, "Seconds to wait for the outcome")
    parameters = _PARAMETERS.get(operation, _NO_PARAMETERS)
    done = _ref("SnapshotTaken" if operation is Operation.SNAPSHOT else "Done")
    return {
        "operationId": operation.value,
        "summary": _WHAT[operation],
        "parameters": [wait],
        "requestBody": _body(parameters, required=bool(parameters.get("required"))),
        "responses": _responses(done, 400, 401, 403, 409, 413, 415, 422, 502, 503, 504),
    }


def _filter() -> list[Schema]:
    codes = {"type": "array", "items": {"type": "integer"}}
    severities = {"type": "array", "items": {"enum": [severity.value for severity in Severity]}}
    since = {"type": "string", "description": "An event's id, or a time in ISO 8601"}
    return [
        _query("code", codes, "These codes alone; comma separated or repeated", style="form", explode=False),
        _query("severity", severities, "These severities alone; likewise", style="form", explode=False),
        _query("since", since, "Later ones alone"),
    ]


def _paging() -> list[Schema]:
    return [
        _query("before", {"type": "integer", "minimum": 0}, "Older than this id: `next` of the page before"),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "How many"),
    ]


def _stream_of_events() -> Schema:
    header = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "Goes on behind it"}
    after = _query("after", {"type": "integer", "minimum": 0}, "Likewise; without either, from now on")
    return {
        "summary": "Events as they happen (server-sent events)",
        "parameters": [header, after],
        "responses": _responses({"type": "string"}, 401, 422, 503, media="text/event-stream"),
    }


def _download(summary: str, media: str, schema: Schema) -> Schema:
    return {"summary": summary, "parameters": _filter(), "responses": _responses(schema, 401, 422, 503, media=media)}


def _picture(summary: str, *parameters: Schema, media: str = "image/jpeg") -> Schema:
    busy = (503,) if media != "image/jpeg" else (404,)
    answer: Schema = {"summary": summary, "responses": _responses({"type": "string"}, 401, *busy, 422, media=media)}
    return {**answer, "parameters": list(parameters)} if parameters else answer


def _live(name: str, what: str) -> dict[str, Schema]:
    return {
        f"/api/v1/{name}.jpg": {"get": _picture(f"One picture of {what}")},
        f"/api/v1/{name}.mjpeg": {"get": _picture(f"A live picture of {what}", media="multipart/x-mixed-replace")},
    }


def _waiting_image() -> Schema:
    form = {"type": "object", "properties": {"image": {"type": "string"}}, "required": ["image"]}
    body = {
        "required": True,
        "description": f"JPEG, PNG, WebP, GIF or BMP, at most {LONGEST_PICTURE} bytes",
        "content": {"image/*": {"schema": {}}, "multipart/form-data": {"schema": form}},
    }
    return {
        "get": _picture("The waiting image in use; 404 says why there is none"),
        "post": {
            "summary": "Upload a waiting image, and use it",
            "requestBody": body,
            "responses": _responses(_ref("WaitingImageKept"), 400, 401, 403, 413, 422, 507),
        },
        "delete": {
            "summary": "Remove the waiting image: the neutral picture takes its place",
            "responses": _responses(_ref("Done"), 401, 403, 422, 507),
        },
    }


def _simulated(v1: str) -> dict[str, Schema]:
    def post(summary: str, schema: str) -> Schema:
        answers = _responses(_ref("SimulatedDone"), 400, 401, 403, 413, 415, 422)
        return {"post": {"summary": summary, "requestBody": _body(_ref(schema), required=True), "responses": answers}}

    return {
        f"{v1}/simulated": {"get": _get("The simulated board's buttons, lights and devices", _ref("SimulatedBoard"))},
        f"{v1}/simulated/press": post("Press a button and release it at once", "Press"),
        f"{v1}/simulated/hold": post("Hold a button", "Hold"),
        f"{v1}/simulated/unplug": post("Unplug a camera or the microphone", "Device"),
        f"{v1}/simulated/plug": post("Plug it in again", "Device"),
    }


def _health() -> Schema:
    content = {"application/json": {"schema": _ref("Health")}}
    return {
        "summary": "Whether every worker makes progress",
        "security": [],
        "responses": {
            "200": {"description": "Yes", "content": content},
            "503": {"description": "No", "content": content},
        },
    }
