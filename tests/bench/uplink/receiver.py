"""The other end: takes publishers, one after the other, and writes down when each message was whole.

``python -m tests.bench.uplink.receiver HOST PORT RECORD``; it says ``ready``, and ends when it is told to.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path

from appliance.demo.ingest import IngestConversation
from appliance.rtmp.violation import ProtocolViolation
from tests.bench.uplink.records import Recorder

IDLE_S = 15.0
"""A publisher that has sent nothing for so long is gone: the next one may come."""


def serve(connection: socket.socket, record: Recorder) -> None:
    """One publisher until it hangs up. Raises OSError, ProtocolViolation."""
    connection.settimeout(IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conversation = IngestConversation(lambda: True)
    while not conversation.finished and (data := connection.recv(65536)):
        for tag in conversation.receive(data):
            record.put(tag)
        if answer := conversation.output():
            connection.sendall(answer)


def main() -> None:
    host, port, path = sys.argv[1:]
    record = Recorder(Path(path))
    with socket.create_server((host, int(port))) as server:
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError, ProtocolViolation):
                serve(connection, record)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
