"""The bottleneck: a process in the router's namespace that re-rates its way out and makes the way back long.

``python -m tests.bench.uplink.router PLAN``; it says ``ready``, reads the moment at which the plan begins (seconds of the
monotonic clock) as a line, and goes on until its standard input ends.

Rate: ``tbf`` on the interface towards the receiver, followed live. A changed tbf waits on for the packet that it saw last
at the old rate until another one comes, so each change is followed by a tiny one; and it begins with a full bucket, so the
bucket holds one packet, and half a packet, which is what that gives away on average, is taken off what comes next.

Delay: acknowledgements are held for the round trip time in here, through a tun device, since not every kernel has netem. To
TCP it is the same wherever on the way round the time is spent; whoever records arrivals has to add half of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.uplink.links import Link

OUT, BACK, HELD = "net1", "net0", "held0"
"""Interfaces: towards the receiver, towards the pusher, and the one in which acknowledgements wait."""

MTU = 1500
FRAME = MTU + 14
"""What tbf counts for a full packet: Ethernet's header too, which a link's rate does not contain."""
GIVEN_KBIT = FRAME * 8 / 1000 / 2
"""What a change gives away while something waits."""
SLOWEST_KBPS = 1.0
"""Stands for nothing at all: a packet in 12 s."""
BURST_KBPS = 30_000.0
"""How fast what a stall held back comes out."""

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@dataclass(frozen=True, slots=True)
class Rate:
    """From second ``at_s`` of the plan on."""

    at_s: float
    kbps: float


def rates(link: Link) -> list[Rate]:
    """The link's steps and stalls as rates of tbf, what each change gives away already taken off."""
    edges = {at_s: kbps for at_s, kbps in link.steps if at_s < link.duration_s}
    for begin_s, for_s in link.stalls:
        end_s = begin_s + for_s
        held_kbit = link.rate_kbps(begin_s) * for_s
        through_s = end_s + held_kbit / BURST_KBPS
        edges = {at_s: kbps for at_s, kbps in edges.items() if not begin_s <= at_s < through_s}
        edges |= {begin_s: 0.0, end_s: BURST_KBPS, through_s: link.rate_kbps(through_s)}
    ordered = sorted(edges.items())
    ends = [at_s for at_s, _ in ordered[1:]] + [float("inf")]
    return [
        Rate(at_s, max(SLOWEST_KBPS, (kbps - GIVEN_KBIT / (end_s - at_s)) * FRAME / MTU))
        for (at_s, kbps), end_s in zip(ordered, ends, strict=True)
    ]


class Shaper:
    """tbf on the way out; one ``tc`` takes all changes. Raises OSError and CalledProcessError."""

    def __init__(self, first: Rate, buffer_bytes: int, beyond: str) -> None:
        self._buffer_bytes = buffer_bytes
        subprocess.run(["tc", "qdisc", "replace", *self._tbf(first)], check=True, timeout=10)
        self._tc = subprocess.Popen(["tc", "-batch", "-"], stdin=subprocess.PIPE)
        self._waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._beyond = (beyond, 9)  # discard (RFC 863)

    def set(self, rate: Rate) -> None:
        assert self._tc.stdin is not None
        self._tc.stdin.write(f"qdisc change {' '.join(self._tbf(rate))}\n".encode())
        self._tc.stdin.flush()

    def wake(self) -> None:
        """A packet of 43 bytes, so that tbf looks at its clock."""
        self._waker.sendto(b"\0", self._beyond)

    def _tbf(self, rate: Rate) -> list[str]:
        return [
            "dev", OUT, "root", "handle", "1:", "tbf", "rate", f"{round(rate.kbps * 1000)}bit",
            "burst", str(FRAME), "limit", str(self._buffer_bytes),
        ]  # fmt: skip


class Held:
    """A tun device: what is routed into it comes out again ``delay_s`` later."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.descriptor, _TUNSETIFF, struct.pack("16sH22x", HELD.encode(), _IFF_TUN | _IFF_NO_PI))
        self._packets: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float) -> None:
        """Take what is there."""
        try:
            while packet := os.read(self.descriptor, 2 * MTU):
                self._packets.append((now_s + self._delay_s, packet))
        except BlockingIOError:
            pass

    def give(self, now_s: float) -> float:
        """Let go what is due; the answer is when the next one is."""
        while self._packets and self._packets[0][0] <= now_s:
            os.write(self.descriptor, self._packets.popleft()[1])
        return self._packets[0][0] if self._packets else float("inf")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10)


def route_back() -> None:
    """What comes from the receiver goes through the held interface, and from there to the pusher."""
    _run("ip", "link", "set", HELD, "up")
    _run("ip", "rule", "add", "iif", OUT, "table", "100")
    _run("ip", "route", "add", "default", "dev", HELD, "table", "100")


def follow(shaper: Shaper, held: Held, plan: Iterable[Rate]) -> None:
    """Until standard input ends."""
    waiting = deque(plan)
    wakes: deque[float] = deque()
    begin_s: float | None = None
    while True:
        now_s = time.monotonic()
        due_s = held.give(now_s)
        if begin_s is not None and waiting:
            if begin_s + waiting[0].at_s <= now_s:
                shaper.set(waiting.popleft())
                # tc needs a moment; where it needs more, the second one comes after it
                wakes.extend((now_s + 0.002, now_s + 0.02))
            if waiting:
                due_s = min(due_s, begin_s + waiting[0].at_s)
        if wakes and wakes[0] <= now_s:
            wakes.popleft()
            shaper.wake()
        if wakes:
            due_s = min(due_s, wakes[0])
        readable, _, _ = select.select([held.descriptor, 0], [], [], min(max(0.0, due_s - now_s), 1.0))
        if held.descriptor in readable:
            held.take(time.monotonic())
        if 0 in readable:
            line = os.read(0, 100)
            if not line:
                return
            begin_s = float(line)


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    rates = [Rate(at_s, kbps) for at_s, kbps in plan["rates"]]
    held = Held(plan["rtt_ms"] / 1000)
    route_back()
    shaper = Shaper(rates[0], plan["buffer_bytes"], plan["beyond"])
    print("ready", flush=True)
    follow(shaper, held, rates[1:])


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
