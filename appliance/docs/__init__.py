"""The documents that are made from the code: ``python -m appliance.docs`` writes them, a test keeps them in step."""

from __future__ import annotations

from pathlib import Path

from appliance.docs import contract
from appliance.event_codes import TABLE, EventCode
from appliance.settings.reference import markdown

FOLDER = Path(__file__).parent

_EVENTS_HEAD = """\
# Events

<!-- Made from appliance/event_codes.py by `make docs`; change it there. -->

Every event has a code, a name, a severity, a text, the time (with a mark while the clock is not yet synchronised), the
monotonic time in seconds, and details. Events stand in the event log, on the page, in the journal and in
`GET /api/v1/events`. Codes below 20000 are the contract of the `<live-pusher>` component; from 20000 on they are the
appliance's own.
"""


def documents() -> dict[str, str]:
    """Every document made here: its file's name and what belongs in it."""
    return {"settings.md": markdown(), "events.md": _events(), "contract.md": contract.markdown()}


def write(folder: Path = FOLDER) -> list[str]:
    """Write those that are not in step; their names."""
    written = []
    for name, text in documents().items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            written.append(name)
    return written


def _events() -> str:
    contract = [row for row in TABLE.values() if row.code < 20000]
    own = [row for row in TABLE.values() if row.code >= 20000]
    return "\n".join(
        [_EVENTS_HEAD, _table("The contract's", contract), _table("The appliance's own", own)]
    )  # fmt: skip


def _table(title: str, rows: list[EventCode]) -> str:
    lines = [
        f"| {row.code} | `{row.name}` | {row.severity.value} | {row.meaning} | {row.text.replace('|', chr(92) + '|')} |"
        for row in rows
    ]
    head = ["| code | name | severity | raised when | text |", "|---|---|---|---|---|"]
    return f"## {title}\n\n" + "\n".join([*head, *lines]) + "\n"
