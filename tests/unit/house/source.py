"""The project's own source as the house rules look at it."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "appliance"


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file of the project: those that git knows or would take, or all where there is no git."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        found = [ROOT / name for name in done.stdout.split("\0") if name]
    except (OSError, subprocess.SubprocessError):
        hidden = (".venv", ".git", "__pycache__")
        found = [path for path in ROOT.rglob("*") if not any(part in hidden for part in path.parts)]
    return tuple(sorted(path for path in found if path.is_file()))


def modules(folder: Path = PACKAGE) -> list[Path]:
    """The Python files below ``folder``."""
    return [path for path in files() if path.suffix == ".py" and folder in path.parents]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that ``path`` imports, wherever it does so, by its full name, and the line."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: -node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            # "from appliance import events" imports a module, "from appliance.events import Event" a name of one.
            for alias in node.names:
                yield (f"{module}.{alias.name}" if module == "appliance" else module), node.lineno
        elif isinstance(node, ast.Call) and node.args and _name(node.func) in ("import_module", "load", "_later"):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, node.lineno


def calls(source: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call, by the last part of what is called: ``log.info(…)`` is ``info``."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            yield _name(node.func), node


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
