"""Every event code is explained and raised somewhere; the documents are in step with the code."""

from __future__ import annotations

import ast
import string

import pytest

from appliance import docs, errors, event_codes
from appliance.event_codes import TABLE, EventCode
from appliance.settings.declaration import DECLARED

from .source import PACKAGE, calls, modules, tree

LATER = {
    "UPDATED",  # the update
}
"""Codes of the contract whose part has not been built yet. Whoever builds it takes them out."""

NAMES: dict[str, int] = {
    name: value
    for name, value in vars(event_codes).items()
    if name.isupper() and isinstance(value, int) and value in TABLE
}


def _leaves(error: type[errors.LivePusherError]) -> list[type[errors.LivePusherError]]:
    return [error, *(leaf for child in error.__subclasses__() for leaf in _leaves(child))]


def used() -> set[str]:
    """The names of the codes that are raised: named somewhere, or carried by an error that is made somewhere."""
    places = [path for path in modules() if path.name not in ("event_codes.py", "errors.py")]
    named = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in places
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    made = {name for path in places for name, _ in calls(tree(path))}
    carried = {leaf.code for leaf in _leaves(errors.LivePusherError) if leaf.__name__ in made}
    return {name for name, code in NAMES.items() if name in named or code in carried}


def test_every_code_has_a_name_here() -> None:
    assert set(NAMES.values()) == set(TABLE)


def test_every_code_is_raised_somewhere() -> None:
    assert set(NAMES) - used() == LATER


def test_every_error_carries_a_code_of_the_table() -> None:
    for leaf in _leaves(errors.LivePusherError):
        assert leaf.code == 0 or leaf.code in TABLE


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: str(row.code))
def test_every_row_is_explained(row: EventCode) -> None:
    assert row.meaning
    assert row.text
    assert row.name.isupper()
    fields = {field for _, field, _, _ in string.Formatter().parse(row.text) if field is not None}
    assert all(field.isidentifier() for field in fields), "details are named, not numbered"


def test_the_contracts_codes_are_where_they_belong() -> None:
    contract = {1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1101, 1102, 1103, 1107, 3001, 3002, 3003, 3004,
    3005,
                5000, 10004, -1301, -1302, -1303, -1304, -1305, -1306, -1307, -1311}  # fmt: skip
    assert {code for code in TABLE if code < 20000} == contract
    assert TABLE[3002].name == "PUSH_WARNING_SEVER_CONN_FAIL", "spelled as the contract does"
    assert TABLE[3004].name == TABLE[3005].name == "PUSH_WARNING_SERVER_DISCONNECT"


@pytest.mark.parametrize("name", docs.documents())
def test_documents_are_in_step(name: str) -> None:
    assert (PACKAGE / "docs" / name).read_text("utf-8") == docs.documents()[name], "run: make docs"


def test_the_reference_names_every_setting_and_the_events_every_code() -> None:
    texts = docs.documents()
    assert all(f"| `{name}` |" in texts["settings.md"] for name in DECLARED)
    assert all(f"| {code} |" in texts["events.md"] for code in TABLE)
