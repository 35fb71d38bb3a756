"""What a plain TCP connection gets through the bottleneck: whether the shaping is what was asked for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bench.uplink.links import Link
from tests.bench.uplink.network import RECEIVER, Network

_PORT = 9000
_WARM_UP_S = 2.0
"""Until the queue is full: TCP begins slowly."""
WIRE_PAYLOAD = 1448 / 1500
"""Of a full packet: without the headers of IP and TCP, with timestamps."""
ROOMY_BYTES = 4_000_000
"""A queue that does not overflow: what is lost holds up what came after it, and hides the rate."""

_SINK = f"""
import socket, time
with socket.create_server(("{RECEIVER}", {_PORT})) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    while data := connection.recv(65536):
        print(time.monotonic(), len(data), flush=True)
"""
_SOURCE = f"""
import socket
connection = socket.create_connection(("{RECEIVER}", {_PORT}), 5)
try:
    while True:
        connection.sendall(bytes(65536))
except OSError:
    pass
"""


def arrivals(folder: Path, link: Link, *, congestion: str = "cubic") -> list[tuple[float, int]]:
    """(second of the link, bytes of payload) of everything that arrived while it was sent as fast as TCP does. The link's
    time begins once its queue is full."""
    with Network(folder, link, congestion=congestion) as network:
        sink = subprocess.Popen([*network.receiver.prefix, sys.executable, "-c", _SINK], stdout=subprocess.PIPE)
        source: subprocess.Popen[bytes] | None = None
        try:
            assert sink.stdout is not None
            assert sink.stdout.readline() == b"ready\n"
            source = subprocess.Popen([*network.pusher.prefix, sys.executable, "-c", _SOURCE])
            time.sleep(_WARM_UP_S)
            begin_s = network.begin()
            time.sleep(link.duration_s)
            network.check()
        finally:
            for process in (source, sink):
                if process is not None:
                    process.terminate()
            assert sink.stdout is not None
            lines = [line.split() for line in sink.stdout.read().splitlines()]
            for process in (source, sink):
                if process is not None:
                    process.wait(5)
        return [(float(at_s) - begin_s, int(size)) for at_s, size in lines]


def got_kbps(got: list[tuple[float, int]], from_s: float, to_s: float) -> float:
    """Payload on average between two seconds of the link."""
    return sum(size for at_s, size in got if from_s <= at_s < to_s) * 8 / 1000 / (to_s - from_s)


def wire_share(got: list[tuple[float, int]], link: Link) -> float:
    """What arrived of what the link carries; 1 is exact."""
    return got_kbps(got, 0, link.duration_s) / WIRE_PAYLOAD / link.mean_kbps()
