"""Hears of a change of network at once, instead of finding out by a time-out (SPEC 6).

A cable that is plugged in again, a Wi-Fi that comes back, a lease that is renewed with another address: the kernel knows
at once. It says that something changed; then it is asked how things stand, and two pictures are compared.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from appliance.system import netlink
from appliance.system.netlink import NetworkPicture
from appliance.threads import Worker

log = logging.getLogger(__name__)

QUIET_S = 0.3
"""Changes come in bursts (link, address, route): looked at when it has been quiet for so long..."""
LONGEST_S = 1.0
"""...or the first of them is so old."""

GONE_S = 1.0
"""A lease that is renewed takes the address away and gives it back: only one that stays away for so long is gone."""

IDLE_S = 2.0
REOPEN_S = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look says. ``back``: there is a way that was not there before. ``gone``: the session's address that no
    interface has any more. ``again_s``: look again then, though nothing changes, None: no need."""

    back: bool = False
    gone: str | None = None
    again_s: float | None = None


class NetworkJudge:
    """Compares one picture with the next. Pure: pictures and the clock go in, verdicts come out."""

    def __init__(self) -> None:
        self._picture: NetworkPicture | None = None
        self._missing: tuple[str, float] | None = None
        self._back_at: float | None = None

    def look(self, now_s: float, picture: NetworkPicture, in_use: str | None) -> Verdict:
        """``in_use`` is the local address of the running session, None without one."""
        before, self._picture = self._picture, picture
        if before is None:
            return Verdict()
        back = bool(picture.ways - before.ways)
        if in_use in before.held and in_use not in picture.held and self._missing is None:
            self._missing = (str(in_use), now_s)
        gone = self._gone(now_s, picture, in_use)
        if gone is not None and picture.ways:
            # The other network has been reported while the session still ran, when it was of no use to anybody.
            self._back_at = now_s + QUIET_S
        elif self._back_at is not None and now_s >= self._back_at:
            self._back_at, back = None, back or bool(picture.ways)
        due = [self._missing[1] + GONE_S] if self._missing is not None else []
        due += [self._back_at] if self._back_at is not None else []
        return Verdict(back, gone, max(0.0, min(due) - now_s) if due else None)

    def _gone(self, now_s: float, picture: NetworkPicture, in_use: str | None) -> str | None:
        if self._missing is None:
            return None
        address, since_s = self._missing
        if address != in_use or address in picture.held:
            self._missing = None
        elif now_s - since_s >= GONE_S:
            self._missing = None
            return address
        return None


class NetworkWatch:
    """The watch with its thread. ``on_back()`` and ``on_gone(address)`` are called in it and return at once.

    Where the kernel gives no rtnetlink (a sandbox, another system) there is nothing to hear: it says so once in the log,
    and connections are lost and made by their time-outs as ever.
    """

    def __init__(
        self,
        *,
        in_use: Callable[[], str | None],
        on_back: Callable[[], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self._in_use = in_use
        self._on_back = on_back
        self._on_gone = on_gone
        self._judge = NetworkJudge()
        self._sock: socket.socket | None = None
        self._wake = -1
        self.worker = Worker("network", self._run)

    def start(self) -> NetworkWatch:
        """Begin to listen, if there is anything to listen to."""
        try:
            self._sock = netlink.subscribe()
            self._judge.look(time.monotonic(), netlink.look(), None)
        except OSError as error:
            log.info("changes of network are not heard of: %s", error.strerror or error)
            self._close()
            return self
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.worker.start()
        return self

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread. Harmless when it was not started."""
        self.worker.request_stop()
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)
        if self.worker.stop(timeout_s) and self._wake >= 0:
            os.close(self._wake)
            self._wake = -1

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        again_s: float | None = None
        while not worker.stopping:
            worker.beat()
            if self._sock is None:
                self._reopen(worker)
                again_s = 0.0
                continue
            changed = self._settled(IDLE_S if again_s is None else again_s)
            if changed or again_s is not None:
                again_s = self._look()
        self._close()

    def _settled(self, timeout_s: float) -> bool:
        """Wait for changes, and for the end of their burst; False when none came in time."""
        if not self._readable(timeout_s):
            return False
        until = time.monotonic() + LONGEST_S
        try:
            while True:
                assert self._sock is not None
                netlink.drain(self._sock)
                left = until - time.monotonic()
                if left <= 0 or not self._readable(min(QUIET_S, left)):
                    return True
        except OSError as error:
            log.warning("the network's changes cannot be read: %s", error)
            self._close()
            return True

    def _readable(self, timeout_s: float) -> bool:
        assert self._sock is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            return any(key.fileobj is self._sock for key, _ in selector.select(timeout_s))

    def _look(self) -> float | None:
        """Look, and tell what there is to tell; when to look again."""
        try:
            picture = netlink.look()
        except OSError as error:
            log.info("the network cannot be looked at now: %s", error)
            return QUIET_S
        verdict = self._judge.look(time.monotonic(), picture, self._in_use())
        if verdict.gone is not None:
            log.info("the network address %s is gone", verdict.gone)
            self._on_gone(verdict.gone)
        if verdict.back:
            log.info("the network has changed: there is a way that was not there before")
            self._on_back()
        return verdict.again_s

    def _reopen(self, worker: Worker) -> None:
        if worker.wait(REOPEN_S):
            return
        with suppress(OSError):
            self._sock = netlink.subscribe()

    def _close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
