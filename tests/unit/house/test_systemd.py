"""The unit is one that systemd takes, and says of every fence why it stands; what it needs of the system is made beside it."""

from __future__ import annotations

import re
import shlex
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
TMPFILES = ROOT / "systemd" / "live-pusher.tmpfiles.conf"
UDEV = ROOT / "systemd" / "60-live-pusher.rules"
POLKIT = ROOT / "systemd" / "live-pusher.rules"
EXPOSURE = 2.0


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
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in (done.stderr + done.stdout).splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_little_of_the_system_is_exposed_to_it() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= EXPOSURE


def options(text: str) -> list[str]:
    """What LIVE_PUSHER_OPTIONS holds in a line of the unit or of its environment file."""
    return shlex.split(text.partition("LIVE_PUSHER_OPTIONS=")[2].strip('"'))


def test_what_it_starts_is_a_command_there_is() -> None:
    program, command, variable = lines("ExecStart")[0].split()
    assert (program, variable) == ("/usr/bin/live-pusher", "$LIVE_PUSHER_OPTIONS")
    given = next(line for line in lines("Environment") if "LIVE_PUSHER_OPTIONS" in line)
    parsed = parse([command, *options(given)])
    assert (parsed.board, parsed.listen) == ("pi", ("0.0.0.0", 80))
    assert lines("AmbientCapabilities") == lines("CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"], "for port 80"


def test_the_example_of_other_options_is_one() -> None:
    example = (ROOT / "image-build" / "debian" / "default").read_text()
    parsed = parse(["run", *options(next(line for line in example.splitlines() if "LIVE_PUSHER_OPTIONS" in line))])
    assert (parsed.board, parsed.listen[1]) == ("pi", 8080)
    assert lines("EnvironmentFile") == ["-/etc/default/live-pusher"]


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
    made = [line.split() for line in TMPFILES.read_text().splitlines() if not line.startswith("#")]
    assert made == [["d", "/var/lib/live-pusher", "0750", "live-pusher", "live-pusher", "-"]]


def test_devices_belong_to_groups_that_the_service_has() -> None:
    rules = [line for line in UDEV.read_text().splitlines() if line and not line.startswith("#")]
    owned = {re.sub(r'.*GROUP="([a-z]+)", MODE="0660"', r"\1", rule) for rule in rules}
    assert owned <= set(lines("SupplementaryGroups")[0].split())
    matched = " ".join(re.findall(r'(?:SUBSYSTEM|KERNEL)=="([^"]+)"', "\n".join(rules)))
    assert matched.split() == ["dma_heap", "video4linux", "media", "vcio", "gpio", "gpiochip[0-9]*"]


def test_its_user_may_switch_off_and_restart_and_no_more() -> None:
    allowed = re.findall(r'"(org\.freedesktop[^"]+)"', POLKIT.read_text())
    wanted = {"power-off", "power-off-multiple-sessions", "reboot", "reboot-multiple-sessions"}
    assert {action.removeprefix("org.freedesktop.login1.") for action in allowed} == wanted
    assert f'subject.user === "{lines("User")[0]}"' in POLKIT.read_text()


def test_what_cameras_sound_and_pins_need_is_open() -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    for forbidden in ("PrivateDevices", "MemoryDenyWriteExecute", "PrivateNetwork", "PrivateUsers", "ProcSubset"):
        assert forbidden not in parser["Service"]
    assert lines("DeviceAllow") == ["char-* rw"], "a list of kinds would keep out what is plugged in later"
    assert {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"} == set(lines("RestrictAddressFamilies")[0].split())


def test_every_fence_has_its_reason() -> None:
    fences = UNIT.read_text().partition("# -- Fences")[2].partition("[Install]")[0].splitlines()
    same_reason = ("AmbientCapabilities=", "DeviceAllow=", "SystemCallFilter=~")
    bare = [
        line
        for before, line in pairwise(fences)
        if line and not line.startswith(("#", *same_reason)) and not before.startswith("#")
    ]
    assert not bare
