"""FFmpeg as a listening RTMP server for one publisher, recording what comes to a file."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.servers.nginx import free_port


def available() -> bool:
    """Whether the ffmpeg command is installed."""
    return shutil.which("ffmpeg") is not None


def _listening(port: int) -> bool:
    """Whether somebody listens on ``port``; without connecting, for it takes one connection only."""
    wanted = f":{port:04X} "
    lines = [*Path("/proc/net/tcp").read_text().splitlines(), *Path("/proc/net/tcp6").read_text().splitlines()]
    return any(wanted in line and line.split()[3] == "0A" for line in lines)


class FfmpegReceiver:
    """Started by ``with``; ``wait`` gives the recording once the publisher is gone."""

    def __init__(self, folder: Path) -> None:
        self.recording = folder / "received.flv"
        self.port = free_port()
        self.url = f"rtmp://127.0.0.1:{self.port}/live"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-listen", "1", "-i", f"{self.url}/stream",
             "-c", "copy", str(self.recording)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        until = time.monotonic() + 5
        while not _listening(self.port):
            if time.monotonic() > until or self._process.poll() is not None:
                self.__exit__()
                raise RuntimeError("ffmpeg does not listen")
            time.sleep(0.02)
        return self

    def wait(self, timeout_s: float = 10) -> Path:
        """Wait until ffmpeg has ended by itself; the recording."""
        assert self._process is not None
        self._process.wait(timeout_s)
        return self.recording

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=5)
