"""Starts the installed service as its unit would, inside a chroot where no systemd runs, and looks at it.

Run there as root by the system's Python: ``as_unit.py COMMAND…``; everything it needs to know it reads from the installed unit:
command, user, directories, environment, capabilities. Once the service has said that it is ready, each COMMAND is run by a
member of the service's group; then the service is told to end. What is not right ends it with a line that says so.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

UNIT = Path("/usr/lib/systemd/system/live-pusher.service")
READY_S = 60.0


def values(key: str) -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def command() -> tuple[list[str], dict[str, str]]:
    """ExecStart as systemd expands it, and its environment."""
    environment = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}
    for line in values("Environment"):
        for word in shlex.split(line):
            name, _, value = word.partition("=")
            environment[name] = value
    for name in values("EnvironmentFile"):
        for line in Path(name.lstrip("-")).read_text().splitlines():
            if line and not line.startswith("#"):
                variable, _, value = line.partition("=")
                environment[variable] = "".join(shlex.split(value))
    words: list[str] = []
    for word in shlex.split(values("ExecStart")[0]):
        words += shlex.split(environment[word[1:]]) if word.startswith("$") else [word]
    return words, environment


def main() -> None:
    words, environment = command()
    user = values("User")[0]
    for key, parent in (("State", "/var/lib"), ("Runtime", "/run")):
        folder = Path(parent) / values(f"{key}Directory")[0]
        folder.mkdir(exist_ok=True)
        folder.chmod(int(values(f"{key}DirectoryMode")[0], 8))
        shutil.chown(folder, user, user)
        environment[f"{key.upper()}_DIRECTORY"] = str(folder)
    os.umask(int(values("UMask")[0], 8))
    notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    Path("/run/notify").unlink(missing_ok=True)
    notifications.bind("/run/notify")
    os.chmod("/run/notify", 0o777)  # as systemd's own is
    environment["NOTIFY_SOCKET"] = "/run/notify"
    environment["WATCHDOG_USEC"] = str(int(float(values("WatchdogSec")[0]) * 1e6))
    capability = values("AmbientCapabilities")[0].removeprefix("CAP_").lower()
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--no-new-privs"]
    groups = ",".join([user, *values("SupplementaryGroups")[0].split()])
    service = subprocess.Popen(
        [*become, f"--groups={groups}", f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}",
         f"--bounding-set=-all,+{capability}", *words],
        env=environment, cwd="/",  # as systemd has it
    )  # fmt: skip
    try:
        wait_until_ready(notifications, service)
        with urllib.request.urlopen("http://127.0.0.1:80/healthz", timeout=10) as answer:
            print(f"healthz: {answer.status} {answer.read().decode()}")
        for asked in sys.argv[1:]:
            done = subprocess.run(
                [*become, f"--groups={user}", *shlex.split(asked)], env={"PATH": "/usr/bin", "HOME": "/nonexistent"},
                capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
            print(f"{asked}: {done.returncode}\n{done.stdout}{done.stderr}")
            if done.returncode:
                raise SystemExit(f"{asked} failed")
    finally:
        service.send_signal(signal.SIGTERM)
        status = service.wait(float(values("TimeoutStopSec")[0]))
    if status:
        raise SystemExit(f"the service ended with {status}")


def wait_until_ready(notifications: socket.socket, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    notifications.settimeout(0.5)
    while time.monotonic() < deadline:
        if service.poll() is not None:
            raise SystemExit(f"the service ended with {service.returncode} before it was ready")
        try:
            if "READY=1" in notifications.recv(4096).decode().splitlines():
                return
        except TimeoutError:
            continue
    raise SystemExit(f"the service was not ready within {READY_S:g} s")


if __name__ == "__main__":
    main()
