"""From addresses to a connected socket, TLS included, within one deadline.

Attempts start ``STAGGER_S`` apart, or at once when the one before has failed, and the first to connect wins (after RFC
8305, "Happy Eyeballs"). If TLS then fails, the other addresses get their turn, unless it was the certificate: a second
server with the same name is not more trustworthy for being the second.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from appliance.errors import ConnectFailed
from appliance.rtmp.resolve import Endpoint
from appliance.rtmp.waiting import Waiter
from appliance.settings.push_address import PushAddress

STAGGER_S = 0.25


def cause_of(error: OSError) -> str:
    """A socket's or TLS' failure in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "the server ended TLS"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "failed").replace("_", " ").lower()
        hint = "; the server may not speak TLS on this port" if error.reason == "WRONG_VERSION_NUMBER" else ""
        return f"TLS: {reason}{hint}"
    return os.strerror(error.errno) if error.errno else type(error).__name__


def dial(
    address: PushAddress,
    endpoints: list[Endpoint],
    waiter: Waiter,
    *,
    deadline_s: float,
    prepare: Callable[[socket.socket], None],
) -> socket.socket:
    """A non-blocking socket connected to one of ``endpoints``, with TLS if ``address`` wants it: an ``SSLSocket``
    whose certificate and server name were verified.

    ``prepare`` sets options on each socket before it connects. Raises ConnectFailed, and Cancelled from the waiter;
    either way nothing stays open.
    """
    dialling = _Dialling(address, endpoints, waiter, deadline_s, prepare)
    context = ssl.create_default_context() if address.tls else None
    try:
        while True:
            sock, endpoint = dialling.connect()
            if context is None:
                return sock
            try:
                return dialling.secure(sock, context)
            except ConnectFailed:
                raise
            except ssl.SSLCertVerificationError as error:
                raise ConnectFailed(f"{address.server} ({endpoint}): {cause_of(error)}") from None
            except OSError as error:
                dialling.note(endpoint, cause_of(error))
    finally:
        dialling.close()


class _Dialling:
    """The attempts on the way, and why others failed."""

    def __init__(
        self,
        address: PushAddress,
        endpoints: list[Endpoint],
        waiter: Waiter,
        deadline_s: float,
        prepare: Callable[[socket.socket], None],
    ) -> None:
        self._address = address
        self._waiter = waiter
        self._prepare = prepare
        self._deadline_s = deadline_s
        self._until = time.monotonic() + deadline_s
        self._untried = list(endpoints)
        self._attempts: dict[socket.socket, Endpoint] = {}
        self._causes: list[str] = []

    def note(self, endpoint: Endpoint, cause: str) -> None:
        """Remember why ``endpoint`` failed."""
        where = str(endpoint)
        self._causes.append(cause if where == self._address.server else f"{where}: {cause}")

    def connect(self) -> tuple[socket.socket, Endpoint]:
        """The next TCP connection that comes about. Attempts it overtook are taken back and may have another turn."""
        next_start = 0.0
        while self._untried or self._attempts:
            now = time.monotonic()
            if now >= self._until:
                self._give_up()
            if self._untried and (now >= next_start or not self._attempts):
                self._start(self._untried.pop(0))
                next_start = now + STAGGER_S
                continue
            until = min(self._until, next_start) if self._untried else self._until
            for sock in self._waiter.wait(until - now):
                connected = self._finish(sock)
                if connected is not None:
                    self._take_back()
                    return connected
        raise self._failure()

    def _start(self, endpoint: Endpoint) -> None:
        try:
            sock = socket.socket(endpoint.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:  # a family that the system does not have
            return self.note(endpoint, cause_of(error))
        try:
            self._prepare(sock)
            status = sock.connect_ex(endpoint.sockaddr)
        except OSError as error:
            sock.close()
            return self.note(endpoint, cause_of(error))
        if status not in (0, errno.EINPROGRESS):
            sock.close()
            return self.note(endpoint, os.strerror(status))
        self._attempts[sock] = endpoint
        self._waiter.watch(sock, selectors.EVENT_WRITE)
        return None

    def _finish(self, sock: socket.socket) -> tuple[socket.socket, Endpoint] | None:
        endpoint = self._attempts.pop(sock)
        self._waiter.watch(sock, 0)
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            if not status and sock.getsockname() == sock.getpeername():
                # Nobody listens on a port of this very machine, and the kernel happened to pick the same one for our
                # end: TCP then connects the socket to itself.
                status = errno.ECONNREFUSED
        except OSError:  # connected and reset since
            status = errno.ECONNRESET
        if status:
            sock.close()
            self.note(endpoint, os.strerror(status))
            return None
        return sock, endpoint

    def secure(self, sock: socket.socket, context: ssl.SSLContext) -> socket.socket:
        """TLS over a connected socket. Raises OSError (which ssl's errors are) and leaves nothing open."""
        name = self._address.host.partition("%")[0].rstrip(".")
        try:
            # wrap_socket() may fail with ValueError for a name that cannot be in any certificate
            secured = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
        except ValueError:
            sock.close()
            raise ConnectFailed(f"{self._address.server}: the name cannot be verified by TLS") from None
        except BaseException:
            sock.close()
            raise
        try:
            self._shake(secured)
        except BaseException:
            self._waiter.watch(secured, 0)
            secured.close()
            raise
        self._waiter.watch(secured, 0)
        return secured

    def _shake(self, secured: ssl.SSLSocket) -> None:
        while True:
            try:
                return secured.do_handshake()
            except ssl.SSLWantReadError:
                self._waiter.watch(secured, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._waiter.watch(secured, selectors.EVENT_WRITE)
            left = self._until - time.monotonic()
            if left <= 0:
                raise ConnectFailed(f"{self._address.server} did not complete TLS within {self._deadline_s:g} s")
            self._waiter.wait(left)

    def _give_up(self) -> None:
        for endpoint in (*self._attempts.values(), *self._untried):
            self.note(endpoint, f"no answer within {self._deadline_s:g} s")
        raise self._failure()

    def _failure(self) -> ConnectFailed:
        return ConnectFailed(f"{self._address.server}: {'; '.join(self._causes)}")

    def _take_back(self) -> None:
        self._untried = [*self._attempts.values(), *self._untried]
        self.close()

    def close(self) -> None:
        """Close every attempt on the way."""
        for sock in self._attempts:
            self._waiter.watch(sock, 0)
            sock.close()
        self._attempts.clear()
