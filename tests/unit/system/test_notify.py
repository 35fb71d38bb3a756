"""What systemd hears."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.system import notify


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@live-pusher-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield sock


def test_every_message_arrives(systemd: socket.socket) -> None:
    notify.ready()
    notify.status("pushing\nto  a server")
    notify.watchdog()
    notify.stopping()
    heard = [systemd.recv(200).decode() for _ in range(4)]
    assert heard == [f"READY=1\nMAINPID={os.getpid()}", "STATUS=pushing to a server", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:1:2"])
def test_without_a_listener_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.ready()


def test_the_watchdogs_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    for text, wanted in (("", None), ("0", None), ("soon", None), ("30000000", 30.0)):
        monkeypatch.setenv("WATCHDOG_USEC", text)
        assert notify.watchdog_s() == wanted
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert notify.watchdog_s() == 30.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert notify.watchdog_s() is None, "another process is watched"
