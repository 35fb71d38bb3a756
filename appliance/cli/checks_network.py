"""``doctor``'s look at the way to the server: name, connection, TLS. Nothing is published."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.cli.checks import Grade, Result
from appliance.errors import ConnectFailed, NameNotResolved
from appliance.rtmp.dial import dial
from appliance.rtmp.resolve import resolve
from appliance.rtmp.waiting import Waiter
from appliance.settings.declaration import Settings
from appliance.settings.push_address import parse

NAME_S = 5.0
CONNECT_S = 5.0


def check_server(settings: Settings) -> Iterable[Result]:
    """Two results, fewer when the first step fails."""
    if not settings.url:
        yield Result(
            "server", Grade.WARN, "no push address is set", "set url on the page, or: live-pusher settings url=-"
        )
        return
    try:
        address = parse(settings.url, settings.stream_key)
    except ValueError as error:
        yield Result("server", Grade.FAIL, str(error), "set url and stream-key anew, as the platform shows them")
        return
    waiter = Waiter()
    try:
        endpoints = resolve(address.host, address.port, waiter, deadline_s=NAME_S)
        yield Result("server's name", Grade.OK, f"{address.host}: {', '.join(map(str, endpoints))}")
        dial(address, endpoints, waiter, deadline_s=CONNECT_S, prepare=lambda _: None).close()
    except NameNotResolved as error:
        advice = "check the name in url, the network cable or Wi-Fi, and the name server: resolvectl status"
        yield Result("server's name", Grade.FAIL, error.reason, advice)
    except ConnectFailed as error:
        advice = "check the port in url, the firewall, and that the clock is right (certificates)"
        yield Result("server", Grade.FAIL, error.reason, advice)
    else:
        how = "TCP and TLS" if address.tls else "TCP"
        yield Result("server", Grade.OK, f"{address.redacted()} is reached ({how})")
    finally:
        waiter.close()
