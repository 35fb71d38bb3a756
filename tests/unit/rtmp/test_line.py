from __future__ import annotations

import socket
import struct
import time

import pytest

from appliance.errors import LinkBroken, ServerRefused
from appliance.rtmp import amf0
from appliance.rtmp.line import Line
from appliance.rtmp.publish import Phase
from appliance.rtmp.uplink import Uplink
from appliance.rtmp.waiting import Waiter
from tests.unit.rtmp.talking import Server


@pytest.mark.parametrize(
    ("words", "error"),
    [({"level": "error", "code": "NetStream.Publish.Denied"}, ServerRefused), (None, LinkBroken)],
)
def test_last_words_are_read_though_writing_fails_first(words: dict[str, str] | None, error: type[Exception]) -> None:
    server = Server().up_to(Phase.PUBLISHING)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    ours.setblocking(False)
    waiter = Waiter()
    try:
        line = Line(Uplink(ours), server.conversation, waiter, on_connected=lambda: None)
        if words is not None:
            theirs.sendall(server.writer.write(3, 20, 0, 0, amf0.encode("onStatus", 0, None, words)))
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()  # a reset
        time.sleep(0.05)
        line.uplink.add(b"x" * 100)
        with pytest.raises(error):
            line.flush()
    finally:
        waiter.close()
        ours.close()
