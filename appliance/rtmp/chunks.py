"""Messages as RTMP chunks (RTMP 1.0, 5.3): a writer and a reader, without I/O.

The reader is bounded whatever arrives: messages over ``MAX_MESSAGE`` bytes, more unfinished bytes than that over all
chunk streams, and more than ``MAX_CHUNK_STREAMS`` chunk streams are refused; nothing is reserved for what is announced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from appliance.rtmp.violation import ProtocolViolation

DEFAULT_CHUNK_SIZE = 128
"""What both directions begin with."""
CHUNK_SIZE = 60_000
"""What we write with. Nearly every tag is then one chunk, copied and headed once; it stays under the 65536 that common
servers accept. Larger chunks would only matter to interleaving, and a tag is sent whole in any case."""
MAX_MESSAGE = 1 << 20
MAX_CHUNK_STREAMS = 64
MAX_CHUNK_SIZE = 0xFFFFFF

_EXTENDED = 0xFFFFFF
_WRAP = 1 << 32


class MessageType(IntEnum):
    """Message type ids (RTMP 1.0, 5.4, 6.2, 7.1); audio, video and data are FLV's tag types too."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_ACKNOWLEDGEMENT_SIZE = 5
    SET_PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    COMMAND_AMF3 = 17
    DATA_AMF0 = 18
    COMMAND_AMF0 = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message. ``type_id`` may be any byte; ``timestamp`` is in ms, modulo 2**32."""

    type_id: int
    stream_id: int
    timestamp: int
    body: bytes


class ChunkWriter:
    """Cuts messages into chunks. Whoever sends what it made must send all of it, in order."""

    def __init__(self) -> None:
        self._chunk_size = DEFAULT_CHUNK_SIZE
        # per chunk stream: timestamp (not wrapped), length, type id and stream id of the last message
        self._last: dict[int, tuple[int, int, int, int]] = {}

    def set_chunk_size(self, size: int) -> bytes:
        """The Set Chunk Size message; what is written after it uses the new size."""
        message = self.write(2, MessageType.SET_CHUNK_SIZE, 0, 0, size.to_bytes(4, "big"))
        self._chunk_size = size
        return message

    def write(self, chunk_stream: int, type_id: int, stream_id: int, timestamp: int, body: bytes) -> bytes:
        """One message as chunks. ``timestamp`` in ms may exceed 32 bits and may go back; ``chunk_stream`` is 2 to 63.

        The header is a full one (type 0) for the first message of a chunk stream and where time goes back or jumps, else
        a delta (type 1 or 2).
        """
        last = self._last.get(chunk_stream)
        self._last[chunk_stream] = (timestamp, len(body), type_id, stream_id)
        extended = b""
        delta = timestamp - last[0] if last else -1
        if last is None or last[3] != stream_id or not 0 <= delta < _EXTENDED:
            wire = timestamp % _WRAP
            if wire >= _EXTENDED:
                extended, wire = wire.to_bytes(4, "big"), _EXTENDED
            header = b"%c%b%b%c%b" % (
                chunk_stream, wire.to_bytes(3, "big"), len(body).to_bytes(3, "big"), type_id,
                stream_id.to_bytes(4, "little"),
            )  # fmt: skip
        elif last[1] == len(body) and last[2] == type_id:
            header = b"%c%b" % (0x80 | chunk_stream, delta.to_bytes(3, "big"))
        else:
            header = b"%c%b%b%c" % (
                0x40 | chunk_stream, delta.to_bytes(3, "big"), len(body).to_bytes(3, "big"), type_id
            )  # fmt: skip
        size = self._chunk_size
        if len(body) <= size:
            return b"".join((header, extended, body))
        # Continuations repeat the extended timestamp: the specification is silent about it, but servers expect it.
        continuation = bytes((0xC0 | chunk_stream,)) + extended
        parts = [header, extended, body[:size]]
        for start in range(size, len(body), size):
            parts += (continuation, body[start : start + size])
        return b"".join(parts)


class _Incoming:
    """What a chunk stream remembers: the last header, and the message being put together."""

    __slots__ = ("body", "delta", "extended", "length", "stream_id", "timestamp", "type_id", "unfinished")

    def __init__(self) -> None:
        self.timestamp = self.delta = self.length = self.type_id = self.stream_id = 0
        self.extended = self.unfinished = False
        self.body = bytearray()


class ChunkReader:
    """Puts messages together from the bytes of the peer. Set Chunk Size and Abort are obeyed here and not handed on."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._chunk_size = DEFAULT_CHUNK_SIZE
        self._streams: dict[int, _Incoming] = {}
        self._unfinished_bytes = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes; yields every message they complete, and raises ProtocolViolation behind the last good one."""
        self._buffer += data
        position = 0
        try:
            while (taken := self._chunk(position)) is not None:
                position, message = taken
                if message is not None and not self._obey(message):
                    yield message
        finally:
            del self._buffer[:position]

    def _chunk(self, position: int) -> tuple[int, Message | None] | None:
        """The chunk at ``position``: where it ends, and the message it completes. None while it is not all there."""
        buffer, end = self._buffer, len(self._buffer)
        if position >= end:
            return None
        form, chunk_stream = buffer[position] >> 6, buffer[position] & 0x3F
        position += 1
        if chunk_stream < 2:  # 0: one more byte, 1: two more
            size = chunk_stream + 1
            if position + size > end:
                return None
            chunk_stream = 64 + int.from_bytes(buffer[position : position + size], "little")
            position += size
        head = position
        position += (11, 7, 3, 0)[form]
        if position > end:
            return None
        stream = self._streams.get(chunk_stream)
        if stream is None:
            if form > 1:
                raise ProtocolViolation("a chunk stream begins without a header")
            if len(self._streams) >= MAX_CHUNK_STREAMS:
                raise ProtocolViolation(f"more than {MAX_CHUNK_STREAMS} chunk streams are in use")
            stream = _Incoming()
        elif form < 3 and stream.unfinished:
            raise ProtocolViolation("a message begins inside an unfinished one")
        time = int.from_bytes(buffer[head : head + 3], "big") if form < 3 else stream.delta
        extended = time == _EXTENDED if form < 3 else stream.extended
        if extended:
            if position + 4 > end:
                return None
            time = int.from_bytes(buffer[position : position + 4], "big")
            position += 4
        length = int.from_bytes(buffer[head + 3 : head + 6], "big") if form < 2 else stream.length
        if length > MAX_MESSAGE:
            raise ProtocolViolation(f"a message of {length} bytes; taken: at most {MAX_MESSAGE}")
        size = min(self._chunk_size, length - len(stream.body))
        if self._unfinished_bytes + size > MAX_MESSAGE:
            raise ProtocolViolation(f"unfinished messages of more than {MAX_MESSAGE} bytes")
        if position + size > end:
            return None

        # The chunk is all there: only now is anything remembered.
        self._streams[chunk_stream] = stream
        if not stream.unfinished:
            stream.timestamp = time if form == 0 else (stream.timestamp + time) % _WRAP
            stream.delta, stream.extended, stream.length = time, extended, length
            if form < 2:
                stream.type_id = buffer[head + 6]
            if form == 0:
                stream.stream_id = int.from_bytes(buffer[head + 7 : head + 11], "little")
        stream.body += buffer[position : position + size]
        stream.unfinished = len(stream.body) < length
        position += size
        if stream.unfinished:
            self._unfinished_bytes += size
            return position, None
        self._unfinished_bytes -= len(stream.body) - size
        message = Message(stream.type_id, stream.stream_id, stream.timestamp, bytes(stream.body))
        stream.body = bytearray()
        return position, message

    def _obey(self, message: Message) -> bool:
        if message.type_id == MessageType.SET_CHUNK_SIZE and len(message.body) >= 4:
            size = int.from_bytes(message.body[:4], "big")
            if size == 0:
                raise ProtocolViolation("a chunk size of 0 is announced; allowed: 1 to 2147483647")
            self._chunk_size = min(size, MAX_CHUNK_SIZE)  # no message is larger
            return True
        if message.type_id == MessageType.ABORT and len(message.body) >= 4:
            stream = self._streams.get(int.from_bytes(message.body[:4], "big"))
            if stream is not None and stream.unfinished:
                self._unfinished_bytes -= len(stream.body)
                stream.body, stream.unfinished = bytearray(), False
            return True
        return False
