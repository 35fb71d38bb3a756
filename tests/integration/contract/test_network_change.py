"""A change of network, in networks of the test's own: reconnected at once instead of after time-outs (SPEC 6)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.appliance import ApplianceProcess
from tests.servers.namespaces import CANNOT, Namespace, cable
from tests.servers.nginx import Nginx

from .conftest import FAST

pytestmark = pytest.mark.skipif(bool(CANNOT), reason=CANNOT)

BOX, SERVER = "10.77.0.2", "10.77.0.1"
NETWORK_BACK = 20036


@pytest.fixture(scope="module")
def networks(folder: Path) -> Iterator[tuple[Namespace, Namespace]]:
    with Namespace(folder) as box, Namespace(folder) as away:
        away.sysctl("net.ipv4.tcp_rmem", "4096 16384 16384")  # so that the way is full soon when nobody reads
        cable(box, away, BOX, SERVER)
        yield box, away


@pytest.fixture(scope="module")
def nginx_away(folder: Path, networks: tuple[Namespace, Namespace]) -> Iterator[Nginx]:
    with Nginx(folder / "away", host=SERVER, prefix=networks[1].prefix) as server:
        yield server


@pytest.fixture(scope="module")
def boxed(folder: Path, networks: tuple[Namespace, Namespace]) -> Iterator[ApplianceProcess]:
    with ApplianceProcess(folder / "boxed", FAST, prefix=networks[0].prefix) as running:
        yield running


@pytest.fixture
def box(boxed: ApplianceProcess, nginx_away: Nginx, request: pytest.FixtureRequest) -> ApplianceProcess:
    boxed.do("stop")
    # a name of its own, since the server may still hold that of a session whose way it does not know to be gone
    boxed.patch(url=f"{nginx_away.url}/{request.node.name}")
    boxed.mark()
    return boxed


def test_an_address_that_is_gone_ends_the_session_and_is_missed_no_longer_than_it_is(
    box: ApplianceProcess, networks: tuple[Namespace, Namespace]
) -> None:
    box.do("start")
    networks[0].ip("addr", "del", f"{BOX}/24", "dev", "net0")
    taken_at = time.monotonic()
    broken = box.wait_for(3005, 4)
    assert broken["monotonic"] - taken_at < 2.5, "the session's own deadline is 8 s"
    assert f"the network address {BOX} is gone" in broken["text"]
    box.wait_for(1102)
    time.sleep(2)  # no way: the second attempt is being waited for
    box.wait_for(1102, 4, count=2)
    networks[0].ip("addr", "add", f"{BOX}/24", "dev", "net0")
    back_at = time.monotonic()
    assert box.wait_for(NETWORK_BACK, 3)["monotonic"] - back_at < 1.5
    box.wait_state("PUSHING", timeout_s=15)
    assert -1307 not in box.codes()


def test_an_unattended_box_that_failed_starts_again_at_once(
    box: ApplianceProcess, networks: tuple[Namespace, Namespace]
) -> None:
    box.patch(autopush=True)
    try:
        box.do("start")
        networks[0].ip("link", "set", "net0", "down")
        box.wait_for(-1307, 30)
        box.wait_state("FAILED")
        time.sleep(2)
        assert box.status()["reconnect"]["nextInSeconds"] > 1
        networks[0].ip("link", "set", "net0", "up")
        back_at = time.monotonic()
        assert box.wait_for(NETWORK_BACK, 3)["monotonic"] - back_at < 1.5
        assert box.wait_for(1001, 3, count=2)["monotonic"] - back_at < 2
    finally:
        networks[0].ip("link", "set", "net0", "up")
        box.do("stop")
        box.patch(autopush=False)


def test_an_attempt_on_its_way_is_begun_afresh(box: ApplianceProcess, networks: tuple[Namespace, Namespace]) -> None:
    networks[1].ip("link", "set", "net0", "down")  # a cable pulled at the other end: what is sent is lost
    try:
        assert box.post("start", wait=1.5)[0] == 504, "no outcome yet; it goes on"
        assert box.state == "CONNECTING"
        networks[1].ip("link", "set", "net0", "up")
        up_at = time.monotonic()
        assert box.wait_for(1001, 4)["monotonic"] - up_at < 1.5
        box.wait_state("PUSHING")
        assert 3002 not in box.codes()
    finally:
        networks[1].ip("link", "set", "net0", "up")


def test_a_frozen_server_makes_no_progress(box: ApplianceProcess, nginx_away: Nginx) -> None:
    """3005: the server is stopped as by a debugger, its kernel goes on acknowledging until the way is full."""
    box.do("start")
    time.sleep(1)
    nginx_away.freeze()
    frozen_at = time.monotonic()
    try:
        broken = box.wait_for(3005, 14)
        assert 7.9 < broken["monotonic"] - frozen_at < 11
        assert "has taken nothing for 8 s" in broken["text"]
        box.wait_for(1102)
    finally:
        nginx_away.thaw()
    box.wait_state("PUSHING", timeout_s=20)
