"""One instance on one state directory, and what is said when it cannot be used."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import StateDirectoryError
from appliance.system.instance import StateDirectory, recorded_runtime_dir


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)


def test_it_creates_what_is_missing(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "deep" / "state").claim()
    try:
        assert directory.snapshots.is_dir()
        assert stat.S_IMODE(directory.secrets.stat().st_mode) == 0o700
        assert directory.runtime_dir() == tmp_path / "deep" / "state" / "run"
        assert directory.runtime_dir().is_dir()
        assert sorted(p.name for p in directory.path.iterdir()) == ["lock", "run", "secrets", "snapshots"]
    finally:
        directory.release()


def test_a_second_instance_is_told_who_has_it(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path).claim()
    with pytest.raises(StateDirectoryError, match=f"in use by process {os.getpid()}"):
        StateDirectory(tmp_path).claim()
    first.release()
    StateDirectory(tmp_path).claim().release()


def test_the_claim_ends_with_the_process_however_it_ends(tmp_path: Path) -> None:
    script = (
        "import sys, os; from pathlib import Path; from appliance.system.instance import StateDirectory;"
        "d = StateDirectory(Path(sys.argv[1])).claim(); print(os.getpid(), flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    pid = child.stdout.readline().strip()
    try:
        with pytest.raises(StateDirectoryError, match=f"process {pid}"):
            StateDirectory(tmp_path).claim()
    finally:
        child.kill()
        child.communicate(timeout=10)
    StateDirectory(tmp_path).claim().release()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync"])
def test_trouble_is_told_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, call: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StateDirectoryError, match=words) as caught:
        StateDirectory(tmp_path).claim()
    monkeypatch.undo()
    assert str(tmp_path) in str(caught.value)
    StateDirectory(tmp_path).claim().release()


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateDirectoryError, match="no directory"):
        StateDirectory(tmp_path / "state").claim()
    with pytest.raises(StateDirectoryError, match="no directory"):
        StateDirectory(tmp_path / "state" / "deeper").claim()


def test_systemds_runtime_directory_is_used_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}/run-a:{tmp_path}/run-b")
    directory = StateDirectory(tmp_path / "state").claim()
    try:
        assert directory.runtime_dir() == tmp_path / "run-a"
        assert recorded_runtime_dir(directory.path) == tmp_path / "run-a"
        with pytest.raises(StateDirectoryError, match=f"process {os.getpid()};"):
            StateDirectory(tmp_path / "state").claim()
    finally:
        directory.release()
    assert recorded_runtime_dir(directory.path) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_directory_that_wore_out_is_used_all_the_same(tmp_path: Path, monkeypatch: Any, number: int) -> None:
    def fails(self: StateDirectory) -> None:
        raise OSError(number, os.strerror(number))

    StateDirectory(tmp_path / "state").claim().release()
    monkeypatch.setattr(StateDirectory, "_try_writing", fails)
    worn = StateDirectory(tmp_path / "state").claim()
    assert "cannot be used: the " in worn.trouble
    with pytest.raises(StateDirectoryError, match="in use"):
        StateDirectory(tmp_path / "state").claim()
    worn.release()
    with pytest.raises(StateDirectoryError, match="cannot be used"):
        StateDirectory(tmp_path / "new").claim()
