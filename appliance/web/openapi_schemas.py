"""The shapes of the API's answers and bodies, as JSON Schema (OpenAPI 3.1 uses its draft 2020-12)."""

from __future__ import annotations

from typing import Any

from appliance.event_codes import Severity

Schema = dict[str, Any]


def _object(properties: Schema, *, optional: tuple[str, ...] = (), closed: bool = False) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return {**schema, "additionalProperties": False} if closed else schema


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_BOOLEAN: Schema = {"type": "boolean"}


def _unit(unit: str) -> Schema:
    return {"type": ["number", "null"], "description": unit}


_NET = _object(
    {
        "videoBitrate": _unit("kbit/s sent"),
        "audioBitrate": _unit("kbit/s sent"),
        "targetBitrate": _unit("kbit/s"),
        "videoFPS": _unit("frames/s"),
        "videoGOP": _unit("s"),
        "videoWidth": _unit("pixels"),
        "videoHeight": _unit("pixels"),
        "netSpeed": _unit("kbit/s acknowledged"),
        "netJitter": _unit("ms"),
        "netQualityLevel": _unit("0 to 6"),
        "videoCache": _unit("frames queued"),
        "audioCache": _unit("frames queued"),
        "queueDelay": _unit("ms"),
        "rtt": _unit("ms"),
        "droppedFrames": _unit("frames"),
        "encoder": {"type": ["string", "null"]},
    }
)

_STATUS = _object(
    {
        "state": _ref("State"),
        "since": {**_NUMBER, "description": "Seconds since 1970"},
        "url": {**_TEXT, "description": "Redacted"},
        "urlExpires": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "txTime of the push address, if it has one",
        },
        "camera": {"type": "object"},
        "muted": _BOOLEAN,
        "preview": _BOOLEAN,
        "background": _BOOLEAN,
        "reconnect": {"type": ["object", "null"]},
        "errors": _array({}),
        "net": _ref("Net"),
        "device": _object({"name": _TEXT, "version": _TEXT, "board": _TEXT}),
        "time": {**_NUMBER, "description": "Seconds since 1970, by the box's clock"},
        "debug": {**_BOOLEAN, "description": "The setting of that name"},
        "webhook": _object(
            {
                "state": {"enum": ["off", "ok", "failing"]},
                "lastError": {"type": ["string", "null"]},
                "behind": {**_INTEGER, "description": "Events that the receiver does not have yet"},
            }
        ),
        "arrived": {"type": "object", "description": "In the demonstration: what its receiver counts"},
    },
    optional=("urlExpires", "webhook", "arrived"),
)

_EVENT = _object(
    {
        "id": _INTEGER,
        "code": _INTEGER,
        "name": _TEXT,
        "severity": {"enum": [severity.value for severity in Severity]},
        "text": _TEXT,
        "time": {**_TEXT, "format": "date-time"},
        "synchronised": {**_BOOLEAN, "description": "Whether the clock could be believed"},
        "monotonic": {**_NUMBER, "description": "Seconds of the monotonic clock"},
        "details": {"type": "object"},
    }
)

_SETTING = _object(
    {
        "value": {"description": "Wanted; secrets are redacted"},
        "default": {},
        "applied": {"description": "What the push runs with"},
        "allowed": _TEXT,
        "schema": {"type": "object"},
        "help": _TEXT,
        "applies": {**_TEXT, "description": "When a change takes effect"},
        "group": _TEXT,
        "unit": _TEXT,
        "secret": _BOOLEAN,
        "available": _BOOLEAN,
        "source": _TEXT,
        "set": {**_BOOLEAN, "description": "Of a secret: whether there is one"},
    },
    optional=("set",),
)

_DESCRIBED: Schema = {
    "settings": {"type": "object", "additionalProperties": _ref("Setting")},
    "scenarios": _array(_ref("Scenario")),
}

_SNAPSHOT = _object(
    {
        "name": _TEXT,
        "time": {**_NUMBER, "description": "Seconds since 1970"},
        "taken": {**_TEXT, "format": "date-time"},
        "width": {"type": ["integer", "null"]},
        "height": {"type": ["integer", "null"]},
        "bytes": _INTEGER,
        "href": _TEXT,
    }
)

_BUTTON: Schema = {
    "button": {"type": ["string", "integer"], "description": "Its name or its pin"},
    "name": {"type": ["string", "integer"], "description": "The same as button"},
    "pin": {"type": ["string", "integer"], "description": "The same as button"},
}
_ONE_BUTTON: Schema = {"oneOf": [{"required": [name]} for name in _BUTTON]}
_DEVICE: Schema = {"enum": ["front", "back", "microphone"]}

_BOARD: Schema = {"buttons": {"type": "object"}, "lights": {"type": "object"}, "devices": {"type": "object"}}

SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        {
            "errMsg": _TEXT,
            "code": {**_INTEGER, "description": "The event code that fits; 0: none"},
            "problems": {"type": "object", "additionalProperties": _TEXT},
        },
        optional=("problems", "code"),
    ),
    "Done": _object(
        {"errMsg": {**_TEXT, "description": "OPERATION:ok"}, "state": _TEXT, "note": _TEXT}, optional=("state", "note")
    ),
    "SnapshotTaken": _object(
        {"errMsg": _TEXT, "tempImagePath": _TEXT, "width": _INTEGER, "height": _INTEGER, "href": _TEXT}
    ),
    "WaitingImageKept": _object(
        {
            "errMsg": _TEXT,
            "width": {**_INTEGER, "description": "As kept: larger ones are brought down"},
            "height": _INTEGER,
            "md5": {**_TEXT, "description": "Of the bytes that were uploaded"},
        }
    ),
    "Status": _STATUS,
    "Net": _NET,
    "Event": _EVENT,
    "Events": _object({"events": _array(_ref("Event")), "next": {"type": ["integer", "null"]}}),
    "EventList": _object({"events": _array(_ref("Event"))}),
    "Setting": _SETTING,
    "Scenario": _object({"name": _TEXT, "settings": {"type": "object"}}),
    "Described": _object(_DESCRIBED),
    "Changed": _object({"errMsg": _TEXT, "changed": _array(_TEXT), **_DESCRIBED}),
    "Snapshot": _SNAPSHOT,
    "Snapshots": _object({"snapshots": _array(_ref("Snapshot"))}),
    "Health": _object({"healthy": _BOOLEAN, "workers": {"type": "object", "additionalProperties": _TEXT}}),
}

SIMULATED: dict[str, Schema] = {
    "Press": {**_object(_BUTTON, optional=tuple(_BUTTON), closed=True), **_ONE_BUTTON},
    "Hold": {
        **_object(
            {**_BUTTON, "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "default": 1.6}},
            optional=(*_BUTTON, "seconds"),
            closed=True,
        ),
        **_ONE_BUTTON,
    },
    "Device": {
        **_object({"device": _DEVICE, "name": _DEVICE}, optional=("device", "name"), closed=True),
        "oneOf": [{"required": ["device"]}, {"required": ["name"]}],
    },
    "SimulatedBoard": _object(_BOARD),
    "SimulatedDone": _object({"errMsg": _TEXT, **_BOARD}),
}
"""Those of the simulated board alone."""
