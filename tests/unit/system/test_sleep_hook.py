"""The hook that systemd calls around a suspend."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[3] / "systemd" / "live-pusher.sleep"


def run(hook: str, folder: Path, *, status: int = 0) -> tuple[int, str]:
    """The hook's exit status, and with what it called a stand-in for the command."""
    called = folder / "called"
    command = folder / "live-pusher"
    command.write_text(f'#!/bin/sh\necho "$@" >> {called}\nexit {status}\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run([HOOK, hook, "suspend"], env=environment, timeout=10, check=False)
    return done.returncode, called.read_text() if called.exists() else ""


@pytest.mark.parametrize(("hook", "operation"), [("pre", "background"), ("post", "foreground")])
def test_the_box_goes_to_the_background_and_back(tmp_path: Path, hook: str, operation: str) -> None:
    assert run(hook, tmp_path) == (0, f"--state-dir /var/lib/live-pusher {operation}\n")


def test_a_box_that_does_not_answer_does_not_keep_the_system_awake(tmp_path: Path) -> None:
    assert run("pre", tmp_path, status=3)[0] == 0
