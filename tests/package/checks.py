"""What must hold of a package in a real system, in the order of its life there: each step starts from the one before."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

from .chroots import Chroot, Failed

STATE = "/var/lib/live-pusher"
WANTED = "/etc/systemd/system/multi-user.target.wants/live-pusher.service"
NAME = "booth 7"
"""Set as a user would, before the upgrade; looked for after everything that must keep it."""

PASSWORD_FILES = {f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")} | {"etc/.pwd.lock"}
"""Copies that systemd-sysusers leaves; the user stays after a purge, as Debian's practice is."""

IMPORTS = """
import av, PIL.Image, numpy, flask, waitress, gpiozero, alsaaudio, tomlkit
from appliance.hardware.pi.pins import lgpio_factory
from appliance.errors import HardwareMissing
try:
    lgpio_factory()
except HardwareMissing as error:
    assert "Pi revision" in error.reason, error.reason  # loaded, and this is no Pi
"""
DEMO = """
import json, subprocess, sys, time
command = ["/usr/bin/live-pusher", "--state-dir", "/tmp/demo"]
demo = subprocess.Popen([*command, "demo", "--listen", "127.0.0.1:8081"], stdout=subprocess.DEVNULL)
state, deadline = "", time.monotonic() + 60
while state != "PUSHING" and time.monotonic() < deadline and demo.poll() is None:
    time.sleep(1)
    asked = subprocess.run([*command, "status", "--json"], capture_output=True, text=True)
    state = json.loads(asked.stdout)["state"].upper() if asked.returncode == 0 else asked.stderr
demo.terminate()
demo.wait(10)
sys.exit(0 if state == "PUSHING" else f"the demonstration did not push: {state}")
"""


def need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def lint(system: Chroot, package: str) -> None:
    """The release's own lintian: no error, no warning, no override without effect."""
    system.run("lintian", "--allow-root", "--fail-on=error,warning", "--tag-display-limit=0", package)


def install(system: Chroot, package: str) -> None:
    system.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "--allow-downgrades", package)


def installed(system: Chroot, version: str) -> None:
    """Files, user, groups, directories, the unit enabled, every library found, and the command there for everybody."""
    said = system.as_user("daemon", "live-pusher", "--version").strip()
    need(said == f"live-pusher {version}", f"--version says {said!r}, not {version}")
    need(system.run("dpkg", "--verify", "live-pusher") == "", "files differ from the package's")
    groups = set(system.run("id", "-nG", "live-pusher").split())
    need(groups == {"live-pusher"}, f"the user is in {groups}; the devices' groups are the unit's to give")
    for group in ("video", "audio", "gpio", "render"):
        system.run("getent", "group", group)
    shell = system.run("getent", "passwd", "live-pusher").strip().rpartition(":")[2]
    need(shell.endswith("nologin"), f"somebody could sign in as the service, with {shell}")
    mode = system.path(STATE).stat()
    need(stat.S_IMODE(mode.st_mode) == 0o750 and mode.st_uid != 0, f"{STATE} is open to others, or root's")
    need(system.path(WANTED).is_symlink(), "the unit is not enabled")
    lib = system.path("/usr/lib/live-pusher")
    for library in lib.rglob("*.so*"):
        missing = [line for line in system_ldd(system, library) if "not found" in line]
        need(not missing, f"{library.name} lacks {missing}")
    modules = [path for path in lib.rglob("*.py") if "appliance" in path.parts]
    compiled = list(lib.rglob("appliance/**/*.pyc"))
    need(len(compiled) == len(modules), f"{len(compiled)} of {len(modules)} modules are compiled")
    # where the service is started, in /, which it may not write to, and which lgpio by itself would
    system.as_user("live-pusher", "/usr/lib/live-pusher/bin/python3", "-I", "-c", IMPORTS)


def system_ldd(system: Chroot, library: Path) -> list[str]:
    return system.run("ldd", f"/{library.relative_to(system.root)}").splitlines()


def fenced(system: Chroot) -> None:
    """The release's own systemd takes the unit, and finds little exposed."""
    unit = "/usr/lib/systemd/system/live-pusher.service"
    said = [
        line for line in system.run("systemd-analyze", "verify", "--man=no", unit).splitlines() if "live-pusher" in line
    ]
    need(not said, f"systemd-analyze verify: {said}")
    report = system.run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for live-pusher.service: ([0-9.]+)", report)
    need(found is not None and float(found[1]) <= 2.0, f"exposure {found and found[1]}, more than 2.0")
    if "verify" in system.run("udevadm", "--help"):  # systemd 254 and newer
        system.run("udevadm", "verify", "/usr/lib/udev/rules.d/60-live-pusher.rules")


def doctor(system: Chroot) -> None:
    """Run under the service's user it finds everything that a simulated board needs, and no library is missing."""
    report = system.as_user(
        "live-pusher", "sh", "-c", "live-pusher --state-dir /tmp/doctor doctor --board simulated || echo failed"
    )
    bad = [line for line in report.splitlines() if line.lower().startswith(("fail", "failed"))]
    need(not bad, f"doctor: {bad}\n{report}")


def served(system: Chroot, *commands: str) -> str:
    """The service as the unit starts it, ready and healthy on port 80; ``commands`` by a member of its group."""
    shutil.copy(Path(__file__).with_name("as_unit.py"), system.path("/tmp/as_unit.py"))
    said = system.run("/usr/bin/python3", "/tmp/as_unit.py", *commands)
    need("healthz: 200" in said, said)
    return said


def pushes(system: Chroot) -> None:
    """Camera to encoder to RTMP, with the libraries that are carried."""
    system.as_user("live-pusher", "/usr/bin/python3", "-c", DEMO)


def stays_disabled(system: Chroot, package: str) -> None:
    """Whoever switched the service off finds it off after an upgrade."""
    system.run("systemctl", "disable", "live-pusher.service")
    install(system, package)
    need(not system.path(WANTED).is_symlink(), "an upgrade has enabled the unit again")
    system.run("systemctl", "enable", "live-pusher.service")


def kept(system: Chroot, folder: str = STATE) -> dict[str, bytes]:
    """What a user would miss: settings, event log, secrets, with their owners."""
    root = system.path(folder)
    kept = {
        f"{path.relative_to(root)} {path.stat().st_uid} {stat.S_IMODE(path.stat().st_mode):o}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    need(any(name.startswith("settings.toml ") and NAME.encode() in text for name, text in kept.items()),
         f"no settings in {sorted(kept)}")  # fmt: skip
    need(any(name.startswith("events.sqlite ") for name in kept), f"no event log in {sorted(kept)}")
    return kept


def removed(system: Chroot) -> None:
    """The program gone, what users made still there."""
    system.run("apt-get", "remove", "-y", "-q", "live-pusher")
    for gone in ("/usr/bin/live-pusher", "/usr/lib/live-pusher", "/usr/lib/systemd/system/live-pusher.service"):
        need(not system.path(gone).exists(), f"{gone} is still there after the removal")
    need(system.path("/etc/default/live-pusher").exists(), "the configuration file has gone with the removal")


def purged(system: Chroot, before: set[str]) -> None:
    system.run("apt-get", "purge", "-y", "-q", "live-pusher")
    after = system.files()
    need(not after - before - PASSWORD_FILES, f"purge leaves {sorted(after - before - PASSWORD_FILES)[:20]}")
    need(not before - after, f"purge took {sorted(before - after)[:20]}")
