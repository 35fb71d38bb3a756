"""What a request says, read strictly: the JSON body, and the parameters of the query."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.event_codes import Severity
from appliance.web.errors import BadRequest, Invalid, UnsupportedMedia

T = TypeVar("T")

LONGEST_BODY = 64 * 1024

WAITING_IMAGE_PATH = "/api/v1/waiting-image"
LONGEST_PICTURE = 8 * 1024 * 1024
LONGEST_PICTURE_BODY = LONGEST_PICTURE + LONGEST_BODY
"""That path alone takes so much: a picture, and the form around it."""

LARGEST_ID = 2**63 - 1


def json_object(*, required: bool = False) -> dict[str, Any]:
    """The body as a JSON object; empty when there is none. Raises BadRequest, UnsupportedMedia, Invalid."""
    raw = request.get_data(cache=False)
    if len(raw) > LONGEST_BODY:
        raise RequestEntityTooLarge
    if not raw.strip():
        if required:
            raise BadRequest("the body is empty; send a JSON object")
        return {}
    try:
        body = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        # the content type decides the words alone: JSON from a client that forgot to say so is welcome
        if request.mimetype not in ("", "application/json"):
            raise UnsupportedMedia("the body is not JSON; send a JSON object as application/json") from None
        raise BadRequest("the body is not JSON; send a JSON object") from None
    if not isinstance(body, dict):
        raise Invalid({"body": "is not a JSON object"})
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid({"body": "holds half of a surrogate pair, which is no character"}) from None
    return body


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class Query:
    """The query's parameters. Each getter remembers what is wrong; :meth:`done` raises Invalid with all of it."""

    def __init__(self, *known: str) -> None:
        self._problems: dict[str, str] = {
            name: f"is no parameter; known: {', '.join(known) or 'none'}" for name in request.args if name not in known
        }

    def _get(self, name: str, parse: Callable[[str], T], allowed: str) -> T | None:
        text = request.args.get(name)
        if text is None or text == "":
            return None
        try:
            return parse(text)
        except (ValueError, OverflowError):
            self._problems[name] = f"allowed: {allowed}"
            return None

    def integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number in ASCII digits."""
        return self._get(name, lambda text: _bounded(_integer(text), low, high), f"a whole number from {low} to {high}")

    def number(self, name: str, low: float, high: float) -> float | None:
        return self._get(name, lambda text: _bounded(float(text), low, high), f"a number from {low:g} to {high:g}")

    def integers(self, name: str) -> tuple[int, ...]:
        """Whole numbers, comma separated or repeated."""
        found: list[int] = []
        for text in ",".join(request.args.getlist(name)).split(","):
            if not text.strip():
                continue
            try:
                found.append(_bounded(_integer(text.strip()), -LARGEST_ID, LARGEST_ID))
            except ValueError:
                self._problems[name] = "allowed: event codes, comma separated or repeated"
        return tuple(found[:100])

    def severities(self, name: str) -> tuple[str, ...]:
        """Severities, comma separated or repeated."""
        allowed = [severity.value for severity in Severity]
        given = [text.strip() for text in ",".join(request.args.getlist(name)).split(",") if text.strip()]
        if any(text not in allowed for text in given):
            self._problems[name] = f"allowed: {', '.join(allowed)}, comma separated or repeated"
        return tuple(given[:100])

    def since(self, name: str) -> int | str | None:
        """An id, or a time as ISO 8601."""

        def parse(text: str) -> int | str:
            if re.fullmatch(r"[0-9]+", text):
                return _bounded(int(text), 0, LARGEST_ID)
            # in a query "+" means a space: 2025-01-01T12:00:00+01:00 arrives so when it was not encoded
            return datetime.fromisoformat(re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", text)).isoformat()

        return self._get(name, parse, "an event's id, or a time like 2025-01-31T12:00:00+01:00")

    def done(self) -> None:
        if self._problems:
            raise Invalid(self._problems)


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise ValueError(text)
    return int(text)


N = TypeVar("N", int, float)


def _bounded(value: N, low: float, high: float) -> N:
    if not low <= value <= high:
        raise ValueError(value)
    return value
