"""Fetching a picture from a web server or a file, within bounds that hold whatever the other end does (SPEC 4).

Limits: bytes, seconds in all and per step, redirects. Certificates are verified, and a redirect never leads from https to
http or to a file. An address may hold a token: errors name the server and what went wrong, never path or query.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from appliance import __version__
from appliance.errors import WaitingImageError, WaitingImageUnreachable
from appliance.media.image_decoding import MOST_BYTES

DEADLINE_S = 30.0
"""For all of it, redirects included. Only a name server can take longer: nothing interrupts a question to it."""

STEP_S = 8.0
"""Without a byte, or for one address."""

MOST_REDIRECTS = 5
MOST_ADDRESSES = 6

_TOO_LARGE = f"the picture is larger than {MOST_BYTES >> 20} MiB"
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals that a later try may not meet, beside every 5xx."""

_PORTS = {"http": 80, "https": 443}


class Fetch:
    """One fetch. :meth:`run` belongs to one thread; :meth:`abort` may be called from any."""

    def __init__(self, source: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._source = source
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = ""

    def run(self) -> bytes:
        """The bytes. Raises WaitingImageUnreachable where a later try may do better, else WaitingImageError."""
        if self._source.startswith("file:"):
            return _file(self._source[5:])
        try:
            url = _split(self._source)
        except ValueError:
            raise WaitingImageError("the address is none; allowed: http://, https://, file:/PATH") from None
        timer = threading.Timer(self._deadline_s, self.abort, (f"no picture within {self._deadline_s:g} s",))
        timer.daemon = True
        timer.start()
        try:
            for _ in range(MOST_REDIRECTS + 1):
                found = self._get(url)
                if isinstance(found, bytes):
                    return found
                url = found
            raise WaitingImageError(f"{_where(url)}: more than {MOST_REDIRECTS} redirects")
        finally:
            timer.cancel()

    def abort(self, reason: str = "not wanted any more") -> None:
        """End it: whatever waits for the server fails at once."""
        with self._lock:
            self._aborted = self._aborted or reason
            if self._socket is not None:
                # Not SSLSocket's own, which would take the TLS state away from the thread that reads.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    # -- inside --------------------------------------------------------------------------------------------

    def _get(self, url: SplitResult) -> bytes | SplitResult:
        """The picture, or where to look instead."""
        connection = _Connection(url, self._connect)
        try:
            connection.request("GET", _target(url), headers={"User-Agent": f"Live-Pusher/{__version__}"})
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308):
                return _redirected(url, response.headers.get("Location", ""))
            if response.status != HTTPStatus.OK:
                raise _refused(url, response.status)
            return self._body(url, response)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise WaitingImageUnreachable(f"{_where(url)}: {self._aborted or _cause(error)}") from None
        finally:
            connection.close()

    def _body(self, url: SplitResult, response: http.client.HTTPResponse) -> bytes:
        announced = response.length
        if announced is not None and announced > MOST_BYTES:
            raise WaitingImageError(f"{_where(url)}: {_TOO_LARGE}")
        data = bytearray()
        while chunk := response.read(65536):
            data += chunk
            if len(data) > MOST_BYTES:
                raise WaitingImageError(f"{_where(url)}: {_TOO_LARGE}")
        if self._aborted or (announced is not None and len(data) < announced):
            raise ConnectionResetError
        return bytes(data)

    def _connect(self, url: SplitResult) -> socket.socket:
        """Connected to the first address that answers, with TLS where the address wants it."""
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise WaitingImageUnreachable(f"{_where(url)}: the name could not be resolved") from None
        failure: OSError = ConnectionRefusedError()
        for family, kind, protocol, _, address in found[:MOST_ADDRESSES]:
            try:
                sock = self._hold(socket.socket(family, kind, protocol))
                sock.settimeout(STEP_S)
                sock.connect(address)
            except OSError as error:
                failure = error
                self._let_go()
                continue
            return self._secured(sock, host) if url.scheme == "https" else sock
        raise failure

    def _secured(self, sock: socket.socket, host: str) -> socket.socket:
        context = ssl.create_default_context()
        try:
            secured = context.wrap_socket(sock, server_hostname=host.rstrip("."), do_handshake_on_connect=False)
            self._hold(secured)
            secured.do_handshake()
        except (OSError, ValueError) as error:
            self._let_go()
            raise error if isinstance(error, OSError) else ssl.SSLError("the name cannot be verified") from None
        return secured

    def _hold(self, sock: socket.socket) -> socket.socket:
        """From here on :meth:`abort` ends what waits on ``sock``."""
        with self._lock:
            self._socket = sock
            if self._aborted:
                raise ConnectionAbortedError
        return sock

    def _let_go(self) -> None:
        with self._lock:
            sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


class _Connection(http.client.HTTPConnection):
    """http.client over a socket that somebody else connects."""

    def __init__(self, url: SplitResult, connect: Callable[[SplitResult], socket.socket]) -> None:
        super().__init__(url.hostname or "", url.port or _PORTS[url.scheme])
        self.default_port = _PORTS[url.scheme]  # decides whether the Host header names the port
        self._url = url
        self._connect = connect

    def connect(self) -> None:
        self.sock = self._connect(self._url)


def _split(url: str) -> SplitResult:
    """Taken apart; ValueError for what is no address of a web server."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
        raise ValueError("no http:// or https:// address")
    return parts


def _where(url: SplitResult) -> str:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{host}:{url.port}" if url.port else str(host)


def _target(url: SplitResult) -> str:
    """Path and query as a request names them: what is quoted stays, what has to be quoted is."""
    path, query = (quote(part, safe="/%:@!$&'()*+,;=~[]?") for part in (url.path or "/", url.query))
    return f"{path}?{query}" if query else path


def _redirected(url: SplitResult, location: str) -> SplitResult:
    try:
        target = _split(urljoin(url.geturl(), location)) if location else None
    except ValueError:
        target = None
    if target is None:
        raise WaitingImageError(f"{_where(url)}: redirects to what is no http:// or https:// address")
    if url.scheme == "https" and target.scheme != "https":
        raise WaitingImageError(f"{_where(url)}: redirects from https to http, which is not followed")
    return target


def _refused(url: SplitResult, status: int) -> WaitingImageError:
    known = status in HTTPStatus.__members__.values()
    reason = f"{_where(url)}: HTTP {status}" + (f" ({HTTPStatus(status).phrase})" if known else "")
    passing = status >= 500 or status in _PASSING
    return WaitingImageUnreachable(reason) if passing else WaitingImageError(reason)


def _cause(error: Exception) -> str:
    """Why it failed, in words of ours: the text of an exception may hold the address."""
    match error:
        case TimeoutError():
            return f"no answer within {STEP_S:g} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return "TLS failed"
        case http.client.IncompleteRead() | ConnectionResetError():
            return "the connection broke off"
        case http.client.HTTPException():
            return "the answer is not HTTP"
        case UnicodeError():
            return "it is not a valid name"
        case OSError() if error.errno:
            return os.strerror(error.errno).lower()
    return type(error).__name__


def _file(path: str) -> bytes:
    try:
        # not to wait for the other end of a pipe
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise WaitingImageError(f"{path} is no file")
            if status.st_size > MOST_BYTES:
                raise WaitingImageError(f"{path}: {_TOO_LARGE}")
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise WaitingImageError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
