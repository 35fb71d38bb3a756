"""What the kernel's figures about a connection are taken for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from appliance.rtmp.uplink import Uplink

TCP_CC_INFO = 26
"""Linux's own number."""


class Told(socket.socket):
    """A socket whose TCP_INFO is written down."""

    info = state = b""
    congestion = b"cubic\0"

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes:  # type: ignore[override]
        if option == socket.TCP_CONGESTION:
            return self.congestion
        if option == TCP_CC_INFO:
            return self.state
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        return self.info[:size]


@pytest.fixture
def told() -> Iterator[Told]:
    with Told(socket.AF_INET, socket.SOCK_STREAM) as sock:
        yield sock


def tcp_info(*, unacked: int, sacked: int, not_sent: int, acked: int = 5001) -> bytes:
    """struct tcp_info of linux/tcp.h, with nothing in it but these."""
    info = bytearray(192)
    struct.pack_into("@II", info, 24, unacked, sacked)
    struct.pack_into("@Q", info, 120, acked)
    struct.pack_into("@I", info, 144, not_sent)
    return bytes(info)


@pytest.mark.parametrize(
    ("unacked", "sacked", "not_sent", "expected"),
    [
        (0, 0, 0, 0),
        (10, 0, 2000, 0),
        (10, 4, 2000, 2400),  # 6000 on their way in 10 segments, none of them full
        (10, 10, 2000, 6000),
        (4, 2, 9000, 0),  # the figures are not of one instant
    ],
)
def test_what_lies_behind_a_gap_is_estimated_by_the_mean_segment(
    told: Told, monkeypatch: pytest.MonkeyPatch, unacked: int, sacked: int, not_sent: int, expected: int
) -> None:
    told.info = tcp_info(unacked=unacked, sacked=sacked, not_sent=not_sent)
    monkeypatch.setattr(Uplink, "in_kernel", lambda _: 8000)
    measured = Uplink(told).statistics()
    assert measured.sacked_bytes == expected
    assert (measured.acked_bytes, measured.queued_bytes) == (5000, 8000)


@pytest.mark.parametrize(
    ("state", "probing"),
    [
        (struct.pack("@5I", 90_000, 0, 300_000, 256, 512), False),  # PROBE_BW, cruising
        (struct.pack("@5I", 90_000, 0, 300_000, 739, 739), False),  # STARTUP
        (struct.pack("@5I", 90_000, 0, 300_000, 256, 256), True),
        (struct.pack("@5I", 0, 0, 300_000, 256, 256), False),  # nothing has been measured yet
        (b"", False),  # another congestion control took its place
    ],
)
def test_bbr_that_holds_back_to_see_the_way_is_told(
    told: Told, monkeypatch: pytest.MonkeyPatch, state: bytes, probing: bool
) -> None:
    told.info, told.congestion, told.state = tcp_info(unacked=4, sacked=0, not_sent=0), b"bbr\0", state
    monkeypatch.setattr(Uplink, "in_kernel", lambda _: 8000)
    assert Uplink(told).statistics().probing is probing


def test_what_bbr_says_here_can_be_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        except OSError:
            pytest.skip("this kernel has no bbr")
        assert Uplink(sock).statistics().probing is False
