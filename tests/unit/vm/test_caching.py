"""What was built stays until what it is made of changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm import caching
from tests.vm.caching import kept, key_of


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(caching, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def fill(text: str):  # type: ignore[no-untyped-def]
    return lambda folder: (folder / "made").write_text(text)


def test_a_key_follows_content_names_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    (folder / "__pycache__").mkdir(parents=True)
    file = folder / "a"
    keys = []
    for change in (
        lambda: file.write_text("1"), lambda: file.write_text("2"), lambda: file.chmod(0o755),
        lambda: file.rename(folder / "b"),
    ):  # fmt: skip
        change()
        keys.append(key_of(folder, "x"))
    assert len({*keys, key_of(folder, "y")}) == 5
    (folder / "__pycache__" / "c").write_text("compiled")
    assert key_of(folder, "x") == keys[-1]


def test_it_is_made_once(cache: Path) -> None:
    assert (kept("part", "1", fill("first")) / "made").read_text() == "first"
    assert (kept("part", "1", fill("second")) / "made").read_text() == "first"
    assert (kept("part", "2", fill("third")) / "made").read_text() == "third"
    assert sorted(path.name for path in cache.iterdir()) == ["part-2"]


def test_what_fails_leaves_nothing_and_takes_nothing_away(cache: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no network")

    kept("part", "1", fill("first"))
    with pytest.raises(OSError, match="no network"):
        kept("part", "2", fails)
    assert sorted(path.name for path in cache.iterdir()) == ["part-1"]
