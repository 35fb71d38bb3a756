"""The rules of the house: where things lie, who may know whom, how long a file gets."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .source import PACKAGE, ROOT, files, imports, modules, tree

LEAVES = {"__version__", "clock", "errors", "event_codes", "events", "files", "threads"}

MAY_KNOW: dict[str, set[str]] = {
    "settings": LEAVES,
    "pusher": LEAVES | {"settings"},
    "media": LEAVES | {"settings", "pusher"},
    "rtmp": LEAVES | {"settings", "pusher", "media"},
    "hardware": LEAVES | {"settings", "pusher", "media"},
    "engine": LEAVES | {"settings", "pusher", "media", "rtmp"},
    "demo": LEAVES | {"settings", "media", "rtmp"},
    "event_log": LEAVES,
    "webhook": LEAVES,
    "system": LEAVES | {"settings"},
    "docs": LEAVES | {"settings", "pusher.operations"},
    "web": LEAVES | {"settings", "pusher.operations"},
    "app": LEAVES
    | {"settings", "pusher", "media", "rtmp", "hardware", "engine", "demo", "event_log", "webhook", "system", "web"},
    # The command line talks to a running appliance; it starts one itself through "app", and its doctor looks at boards.
    "cli": LEAVES | {"settings", "pusher.operations", "rtmp", "hardware", "system", "web.access", "app"},
    "__main__": {"cli"},
}
"""Which parts each part may import, beside itself. A dotted name allows that module alone."""

DEVICE_LIBRARIES = {
    "picamera2": {"hardware/pi"},
    "libcamera": {"hardware/pi"},
    "alsaaudio": {"hardware/pi"},
    "lgpio": {"hardware/pi"},
    "gpiozero": {"hardware/pi", "hardware/panel", "hardware/simulated"},
}

NO_OUTSIDE = {"av", "flask", "http", "numpy", "os", "pathlib", "select", "selectors", "shutil", "socket", "sqlite3",
"ssl",
              "subprocess", "urllib"}  # fmt: skip

TOP_LEVEL = {
    "pyproject.toml", "appliance", "systemd", "tests", "image-build", "README.md", "LICENSE", "CHANGELOG.md",
    "Makefile",
    "ARCHITECTURE.md",
}  # fmt: skip

MOST_LINES = 400


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to; the leaves are one."""
    part = path.relative_to(PACKAGE).with_suffix("").parts[0]
    return "leaves" if part in LEAVES | {"__init__"} else part


def test_every_part_has_its_place_in_the_order() -> None:
    assert {part_of(path) for path in modules()} - {"leaves"} <= set(MAY_KNOW), "say what the new part may import"


def test_imports_go_one_way() -> None:
    wrong = []
    for path in modules():
        part = part_of(path)
        allowed = LEAVES if part == "leaves" else MAY_KNOW[part] | {part}
        for name, line in imports(path):
            if not name.startswith("appliance."):
                continue
            wanted = name.removeprefix("appliance.")
            if not any(wanted == one or wanted.startswith(f"{one}.") for one in allowed):
                wrong.append(f"{short(path)}:{line} imports {name}")
    assert not wrong


def test_the_order_has_no_circle() -> None:
    known = {part: {one.split(".")[0] for one in allowed} - LEAVES - {part} for part, allowed in MAY_KNOW.items()}
    placed: set[str] = set()
    while len(placed) < len(known):
        free = {part for part, needs in known.items() if part not in placed and needs <= placed}
        assert free, f"a circle among {set(known) - placed}"
        placed |= free


def test_device_libraries_stay_where_the_devices_are() -> None:
    wrong = []
    for path in modules():
        for name, line in imports(path):
            places = DEVICE_LIBRARIES.get(name.split(".")[0])
            if places is not None and not any(PACKAGE / place in path.parents for place in places):
                wrong.append(f"{short(path)}:{line} imports {name}")
    assert not wrong


def test_the_pusher_does_nothing_by_itself() -> None:
    wrong = [
        f"{short(path)}:{line} imports {name}"
        for path in modules(PACKAGE / "pusher")
        for name, line in imports(path)
        if name.split(".")[0] in NO_OUTSIDE
    ]
    assert not wrong


@pytest.mark.parametrize("path", [path for path in files() if path.suffix == ".py"], ids=short)
def test_files_are_of_one_idea(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert lines <= MOST_LINES, f"{lines} lines: split it"


def test_every_module_says_what_it_is() -> None:
    silent = [
        short(path) for path in modules() if path.read_text("utf-8").strip() and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_the_top_level_holds_what_the_layout_names() -> None:
    there = {path.relative_to(ROOT).parts[0] for path in files()}
    stray = {name for name in there if not name.startswith(".")} - TOP_LEVEL
    assert not stray


def test_nothing_is_left_for_later() -> None:
    marks = tuple(first + rest for first, rest in (("TO", "DO"), ("FIX", "ME"), ("X", "XX")))
    wrong = [
        f"{short(path)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if any(mark in line for mark in marks)
    ]
    assert not wrong


def test_scripts_can_be_run() -> None:
    for path in files():
        if path.suffix in ("", ".sh") and path.read_bytes().startswith(b"#!"):
            assert path.stat().st_mode & 0o111, f"{short(path)} is not executable"
