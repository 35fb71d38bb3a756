"""Lost, tried again, given up, and stopped in every phase (SPEC 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.rtmp.pushing import LONG, Push
from tests.servers.appliance import ApplianceProcess
from tests.servers.faulty import Peer
from tests.servers.media import flv_tags, looped, make_clip
from tests.servers.nginx import Nginx, free_port

from . import servers
from .conftest import FAST
from .steps import fails_with, stops_at_once

DELAYS_S = (1.0, 2.0, 4.0)


def test_three_attempts_then_given_up(appliance: ApplianceProcess, nginx: Nginx) -> None:
    """1102 three times, 1, 2 and 4 s apart with jitter, each attempt's own failure, then -1307 and FAILED."""
    appliance.patch(url=f"{nginx.url}/given-up")
    appliance.do("start")
    appliance.mark()
    nginx.stop(kill=True)
    try:
        given_up = appliance.wait_for(-1307, 12)
        assert appliance.wait_state("FAILED") == "FAILED"
    finally:
        nginx.start()
    told = [event for event in appliance.events() if event["severity"] != "info"]
    first, *rest = [event["code"] for event in told]
    assert first in (3004, 3005), "the server closed, or the socket broke"
    assert rest == [1102, 3002, 1102, 3002, 1102, 3002, -1307]
    announced = [event for event in told if event["code"] == 1102]
    failed = [event for event in told if event["code"] == 3002]
    for number, (before, after, delay_s) in enumerate(zip(announced, failed, DELAYS_S, strict=True), 1):
        assert (before["details"]["attempt"], before["details"]["attempts"]) == (number, 3)
        assert 0.9 * delay_s <= before["details"]["delay_s"] <= 1.1 * delay_s
        waited_s = after["monotonic"] - before["monotonic"]
        assert waited_s == pytest.approx(before["details"]["delay_s"], abs=0.3)
    assert given_up["details"]["attempts"] == 3
    # attended: it stays so, until somebody starts it again
    time.sleep(1)
    assert appliance.state == "FAILED"
    assert appliance.events()[-1]["id"] == given_up["id"]
    assert appliance.do("start")["errMsg"] == "start:ok"
    stops_at_once(appliance)


def test_a_server_that_comes_back_is_pushed_to_again(appliance: ApplianceProcess, nginx: Nginx) -> None:
    appliance.patch(url=f"{nginx.url}/comes-back")
    appliance.do("start")
    appliance.mark()
    nginx.stop(kill=True)
    appliance.wait_for(1102, 3)
    nginx.start()
    appliance.wait_for(1002, 4)
    appliance.wait_state("PUSHING")
    stops_at_once(appliance)


@pytest.fixture
def other_publisher(nginx: Nginx) -> Iterator[Push]:
    """Somebody who holds the name ``taken``."""
    push = Push(f"{nginx.url}/taken", looped(flv_tags(make_clip())), deadlines=LONG)
    push.published()
    yield push
    if not push.listener.endings:
        push.closed()


def test_a_name_in_use_is_waited_out(appliance: ApplianceProcess, nginx: Nginx, other_publisher: Push) -> None:
    """3004 by NetStream.Publish.BadName: tried every 5 s without using up the attempts."""
    appliance.patch(url=f"{nginx.url}/taken")
    appliance.mark()
    appliance.post("start", wait=0.1)
    refused = appliance.wait_for(3004, 3)
    assert refused["details"]["status"] == "NetStream.Publish.BadName"
    again = appliance.wait_for(3004, 8, count=2)
    assert 4.4 < again["monotonic"] - refused["monotonic"] < 6.2
    first, second = appliance.events(1102)[:2]
    assert [event["details"]["attempt"] for event in (first, second)] == [1, 2]
    assert "attempt 1; the stream name is in use and is waited for, up to 120 s more" in first["text"]
    assert second["details"]["left_s"] == 115
    assert appliance.status()["reconnect"]["nameInUse"] is True
    other_publisher.closed()
    appliance.wait_for(1002, 8)
    appliance.wait_state("PUSHING")
    assert appliance.status()["reconnect"] == {"attempt": 0, "nameInUse": False, "nextInSeconds": None}
    appliance.do("stop")


