from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.rtmp.chunks import MAX_MESSAGE, ChunkReader, ChunkWriter, Message, MessageType
from appliance.rtmp.violation import ProtocolViolation

WRAP = 1 << 32

written = st.lists(
    st.tuples(
        st.integers(3, 8),  # chunk stream
        st.sampled_from([8, 9, 18, 20]),
        st.integers(0, 3),  # message stream
        st.one_of(st.integers(0, 5000), st.integers(0xFFFFFF - 100, 0xFFFFFF + 100), st.integers(WRAP - 90, WRAP + 90)),
        st.binary(max_size=700),
    ),
    max_size=12,
)


def read(data: bytes) -> list[Message]:
    return list(ChunkReader().feed(data))


@given(written, st.sampled_from([1, 2, 128, 60_000]), st.lists(st.integers(1, 200), max_size=30))
def test_what_is_written_is_read_however_it_is_cut(
    messages: list[tuple[int, int, int, int, bytes]], size: int, cuts: list[int]
) -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    data = writer.set_chunk_size(size) + b"".join(writer.write(*message) for message in messages)
    found: list[Message] = []
    for cut in [*cuts, len(data) or 1]:
        found += reader.feed(data[:cut])
        data = data[cut:]
    assert [(m.type_id, m.stream_id, m.timestamp, m.body) for m in found] == [
        (type_id, stream, time % WRAP, body) for _, type_id, stream, time, body in messages
    ]


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused_and_little_is_kept(data: bytes) -> None:
    try:
        for message in ChunkReader().feed(data):
            assert len(message.body) <= len(data)
    except ProtocolViolation:
        pass


def test_headers_shrink_to_deltas() -> None:
    writer = ChunkWriter()
    assert writer.write(4, 8, 1, 1000, b"ab") == bytes.fromhex("04" "0003e8" "000002" "08" "01000000") + b"ab"  # fmt: skip
    assert writer.write(4, 8, 1, 1023, b"abc") == bytes.fromhex("44" "000017" "000003" "08") + b"abc"  # fmt: skip
    assert writer.write(4, 8, 1, 1046, b"xyz") == bytes.fromhex("84" "000017") + b"xyz"  # fmt: skip
    assert writer.write(4, 8, 1, 1000, b"xyz")[0] == 4  # back in time: a full header


def test_continuations_repeat_the_extended_timestamp() -> None:
    data = ChunkWriter().write(6, 9, 1, 0x01000000, b"v" * 200)
    assert data == (
        bytes.fromhex("06" "ffffff" "0000c8" "09" "01000000" "01000000") + b"v" * 128
        + bytes.fromhex("c6" "01000000") + b"v" * 72
    )  # fmt: skip


def test_time_wraps_at_32_bits() -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    data = writer.write(6, 9, 1, WRAP - 20, b"a") + writer.write(6, 9, 1, WRAP + 13, b"b")
    assert [m.timestamp for m in reader.feed(data)] == [WRAP - 20, 13]


def test_chunk_streams_of_two_and_three_bytes() -> None:
    body = b"\x00\x00\x05" + bytes(3) + b"\x04" + bytes(4)
    assert read(b"\x00\x05" + body + b"\x01\x05\x01" + body) == [Message(4, 0, 5, b"")] * 2


def test_interleaved_messages_come_out_whole() -> None:
    writer = ChunkWriter()
    a, b = writer.write(5, 9, 1, 0, b"a" * 200), writer.write(7, 8, 1, 0, b"b" * 200)
    cut = 12 + 128
    messages = read(a[:cut] + b[:cut] + a[cut:] + b[cut:])
    assert [m.body for m in messages] == [b"a" * 200, b"b" * 200]


def test_abort_drops_the_unfinished_message() -> None:
    writer = ChunkWriter()
    unfinished = writer.write(5, 9, 1, 0, b"a" * 200)[: 12 + 128]
    abort = writer.write(2, MessageType.ABORT, 0, 0, (5).to_bytes(4, "big"))
    fresh = ChunkWriter().write(5, 9, 1, 0, b"new")
    assert read(unfinished + abort + fresh) == [Message(9, 1, 0, b"new")]


def header(stream: int, length: int, type_id: int = 9) -> bytes:
    return bytes((stream,)) + bytes(3) + length.to_bytes(3, "big") + bytes((type_id,)) + bytes(4)


def test_oversized_messages_are_refused_by_their_header() -> None:
    with pytest.raises(ProtocolViolation, match="1048577 bytes"):
        read(header(5, MAX_MESSAGE + 1))


def test_unfinished_messages_share_one_bound() -> None:
    size = ChunkWriter().set_chunk_size(600_000)
    part = bytes(600_000)
    with pytest.raises(ProtocolViolation, match="unfinished messages"):
        read(size + header(5, 700_000) + part + header(6, 700_000) + part)


def test_the_number_of_chunk_streams_is_bounded() -> None:
    data = b"".join(bytes((0, number)) + header(0, 200)[1:] + bytes(128) for number in range(100))
    with pytest.raises(ProtocolViolation, match="more than 64 chunk streams"):
        read(data)


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFF, 0x1000000])
def test_huge_chunk_sizes_reserve_nothing(size: int) -> None:
    data = ChunkWriter().write(2, 1, 0, 0, size.to_bytes(4, "big"))
    assert read(data + header(5, 300_000) + bytes(300_000))[0].body == bytes(300_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ChunkWriter().write(2, 1, 0, 0, bytes(4)), "chunk size of 0"),
        (b"\xc5", "without a header"),
        (b"\x85\0\0\0", "without a header"),
        (header(5, 200) + bytes(128) + header(5, 3), "inside an unfinished one"),
    ],
)
def test_broken_chunks_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolViolation, match=words):
        read(data)


def test_messages_before_a_violation_still_arrive() -> None:
    messages = ChunkReader().feed(ChunkWriter().write(3, 20, 0, 0, b"last words") + b"\xff" * 20)
    assert next(messages).body == b"last words"
    with pytest.raises(ProtocolViolation):
        next(messages)
