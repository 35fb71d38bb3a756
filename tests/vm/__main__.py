"""``python -m tests.vm [--shell] [SCENE …]``: build the virtual board and play every scene on it, or leave a shell and the page.

It needs root (chroots while the disk is made) and says loudly what is missing; the last line is a summary in one line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.servers import nginx
from tests.servers.nginx import Nginx

from .board import Board
from .caching import CannotBuild, CannotFetch
from .image import Image, image
from .machine import BoardFailed, Machine
from .scenes import pushing, standing, trouble
from .stage import Stage

CANNOT = 3
"""The exit status of a check that cannot be run here: neither passed nor failed (.make/system-tests)."""

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg",
    "mkfs.ext4": "e2fsprogs", "unshare": "util-linux", "ssh": "openssh-client", "swig": "swig", "ffmpeg": "ffmpeg",
    "nginx": "nginx-light", "chromium": "chromium",
}  # fmt: skip
SCENES = (*standing.SCENES, *pushing.SCENES, *trouble.SCENES, *standing.LAST)
FIRST = standing.SCENES[:2]
NAMES = tuple(scene.__name__ for scene in SCENES)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shell", action="store_true", help="boot, say where the page is, and give a shell as root")
    parser.add_argument("--board", type=int, choices=(4, 5), default=4, help="with --shell: which Pi it is taken for")
    parser.add_argument(
        "scene", nargs="*", metavar="SCENE", help="these alone, after the first two: " + ", ".join(NAMES)
    )
    arguments = parser.parse_args()
    if strange := sorted({*arguments.scene} - {*NAMES}):
        parser.error(f"there is no scene {strange[0]}")
    scenes = tuple(
        scene for scene in SCENES if not arguments.scene or scene in FIRST or scene.__name__ in arguments.scene
    )
    # whoever ends this by force has the board switched off and the server ended, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if reason := _cannot():
        return _summary(f"NOT RUN: {reason}", CANNOT)
    began = time.monotonic()
    try:
        built = image()
    except CannotFetch as error:
        print(error, file=sys.stderr)
        return _summary(f"NOT RUN: what it is built from cannot be had: {str(error).splitlines()[0]}", CANNOT)
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return _summary(f"FAILED: it cannot be built: {str(error).splitlines()[0]}", 1)
    print(f"  built, or kept from before, in {time.monotonic() - began:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="live-pusher-vm-") as scratch:
        if arguments.shell:
            return _shell(built, Path(scratch), arguments.board)
        failed = _play(built, Path(scratch), scenes)
    took_s = time.monotonic() - began
    if failed:
        return _summary(f"FAILED: {len(failed)} of {len(scenes)} scenes: {', '.join(failed)}; {took_s:.0f} s", 1)
    return _summary(f"passed: {len(scenes)} scenes; {took_s:.0f} s", 0)


def _summary(said: str, status: int) -> int:
    print(f"virtual board: {said}", flush=True)
    return status


def _cannot() -> str:
    """Why the board cannot be had here, and what to do; empty when it can."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid():
        return "needs root, for chroots: sudo make test-vm"
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if not nginx.available():
        missing.append("libnginx-mod-rtmp")
    if missing:
        return f"missing here: apt install {' '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        return "this machine lets nobody make namespaces (a container without rights?)"
    return ""


def _shell(built: Image, folder: Path, board: int) -> int:
    machine = Machine(built, folder)
    try:
        took_s = machine.power_on(board=board)
        print(
            f"Up after {took_s:.0f} s, as a Pi {board}. The page: http://127.0.0.1:{machine.page}/ (soon). The pins: /run/pins."
        )
        print("Switched off when this shell ends; nothing of it is kept.", flush=True)
        return subprocess.run(machine.shell(), check=False).returncode
    finally:
        machine.cut_power()


def _play(built: Image, folder: Path, scenes: Sequence[Callable[[Stage], None]]) -> list[str]:
    """Play scenes; the names of those that failed."""
    failed = []
    with ExitStack() as stack:
        # a session whose network has gone holds its stream name for so long
        server = stack.enter_context(Nginx(folder / "server", directives="drop_idle_publisher 15s;"))
        machine = Machine(built, folder)
        stack.callback(machine.cut_power)
        try:
            booted_s = machine.power_on(board=4)
        except BoardFailed as error:
            print(error, file=sys.stderr)
            return ["boot"]
        stage = Stage(machine, Board(machine), server, folder)
        print(f"  the machine is up after {booted_s:.0f} s", flush=True)
        for scene in scenes:
            began = time.monotonic()
            said = (scene.__doc__ or "").strip()
            try:
                scene(stage)
            except Exception as error:  # noqa: BLE001 - whatever it is, the scene failed, and the others are played
                failed.append(scene.__name__)
                print(f"FAILED: {said} ({time.monotonic() - began:.0f} s)\n{type(error).__name__}: {error}", flush=True)
                _evidence(stage)
            else:
                print(f"  {said} ({time.monotonic() - began:.0f} s)", flush=True)
        if "disk" in stage.remembered:
            print(f"  the disk: {stage.remembered['disk']}")
    return failed


def _evidence(stage: Stage) -> None:
    """What may tell why: the service's journal, or the console where nobody answers."""
    try:
        print(stage.board.journal(40), flush=True)
    except (BoardFailed, OSError):
        print(stage.machine.said(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
