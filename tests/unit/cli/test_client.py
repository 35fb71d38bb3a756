"""The commands that talk to a running appliance."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import main
from appliance.cli.client import Client, ServiceFailed

from .conftest import Standin

Run = Callable[..., tuple[int, str, str]]


def event(number: int, code: int = 20007) -> dict[str, Any]:
    return {
        "id": number, "code": code, "name": "MUTED", "severity": "info" if code > 0 else "error",
        "text": f"event {number}",
        "time": "2026-03-01T12:00:00.000+00:00", "synchronised": number != 2, "monotonic": 1.0, "details": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "words", [["status"], ["start"], ["events"], ["settings"], ["snapshot"], ["settings", "mode=HD"]]
)
def test_without_a_service_it_says_how_to_start_one(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--state-dir", str(tmp_path)]) == 3
    assert capsys.readouterr().err == (
        f"live-pusher: no appliance is running with state directory {tmp_path}; start one with: live-pusher run\n"
    )


def test_a_socket_left_behind_is_no_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "run" / "control.sock"))
    assert main(["status", "--state-dir", str(tmp_path)]) == 3


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["stop"], "stop"), (["pause"], "pause"), (["resume"], "resume"), (["switch-camera"], "switchCamera"),
        (["mute"], "mute"), (["unmute"], "unmute"), (["preview", "on"], "startPreview"), (["preview", "off"],
        "stopPreview"),
        (["background"], "background"), (["foreground"], "foreground"), (["torch"], "toggleTorch"),
    ],
)  # fmt: skip
def test_operations(run: Run, standin: Standin, words: list[str], path: str) -> None:
    standin.answers[f"POST /api/v1/{path}"] = (200, {"errMsg": f"{path}:ok"})
    assert run(*words) == (0, f"{path}:ok\n", "")
    assert json.loads(run(*words, "--json")[1]) == {"errMsg": f"{path}:ok"}
    standin.answers[f"POST /api/v1/{path}"] = (409, {"errMsg": f"{path}:fail nothing is pushed", "code": 0})
    assert run(*words) == (1, "", f"live-pusher: {path}:fail nothing is pushed\n")


def test_a_snapshot_prints_its_path(run: Run, standin: Standin) -> None:
    standin.answers["POST /api/v1/snapshot"] = (200, {"errMsg": "snapshot:ok", "tempImagePath": "/s/a.jpg", "width": 3})
    assert run("snapshot") == (0, "/s/a.jpg\n", "")
    assert json.loads(run("snapshot", "--json")[1])["width"] == 3


def test_start_that_pushes_at_once(run: Run, standin: Standin) -> None:
    standin.answers["POST /api/v1/start"] = (200, {"errMsg": "start:ok"})
    standin.answers["GET /api/v1/status"] = (200, {"state": "PUSHING", "errors": []})
    assert run("start") == (0, "start:ok\n", "")


def test_start_follows_until_the_push_begins(run: Run, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.cli.operations._LOOK_S", 0.01)
    standin.answers["POST /api/v1/start"] = (504, {"errMsg": "start:fail not yet"})
    first = {"state": "CONNECTING", "reconnect": {"attempt": 0}, "errors": []}
    second = {"state": "RECONNECTING", "reconnect": {"attempt": 1}, "errors": ["reset"]}
    standin.answers["GET /api/v1/status"] = [
        (200, first), (200, first), (200, first), (200, second), (200, {"state": "PUSHING"}),
    ]  # fmt: skip
    status, out, err = run("start")
    assert (status, out) == (0, "start:ok\n")
    assert err.splitlines() == ["connecting…", "connecting, attempt 2… (last: reset)"]


@pytest.mark.parametrize("state", ["FAILED", "IDLE"])
def test_start_that_fails_says_why(run: Run, standin: Standin, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr("appliance.cli.operations._LOOK_S", 0.01)
    standin.answers["POST /api/v1/start"] = (200, {"errMsg": "start:ok"})
    standin.answers["GET /api/v1/status"] = [
        (200, {"state": "CONNECTING"}), (200, {"state": state, "errors": ["the server refused"]}),
    ]  # fmt: skip
    status, out, err = run("start")
    assert (status, out) == (1, "")
    assert err.endswith("live-pusher: start:fail the server refused\n")


def test_start_that_is_refused_is_not_followed(run: Run, standin: Standin) -> None:
    standin.answers["POST /api/v1/start"] = (409, {"errMsg": "start:fail no push address"})
    assert run("start") == (1, "", "live-pusher: start:fail no push address\n")


def test_ctrl_c_ends_the_waiting_and_not_the_push(standin: Standin) -> None:
    standin.answers["POST /api/v1/start"] = (200, {"errMsg": "start:ok"})
    standin.answers["GET /api/v1/status"] = (200, {"state": "CONNECTING"})
    # A shell's background jobs, the tests' own perhaps, inherit a SIGINT that is ignored; a terminal's do not.
    as_in_a_terminal = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"{as_in_a_terminal}; from appliance.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "--state-dir", str(standin.state_dir), "start"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "connecting…\n"
        process.send_signal(signal.SIGINT)
        assert "goes on trying" in process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert all(key != "POST /api/v1/stop" for key, _ in standin.asked)


def test_status_for_people_and_as_json(run: Run, standin: Standin) -> None:
    answer = {
        "state": "PUSHING", "since": 1_700_000_000.5, "url": "rtmp://h/a/***", "muted": False, "errors": [],
        "camera": {"position": "front"}, "net": {"videoBitrate": 900, "rtt": None, "encoder": "libx264"},
    }  # fmt: skip
    standin.answers["GET /api/v1/status"] = (200, answer)
    status, out, _ = run("status")
    assert status == 0
    rows = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1].strip() for line in out.splitlines()}
    assert rows["state"] == "PUSHING"
    assert rows["muted"] == "no"
    assert rows["errors"] == "none"
    assert rows["net.videoBitrate"] == "900 kbit/s"
    assert rows["net.rtt"] == "-"
    assert rows["since"].startswith("2023-11-1")
    assert json.loads(run("status", "--json")[1]) == answer


def test_events_the_newest_last(run: Run, standin: Standin) -> None:
    standin.answers["GET /api/v1/events?limit=2&code=20007&code=-1301"] = (
        200, {"events": [event(3, -1301), event(2)], "next": 2},
    )  # fmt: skip
    status, out, _ = run("events", "-n", "2", "--code", "20007", "--code", "-1301")
    assert status == 0
    assert out.splitlines() == [
        "2026-03-01 12:00:00?   20007  event 2",
        "2026-03-01 12:00:00   -1301  error: event 3",
    ]
    standin.answers["GET /api/v1/events?limit=20"] = (200, {"events": [event(9)], "next": None})
    assert json.loads(run("events", "--json")[1]) == event(9)


def test_following_goes_on_behind_the_newest(run: Run, standin: Standin) -> None:
    standin.answers["GET /api/v1/events?limit=1"] = (200, {"events": [event(7)], "next": None})
    standin.stream = [event(8), event(9, -1301), event(10)]
    status, out, err = run("events", "--follow", "--limit", "0", "--code", "20007")
    assert [line[-8:].strip() for line in out.splitlines()] == ["event 8", "event 10"]
    assert standin.stream_from == "7"
    assert (status, err) == (1, "live-pusher: the appliance ended the stream of events\n")


def test_a_reader_that_goes_away_is_no_traceback(standin: Standin) -> None:
    standin.answers["GET /api/v1/events?limit=1000"] = (200, {"events": [event(i) for i in range(1000, 0, -1)]})
    command = f"{sys.executable} -m appliance --state-dir {standin.state_dir} events -n 1000 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_settings_are_listed_with_what_is_remarkable(run: Run, standin: Standin) -> None:
    standin.answers["GET /api/v1/settings"] = (200, {"settings": {
        "url": item("***", secret=True, source="--set"),
        "mode": item("HD", default="RTC", applied="RTC", applies="next start"),
        "beauty": item(0, available=False),
        "video.fps": item(30, group="push"),
    }})  # fmt: skip
    status, out, _ = run("settings")
    assert status == 0
    assert out.splitlines() == [
        "[live-pusher]",
        'url       = "***"  (by --set)',
        'mode      = "HD"  (default "RTC"; running with "RTC" until the next start)',
        "beauty    = 0  (not yet available)",
        "",
        "[push]",
        "video.fps = 30",
    ]
    assert json.loads(run("settings", "list", "--json")[1])["mode"] == "HD"
    assert run("settings", "get", "mode") == (0, "HD\n", "")
    assert json.loads(run("settings", "get", "mode", "--json")[1])["default"] == "RTC"
    status, _, err = run("settings", "get", "mod")
    assert status == 1
    assert "did you mean mode?" in err


def item(value: object, **more: object) -> dict[str, object]:
    return {
        "value": value, "default": value, "applied": value, "applies": "now", "group": "live-pusher", "secret": False,
        "available": True, "source": "default", **more,
    }  # fmt: skip


def test_settings_are_changed_all_at_once(run: Run, standin: Standin) -> None:
    standin.answers["PATCH /api/v1/settings"] = (200, {"errMsg": "settings:ok", "changed": ["mode", "muted"]})
    status, out, _ = run("settings", "mode=HD", "muted=true", "microphone=none", "microphone.gain=-2.5")
    assert status == 0
    assert standin.asked[-1][1] == {"mode": "HD", "muted": True, "microphone.input": "none", "microphone.gain": -2.5}
    assert out.splitlines() == ["changed: mode, muted", "mode takes effect at the next start"]
    standin.answers["PATCH /api/v1/settings"] = (200, {"errMsg": "settings:ok", "changed": []})
    assert run("settings", "set", "mode=HD") == (0, "nothing changed\n", "")


def test_settings_refused_here_or_there(run: Run, standin: Standin) -> None:
    status, _, err = run("settings", "mode=4K", "mited=true")
    assert status == 1
    assert "allowed: SD, HD" in err
    assert "did you mean muted?" in err
    assert not standin.asked
    standin.answers["PATCH /api/v1/settings"] = (422, {"errMsg": "max-bitrate: too low", "problems": {}})
    assert run("settings", "max-bitrate=100") == (1, "", "live-pusher: max-bitrate: too low\n")


@pytest.mark.parametrize("words", [["got", "mode"], ["get"], ["get", "a", "b"], ["set"], ["mode"]])
def test_settings_with_wrong_words(run: Run, standin: Standin, words: list[str]) -> None:
    status, _, err = run("settings", *words)
    assert status == 2
    assert "allowed: list, get NAME" in err


def test_a_secret_can_come_from_standard_input(standin: Standin) -> None:
    standin.answers["PATCH /api/v1/settings"] = (200, {"changed": ["stream-key"]})
    command = [sys.executable, "-m", "appliance", "--state-dir", str(standin.state_dir), "settings", "stream-key=-"]
    subprocess.run(command, input="SECRET\n", text=True, timeout=30, check=True, capture_output=True)
    assert standin.asked[-1][1] == {"stream-key": "SECRET"}


def test_the_schema_needs_no_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "schema", "--state-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["mode"]["enum"] == ["SD", "HD", "FHD", "RTC"]


@pytest.mark.parametrize("answer", [(500, b"<h1>broken</h1>"), (200, b""), (200, b"[]"), (502, b"{}")])
def test_answers_that_are_none(run: Run, standin: Standin, answer: tuple[int, bytes]) -> None:
    standin.answers["GET /api/v1/status"] = answer
    status, out, err = run("status")
    assert (status, out) == (1, "")
    assert err.startswith("live-pusher: ")
    assert err.count("\n") == 1


def test_a_service_that_hangs_up_and_one_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.cli.client.ANSWER_S", 0.2)
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "run" / "control.sock"))
        listening.listen()
        with pytest.raises(ServiceFailed, match="no answer within"):
            Client(tmp_path).get("/api/v1/status")


def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    (deep / "run").mkdir(parents=True)
    before = os.getcwd()
    os.chdir(deep)
    try:
        standin = Standin(Path())
    finally:
        os.chdir(before)
    try:
        standin.answers["GET /api/v1/status"] = (200, {"state": "IDLE"})
        assert Client(deep).get("/api/v1/status") == {"state": "IDLE"}
    finally:
        standin.close()


def test_the_service_is_found_where_systemd_put_it(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.answers["GET /api/v1/status"] = (200, {"state": "IDLE"})
    state = tmp_path / "elsewhere"
    state.mkdir()
    (state / "lock").write_text(f"17\n{standin.state_dir / 'run'}\n")
    assert Client(state).get("/api/v1/status") == {"state": "IDLE"}
    (state / "lock").unlink()
    monkeypatch.setattr("appliance.cli.client._SYSTEM_SERVICE", standin.state_dir / "run")
    assert Client(state, explicit=False).get("/api/v1/status") == {"state": "IDLE"}
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(standin.state_dir / "run"))
    assert Client(state).get("/api/v1/status") == {"state": "IDLE"}
