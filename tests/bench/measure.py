"""What a process costs: CPU seconds over a stretch of time, and its peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """User and system seconds, and the peak resident size in MB, of one process with all its threads."""

    cpu_s: float
    peak_mb: float


def cpu_s(pid: int) -> float:
    """User and system seconds that a process has used so far (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def peak_mb(pid: int) -> float:
    """VmHWM of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmHWM")


def watch(process: subprocess.Popen[bytes], *, settle_s: float, seconds: float) -> Cost:
    """The cost of ``seconds`` of a running process, after ``settle_s`` for its start."""
    time.sleep(settle_s)
    before = cpu_s(process.pid)
    time.sleep(seconds)
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended by itself with status {process.returncode}")
    return Cost(cpu_s(process.pid) - before, peak_mb(process.pid))


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see to it."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
