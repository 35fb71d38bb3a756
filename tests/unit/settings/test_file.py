"""Editing TOML in place: whatever the layout, what is read back is what was meant."""

from __future__ import annotations

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.settings.file import edit, flatten, parse

NAMES = [
    "url", "mode", "camera.front", "camera.back", "microphone.input", "microphone.gain", "button.start-stop.pin",
    "button.start-stop.press", "button.pause.pin", "button.hold-time", "video.fps",
]  # fmt: skip
LAYOUTS = [
    "",
    "# a comment\n\n",
    "a=1\n# c\n[camera]\nfront='x' # keep\n[other]\nz=1\n[camera.sub]\nq=1\n",
    "camera.front='x'\nbutton.pause.pin=3\n[video]\nfps=3\n",
    "[button.pause]\npin=1\n[zz]\na=1\n[button.start-stop]\npin=2\n[button]\nhold-time=1.0\n",
    "'camera.front'='f'\n[button]\n'pause.pin'=4\n",
    "camera={front='x'}\ntimes=[2026-01-01, 07:00:00]\n",
    "[[list]]\na=1\n[camera]\n",
    "camera=3\nvideo=[1,2]\n",
]
values = st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LAYOUTS), st.lists(st.tuples(st.sampled_from(NAMES), st.none() | values), max_size=15))
def test_edits_do_what_they_say_and_leave_the_rest(layout: str, edits: list[tuple[str, object]]) -> None:
    document = parse(layout)
    wanted = flatten(document)
    for name, value in edits:
        document = edit(document, {name: value})
        if value is None:
            wanted.pop(name, None)
        else:
            wanted[name] = value
        assert flatten(parse(tomlkit.dumps(document))) == wanted
