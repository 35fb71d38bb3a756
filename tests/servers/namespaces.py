"""Networks of the tests' own: Linux network namespaces with a cable between them (ip-netns(8); needs root)."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_numbers = itertools.count()

CANNOT = (
    "network namespaces need root: run the tests with sudo to have this proven"
    if os.geteuid() != 0
    else "network namespaces need iproute2: apt install iproute2"
    if shutil.which("ip") is None
    else ""
)
"""Why there are none here; empty where there are."""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


class Namespace:
    """A network stack of its own, with loopback up. ``names``: the port 53 of its loopback answers by a name server of
    the tests' own (:mod:`tests.servers.names`)."""

    def __init__(self, folder: Path, *, names: bool = False) -> None:
        self.name = f"lp-test-{os.getpid()}-{next(_numbers)}"
        self._resolver = folder / f"{self.name}.resolv.conf" if names else None
        self._names: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        _ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        if self._resolver is not None:
            self._resolver.write_text("nameserver 127.0.0.1\n")
            self._names = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "tests.servers.names"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert self._names.stdout is not None
            assert self._names.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        if self._names is not None:
            self._names.kill()
            self._names.communicate(timeout=5)
        _ip("netns", "del", self.name)

    @property
    def prefix(self) -> Sequence[str]:
        """Put in front of a command, it runs in here."""
        inside = ["ip", "netns", "exec", self.name]
        if self._resolver is None:
            return inside
        bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'  # ip netns exec gives mounts of its own, too
        return [*inside, "sh", "-c", bind, str(self._resolver)]

    def ip(self, *arguments: str) -> None:
        """``ip`` in here."""
        _ip("-n", self.name, *arguments)

    def sysctl(self, name: str, value: str) -> None:
        """Set a kernel parameter of this network."""
        subprocess.run(
            ["ip", "netns", "exec", self.name, "sysctl", "-qw", f"{name}={value}"], check=True, timeout=10
        )  # fmt: skip


def cable(
    one: Namespace, other: Namespace, one_address: str, other_address: str, *, other_interface: str = "net0"
) -> None:
    """Connect two namespaces: an interface ``net0`` in each, with an address in the same /24. A router, which has more
    than one, calls its own ``other_interface``."""
    _ip("link", "add", "net0", "netns", one.name, "type", "veth", "peer", "name", other_interface, "netns", other.name)
    for namespace, address, interface in ((one, one_address, "net0"), (other, other_address, other_interface)):
        namespace.ip("addr", "add", f"{address}/24", "dev", interface)
        namespace.ip("link", "set", interface, "up")
