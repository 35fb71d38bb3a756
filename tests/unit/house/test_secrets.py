"""Nothing that is said aloud is made from a secret without redacting it."""

from __future__ import annotations

import ast
import re

from .source import ROOT, calls, files, modules, tree

SAID = {"print", "debug", "info", "warning", "error", "exception", "critical", "emit", "emit_error", "status"}
SECRET = {"stream_key", "password", "tc_url", "bindstatechange", "bindstatechange_secret", "push_key", "session_secret"}
SETTINGS = {"settings", "current", "new", "old"}
REDACTED = {"redact", "redacted", "redact_text", "shown", "bool"}


def _secrets(node: ast.AST) -> list[str]:
    """Names of secrets below ``node``, but for those that go through something that redacts."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in REDACTED:
            return []
    found = []
    if isinstance(node, ast.Attribute):
        holder = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if node.attr in SECRET or (node.attr == "url" and holder in SETTINGS):
            found.append(node.attr)
    elif isinstance(node, ast.Name) and node.id in SECRET:
        found.append(node.id)
    return found + [name for child in ast.iter_child_nodes(node) for name in _secrets(child)]


def _said(source: ast.Module) -> list[str]:
    wrong = []
    for name, call in calls(source):
        if name in SAID:
            said = [*call.args, *(keyword.value for keyword in call.keywords)]
            wrong += [f"line {call.lineno} says {secret}" for part in said for secret in _secrets(part)]
    return wrong


def test_no_secret_is_said() -> None:
    wrong = {path.name: said for path in modules() if (said := _said(tree(path)))}
    assert not wrong


def test_the_look_itself_sees_one() -> None:
    said = "log.info('to %s', settings.url)\nprint(f'{address.tc_url}')\nlog.info(redact(settings.url))"
    assert _said(ast.parse(said)) == ["line 1 says url", "line 2 says tc_url"]


def test_no_key_lies_in_the_tree() -> None:
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE" + rb" KEY-----")
    wrong = [path.relative_to(ROOT).as_posix() for path in files() if private.search(path.read_bytes())]
    assert not wrong, "tests make their own certificates"
