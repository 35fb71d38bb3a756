"""A change of network: what the kernel's messages say, and what is made of it."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.system import netlink
from appliance.system.netlink import NetworkPicture, understand
from appliance.system.network_watch import GONE_S, QUIET_S, NetworkJudge, NetworkWatch, Verdict

from .recorded_rtnetlink import ADDRESS_GONE, CABLE_OUT, SWITCHED_OFF, UP

LOOPBACK = {"127.0.0.1", "::1"}


def held(data: bytes) -> set[str]:
    return {address for address in understand(data).held if not address.startswith("fe80:")} - LOOPBACK


def test_recorded_messages_are_understood() -> None:
    picture = understand(UP)
    assert held(UP) == {"10.9.0.2", "fd09::2"}
    assert picture.ways == {
        ("10.9.0.2", 2), ("fd09::2", 2),
        (2, "None", 0, "10.9.0.1", 2), (2, "10.9.0.0", 24, "None", 2), (10, "fd09::", 64, "None", 2),
    }  # fmt: skip


def test_without_a_cable_there_is_no_way_but_the_addresses_stay() -> None:
    assert held(CABLE_OUT) == {"10.9.0.2", "fd09::2"}
    assert understand(CABLE_OUT).ways == set()


def test_an_address_that_was_taken_away_is_not_held() -> None:
    assert held(ADDRESS_GONE) == {"fd09::2"}
    assert understand(ADDRESS_GONE).ways == {("fd09::2", 2), (10, "fd09::", 64, "None", 2)}
    assert held(SWITCHED_OFF) == set()
    assert understand(SWITCHED_OFF).ways == set()


@given(st.integers(0, len(UP)))
def test_what_is_cut_short_is_left_out(length: int) -> None:
    assert understand(UP[:length]).held <= understand(UP).held


@given(st.binary(max_size=200))
def test_garbage_is_no_network(data: bytes) -> None:
    understand(data)
    understand(struct.pack("=IHHII", 16 + len(data), 20, 0, 0, 0) + data)


def test_this_machine_can_be_looked_at() -> None:
    assert "127.0.0.1" in netlink.look().held


# -- the judge -----------------------------------------------------------------------------------------------

NOTHING, HOME = NetworkPicture(), NetworkPicture(frozenset({"10.0.0.2"}), frozenset({("10.0.0.2", 2)}))
UNPLUGGED = NetworkPicture(HOME.held, frozenset())
AWAY = NetworkPicture(frozenset({"10.1.0.2"}), frozenset({("10.1.0.2", 3)}))


def judged(*looks: tuple[float, NetworkPicture, str | None]) -> list[Verdict]:
    judge = NetworkJudge()
    return [judge.look(*look) for look in looks]


def test_the_first_look_says_nothing() -> None:
    assert judged((0, HOME, "10.0.0.2")) == [Verdict()]


def test_a_network_that_was_not_there_is_back() -> None:
    verdicts = judged((0, HOME, None), (1, UNPLUGGED, None), (2, HOME, None), (3, HOME, None))
    assert [verdict.back for verdict in verdicts] == [False, False, True, False]


def test_an_address_is_gone_when_it_stays_away() -> None:
    *_, missing, gone, after = judged(
        (0, HOME, "10.0.0.2"), (5, NOTHING, "10.0.0.2"), (5 + GONE_S, NOTHING, "10.0.0.2"), (9, NOTHING, None)
    )
    assert missing == Verdict(again_s=GONE_S)
    assert gone == Verdict(gone="10.0.0.2")
    assert after == Verdict()


def test_a_lease_that_is_renewed_takes_nothing_away() -> None:
    verdicts = judged((0, HOME, "10.0.0.2"), (5, NOTHING, "10.0.0.2"), (5.5, HOME, "10.0.0.2"), (9, HOME, "10.0.0.2"))
    assert [verdict.gone for verdict in verdicts] == [None] * 4
    assert verdicts[-1] == Verdict()


def test_an_unplugged_cable_alone_does_not_end_a_session() -> None:
    assert all(verdict.gone is None for verdict in judged((0, HOME, "10.0.0.2"), (1, UNPLUGGED, "10.0.0.2")))


def test_another_network_is_reported_again_once_the_session_is_lost() -> None:
    verdicts = judged(
        (0, HOME, "10.0.0.2"), (1, AWAY, "10.0.0.2"), (2, AWAY, "10.0.0.2"), (2 + QUIET_S, AWAY, None), (5, AWAY, None)
    )
    assert [(verdict.back, verdict.gone) for verdict in verdicts] == [
        (False, None), (True, None), (False, "10.0.0.2"), (True, None), (False, None)
    ]  # fmt: skip


def test_an_address_that_never_stood_anywhere_is_not_missed() -> None:
    assert judged((0, HOME, "192.0.2.1"), (5, NOTHING, "192.0.2.1"))[-1] == Verdict()


# -- the watch -----------------------------------------------------------------------------------------------


def watch(told: list[str], event: threading.Event, in_use: str | None = None) -> NetworkWatch:
    def tell(what: str) -> None:
        told.append(what)
        event.set()

    return NetworkWatch(in_use=lambda: in_use, on_back=lambda: tell("back"), on_gone=lambda a: tell(f"gone {a}"))


def test_the_watch_tells_what_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    present = [HOME]
    monkeypatch.setattr(netlink, "subscribe", lambda: ours)
    monkeypatch.setattr(netlink, "look", lambda: present[0])
    told: list[str] = []
    event = threading.Event()
    watching = watch(told, event, "10.0.0.2").start()
    try:
        present[0] = NOTHING
        kernel.send(b"something changed")
        assert event.wait(5)
        event.clear()
        assert told == ["gone 10.0.0.2"]
        present[0] = AWAY
        kernel.send(b"something changed")
        kernel.send(b"and more")
        assert event.wait(5)
        assert told[1] == "back"
        assert not watching.worker.stalled
    finally:
        watching.stop()
        kernel.close()
    assert not watching.worker.alive
    assert ours.fileno() == -1


def test_where_there_is_no_netlink_it_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(netlink, "subscribe", refuse)
    watching = watch([], threading.Event()).start()
    assert not watching.worker.started, "it would count as a worker that died"
    watching.stop()
