from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.rtmp.handshake import SIZE, ClientHandshake, ServerHandshake
from appliance.rtmp.violation import ProtocolViolation


@given(st.lists(st.integers(1, 900), min_size=1, max_size=20), st.binary(max_size=20))
def test_both_sides_agree_however_the_bytes_are_cut(cuts: list[int], behind: bytes) -> None:
    client, server = ClientHandshake(), ServerHandshake()
    to_client = server.receive(client.hello())
    to_server = b""
    to_client += behind
    for size in [*cuts, 2 * SIZE, 2 * SIZE]:
        to_server += client.receive(to_client[:size])
        to_client = to_client[size:]
        if client.done:
            break
    assert client.done
    assert client.rest() + to_client == behind
    server.receive(to_server + b"next")
    assert server.done
    assert server.rest() == b"next"


def test_c1_asks_for_the_simple_handshake() -> None:
    hello = ClientHandshake().hello()
    assert len(hello) == 1 + SIZE
    assert hello[0] == 3
    assert hello[5:9] == bytes(4)  # another version here would ask for the digest handshake


def test_c2_echoes_s1_and_goes_out_before_s2() -> None:
    client = ClientHandshake()
    s1 = bytes(range(256)) * 6
    assert client.receive(b"\x03" + s1[:-1]) == b""
    assert client.receive(s1[-1:]) == s1
    assert not client.done
    assert client.receive(b"\xaa" * SIZE) == b""  # S2 is a digest, not an echo
    assert client.done


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "web server"),
        (b"\x15\x03\x01\x00\x02", "rtmps://"),
        (b"\x06" + bytes(1536), "version 6 instead of RTMP's 3"),
        (b"\x00", "version 0"),
    ],
)
def test_what_is_no_rtmp_is_refused_at_the_first_byte(beginning: bytes, words: str) -> None:
    with pytest.raises(ProtocolViolation, match=words):
        ClientHandshake().receive(beginning)