def test_an_unattended_box_never_gives_up(folder: Path) -> None:
    """-1307 once, then on and on 5 s to 60 s apart; the server that comes back is pushed to. The very first connection
    goes by the same rule. A commanded stop ends it all the same."""
    server = Nginx(folder / "unattended-server")
    settings = {**FAST, "url": f"{server.url}/cam", "autopush": True}
    with ApplianceProcess(folder / "unattended", settings) as box:
        given_up = box.wait_for(-1307, 14)
        assert box.wait_state("FAILED")
        next_s = box.status()["reconnect"]["nextInSeconds"]
        assert 3 < next_s <= 5.5
        assert box.wait_for(3002, 8, count=5)["monotonic"] - given_up["monotonic"] < 6
        assert len(box.events(-1307)) == 1
        try:
            server.start()
            box.wait_for(1002, 12)  # 10 s and a tenth
            box.wait_state("PUSHING")
            server.stop(kill=True)
            box.wait_for(1102, 3)
            stops_at_once(box, idle_s=3)
        finally:
            server.stop()


PHASES: dict[str, tuple[Callable[[Peer], None], str]] = {
    "handshake": (servers.silent_handshake, "CONNECTING"),
    "connect": (servers.silent_at_connect, "CONNECTING"),
    "publish": (servers.silent_at_publish, "CONNECTING"),
    "a full way": (servers.not_reading, "PUSHING"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_stop_at_a_server_that_says_nothing(appliance: ApplianceProcess, phase: str) -> None:
    script, state = PHASES[phase]
    with servers.faulty(script) as url:
        appliance.patch(url=url)
        appliance.post("start", wait=1.0)
        assert appliance.wait_state(state, timeout_s=2)
        time.sleep(1.0 if state == "PUSHING" else 0.0)
        stops_at_once(appliance)


def test_stop_at_a_machine_that_answers_nothing(appliance: ApplianceProcess) -> None:
    with servers.unanswered() as url:
        appliance.patch(url=url)
        appliance.post("start", wait=0.7)
        assert appliance.state == "CONNECTING"
        stops_at_once(appliance)


def test_stop_while_waiting_for_the_next_attempt(appliance: ApplianceProcess) -> None:
    appliance.patch(url=f"rtmp://127.0.0.1:{free_port()}/live/stream")
    appliance.mark()
    appliance.post("start", wait=0.1)
    appliance.wait_for(1102, 3, count=2)
    assert appliance.state == "RECONNECTING"
    stops_at_once(appliance, idle_s=3)


def test_stop_of_a_push_frees_the_name(appliance: ApplianceProcess, nginx: Nginx) -> None:
    appliance.patch(url=f"{nginx.url}/freed")
    for paused in (False, True):
        appliance.do("start")
        time.sleep(0.5)
        if paused:
            appliance.do("pause")
        stops_at_once(appliance, idle_s=0)
    appliance.mark()
    appliance.do("start")
    time.sleep(0.5)
    assert 3004 not in appliance.codes()
    stops_at_once(appliance)


def test_no_progress(appliance: ApplianceProcess) -> None:
    """3005: the server reads no more; the way is full, and nothing moves for 8 s."""
    with servers.faulty(servers.not_reading) as url:
        appliance.patch(url=url)
        appliance.mark()
        appliance.do("start")
        pushing = appliance.wait_for(1002)
        broken = appliance.wait_for(3005, 14)
        assert "has taken nothing for 8 s" in broken["text"]
        assert 7.9 < broken["monotonic"] - pushing["monotonic"] < 12
        appliance.do("stop")


def test_a_publish_that_is_not_answered(appliance: ApplianceProcess) -> None:
    """3005 after the 10 s that connect, createStream and publish have together."""
    with servers.faulty(servers.silent_at_publish) as url:
        assert "10 s" in fails_with(appliance, url, 3005, within_s=11.5)
