"""The board as a machine: QEMU with TCG (no KVM: the same everywhere), power, network plug, console, and ssh for hands."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.servers.nginx import free_port

from .image import Image

HOST = "10.0.2.2"
"""The machine that QEMU runs on, as the board sees it; its loopback."""
BOOT_S = 240.0
RUN_S = 60.0
_MACS = {"lan": "52:54:00:00:00:01", "hands": "52:54:00:00:00:02"}


class BoardFailed(Exception):
    """The board did not do what was asked of it; says what and what was seen."""


class Machine:
    """One board. Its disk is a layer over the image's, made with the object, that outlives power cuts and goes with the
    folder. ``page`` is the host's port of loopback behind which the board's port 80 is."""

    def __init__(self, image: Image, folder: Path) -> None:
        self._image, self._folder = image, folder
        self._disk = folder / "disk.qcow2"
        self._monitor, self.console = folder / "monitor.sock", folder / "console.log"
        self._key = folder / "key"
        self._qemu: subprocess.Popen[bytes] | None = None
        self._line: subprocess.Popen[bytes] | None = None
        self.page, self._ssh_port = free_port(), free_port()
        shutil.copy(image.key, self._key)
        self._key.chmod(0o600)
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk), str(self._disk)]
        subprocess.run(create, check=True, timeout=30)

    # -- power ---------------------------------------------------------------------------------------------

    def power_on(self, *, board: int) -> float:
        """Switch it on as a Pi ``board`` (4 or 5) and wait until ssh answers; after how many seconds that was."""
        began = time.monotonic()
        nets = []
        for name, options in {
            "lan": "",
            "hands": f",net=10.0.9.0/24,restrict=on,hostfwd=tcp:127.0.0.1:{self._ssh_port}-10.0.9.15:22"
            f",hostfwd=tcp:127.0.0.1:{self.page}-10.0.9.15:80",
        }.items():
            nets += ["-netdev", f"user,id={name}{options}",
                     "-device", f"virtio-net-pci,netdev={name},id={name}-card,mac={_MACS[name]},romfile="]  # fmt: skip
        with (self._folder / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(
                ["nice", "-n", "5", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
                 "-display", "none", "-no-reboot", "-qmp", f"unix:{self._monitor},server,nowait",
                 "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
                 "-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd),
                 "-append", f"root=/dev/vda rw console=ttyS0 quiet board={board} systemd.show_status=no",
                 "-drive", f"file={self._disk},format=qcow2,if=virtio,cache=writeback",
                 "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng", *nets],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        while time.monotonic() - began < BOOT_S:
            if self._qemu.poll() is not None:
                raise BoardFailed(f"QEMU ended with {self._qemu.returncode}: {self.said()}")
            try:
                self.run("true", within_s=15)
                self._keep_line()
                return time.monotonic() - began
            except BoardFailed:
                time.sleep(1)
        raise BoardFailed(f"not up after {BOOT_S:g} s: {self.said()}")

    def cut_power(self) -> None:
        """At once, whatever it is doing. Harmless when it is off."""
        for process in (self._qemu, self._line):
            if process is not None:
                process.kill()
                process.wait(10)
        self._qemu = self._line = None

    def wait_off(self, timeout_s: float) -> None:
        """Wait until it has switched itself off."""
        assert self._qemu is not None
        try:
            self._qemu.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise BoardFailed(f"still on after {timeout_s:g} s: {self.said()}") from error
        self.cut_power()

    def said(self) -> str:
        """The end of what it wrote to its console."""
        return self.console.read_text(errors="replace")[-1500:] if self.console.exists() else ""

    def check_disk(self) -> str:
        """Read a disk that is off from end to end, changing nothing: e2fsck's words. Raises BoardFailed when it is damaged."""
        raw = self._folder / "disk.raw"
        try:
            subprocess.run(["qemu-img", "convert", "-O", "raw", str(self._disk), str(raw)], check=True, timeout=120)
            done = subprocess.run(
                ["/sbin/e2fsck", "-f", "-n", str(raw)], capture_output=True, text=True, timeout=120, check=False
            )
        finally:
            raw.unlink(missing_ok=True)
        if done.returncode:
            raise BoardFailed(f"the file system is damaged: {done.stdout[-2000:]}{done.stderr[-500:]}")
        return done.stdout.strip().splitlines()[-1]

    # -- network plug --------------------------------------------------------------------------------------

    def plug(self, *, inserted: bool) -> None:
        """Pull or insert the plug of the network that it streams over."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(str(self._monitor))
            with monitor.makefile("rw") as lines:
                lines.readline()  # the greeting
                for command in ({"execute": "qmp_capabilities"},
                                {"execute": "set_link", "arguments": {"name": "lan-card", "up": inserted}}):  # fmt: skip
                    lines.write(json.dumps(command) + "\n")
                    lines.flush()
                    while "return" not in (answer := json.loads(lines.readline())):
                        if "error" in answer:
                            raise BoardFailed(f"QEMU refuses {command}: {answer}")

    # -- hands ---------------------------------------------------------------------------------------------

    def shell(self, *command: str, options: tuple[str, ...] = ()) -> list[str]:
        """The words that run a command on the board as root, or a shell."""
        return [
            "ssh", "-q", "-i", str(self._key), "-p", str(self._ssh_port), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10", "-o", "IdentitiesOnly=yes",
            "-o", f"ControlPath={self._folder}/ssh", *options, "root@127.0.0.1", *command,
        ]  # fmt: skip

    def _keep_line(self) -> None:
        """One connection for all commands: on an emulated processor, agreeing on keys takes a second."""
        quiet = subprocess.DEVNULL
        self._line = subprocess.Popen(self.shell(options=("-M", "-N")), stdin=quiet, stdout=quiet, stderr=quiet)

    def run(self, script: str, *, within_s: float = RUN_S) -> str:
        """What a shell script says on the board, run as root. Raises BoardFailed when it fails or takes too long."""
        try:
            done = subprocess.run(
                self.shell("sh -eu"), input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", timeout=within_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise BoardFailed(f"{script}: took longer than {within_s:g} s on the board") from error
        if done.returncode:
            raise BoardFailed(f"{script}: exit status {done.returncode} on the board\n{done.stdout[-2000:]}")
        return done.stdout
