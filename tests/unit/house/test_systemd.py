"""The unit is one that systemd takes, and says of every fence why it stands."""

from __future__ import annotations

import shutil
import subprocess
from configparser import RawConfigParser
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.cli.arguments import parse
from appliance.threads import Worker

from .source import ROOT

UNIT = ROOT / "systemd" / "live-pusher.service"
SYSUSERS = ROOT / "systemd" / "live-pusher.sysusers.conf"


def lines(key: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{key}=")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_it_without_a_word(tmp_path: Path) -> None:
    program = tmp_path / "live-pusher"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(lines("ExecStart")[0].split()[0], str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in (done.stderr + done.stdout).splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, [])


def test_what_it_starts_is_a_command_there_is() -> None:
    program, *arguments = lines("ExecStart")[0].split()
    assert program == "/opt/live-pusher/bin/live-pusher"
    parsed = parse(arguments)
    assert (parsed.board, parsed.listen[0]) == ("pi", "0.0.0.0")


def test_it_is_watched_and_restarted() -> None:
    assert lines("Type") == ["notify"]
    assert lines("Restart") == ["on-failure"]
    assert lines("StartLimitIntervalSec") == ["0"]
    longest_beat_s = Worker("any", lambda _: None).stall_s or 0
    assert float(lines("WatchdogSec")[0]) > 2 * longest_beat_s, "a stall is told before systemd acts"


def test_its_user_and_every_group_are_made() -> None:
    made = {line.split()[1] for line in SYSUSERS.read_text().splitlines() if line[:1] in ("u", "g")}
    assert {lines("User")[0], lines("Group")[0], *lines("SupplementaryGroups")[0].split()} <= made


def test_its_directories_are_private_to_its_group() -> None:
    for key in ("State", "Runtime"):
        assert lines(f"{key}Directory") == ["live-pusher"]
        assert lines(f"{key}DirectoryMode") == ["0750"]


def test_what_cameras_sound_and_pins_need_is_open() -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    for forbidden in ("PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "MemoryDenyWriteExecute",
                      "PrivateNetwork", "PrivateUsers", "ProcSubset"):  # fmt: skip
        assert forbidden not in parser["Service"]
    assert {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"} == set(lines("RestrictAddressFamilies")[0].split())


def test_every_fence_has_its_reason() -> None:
    fences = UNIT.read_text().partition("# -- Fences")[2].partition("[Install]")[0].splitlines()
    same_reason = ("CapabilityBoundingSet=", "AmbientCapabilities=", "SystemCallFilter=")
    bare = [
        line
        for before, line in pairwise(fences)
        if line and not line.startswith(("#", *same_reason)) and not before.startswith("#")
    ]
    assert not bare
