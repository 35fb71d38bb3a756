"""The bench's own network: whether it is as slow, and as far away, as it was asked to be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.uplink import links
from tests.bench.uplink.network import RECEIVER, Network
from tests.bench.uplink.throughput import ROOMY_BYTES, WIRE_PAYLOAD, arrivals, got_kbps, wire_share
from tests.servers.namespaces import CANNOT

pytestmark = pytest.mark.skipif(bool(CANNOT), reason=CANNOT)

_ROUND_TRIP = f"""
import socket, time
begin = time.monotonic()
try:
    socket.create_connection(("{RECEIVER}", 9), 5)
except ConnectionRefusedError:
    print(time.monotonic() - begin)
"""


def test_a_link_that_falls_and_returns_is_followed_within_five_percent(tmp_path: Path) -> None:
    link = replace(links.step(2500, 600, each_s=3), buffer_bytes=ROOMY_BYTES)
    got = arrivals(tmp_path, link)
    for begin_s, kbps in link.steps:
        carried = got_kbps(got, begin_s + 0.5, begin_s + 3) / WIRE_PAYLOAD
        assert carried == pytest.approx(kbps, rel=0.05), f"from {begin_s} s on"


def test_a_link_that_changes_four_times_a_second_carries_no_more_than_it_should(tmp_path: Path) -> None:
    link = replace(links.cellular(5, median_kbps=500, duration_s=6), buffer_bytes=ROOMY_BYTES)
    assert wire_share(arrivals(tmp_path, link), link) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("rtt_ms", [0, 80])
def test_the_server_is_as_far_away_as_was_asked(tmp_path: Path, rtt_ms: float) -> None:
    with Network(tmp_path, links.constant(5000, rtt_ms=rtt_ms)) as network:
        command = [*network.pusher.prefix, sys.executable, "-c", _ROUND_TRIP]
        took_s = float(subprocess.run(command, check=True, capture_output=True, timeout=10).stdout)
    assert rtt_ms / 1000 <= took_s < rtt_ms / 1000 + 0.03


@pytest.mark.parametrize("congestion", ["cubic", "bbr"])
def test_the_pushers_tcp_is_the_one_that_was_asked_for(tmp_path: Path, congestion: str) -> None:
    show = f"""
import socket
with socket.socket() as sock:
    sock.settimeout(5)
    sock.connect_ex(("{RECEIVER}", 9))
    print(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\\0").decode())
"""
    with Network(tmp_path, links.constant(5000), congestion=congestion) as network:
        command = [*network.pusher.prefix, sys.executable, "-c", show]
        assert (
            subprocess.run(command, check=True, capture_output=True, timeout=10).stdout.decode().strip() == congestion
        )
