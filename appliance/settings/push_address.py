"""The push address: where to connect, and which app and stream name to ask for (SPEC 1, ``url``).

One address names all of it (``rtmp://server[:port]/app/stream?query``), or server and key come as two fields. In one
address the app is the first part of the path, and everything after it, query string included, is the stream name
and reaches the server unchanged. With a key of its own the whole path is the app, however many parts it has: that is
how platforms give the pair. An address whose query stands behind the app (``/app?vhost=x/stream``, an older habit)
keeps the query with the app. Nothing is decoded or re-encoded on the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DEFAULT_PORT = {"rtmp": 1935, "rtmps": 443}

_ALLOWED = "allowed: rtmp://server[:port]/app/stream, or rtmps://…"
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\[\]:@/?#]+))(?::(?P<port>[0-9]*))?")


@dataclass(frozen=True, slots=True)
class PushAddress:
    """A push address taken apart. The secrets are left out of ``repr``; :meth:`redacted` is for people."""

    scheme: str
    host: str
    port: int
    app: str = field(repr=False)
    stream: str = field(repr=False)

    @property
    def tls(self) -> bool:
        return self.scheme == "rtmps"

    @property
    def server(self) -> str:
        """``host:port`` as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def tc_url(self) -> str:
        """``tcUrl`` of the connect command: the address without the stream name; holds the app's query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}/{self.app}"

    def redacted(self) -> str:
        """The address as it may be shown: server and app's name, never the stream name or a query."""
        app, question, _ = self.app.partition("?")
        return f"{self.scheme}://{self.server}/{app}{'?***' if question else ''}/***"


def _plain(text: str, what: str) -> None:
    for position, character in enumerate(text):
        if character in "\r\n":
            raise ValueError(f"{what} holds a line break at position {position + 1} of {len(text)}; {_ALLOWED}")
        if character.isspace() or not character.isprintable():
            raise ValueError(
                f"{what} holds a space or control character at position {position + 1} of {len(text)}; {_ALLOWED}"
            )


def parse_server(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of ``url``; raises ValueError that says what is wrong, never what the path holds."""
    _plain(url, "the address")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORT:
        raise ValueError(f"the address does not begin with rtmp:// or rtmps://; {_ALLOWED}")
    slash = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
    authority, path = rest[:slash], rest[slash:]
    if "@" in authority:
        raise ValueError(f"the address holds a user name; {_ALLOWED} (secrets go into the stream's query)")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError(f"the address names no server, or no valid port; {_ALLOWED}")
    port = int(match["port"]) if match["port"] else DEFAULT_PORT[scheme]
    if not 1 <= port <= 65535:
        raise ValueError(f"the address has port {port}; allowed: 1 to 65535")
    host = match["v6"] or match["host"]
    if not match["v6"]:
        try:
            host = host.encode("ascii").decode() if host.isascii() else host.encode("idna").decode()
        except UnicodeError:
            raise ValueError(f"the server's name is no valid name; {_ALLOWED}") from None
    return scheme, host, port, path.lstrip("/")


def check_url(url: str) -> None:
    """Raises ValueError for an ``url`` that cannot be right, with or without a key beside it."""
    *_, path = parse_server(url)
    if not path.partition("?")[0].strip("/"):
        raise ValueError(f"the address names no app; {_ALLOWED}")


def check_key(key: str) -> None:
    """Raises ValueError for a stream key that cannot be right."""
    _plain(key, "the key")


def parse(url: str, stream_key: str = "") -> PushAddress:
    """Take an address apart; ValueError says what is wrong and what is allowed, without the secret parts."""
    scheme, host, port, path = parse_server(url)
    if stream_key:
        check_key(stream_key)
        app, stream = path.rstrip("/") if "?" not in path else path, stream_key
    else:
        app, stream = _split(path)
    if not app.partition("?")[0].strip("/"):
        raise ValueError(f"the address names no app; {_ALLOWED}")
    if not stream:
        raise ValueError(f"the address names no stream behind the app, and there is no stream-key; {_ALLOWED}")
    return PushAddress(scheme, host, port, app, stream)


def _split(path: str) -> tuple[str, str]:
    question, slash = path.find("?"), path.find("/")
    if slash >= 0 and (question < 0 or slash < question):
        return path[:slash], path[slash + 1 :].lstrip("/")
    # no stream before the query: /app?query/stream
    app, last, stream = path.rpartition("/")
    return (app, stream) if last else (path, "")


def redact(url: str, stream_key: str = "") -> str:
    """``url`` as it may be shown, also when it is wrong."""
    if not url:
        return ""
    try:
        return parse(url, stream_key or "?").redacted() if stream_key else parse(url).redacted()
    except ValueError:
        return f"{url.partition('://')[0]}://***" if "://" in url and url.index("://") < 8 else "***"
