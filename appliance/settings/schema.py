"""The settings as JSON Schema, made from the declaration.

It describes the body of ``PATCH /api/v1/settings``. What a schema cannot say (``min-bitrate`` at most ``max-bitrate``,
pins that differ, an address with a stream name) is checked by :mod:`appliance.settings.validate` alone.
"""

from __future__ import annotations

from typing import Any

from appliance.settings.declaration import DECLARED, Declared

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def of_setting(declared: Declared) -> dict[str, Any]:
    """What one setting takes."""
    schema = declared.kind.schema()
    schema["default"] = declared.default
    schema["description"] = declared.help
    if not declared.available:
        schema["const"] = declared.default
        schema["description"] += " (not yet available)"
    if declared.secret:
        schema["writeOnly"] = True
    schema["x-group"] = declared.group.value
    schema["x-applies"] = declared.applies.value
    if declared.unit:
        schema["x-unit"] = declared.unit
    return schema


def document() -> dict[str, Any]:
    """All settings; those left out of a change stay as they are."""
    return {
        "$schema": DRAFT,
        "title": "Settings of Live Pusher",
        "type": "object",
        "properties": {name: of_setting(declared) for name, declared in DECLARED.items()},
        "additionalProperties": False,
    }
