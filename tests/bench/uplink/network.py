"""Three namespaces in a row: the pusher's, a router's whose way on is the bottleneck, the receiver's.

    pusher 10.78.1.2 --- 10.78.1.1 router 10.78.2.1 === 10.78.2.2 receiver

The bottleneck is in the router and not on the pusher's own interface, where TCP small queues would keep the queue out of the
network. Segments leave the pusher one by one, as they would a network card's wire.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from tests.bench.uplink import router
from tests.bench.uplink.links import Link
from tests.servers.namespaces import Namespace, cable

PUSHER, PUSHERS_WAY = "10.78.1.2", "10.78.1.1"
RECEIVER, RECEIVERS_WAY = "10.78.2.2", "10.78.2.1"
ROOT = Path(__file__).parents[3]


class Network:
    """Made by ``with``; needs root. ``congestion`` is the pusher's TCP: ``cubic`` or ``bbr``. The router's way on is as slow
    as the link's first step until :meth:`begin`. Raises CalledProcessError, OSError, RuntimeError."""

    def __init__(self, folder: Path, link: Link, *, congestion: str = "cubic") -> None:
        self._folder = folder
        self._link = link
        self._congestion = congestion
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.pusher, self.router, self.receiver = (stack.enter_context(Namespace(self._folder)) for _ in range(3))
            self._connect()
            self._process = stack.enter_context(self._bottleneck())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self) -> float:
        """Follow the link's steps from now on; the answer is now, in seconds of the monotonic clock."""
        begin_s = time.monotonic()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{begin_s}\n".encode())
        self._process.stdin.flush()
        return begin_s

    def check(self) -> None:
        """Raises RuntimeError if the router is no more: nothing was measured then."""
        if self._process.poll() is not None:
            raise RuntimeError("the router has ended; what it said stands above")

    def _connect(self) -> None:
        cable(self.pusher, self.router, PUSHER, PUSHERS_WAY, other_interface=router.BACK)
        cable(self.receiver, self.router, RECEIVER, RECEIVERS_WAY, other_interface=router.OUT)
        self.router.sysctl("net.ipv4.ip_forward", "1")
        for interface in ("all", "default"):  # answers come back by an interface of their own
            self.router.sysctl(f"net.ipv4.conf.{interface}.rp_filter", "0")
        for namespace, interface in (
            (self.pusher, "net0"), (self.router, router.BACK), (self.router, router.OUT), (self.receiver, "net0"),
        ):  # fmt: skip
            namespace.ip("link", "set", interface, "gso_max_segs", "1")
        # By route and not by sysctl: a namespace may set only what the machine allows to everybody.
        self.pusher.ip("route", "add", "default", "via", PUSHERS_WAY, "congctl", self._congestion)
        self.receiver.ip("route", "add", "default", "via", RECEIVERS_WAY)

    @contextmanager
    def _bottleneck(self) -> Iterator[subprocess.Popen[bytes]]:
        plan = self._folder / "plan.json"
        rates = [(rate.at_s, rate.kbps) for rate in router.rates(self._link)]
        plan.write_text(
            json.dumps(
                {
                    "rates": rates, "rtt_ms": self._link.rtt_ms, "buffer_bytes": self._link.buffer_bytes,
                    "beyond": RECEIVER,
                }
            )
        )  # fmt: skip
        command = [*self.router.prefix, sys.executable, "-m", "tests.bench.uplink.router", str(plan)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the router does not start; what it said stands above")
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(2)
