"""A real nginx-rtmp of the test's own: temporary folder, loopback, a free port, recordings as FLV."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_MODULES = ("/usr/lib/nginx/modules/ngx_rtmp_module.so", "/usr/share/nginx/modules/ngx_rtmp_module.so")

_CONFIGURATION = """
{module}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    access_log off;
    server {{
        listen {host}:{port};
        {ipv6}
        application live {{
            live on;
            {directives}
            record all;
            record_path {folder}/recordings;
            record_suffix -%s.flv;
        }}
    }}
}}
"""


def available() -> bool:
    """Whether nginx and its RTMP module are installed."""
    return shutil.which("nginx") is not None and any(os.path.exists(module) for module in _MODULES)


def free_port() -> int:
    """A TCP port that was free on loopback a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Nginx:
    """May be started, stopped, frozen and started again on the same port. ``directives`` go into the application;
    ``prefix`` is a command to run it under (``ip netns exec …``)."""

    def __init__(
        self, folder: Path, *, directives: str = "", ipv6: bool = False, host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.folder = folder
        self.host = host
        self._prefix = prefix
        self.port = free_port()
        self.recordings = folder / "recordings"
        self.recordings.mkdir(parents=True)
        module = next((module for module in _MODULES if os.path.exists(module)), None)
        (folder / "nginx.conf").write_text(
            _CONFIGURATION.format(
                module=f"load_module {module};",
                folder=folder,
                host=host,
                port=self.port,
                directives=directives,
                ipv6=f"listen [::1]:{self.port} ipv6only=on;" if ipv6 else "",
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the application; append ``/NAME``."""
        return f"rtmp://{self.host}:{self.port}/live"

    def start(self) -> Self:
        """Start and wait until it listens."""
        self._process = subprocess.Popen(
            [*self._prefix, "nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 5
        while time.monotonic() < until and self._process.poll() is None:
            if self._listens(self._process.pid):
                return self
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"nginx does not listen: {self.log()[-2000:]}")

    def _listens(self, pid: int) -> bool:
        """Whether there is a listener on our port, seen from where nginx lives: another namespace perhaps."""
        try:
            lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()
        except OSError:
            return False
        return any(f":{self.port:04X} " in line and line.split()[3] == "0A" for line in lines)

    def freeze(self) -> None:
        """Stop it as a debugger does: the kernel goes on acknowledging, nginx does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self, *, kill: bool = False) -> None:
        """End it in order, or at once with ``kill``. Harmless when not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def log(self) -> str:
        """What nginx has logged."""
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def recorded(self, name: str) -> list[Path]:
        """The recordings of stream ``name``, oldest first."""
        return sorted(self.recordings.glob(f"{name}-*.flv"), key=lambda path: path.stat().st_mtime_ns)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
