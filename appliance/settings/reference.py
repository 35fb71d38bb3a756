"""The reference of all settings as Markdown, made from the declaration; ``make docs`` writes it to
``docs/settings.md``."""

from __future__ import annotations

import json

from appliance.settings.declaration import ALIASES, DECLARED, Declared, Group
from appliance.settings.scenarios import SCENARIOS

_HEAD = """\
# Settings

<!-- Made from appliance/settings/declaration.py by `make docs`; change it there. -->

The same names stand in `settings.toml` in the state directory, on the page, in the JSON API (`/api/v1/settings`) and on
the command line (`live-pusher settings NAME=VALUE`, `live-pusher run --set NAME=VALUE`). In the file a dotted name is a
key in a table: `camera.front` is `front` below `[camera]`. Only what differs from the default is stored. Values are
taken strictly: `"false"` is not `false`, and a value that is not allowed changes nothing.

A change takes effect *now*, at the *next start* of a push, or at the *service restart*. Secrets are never shown again.
"""

_TITLES = {
    Group.CONTRACT: ("The contract's", "Names and defaults are those of the `<live-pusher>` component."),
    Group.PUSH: ("Push", "How the stream is made and kept."),
    Group.INPUTS: (
        "Inputs",
        "Cameras and microphone. Devices go by stable names; `live-pusher cameras` lists cameras.",
    ),
    Group.PANEL: ("Buttons and lights", "Pins by their BCM number, each used once; 0 is not connected."),
    Group.BOX: ("Box", "The appliance itself."),
}


def markdown() -> str:
    """The whole reference."""
    parts = [_HEAD]
    for group, (title, words) in _TITLES.items():
        rows = [_row(declared) for declared in DECLARED.values() if declared.group is group]
        table = ["| name | allowed | default | takes effect | what it does |", "|---|---|---|---|---|", *rows]
        parts.append(f"## {title}\n\n{words}\n\n" + "\n".join(table) + "\n")
    parts.append(_scenarios())
    aliases = ", ".join(f"`{alias}` for `{name}`" for alias, name in ALIASES.items())
    parts.append(f"## Other names\n\nTaken wherever a setting is named: {aliases}.\n")
    return "\n".join(parts)


def _row(declared: Declared) -> str:
    allowed = declared.kind.allowed().removeprefix("allowed: ")
    notes = [
        note for note, holds in (("secret", declared.secret), ("not yet available", not declared.available)) if holds
    ]
    help = f"{declared.help} ({', '.join(notes)})" if notes else declared.help
    default = f"`{json.dumps(declared.default, ensure_ascii=False)}`" if declared.default != "" else "empty"
    cells = (f"`{declared.name}`", allowed, default, declared.applies.value, help)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _scenarios() -> str:
    rows = [
        f"| {row.name} ({row.contract_name}) | {row.mode} | {row.min_bitrate} | {row.max_bitrate} "
        f"| {row.audio_quality} | {row.help} |"
        for row in SCENARIOS
    ]
    head = [
        "| scenario | `mode` | `min-bitrate` | `max-bitrate` | `audio-quality` | for |",
        "|---|---|---|---|---|---|",
    ]
    return "## Scenarios\n\nThe page sets these four at once.\n\n" + "\n".join([*head, *rows]) + "\n"
