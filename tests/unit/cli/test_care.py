"""Tokens, doctor, cameras."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import checks_box, doctor, main
from appliance.cli.checks import Grade, Result
from appliance.cli.checks_network import check_server
from appliance.errors import HardwareMissing
from appliance.settings.validate import validate
from appliance.web.access import Access

from .conftest import Standin


def test_tokens_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def token(*words: str) -> tuple[int, str, str]:
        status = main(["token", *words, "--state-dir", str(tmp_path)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    status, made, note = token("create", "kiosk")
    assert status == 0
    assert "shown once" in note
    assert Access(tmp_path / "secrets").check_token(made.strip()) == "kiosk"
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert token("list")[1] == "kiosk\n"
    assert token("create", "kiosk")[0] == 1
    assert token("revoke", "kiosk")[0] == 0
    assert token("list")[1] == ""
    assert Access(tmp_path / "secrets").check_token(made.strip()) is None
    assert token("revoke", "kiosk")[0] == 1
    assert token("create")[0] == 2


def test_doctor_on_the_simulated_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", "--board", "simulated", "--state-dir", str(tmp_path)])
    out = capsys.readouterr().out
    assert status == 0, out
    for name in ("software", "settings", "service", "front camera", "back camera", "video encoder", "microphone",
    "pins",
                 "clock", "server", "storage"):  # fmt: skip
        assert f" {name}: " in out
    assert list(tmp_path.iterdir()) == [], "it only looks"


def test_doctor_prints_no_secret_and_fails_when_something_does(
    standin: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = standin.state_dir / "settings.toml"
    settings.write_text(
        f'url = "rtmp://127.0.0.1:{port}/app/SECRET?k=TOKEN"\nbeauty = 77\n[camera]\nfront = "file:/no/such.mp4"\n'
    )
    standin.answers["GET /api/v1/status"] = (200, {"state": "IDLE"})
    status = main(["doctor", "--board", "simulated", "--state-dir", str(standin.state_dir)])
    out = capsys.readouterr().out
    assert status == 1
    assert "ok    service: running, IDLE" in out
    assert "warn  settings: not used: beauty" in out
    assert "fail  front camera: there is no file /no/such.mp4" in out
    assert "fail  server: " in out
    assert "Connection refused" in out
    assert "SECRET" not in out
    assert "TOKEN" not in out


def test_doctor_does_not_mend_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("url = 'rtmp://h/a/SECRET\n")
    result = doctor.read_settings(tmp_path)[1]
    assert result.grade is Grade.FAIL
    assert "line 1" in result.text
    assert "SECRET" not in result.text
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]


def test_the_way_to_the_server_is_tried_and_nothing_is_sent() -> None:
    heard: list[bytes] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(5)

        def listen() -> None:
            connection = server.accept()[0]
            heard.append(connection.recv(100))
            connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        results = list(check_server(validate({"url": f"rtmp://localhost:{server.getsockname()[1]}/app/SECRET"})))
        thread.join(5)
    assert [result.grade for result in results] == [Grade.OK, Grade.OK]
    assert "SECRET" not in str(results)
    assert heard == [b""]


def test_a_name_that_is_none_fails() -> None:
    (result,) = check_server(validate({"url": "rtmp://no-such-host.invalid/app/SECRET"}))
    assert result.grade is Grade.FAIL
    assert "no-such-host.invalid" in result.text
    assert result.advice


@pytest.mark.parametrize(
    ("flags", "grade", "words"),
    [(0x0, Grade.OK, "no under-voltage"), (0x50005, Grade.FAIL, "under-voltage, throttled"), (0x10000, Grade.WARN,
    "since the start"),
     (0x80000, Grade.WARN, "slowed down")],
)  # fmt: skip
def test_the_supply(monkeypatch: pytest.MonkeyPatch, flags: int, grade: Grade, words: str) -> None:
    monkeypatch.setattr(checks_box, "throttled", lambda: flags)
    result = checks_box.check_supply()
    assert result is not None
    assert result.grade is grade
    assert words in result.text


def test_without_a_pis_firmware_nothing_is_said_of_the_supply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_box, "throttled", lambda: None)
    monkeypatch.setattr(checks_box, "tool", lambda *_: "")
    assert checks_box.check_supply() is None
    monkeypatch.setattr(checks_box, "tool", lambda *_: "throttled=0x1")
    result = checks_box.check_supply()
    assert result is not None
    assert result.grade is Grade.FAIL


def test_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks_box.check_storage(tmp_path / "to" / "be" / "made").grade is Grade.OK
    (tmp_path / "file").write_text("")
    assert checks_box.check_storage(tmp_path / "file").grade is Grade.FAIL
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5_000_000}))
    assert checks_box.check_storage(tmp_path).grade is Grade.WARN


def test_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, grade in (("yes", Grade.OK), ("no", Grade.WARN)):
        monkeypatch.setattr(checks_box, "tool", lambda *_, answer=answer: answer)
        assert checks_box.check_clock().grade is grade


def test_advice_is_given_where_there_is_something_to_do() -> None:
    assert Result("a", Grade.OK, "b", "c").line() == "ok    a: b"
    assert Result("a", Grade.FAIL, "b", "c").line() == "fail  a: b\n      -> c"


def test_cameras_are_listed_or_missed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cameras", "--board", "simulated"]) == 0
    assert capsys.readouterr().out.count("\n") == 2

    class Bare:
        def cameras(self) -> list[str]:
            return []

        def missing(self) -> list[HardwareMissing]:
            return []

        def close(self) -> None:
            pass

    def bare(_: str) -> Any:
        return Bare()

    monkeypatch.setattr(doctor, "make_board", bare)
    assert main(["cameras"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no camera is connected to the pi board" in printed.err
    json.dumps(printed.err)
