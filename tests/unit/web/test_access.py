from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.errors import OperationRefused, SettingError, StateDirectoryError
from appliance.web import access as access_module
from appliance.web.access import Access, TooManyTries


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "secrets")


def test_password_is_set_at_first_use(access: Access, tmp_path: Path) -> None:
    assert not access.password_set
    assert not access.check_password("", "a")
    access.set_password("eight chars", first=True)
    assert Access(tmp_path / "secrets").password_set
    assert access.check_password("eight chars", "a")
    assert not access.check_password("Eight chars", "a")
    path = tmp_path / "secrets" / "password"
    assert path.read_text().startswith("scrypt:")
    assert "eight" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not [p.name for p in path.parent.iterdir() if p.name.startswith(".password.") and p.suffix != ".lock"]


def test_the_hash_is_a_costly_one(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert access_module.HASH == "scrypt"
    access.set_password("eight chars")
    assert (tmp_path / "secrets/password").read_text().startswith("scrypt:32768:8:1$")
    assert access.check_password("eight chars", "a")


@pytest.mark.parametrize("text", ["", "seven77", "x" * 1025])
def test_password_has_a_length(access: Access, text: str) -> None:
    with pytest.raises(SettingError, match="allowed: 8 to 1024"):
        access.set_password(text)
    assert not access.password_set


def test_only_one_can_be_first(access: Access) -> None:
    outcomes: list[str] = []

    def claim(n: int) -> None:
        try:
            access.set_password(f"password {n}", first=True)
            outcomes.append("set")
        except OperationRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(outcomes) == ["refused"] * 7 + ["set"]


def test_a_new_password_is_a_new_generation(access: Access) -> None:
    access.set_password("eight chars")
    before = access.generation
    assert access.generation == before
    access.set_password("eight chars")
    assert access.generation != before


def test_wrong_passwords_are_slowed(access: Access) -> None:
    access.set_password("eight chars")
    for _ in range(3):
        assert not access.check_password("wrong", "192.0.2.1")
    with pytest.raises(TooManyTries, match="try again in 1 s"):
        access.check_password("eight chars", "192.0.2.1")
    assert access.check_password("eight chars", "192.0.2.2")


def test_many_at_the_same_time_are_no_way_around(access: Access) -> None:
    access.set_password("eight chars")
    tried: list[bool] = []

    def attempt() -> None:
        try:
            access.check_password("wrong", "192.0.2.1")
            tried.append(True)
        except TooManyTries:
            tried.append(False)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert tried.count(True) == 3


@pytest.mark.parametrize("damage", ["", "nonsense", "scrypt:x:y:z$salt$hash", "$$"])
def test_a_damaged_hash_lets_nobody_in(access: Access, tmp_path: Path, damage: str) -> None:
    access.set_password("eight chars")
    (tmp_path / "secrets/password").write_text(damage)
    assert not access.check_password("eight chars", "a")
    assert not access.check_password("", "b")


def test_session_secret_is_kept(access: Access, tmp_path: Path) -> None:
    secret = access.session_secret
    assert len(secret) == 64
    assert Access(tmp_path / "secrets").session_secret == secret
    assert stat.S_IMODE((tmp_path / "secrets/session-key").stat().st_mode) == 0o600


def test_tokens(access: Access, tmp_path: Path) -> None:
    token = access.create_token("monitoring")
    other = access.create_token("phone of Ann")
    assert len(token) >= 43
    assert access.check_token(token) == "monitoring"
    assert access.check_token(other) == "phone of Ann"
    assert access.check_token(token + "x") is None
    assert access.check_token("") is None
    assert access.check_token("\udcff") is None
    assert access.tokens() == ["monitoring", "phone of Ann"]
    text = (tmp_path / "secrets/tokens.json").read_text()
    assert token not in text
    assert other not in text
    assert stat.S_IMODE((tmp_path / "secrets/tokens.json").stat().st_mode) == 0o600
    access.revoke_token("monitoring")
    assert access.check_token(token) is None
    assert access.check_token(other) == "phone of Ann"


def test_token_names(access: Access) -> None:
    access.create_token("a")
    for name in ("a", "", " a", "a\n", "x" * 65):
        with pytest.raises(SettingError, match="allowed"):
            access.create_token(name)
    with pytest.raises(SettingError, match="known: a"):
        access.revoke_token("b")


def test_another_process_changes_the_files(access: Access, tmp_path: Path) -> None:
    access.set_password("eight chars")
    assert access.check_password("eight chars", "a")
    script = (
        "import sys, pathlib; from appliance.web.access import Access\n"
        "access = Access(pathlib.Path(sys.argv[1])); access.set_password('another one'); print(access.create_token('x'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "secrets")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert access.check_password("another one", "a")
    assert access.check_token(run.stdout.strip()) == "x"


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    def create(n: int) -> None:
        Access(tmp_path / "secrets").create_token(f"token {n}")

    threads = [threading.Thread(target=create, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(Access(tmp_path / "secrets").tokens()) == sorted(f"token {n}" for n in range(12))


@pytest.mark.parametrize("damage", ["{", "[]", '{"tokens": 5}', '{"tokens": [{}]}', '{"tokens": [5]}'])
def test_a_damaged_token_file_lets_nobody_in_and_is_kept(access: Access, tmp_path: Path, damage: str) -> None:
    token = access.create_token("a")
    path = tmp_path / "secrets/tokens.json"
    path.write_text(damage)
    assert access.check_token(token) is None
    with pytest.raises(StateDirectoryError, match="damaged"):
        access.create_token("b")
    assert path.read_text() == damage


def test_what_cannot_be_stored_is_said(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file where the folder should be")
    with pytest.raises(StateDirectoryError):
        Access(tmp_path / "secrets").set_password("eight chars")


def test_tokens_file_is_json(access: Access, tmp_path: Path) -> None:
    access.create_token("a")
    entry = json.loads((tmp_path / "secrets/tokens.json").read_text())["tokens"][0]
    assert set(entry) == {"name", "sha256", "created"}
    assert entry["created"].endswith("+00:00")
