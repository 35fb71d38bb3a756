"""Telling systemd how the service is: sd_notify(3), over a datagram socket and without a library.

Where no systemd listens (``NOTIFY_SOCKET`` is not set) every call does nothing. None raises: a service must not fail
because its supervisor cannot be told.
"""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)


def ready() -> None:
    """The service is up: the page is served and the log is written."""
    _send(f"READY=1\nMAINPID={os.getpid()}")


def stopping() -> None:
    """The service is ending in order."""
    _send("STOPPING=1")


def status(text: str) -> None:
    """One line for ``systemctl status``."""
    _send(f"STATUS={' '.join(text.split())}")


def watchdog() -> None:
    """The service is alive; more often than every ``WATCHDOG_USEC``, or systemd restarts it."""
    _send("WATCHDOG=1")


def watchdog_s() -> float | None:
    """Within how many seconds systemd wants to hear :func:`watchdog`; None when it does not watch this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        usec = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return usec / 1e6 if usec > 0 else None


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract sockets, which have no file
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(1.0)
            sock.sendto(message.encode(), address)
    except OSError as error:
        log.warning("systemd cannot be told: %s", error)
