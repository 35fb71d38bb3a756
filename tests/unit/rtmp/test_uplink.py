"""What the kernel's figures about a connection are taken for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from appliance.rtmp.uplink import Uplink


class Told(socket.socket):
    """A socket whose TCP_INFO is written down."""

    info = b""

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes:  # type: ignore[override]
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
