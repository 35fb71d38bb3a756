"""The board in use: what hands do to its buttons and sockets, what eyes see of its lights, and its page and API."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from typing import Any

from tests.servers.appliance import Driven

from .machine import BoardFailed, Machine

START, SWITCH, PAUSE, SHUTDOWN = 17, 22, 27, 5
STATUS_LIGHT, ON_AIR_LIGHT = 23, 24
"""BCM numbers, the settings' defaults; the shutdown button has none by default."""
HELD_S = 2.5
READY_S = 150.0
"""For a service to start on an emulated processor."""


class Board(Driven):
    """``machine`` with the appliance running on it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._token = ""

    # -- the service ---------------------------------------------------------------------------------------

    def wait_ready(self) -> None:
        """Wait until systemd has the service started, and its page answers."""
        deadline = time.monotonic() + READY_S
        while True:
            state = self.machine.run("systemctl is-active live-pusher.service || true").strip()
            if state == "active":
                return
            if state == "failed" or time.monotonic() > deadline:
                raise BoardFailed(f"the service is {state}:\n{self.journal()}")
            time.sleep(1)

    def sign_in(self) -> None:
        """Make a token of the hands' own, as a local administrator."""
        self._token = self.machine.run(
            "live-pusher --state-dir /var/lib/live-pusher token create hands-$(date +%s) 2>/dev/null"
        ).strip()

    def ask(self, method: str, resource: str, body: object = None) -> tuple[int, Any]:
        status, answer = self.fetch(method, f"/api/v1/{resource}", body)
        return status, json.loads(answer)

    def fetch(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and content of one request to the page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.machine.page, timeout=60)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def pid(self) -> int:
        return int(self.property("MainPID"))

    def property(self, name: str) -> str:
        """What systemd says of the service."""
        return self.machine.run(f"systemctl show --value --property={name} live-pusher.service").strip()

    def journal(self, lines: int = 60) -> str:
        return self.machine.run(f"journalctl --no-pager -b -u live-pusher.service -n {lines} -o short-monotonic")

    # -- hands and eyes ------------------------------------------------------------------------------------

    def press(self, pin: int, seconds: float = 0.2) -> None:
        """Press a button for so long."""
        pull = f"/run/pins/sim_gpio{pin}/pull"
        self.machine.run(f"echo pull-down > {pull}; sleep {seconds}; echo pull-up > {pull}")

    def hold(self, pin: int, seconds: float = HELD_S) -> None:
        self.press(pin, seconds)

    def light(self, pin: int, *, looks: int = 8) -> str:
        """``on``, ``off`` or ``blinking``: several looks within a second or two."""
        value = f"/run/pins/sim_gpio{pin}/value"
        seen = set(self.machine.run(f"for look in $(seq {looks}); do cat {value}; sleep 0.15; done").split())
        return {frozenset("1"): "on", frozenset("0"): "off"}.get(frozenset(seen), "blinking")

    def camera_users(self) -> list[str]:
        """Who holds a camera's pictures in memory, by the kernel's own lists. The virtual cameras have no device to be opened;
        they write into DMA buffers, which are there from opening a camera to closing it."""
        said = self.machine.run("find /proc/[0-9]*/fd -lname '/dmabuf:*' 2>/dev/null || true")
        return said.split()

    def sound_users(self) -> list[str]:
        """Who captures from the card."""
        said = self.machine.run("cat /proc/asound/card*/pcm0c/sub*/status 2>/dev/null || true")
        return re.findall(r"owner_pid\s*:\s*(\d+)", said)


def wait_until(what: str, holds: Callable[[], object], timeout_s: float, *, every_s: float = 0.5) -> None:
    """Look again and again until it holds. Raises BoardFailed."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise BoardFailed(f"not within {timeout_s:g} s: {what}")
        time.sleep(every_s)
