"""The codes of a push's connection, each by its real cause (SPEC 3, 30xx and 1001, 1002)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.appliance import ApplianceProcess
from tests.servers.faulty import Peer
from tests.servers.namespaces import CANNOT, Namespace
from tests.servers.nginx import Nginx, free_port
from tests.servers.tls import TestCa, TlsProxy

from . import servers
from .conftest import FAST
from .steps import fails_with, stops_at_once


def test_a_start_in_order(appliance: ApplianceProcess, nginx: Nginx) -> None:
    """1001, 1002, 1003, 1007, 1008: what a push tells when all goes well."""
    appliance.patch(url=f"{nginx.url}/cam?token=do-not-tell")
    appliance.mark()
    answer = appliance.do("start")
    assert answer["errMsg"] == "start:ok"
    appliance.wait_state("PUSHING")
    # 20010 is the change of url; the camera comes first, then the server is called
    assert [code for code in appliance.codes() if code != 20010] == [1003, 1007, 1008, 1001, 1002]
    details = {event["code"]: event["details"] for event in appliance.events()}
    assert details[1001]["server"] == f"127.0.0.1:{nginx.port}"
    assert details[1003]["camera"] == details[1007]["camera"] == "simulated:front"
    assert (details[1008]["kind"], details[1008]["width"], details[1008]["height"]) == ("software", 640, 360)
    assert "do-not-tell" not in appliance.log() + str(appliance.events()) + str(appliance.status())


def test_a_name_that_does_not_exist(appliance: ApplianceProcess) -> None:
    """3001, by the machine's own resolver (RFC 6761: .invalid never resolves)."""
    text = fails_with(appliance, "rtmp://live-pusher-test.invalid/live/stream", 3001, within_s=6)
    assert "live-pusher-test.invalid" in text


@pytest.mark.skipif(bool(CANNOT), reason=CANNOT)
def test_name_servers_that_fail(folder: Path) -> None:
    """3001, by a name server that says no such name, that fails, that has no address and that says nothing."""
    with (
        Namespace(folder, names=True) as namespace,
        ApplianceProcess(folder / "named", FAST, prefix=namespace.prefix) as appliance,
    ):
        closed = free_port()
        for name, within_s in (("missing.test", 3), ("failing.test", 3), ("nothing.test", 3), ("silent.test", 5.8)):
            text = fails_with(appliance, f"rtmp://{name}:{closed}/live/stream", 3001, within_s=within_s)
            assert name in text
            if name == "silent.test":
                assert "within 5 s" in text
        # to tell a broken test bench from a broken name: a good name gets one step further
        fails_with(appliance, f"rtmp://good.test:{closed}/live/stream", 3002, within_s=3)
        # a commanded stop does not wait for the name server either
        appliance.patch(url=f"rtmp://silent.test:{closed}/live/stream")
        appliance.post("start", wait=0.5)
        assert appliance.state == "CONNECTING"
        stops_at_once(appliance)


def test_a_refused_connection(appliance: ApplianceProcess) -> None:
    """3002: nobody listens."""
    text = fails_with(appliance, f"rtmp://127.0.0.1:{free_port()}/live/stream", 3002, within_s=3)
    assert "Connection refused" in text


def test_a_connection_nobody_answers(appliance: ApplianceProcess) -> None:
    """3002: no answer within 5 s."""
    with servers.unanswered() as url:
        assert "within 5 s" in fails_with(appliance, url, 3002, within_s=6)


def test_a_certificate_of_nobody_known(appliance: ApplianceProcess, nginx: Nginx, folder: Path) -> None:
    """3002: TLS with a certificate that no trusted authority has signed, and no TLS at all."""
    certificate = TestCa(folder).issue("DNS:localhost", "IP:127.0.0.1")
    with TlsProxy(certificate, ("127.0.0.1", nginx.port)) as proxy:
        text = fails_with(appliance, f"rtmps://127.0.0.1:{proxy.port}/live/stream", 3002, within_s=3)
    assert "certificate" in text
    text = fails_with(appliance, f"rtmps://127.0.0.1:{nginx.port}/live/stream", 3002, within_s=6)
    assert "TLS" in text


@pytest.mark.parametrize(
    ("script", "within_s"),
    [(servers.silent_handshake, 6), (servers.garbled_handshake, 3), (servers.closed_in_handshake, 3)],
)
def test_a_handshake_that_fails(appliance: ApplianceProcess, script: Callable[[Peer], None], within_s: float) -> None:
    """3003: silence, another protocol, an end."""
    with servers.faulty(script) as url:
        fails_with(appliance, url, 3003, within_s=within_s)


def test_a_refusal_keeps_the_servers_words(appliance: ApplianceProcess) -> None:
    """3004, with code and description of the server."""
    with servers.faulty(servers.rejecting) as url:
        text = fails_with(appliance, url, 3004, within_s=3)
        assert "secret" in text and "in use" in text and "banned" in text, "what to check is listed"
        details = appliance.events(3004)[0]["details"]
    assert details["status"] == "NetConnection.Connect.Rejected"
    assert details["description"] == "banned until tomorrow"


def test_a_push_that_is_forbidden(appliance: ApplianceProcess, folder: Path) -> None:
    """3004: nginx asks its on_publish, which says 403."""
    with (
        servers.forbidding() as address,
        Nginx(folder / "forbidding", directives=f"on_publish {address};") as strict,
    ):
        fails_with(appliance, f"{strict.url}/cam?secret=do-not-tell", 3004, within_s=4)
    assert "do-not-tell" not in appliance.log() + str(appliance.all_events())


def test_a_server_that_ends_the_push(appliance: ApplianceProcess) -> None:
    """3004 again: it had accepted the push before."""
    with servers.faulty(servers.ending) as url:
        appliance.patch(url=url)
        appliance.mark()
        appliance.do("start")
        assert appliance.wait_for(3004, 5)["details"]["status"] == "NetStream.Unpublish.Success"
        assert appliance.codes().index(1002) < appliance.codes().index(3004)
        appliance.do("stop")


def test_a_reset(appliance: ApplianceProcess) -> None:
    """3005: the socket broke."""
    with servers.faulty(servers.resetting) as url:
        appliance.patch(url=url)
        appliance.mark()
        appliance.post("start")
        assert "reset" in appliance.wait_for(3005, 5)["text"]
        appliance.wait_for(1102, 1)
        appliance.do("stop")
