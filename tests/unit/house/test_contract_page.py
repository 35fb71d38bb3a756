"""The contract's page leaves nothing out, and every test that it names is there."""

from __future__ import annotations

import ast

import pytest

from appliance.docs import contract
from appliance.docs.tested import CODES, NOT_YET, OPERATIONS, SETTINGS, STAND_INS
from appliance.event_codes import TABLE
from appliance.pusher.operations import Operation
from appliance.settings.declaration import DECLARED, Group

from .source import ROOT, tree
from .test_events_and_docs import LATER, NAMES

CONTRACT = {row.name for row in DECLARED.values() if row.group is Group.CONTRACT}
CODE_NUMBERS = {str(code) for code in TABLE if code < 20000}


def test_every_row_is_shown_by_a_test_or_said_to_be_not_yet() -> None:
    assert set(OPERATIONS) == set(Operation)
    assert not set(SETTINGS) & set(NOT_YET) and not set(CODES) & set(NOT_YET)
    assert set(SETTINGS) | set(CODES) | set(NOT_YET) == CONTRACT | CODE_NUMBERS
    assert all(tests for tests in (*SETTINGS.values(), *CODES.values(), *(tests for _, tests in OPERATIONS.values())))


def test_what_is_not_yet_there_is_not_shown_as_done() -> None:
    assert {row.name for row in DECLARED.values() if row.group is Group.CONTRACT and not row.available} <= set(NOT_YET)
    assert {str(NAMES[name]) for name in LATER} & CODE_NUMBERS <= set(NOT_YET)


NAMED = sorted({test for tests in (*SETTINGS.values(), *CODES.values()) for test in tests}
               | {test for _, tests in OPERATIONS.values() for test in tests})  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_every_named_test_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert function.startswith("test_")
    there = {node.name for node in tree(ROOT / "tests" / path).body if isinstance(node, ast.FunctionDef)}
    assert function in there


def test_the_page_holds_every_row() -> None:
    page = contract.markdown()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == 3 + len(CONTRACT) + len(Operation) + len(CODE_NUMBERS)
    assert all(test in page for test in NAMED)
    assert set(STAND_INS) <= set(CODES) and all(words in page for words in STAND_INS.values())
