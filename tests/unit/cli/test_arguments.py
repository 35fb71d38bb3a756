"""What the command line takes, and how it says no."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import arguments, main
from appliance.cli.arguments import BOARDS, default_state_dir, listen_address, parse

COMMANDS = [
    "run", "demo", "start", "stop", "pause", "resume", "switch-camera", "snapshot", "mute", "unmute", "preview on",
    "background", "foreground", "torch", "status", "events", "settings", "token list", "doctor", "cameras", "version",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_state_directory_before_and_after(command: str) -> None:
    words = command.split()
    for argv in (
        ["--state-dir", "/x", *words],
        [*words, "--state-dir", "/x"],
        [words[0], "--state-dir=/x", *words[1:]],
    ):
        parsed = parse(argv)
        assert parsed.state_dir == Path("/x")
        assert parsed.explicit_state_dir
        assert callable(parsed.command)
    assert not parse(words).explicit_state_dir


def test_the_later_state_directory_counts() -> None:
    assert parse(["--state-dir", "/x", "status", "--state-dir", "/y"]).state_dir == Path("/y")


def test_the_default_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_state_dir() == tmp_path / "xdg" / "live-pusher"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_state_dir() == Path("/home/somebody/.local/state/live-pusher")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/live-pusher:/var/lib/other")
    assert default_state_dir() == Path("/var/lib/live-pusher")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("box.local:65535", ("box.local", 65535)),
        (":8080", ("0.0.0.0", 8080)),
    ],
)  # fmt: skip
def test_addresses_to_listen_on(text: str, wanted: tuple[str, int]) -> None:
    assert listen_address(text) == wanted


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--listen", "8080"], ["run", "--listen", "h:65536"], ["run", "--listen", "::1:80"], ["run",
        "--listen", "h:"],
        ["run", "--listen", "a b:1"], ["run", "--board", "tv"], ["run", "--set", "mode"], ["run", "--set", "=x"],
        ["events", "--limit", "-1"], ["events", "--limit", "many"], ["preview"], ["preview", "maybe"], ["token"], [],
        ["dance"],
    ],
)  # fmt: skip
def test_a_wrong_command_is_status_2_with_a_reason(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_wrong_setting_is_status_2_before_anything_is_opened(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([command, "--state-dir", str(tmp_path / "state"), "--set", "mode=4K", "--set", "mde=HD"])
    assert status == 2
    error = capsys.readouterr().err
    assert 'mode: given "4K"; allowed: SD, HD, FHD, RTC' in error
    assert "did you mean mode?" in error
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "text", ["rtmp://h/app/SECRET", "url=rtmp:/h/SECRET", "stream-key=SECRET KEY", "mode=rtmp://h/a/SECRET"]
)
def test_a_refused_secret_is_not_repeated(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "run", "--set", text],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "allowed" in done.stderr
    assert "SECRET" not in done.stdout + done.stderr


def test_the_boards_are_those_there_are() -> None:
    from appliance.hardware import board

    assert board.BOARDS == BOARDS


def test_help_and_version_are_quick_to_load() -> None:
    script = (
        "import sys; from appliance.cli import main; assert main(['version']) == 0;"
        "print([m for m in ('av', 'numpy', 'flask', 'gpiozero') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_dash_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("live-pusher ")


def test_run_hands_over_what_was_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from appliance import app

    heard: list[object] = []

    def run(*given: object) -> int:
        heard.append(given)
        return 7

    monkeypatch.setattr(app, "run", run)
    monkeypatch.setattr(app, "demo", run)
    monkeypatch.setattr("appliance.cli.service.setup_logging", lambda debug: heard.append(debug))
    listen = ["--listen", "[::1]:9", "--set", "url=rtmp://h/a/b?c=d", "--set", "muted=true"]
    overrides = [("url", "rtmp://h/a/b?c=d"), ("muted", "true")]
    assert main(["run", "--state-dir", str(tmp_path), "--board", "simulated", *listen, "--debug"]) == 7
    assert heard == [True, (tmp_path, "simulated", ("::1", 9), overrides)]
    heard.clear()
    assert main(["demo"]) == 7
    assert heard == [False, (arguments.listen_address(arguments.LISTEN_DEMO), None, [])]
