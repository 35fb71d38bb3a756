"""A name server whose answers follow from the names asked for (RFC 1035): ``python -m tests.servers.names``.

``missing.test`` does not exist, ``failing.test`` is a failure of the server (SERVFAIL), ``silent.test`` gets no answer,
``good.test`` is 127.0.0.1, ``nothing.test`` exists without an address.
"""

from __future__ import annotations

import socket
import struct

NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
_A = 1


def answer(question: bytes) -> bytes | None:
    """The answer to one datagram; None: none is given."""
    identifier, _, count = struct.unpack_from("!HHH", question)
    position, labels = 12, []
    while length := question[position]:
        labels.append(question[position + 1 : position + 1 + length].decode().lower())
        position += 1 + length
    kind = struct.unpack_from("!H", question, position + 1)[0]
    asked = question[12 : position + 5]
    first = labels[0]
    if first == "silent" or count != 1:
        return None
    status = {"failing": SERVER_FAILURE, "good": NO_ERROR, "nothing": NO_ERROR}.get(first, NO_SUCH_NAME)
    records = b""
    if first == "good" and kind == _A:
        records = struct.pack("!HHHIH4B", 0xC00C, _A, 1, 5, 4, 127, 0, 0, 1)
    return struct.pack("!HHHHHH", identifier, 0x8180 | status, 1, bool(records), 0, 0) + asked + records


def serve() -> None:
    """Answer on port 53 of loopback until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        print("ready", flush=True)  # noqa: T201  whoever started this waits for the word
        while True:
            question, client = sock.recvfrom(512)
            told = answer(question)
            if told is not None:
                sock.sendto(told, client)


if __name__ == "__main__":
    serve()
