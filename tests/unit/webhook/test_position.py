"""The file that says how far the receiver has got."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.webhook.position import PositionFile

URL = "https://hooks.example/very-secret-path"


def test_it_is_for_one_address_alone(tmp_path: Path) -> None:
    file = PositionFile(tmp_path / "webhook.json")
    assert file.read(URL) is None
    file.write(URL, 41)
    file.write(URL, 42)
    assert file.read(URL) == 42
    assert file.read("https://other.example/") is None
    file.forget()
    file.forget()
    assert file.read(URL) is None


def test_it_does_not_hold_the_address_and_is_private(tmp_path: Path) -> None:
    PositionFile(tmp_path / "webhook.json").write(URL, 1)
    (path,) = tmp_path.iterdir()
    assert "very-secret" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"delivered": 7}', '{"receiver": "MARK", "delivered": "7"}',
             '{"receiver": "MARK", "delivered": true}', '{"receiver": "MARK", "delivered": -1}', "\0" * 40]
)  # fmt: skip
def test_a_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "webhook.json"
    file = PositionFile(path)
    file.write(URL, 1)
    mark = path.read_text().split('"')[3]
    path.write_text(text.replace("MARK", mark))
    assert file.read(URL) is None


def test_what_cannot_be_written_raises_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "webhook.json"
    file = PositionFile(path)
    file.write(URL, 1)
    (tmp_path / ".webhook.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        file.write(URL, 2)
    assert file.read(URL) == 1
