"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from appliance.files import write_whole


def test_a_file_and_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    (tmp_path / ".file.new").write_bytes(b"what a power cut left")
    (tmp_path / ".file.new").chmod(0o666)
    write_whole(path, b"two", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_reads_back_differently_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"tw")
    with pytest.raises(OSError, match="reads back differently"):
        write_whole(path, b"two")
    monkeypatch.undo()
    assert path.read_bytes() == b"one"


def test_a_temporary_name_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"kept")
    (tmp_path / ".file.new").symlink_to(elsewhere)
    write_whole(path, b"one")
    assert (path.read_bytes(), elsewhere.read_bytes()) == (b"one", b"kept")


def test_several_writers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 20_000 for number in range(6)]
    together = threading.Barrier(len(contents))
    troubles: list[OSError] = []

    def write(data: bytes) -> None:
        together.wait(10)
        try:
            for _ in range(5):
                write_whole(path, data, shared=True)
        except OSError as error:
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert troubles == []
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
