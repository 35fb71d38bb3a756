"""The JSON Schema is valid and says what the validation does."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.settings.declaration import DECLARED, Settings
from appliance.settings.schema import document
from appliance.settings.validate import check, to_values

DOCUMENT = document()
VALIDATOR = jsonschema.Draft202012Validator(DOCUMENT)


def test_it_is_a_schema_of_its_draft() -> None:
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    assert set(DOCUMENT["properties"]) == set(DECLARED)


def test_the_defaults_fulfil_it() -> None:
    VALIDATOR.validate(to_values(Settings()))


def test_unknown_names_do_not() -> None:
    assert not VALIDATOR.is_valid({"nonsense": 1})


def test_secrets_are_only_written() -> None:
    assert {n for n, s in DOCUMENT["properties"].items() if s.get("writeOnly")} == {
        n for n, d in DECLARED.items() if d.secret
    }


candidates = (
    st.none() | st.booleans() | st.integers(-100, 30000) | st.floats(allow_nan=False) | st.sampled_from(
        ["", "HD", "auto", "none", "vertical", "9:16", "rtmp://h/a/b", "RTMPS://h/a/b", "http://h/", "x y", "a\nb",
        "f" * 32,
         "file:a", "UTC", "/media/x", "start", "x" * 5000]
    )
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(DECLARED)), candidates)
def test_what_is_taken_fulfils_the_schema(name: str, value: Any) -> None:
    try:
        check(DECLARED[name], value)
    except ValueError:
        return
    assert VALIDATOR.is_valid({name: value})


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(DECLARED)), candidates)
def test_what_fulfils_the_schema_is_taken_where_a_schema_can_say_it(name: str, value: Any) -> None:
    if name in ("time-zone", "camera.front", "camera.back", "microphone.input", "snapshot.folder"):
        return  # whether a zone or a device exists is more than a schema can say
    if VALIDATOR.is_valid({name: value}):
        check(DECLARED[name], value)


@pytest.mark.parametrize(("name", "value"), [("beauty", 10), ("muted", "true"), ("url", "http://h/a"), ("beauty", 3)])
def test_wrong_values_do_not_fulfil_it(name: str, value: object) -> None:
    assert not VALIDATOR.is_valid({name: value})
