"""The machine as it stands: the service started by itself, within its fences, with the devices it needs and no others."""

from __future__ import annotations

import base64
import json
import re

from PIL import Image

from tests.vm.board import SHUTDOWN
from tests.vm.stage import SETTINGS, WAITING_FILE, Stage, need
from tests.vm.viewer import WAITING

MOST_EXPOSED = 2.0
STATE = "/var/lib/live-pusher"
LOGIN = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"


def boots(stage: Stage) -> None:
    """the machine boots to a started, healthy service, with its page on port 80"""
    board = stage.board
    board.wait_ready()
    for path, within in (("/healthz", b"ok"), ("/first-use", b"<form")):
        status, content = board.fetch("GET", path)
        need(status == 200 and within in content.lower(), f"{path}: {status} {content[:200]!r}")
    need(board.property("NRestarts") == "0", "the service did not start at once")
    failed = stage.machine.run("systemctl list-units --failed --plain --no-legend").strip()
    need(not failed, f"failed units: {failed}")


def set_up(stage: Stage) -> None:
    """push address and settings are taken over the page's API"""
    board = stage.board
    board.sign_in()
    picture = stage.folder / "waiting.png"
    Image.new("RGB", (64, 36), WAITING).save(picture)
    encoded = base64.b64encode(picture.read_bytes()).decode()
    stage.machine.run(f"echo {encoded} | base64 -d > {WAITING_FILE}; chown live-pusher:live-pusher {WAITING_FILE}")
    status, answer = board.ask("PATCH", "settings", {**SETTINGS, "url": stage.url, "button.shutdown.pin": SHUTDOWN})
    need(status == 200, f"{answer}")


def finds_its_devices(stage: Stage) -> None:
    """doctor finds cameras, microphone, pins and libraries, as the service's own user"""
    said = stage.machine.run(
        f"setpriv --reuid live-pusher --regid live-pusher --groups live-pusher,video,audio,gpio,render "
        f"live-pusher --state-dir {STATE} doctor --board pi || true", within_s=120,
    )  # fmt: skip
    for part in ("imx708", "ov5647", "Loopback", "Raspberry Pi 4 Model B", "pinctrl-bcm2711"):
        need(part in said, f"doctor does not tell {part}:\n{said}")


def fenced(stage: Stage) -> None:
    """the service's fences hold on the running system, tried from inside"""
    machine, board = stage.machine, stage.board
    report = machine.run("systemd-analyze security --no-pager live-pusher.service")
    exposure = re.search(r"Overall exposure level for live-pusher.service: ([0-9.]+)", report)
    need(exposure is not None and float(exposure[1]) <= MOST_EXPOSED, f"exposure {exposure and exposure[1]}")
    status = machine.run(f"cat /proc/{board.pid}/status")
    for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400"):
        need(line in status, f"{line} is not so: {status}")
    drop_in = "/run/systemd/system/live-pusher.service.d"
    machine.run(
        f"chmod 666 /dev/vda; mkdir -p {drop_in}\n"
        f"printf '[Service]\\nExecStartPre=/usr/local/lib/board/try-fences\\n' > {drop_in}/fences.conf\n"
        "systemctl daemon-reload; systemctl restart live-pusher.service", within_s=150,
    )  # fmt: skip
    tried = re.findall(r"fence: (.*)", board.journal(200))
    machine.run(f"rm -r {drop_in}; chmod 660 /dev/vda; systemctl daemon-reload")
    attempts = machine.run("grep -c '^    \"' /usr/local/lib/board/try-fences").strip()
    need(len(tried) == int(attempts), f"{len(tried)} of {attempts} attempts: {tried}")
    loose = [line for line in tried if "held" not in line]
    need(not loose, f"{loose}")
    board.wait_ready()


def rights(stage: Stage) -> None:
    """udev gives the devices to their groups; polkit lets the service's user switch off and restart, nothing else"""
    machine = stage.machine
    modes = machine.run("stat -c '%n %U:%G %a' /dev/gpiochip0 /dev/dma_heap/system").splitlines()
    need(modes == ["/dev/gpiochip0 root:gpio 660", "/dev/dma_heap/system root:video 660"], f"{modes}")
    for method, may in (("CanPowerOff", True), ("CanReboot", True), ("CanHalt", False)):
        said = machine.run(
            f"setpriv --reuid live-pusher --regid live-pusher --clear-groups busctl call {LOGIN} {method} 2>&1"
        )
        need(
            json.loads(said.split()[1] if said.startswith("s ") else '""') == ("yes" if may else "challenge"),
            f"{method}: {said}",
        )


def switched_off(stage: Stage) -> None:
    """holding the shutdown button in mid-push switches the machine off; its file system is clean"""
    stage.live()
    stage.machine.run(f"(sleep 1; echo pull-down > /run/pins/sim_gpio{SHUTDOWN}/pull) > /dev/null 2>&1 &")
    stage.machine.wait_off(90)
    stage.remembered["disk"] = stage.machine.check_disk()


SCENES = (boots, set_up, finds_its_devices, fenced, rights)
LAST = (switched_off,)
