"""The contract's page: one row for each setting, operation and event code of ``<live-pusher>``, with what it does here and the
tests that show it. Made from the tables; a test of the house looks that every test named here exists, and that no row is
without one but for those of :data:`NOT_YET`."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.docs.tested import CODES, NOT_YET, OPERATIONS, SETTINGS, STAND_INS
from appliance.event_codes import TABLE
from appliance.pusher.operations import Operation
from appliance.settings.declaration import DECLARED, Group

_HEAD = """\
# The contract

<!-- Made from appliance/docs/tested.py and the tables of settings, operations and events by `make docs`. -->

What each setting, operation and event of the `<live-pusher>` component does on this box, and which tests show it, by their
real causes: real servers, name servers, networks, files, limits of the system, and a simulated board whose devices are
unplugged, frozen and occupied; where something takes the place of the cause, the row says so. Tests are named by file and
function below `tests/`. All settings, those beyond the contract included, are in [settings.md](settings.md), all events
in [events.md](events.md). `integration/contract/test_states.py` asks for every operation in every state.
"""


def markdown() -> str:
    """The whole page."""
    settings = [
        (f"`{row.name}`", f"{row.help}{'' if row.available else ' (not yet available)'}", row.applies.value,
         _tests(row.name, SETTINGS))
        for row in DECLARED.values() if row.group is Group.CONTRACT
    ]  # fmt: skip
    operations = [(f"`{operation.value}`", *_operation(operation)) for operation in Operation]
    codes = [
        (str(row.code), f"`{row.name}`", row.meaning, _tests(str(row.code), CODES))
        for row in TABLE.values() if row.code < 20000
    ]  # fmt: skip
    return "\n".join(
        (
            _HEAD,
            _section("Settings", ("setting", "what it does here", "a change applies", "shown by"), settings),
            _section("Operations", ("operation", "what it does here", "shown by"), operations),
            _section("Events", ("code", "name", "raised when", "shown by"), codes),
        )
    )


def _operation(operation: Operation) -> tuple[str, str]:
    meaning, tests = OPERATIONS[operation]
    return meaning, _list(tests)


def _tests(key: str, table: dict[str, tuple[str, ...]]) -> str:
    if key in NOT_YET:
        return f"not yet: {NOT_YET[key]}"
    return _list(table[key]) + (f"<br>({STAND_INS[key]})" if key in STAND_INS else "")


def _list(tests: tuple[str, ...]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)


def _section(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head))]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"
