"""Name resolution that can be left behind.

``getaddrinfo`` takes as long as the resolver's configuration lets it (tens of seconds with a dead name server) and cannot
be interrupted. So a helper thread asks; the session waits for it no longer than its deadline and may leave at any
moment. Helpers that were left behind end by themselves; there are never more than ``MAX_HELPERS``.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple

from appliance.errors import NameNotResolved
from appliance.rtmp.waiting import Waiter

MAX_HELPERS = 4
MAX_ADDRESSES = 16
"""Addresses of one name that are tried; a name has rarely more than eight."""

_places = threading.BoundedSemaphore(MAX_HELPERS)


class Endpoint(NamedTuple):
    """One address to connect to."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    def __str__(self) -> str:
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Helper:
    """Asks once, in a thread of its own."""

    def __init__(self, host: str, port: int, waiter: Waiter) -> None:
        self._host, self._port, self._waiter = host, port, waiter
        self.endpoints: list[Endpoint] = []
        self.failure = ""
        self.answered = False

    def start(self) -> None:
        if not _places.acquire(blocking=False):
            raise NameNotResolved(
                f"{self._host} was not asked for: {MAX_HELPERS} earlier questions still wait for the name server"
            )
        try:
            threading.Thread(target=self._ask, name="resolver", daemon=True).start()
        except RuntimeError:
            _places.release()
            raise NameNotResolved(f"{self._host} was not asked for: the system has no thread left") from None

    def _ask(self) -> None:
        try:
            self.endpoints = _look_up(self._host, self._port, 0)
        except OSError as error:
            self.failure = error.strerror or type(error).__name__
        except UnicodeError:
            self.failure = "it is not a valid name"
        finally:
            _places.release()
            self.answered = True
            self._waiter.wake()


def _look_up(host: str, port: int, flags: int) -> list[Endpoint]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)
    endpoints = dict.fromkeys(
        Endpoint(int(family), sockaddr)  # type: ignore[arg-type]  # TCP has no other families
        for family, _, _, _, sockaddr in found
    )
    return _alternating(list(endpoints))[:MAX_ADDRESSES]


def _alternating(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The resolver's order, but with the families taking turns (RFC 8305, 4), so that one broken family costs little."""
    if not endpoints:
        return []
    first = [e for e in endpoints if e.family == endpoints[0].family]
    second = [e for e in endpoints if e.family != endpoints[0].family]
    mixed: list[Endpoint] = []
    for place in range(max(len(first), len(second))):
        mixed += first[place : place + 1] + second[place : place + 1]
    return mixed


def resolve(host: str, port: int, waiter: Waiter, *, deadline_s: float) -> list[Endpoint]:
    """Every address of ``host``, in the order to try. Raises NameNotResolved, and Cancelled from the waiter."""
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)  # an address is no question: no thread for it
    except (OSError, UnicodeError):
        pass
    helper = _Helper(host, port, waiter)
    helper.start()
    until = time.monotonic() + deadline_s
    while not helper.answered:
        left = until - time.monotonic()
        if left <= 0:
            raise NameNotResolved(f"{host} was not resolved within {deadline_s:g} s")
        waiter.wait(left)
    if helper.failure:
        raise NameNotResolved(f"{host}: {helper.failure}")
    if not helper.endpoints:
        raise NameNotResolved(f"{host} has no IPv4 or IPv6 address")
    return helper.endpoints
