"""A server's refusal in plain words, without our secrets.

Servers like to echo the stream name they refuse, query string and all, raw or percent-encoded, whole or cut. What a
server says goes to the log and the page, so everything in it that is part of our stream name or of a query is masked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from appliance.errors import ServerRefused
from appliance.settings.push_address import PushAddress

MASK = "***"
LONGEST_TEXT = 300
"""Characters kept of what a server says."""
_LONGEST_READ = 4000
SHORTEST_PART = 6
"""Characters in a row that count as part of a secret. Shorter ones are masked where they are a whole word of it."""

_MEANING = {
    "NetConnection.Connect.Rejected": "the server rejected the connection",
    "NetConnection.Connect.Failed": "the server failed to take the connection",
    "NetConnection.Connect.InvalidApp": "the server has no such app",
    "NetConnection.Connect.AppShutdown": "the server is shutting the app down",
    "NetConnection.Connect.Closed": "the server closed the connection",
    "NetConnection.Connect.IdleTimeout": "the server closed the connection for being idle",
    "NetConnection.Connect.NetworkChange": "the server lost the network",
    "NetConnection.Call.Failed": "the server failed to carry out a command",
    "NetConnection.Call.BadVersion": "the server did not understand a command",
    "NetConnection.Call.Prohibited": "the server prohibits a command",
    "NetStream.Publish.BadName": "the stream name is wrong or already in use",
    "NetStream.Publish.Denied": "the server denied the push",
    "NetStream.Publish.Rejected": "the server rejected the push",
    "NetStream.Publish.Unauthorized": "the server does not accept the secret",
    "NetStream.Publish.Failed": "the server failed to take the push",
    "NetStream.Unpublish.Success": "the server ended the push",
    "NetStream.Failed": "the server reports a failure of the stream",
    "NetStream.Connect.Rejected": "the server rejected the stream",
    "NetStream.Connect.Failed": "the server failed to open the stream",
    "NetStream.Connect.Closed": "the server closed the stream",
    "NetStream.Record.NoAccess": "the server may not record under this name",
    "NetStream.Record.Failed": "the server failed to record",
}


def refusal(information: Mapping[str, object], address: PushAddress, attempt: str) -> ServerRefused:
    """The error for a status or ``_error`` of the server. ``attempt`` says what it refused (``connect``, ``publish``)."""
    scrub = Scrubber(address)
    status = _text(information.get("code"))
    if status not in _MEANING:  # a well-known code holds no secret, whatever the stream is called
        status = scrub(status)
    description = scrub(_text(information.get("description")) or _text(information.get("details")))
    meaning = _MEANING.get(status, f"the server refused {attempt}")
    words = ": ".join(part for part in (status, description) if part)
    return ServerRefused(f"{meaning} ({words})" if words else meaning, status, description)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Scrubber:
    """Takes the stream name and the values of the queries of one address out of texts, and makes them fit for one line."""

    def __init__(self, address: PushAddress) -> None:
        parts = [*re.split("[/?&]", address.stream), *address.app.partition("?")[2].split("&")]
        # Lower case on both sides: %2F and %2f are the same, and so are names to some servers.
        self._secrets = {form.lower() for part in parts for form in _decodings(_secret_of(part)) if form}
        pattern = "|".join(re.escape(secret) for secret in sorted(self._secrets, key=len, reverse=True))
        self._whole = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) if pattern else None

    def __call__(self, text: str) -> str:
        text = text[:_LONGEST_READ]
        for form in _decodings(text):
            if form != text and self._mask(form) != form:
                text = form  # a secret hides behind percent-encoding: what is shown is the decoded text, masked
        text = " ".join(self._mask(text).split())
        text = "".join(character if character.isprintable() else "?" for character in text)
        return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"

    def _mask(self, text: str) -> str:
        out: list[str] = []
        low = text.lower()
        if len(low) != len(text):  # a few letters grow when lowered; places must agree
            text = low
        position = 0
        while position < len(text):
            size = self._shared(low, position)
            if size < SHORTEST_PART:
                out.append(text[position])
                position += 1
            else:
                out.append(MASK)
                position += size
        masked = "".join(out)
        if self._whole is not None:
            masked = self._whole.sub(MASK, masked)
        return masked.replace(MASK + MASK, MASK)

    def _shared(self, text: str, position: int) -> int:
        """How many characters from ``position`` on are, in this order, somewhere in a secret."""
        size = 0
        for secret in self._secrets:
            length = max(size, SHORTEST_PART - 1)
            while position + length < len(text) and text[position : position + length + 1] in secret:
                length += 1
                size = length
        return size


def _secret_of(part: str) -> str:
    """What is secret in one part of a path or a query: the value, not the name before it (``token expired`` is an answer
    worth reading). A part that is no plain ``name=value`` is secret as a whole."""
    name, _, value = part.partition("=")
    return value if re.fullmatch(r"[A-Za-z]\w{0,19}", name) and value.strip("=") else part


def _decodings(text: str) -> list[str]:
    """The text and what it becomes when percent-decoded once, twice and three times."""
    forms = [text]
    for _ in range(3):
        decoded = unquote_plus(forms[-1], errors="replace")
        if decoded == forms[-1]:
            break
        forms.append(decoded)
    return forms
