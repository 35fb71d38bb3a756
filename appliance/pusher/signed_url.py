"""Push addresses that run out: Tencent Cloud's ``txSecret`` and ``txTime`` in the stream's query, or, in addresses of the
older form (``/app?query/stream``), in the app's. Pure.

``txTime`` is the second, since 1970 and in hexadecimal digits, after which the server takes the address no more, and
``txSecret`` is ``md5(key + stream + txTime)`` with the stream's name without its query and ``txTime`` as it stands in
the address (Tencent Cloud Streaming Services, "Hotlink Protection URL Calculation"). Times here are wall clock seconds:
whoever asks must know that its clock is right.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from appliance.settings.push_address import PushAddress

WARN_BEFORE_S = (3600, 300, 0)
"""How long before an address runs out people are told: in time to get a new one, at the last moment, and when it has."""

_SECRET, _TIME = "txSecret", "txTime"
_HEX = re.compile(r"[0-9A-Fa-f]{1,10}")
_LAST_S = 253402128000  # two days before the year 10000, the last that can be written as a date in every time zone


def expires(address: PushAddress) -> int | None:
    """Until when ``address`` may be used, in seconds since 1970; None when it does not say."""
    until = expiry(address.stream)
    return until if until is not None else expiry(address.app)


def expiry(part: str) -> int | None:
    """As :func:`expires`, of a stream or an app with its query."""
    for parameter in part.partition("?")[2].split("&"):
        name, _, value = parameter.partition("=")
        if name == _TIME:
            until = int(value, 16) if _HEX.fullmatch(value) else None
            return until if until is not None and until <= _LAST_S else None
    return None


def warnings_due(remaining_s: float) -> int:
    """How many of the warnings of :data:`WARN_BEFORE_S` are due, so long before the end."""
    return sum(remaining_s <= limit for limit in WARN_BEFORE_S)


def sign(key: str, stream: str, valid_for_s: int, now_s: float) -> str:
    """``txSecret=…&txTime=…`` for ``stream`` (a query behind it does not count), valid for ``valid_for_s`` seconds from
    ``now_s`` (wall clock)."""
    until = f"{int(now_s) + valid_for_s:X}"
    name = stream.partition("?")[0]
    # md5 is what the server computes; it protects nothing else here
    digest = hashlib.md5(f"{key}{name}{until}".encode(), usedforsecurity=False).hexdigest()
    return f"{_SECRET}={digest}&{_TIME}={until}"


def signed(address: PushAddress, key: str, valid_for_s: int, now_s: float) -> PushAddress:
    """``address`` with a fresh signature in the place of an old one, wherever that stands, or behind the stream's
    parameters. The order and the spelling of the others stay."""
    fresh = sign(key, address.stream, valid_for_s, now_s)
    app, stream = address.app, address.stream
    if _is_signed(app):
        app = _renewed(app, fresh)
    if _is_signed(stream) or app is address.app:
        stream = _renewed(stream, fresh)
    return replace(address, app=app, stream=stream)


def _is_signed(part: str) -> bool:
    return any(parameter.partition("=")[0] in (_SECRET, _TIME) for parameter in part.partition("?")[2].split("&"))


def _renewed(part: str, fresh: str) -> str:
    name, _, query = part.partition("?")
    parameters: list[str] = []
    for parameter in query.split("&") if query else []:
        if parameter.partition("=")[0] not in (_SECRET, _TIME):
            parameters.append(parameter)
        elif fresh not in parameters:
            parameters.append(fresh)
    return f"{name}?{'&'.join(parameters if fresh in parameters else [*parameters, fresh])}"
