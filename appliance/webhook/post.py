"""One HTTP POST with a deadline for the whole of it, and its outcome in words that hold nothing of the address."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, unquote_to_bytes, urlsplit

TIMEOUT_S = 5.0
"""For the connection, for the TLS handshake, and from there to the answer's last header."""

_WORTH_A_RETRY = (408, 429)
_PLAIN = "%/?:@!$&'()*+,;=~[]"  # what stays as it is in a path: the address is taken as it was given


class Outcome(Enum):
    DELIVERED = "delivered"
    REFUSED = "refused"
    """The receiver does not want this event."""
    FAILED = "failed"
    """No fault of the event: it is worth another try."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``problem`` says what went wrong, in words for people; empty for what was delivered."""

    outcome: Outcome
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """An http or https address taken apart; it may hold a user's name and password (basic authentication, RFC 7617)."""

    secure: bool
    host: str
    port: int | None
    target: str = field(repr=False)
    authorization: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Receiver:
        """Raises ValueError for an address that is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("allowed: an http:// or https:// address")
        target = quote(parts.path or "/", safe=_PLAIN) + (f"?{quote(parts.query, safe=_PLAIN)}" if parts.query else "")
        authorization = ""
        if parts.username is not None:
            user = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
            authorization = f"Basic {base64.b64encode(user).decode()}"
        return cls(parts.scheme == "https", parts.hostname, parts.port, target, authorization)


class Post:
    """One exchange: :meth:`send` once; :meth:`abort` ends it early, from any thread."""

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext | None) -> None:
        """``tls``: needed for a secure receiver alone."""
        self._receiver = receiver
        self._overdue = False
        if receiver.secure:
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                receiver.host, receiver.port, timeout=TIMEOUT_S, context=tls
            )
        else:
            self._connection = http.client.HTTPConnection(receiver.host, receiver.port, timeout=TIMEOUT_S)

    def send(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Redirects are not followed: what is told here is for the receiver that was named."""
        sent = {**headers, "Connection": "close"}
        if self._receiver.authorization:
            sent["Authorization"] = self._receiver.authorization
        # The socket's own timeout begins anew with every byte of a receiver that drips; this one does not.
        deadline = threading.Timer(TIMEOUT_S, self._expire)
        deadline.daemon = True
        try:
            self._connection.connect()
            deadline.start()
            self._connection.request("POST", self._receiver.target, body, sent)
            with self._connection.getresponse() as response:
                # half an answer, cut by the deadline, is read as a whole one
                return Answer(Outcome.FAILED, _no_answer()) if self._overdue else _judge(response.status)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(Outcome.FAILED, _no_answer() if self._overdue else _words(error))
        finally:
            deadline.cancel()
            self._connection.close()

    def abort(self) -> None:
        """Harmless before, after, and more than once."""
        connected = self._connection.sock
        if connected is not None:
            with suppress(OSError):
                # past TLS's own shutdown, which is not for another thread's connection
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _expire(self) -> None:
        self._overdue = True
        self.abort()


def _judge(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(Outcome.DELIVERED)
    if 400 <= status < 500 and status not in _WORTH_A_RETRY:
        return Answer(Outcome.REFUSED, f"the receiver answers {status}")
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    return Answer(Outcome.FAILED, f"the receiver answers {status}{redirect}")


def _no_answer() -> str:
    return f"no answer within {TIMEOUT_S:g} s"


def _words(error: Exception) -> str:
    match error:
        case TimeoutError():
            return _no_answer()
        case socket.gaierror():
            return "the receiver's name could not be resolved"
        case ssl.SSLCertVerificationError():
            return f"the receiver's certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'the connection ended'}"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the receiver ended the connection without an answer"
        case OSError(errno=int() as number) if number:
            return os.strerror(number).lower()
        case http.client.HTTPException():
            return f"the receiver's answer is not HTTP ({type(error).__name__})"
        case _:
            return f"the request could not be made ({type(error).__name__})"
