"""What must hold however long it runs, and whatever befalls it."""

from __future__ import annotations

import itertools
import os
import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from appliance.media.tags import TagKind
from tests.servers.media import flv_tags

LEGAL = {
    ("IDLE", "CONNECTING"), ("FAILED", "CONNECTING"), ("FAILED", "IDLE"), ("CONNECTING", "PUSHING"),
    ("CONNECTING", "PAUSED"), ("CONNECTING", "RECONNECTING"), ("CONNECTING", "FAILED"), ("CONNECTING", "STOPPING"),
    ("PUSHING", "PAUSED"), ("PUSHING", "RECONNECTING"), ("PUSHING", "STOPPING"), ("PUSHING", "FAILED"),
    ("PAUSED", "PUSHING"), ("PAUSED", "RECONNECTING"), ("PAUSED", "STOPPING"), ("PAUSED", "FAILED"),
    ("RECONNECTING", "PUSHING"), ("RECONNECTING", "PAUSED"), ("RECONNECTING", "STOPPING"),
    ("RECONNECTING", "FAILED"), ("STOPPING", "IDLE"),
}  # fmt: skip
"""Every change of state that SPEC 2 knows."""

_CHANGE = re.compile(r"\b([A-Z]+) -> ([A-Z]+) \(")


@dataclass
class Resources:
    """Threads, descriptors and resident memory of a process over time."""

    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def sample(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        self.threads.append(int(re.findall(r"^Threads:\s+(\d+)", status, re.MULTILINE)[0]))
        self.memory_mb.append(int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0]) / 1024)
        self.descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))

    def growth(self, values: list[int] | list[float]) -> tuple[float, float]:
        """The median of the first third, after a warm-up, and of the last."""
        warm = values[len(values) // 10 :]
        third = max(1, len(warm) // 3)
        return statistics.median(warm[:third]), statistics.median(warm[-third:])

    def problems(self) -> list[str]:
        found = []
        for name, values, allowed in (
            ("threads", self.threads, 6), ("descriptors", self.descriptors, 8), ("MB of memory", self.memory_mb, 12)
        ):  # fmt: skip
            first, last = self.growth(values)
            if last - first > allowed:
                found.append(f"{name} grew from {first:.0f} to {last:.0f}")
        return found

    def __str__(self) -> str:
        parts = []
        for name, values in (("threads", self.threads), ("fds", self.descriptors), ("MB", self.memory_mb)):
            first, last = self.growth(values)
            parts.append(f"{name} {first:.0f} -> {last:.0f} (most {max(values):.0f})")
        return ", ".join(parts)


def log_problems(log: str, secrets: list[str]) -> list[str]:
    """Illegal changes of state, tracebacks and secrets in the log."""
    found = []
    changes = _CHANGE.findall(log)
    found += [f"illegal change of state {old} -> {new}" for old, new in changes if (old, new) not in LEGAL]
    for before, after in itertools.pairwise(changes):
        if before[1] != after[0]:
            found.append(f"state jumped from {before[1]} to {after[0]}")
    if "Traceback" in log:
        found.append("a traceback in the log: " + log[log.index("Traceback") :][:1500])
    found += ["a secret is in the log" for secret in secrets if secret in log]
    return found


def recording_problems(path: Path) -> list[str]:
    """Timestamps that go back, in one track of a recording."""
    found = []
    for kind in (TagKind.VIDEO, TagKind.AUDIO):
        times = [tag.time_ms for tag in flv_tags(path.read_bytes()) if tag.kind is kind and not tag.header]
        back = [b - a for a, b in itertools.pairwise(times) if b < a]
        if back:
            found.append(f"{path.name}: {kind.name.lower()} goes back {len(back)} times, at most {-min(back)} ms")
    return found
