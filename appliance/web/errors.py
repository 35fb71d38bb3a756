"""The one mapping from errors and failed answers to HTTP, and the form in which the API tells them.

Every error of the API is ``{"errMsg": WHAT}``: for an operation ``start:fail REASON``, with ``code`` (the event code
that fits, 0 for none); for refused settings also ``problems``, which maps each refused key to what is allowed. What
nobody expected is logged with its traceback and told as no more than "internal error".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from appliance import errors
from appliance.pusher.operations import Answer, Failure
from appliance.web.throttle import TooManyTries

log = logging.getLogger(__name__)

API = "/api/"


class BadRequest(errors.LivePusherError, ValueError):
    """The request cannot be read."""


class UnsupportedMedia(errors.LivePusherError, ValueError):
    """The body is not JSON, and does not say that it is."""


class Invalid(errors.LivePusherError, ValueError):
    """A parameter is wrong. ``problems`` maps each to what is allowed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {why}" for key, why in problems.items()))
        self.problems = dict(problems)


class NotSignedIn(errors.LivePusherError, PermissionError):
    """Nobody is signed in, or the token is none."""


class Forbidden(errors.LivePusherError, PermissionError):
    """Signed in, but the request may come from another page."""


class NotFound(errors.LivePusherError, LookupError):
    """There is nothing of that name."""


class Unavailable(errors.LivePusherError, RuntimeError):
    """Not now; ``retry_after_s`` says when."""

    def __init__(self, reason: str, *, retry_after_s: int) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


STATUS: tuple[tuple[type[errors.LivePusherError], int], ...] = (
    (BadRequest, 400),
    (NotSignedIn, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (errors.OperationRefused, 409),
    (UnsupportedMedia, 415),
    (Invalid, 422),
    (errors.SettingError, 422),
    (TooManyTries, 429),
    (errors.NetworkError, 502),
    (Unavailable, 503),
    (errors.CameraError, 503),
    (errors.MicrophoneError, 503),
    (errors.VideoEncodeError, 503),
    (errors.AudioEncodeError, 503),
    (errors.HardwareEncoderError, 503),
    (errors.UnsupportedResolution, 503),
    (errors.UnsupportedSampleRate, 503),
    (errors.HardwareMissing, 503),
    (errors.WaitingImageError, 422),
    (errors.OperationTimeout, 504),
    (errors.StateDirectoryError, 507),
)
"""First match counts; an error of ours that is not here is 500."""

NETWORK: tuple[type[errors.NetworkError], ...] = (
    errors.ClockNotSynchronised,
    errors.NameNotResolved,
    errors.ConnectFailed,
    errors.HandshakeFailed,
    errors.ServerRefused,
    errors.LinkBroken,
    errors.GivenUp,
)
_NETWORK_CODES = frozenset(leaf.code for leaf in NETWORK)
_FAILURE = {Failure.REFUSED: 409, Failure.INVALID: 422, Failure.TIMEOUT: 504}


def status_of(error: errors.LivePusherError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def status_of_answer(answer: Answer) -> int:
    """The HTTP status of an operation's answer: what failed at the network is 502, at the devices 503."""
    if answer.ok:
        return 200
    if answer.failure in _FAILURE:
        return _FAILURE[answer.failure]
    return 502 if answer.code in _NETWORK_CODES else 503


def error_answer(reason: str, status: int, *, code: int = 0, **more: Any) -> Response:
    """An error in the API's form; on an operation's path it begins ``OPERATION:fail``."""
    operation = (request.view_args or {}).get("operation")
    body = {"errMsg": f"{operation}:fail {reason}" if operation else reason, "code": code, **more}
    answer = jsonify(body)
    answer.status_code = status
    return answer


def _told(error: errors.LivePusherError) -> Response:
    more: dict[str, Any] = {}
    if isinstance(error, errors.SettingError | Invalid):
        more["problems"] = error.problems
    answer = error_answer(error.reason, status_of(error), code=error.code, **more)
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    if isinstance(error, NotSignedIn):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Live Pusher"'
    return answer


_WORDS = {
    404: "there is nothing of that name here",
    405: "the method is not allowed here",
}


def install(app: Flask) -> None:
    """Have every error of ``/api/`` told in the API's form, and those of pages as a line of text."""

    def ours(error: errors.LivePusherError) -> Response:
        if status_of(error) == 500:
            log.error("request failed", exc_info=error)
        return _told(error) if _wants_json() else _line(error.reason, status_of(error), error)

    def http(error: HTTPException) -> Response:
        status = error.code or 500
        reason = _WORDS.get(status, (error.description or error.name).rstrip("."))
        if status == 413:
            kib = (request.max_content_length or 0) // 1024
            reason = f"the body is too large; allowed: {f'{kib // 1024} MiB' if kib >= 1024 else f'{kib} KiB'}"
        answer = error_answer(reason, status) if _wants_json() else _line(reason, status, None)
        if status == 405:
            answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return answer

    def unexpected(error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        reason = "internal error; the service's journal has the details"
        return error_answer(reason, 500) if _wants_json() else _line(reason, 500, None)

    app.register_error_handler(errors.LivePusherError, ours)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


def _wants_json() -> bool:
    return request.path.startswith(API)


def _line(reason: str, status: int, error: errors.LivePusherError | None) -> Response:
    answer = Response(f"{reason[:1].upper()}{reason[1:]}.\n", status, content_type="text/plain; charset=utf-8")
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    return answer
