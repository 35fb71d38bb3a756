"""A publisher's conversation with an RTMP server, as a state machine without I/O.

``connect`` → ``releaseStream``, ``FCPublish``, ``createStream`` → ``publish`` → tags → ``FCUnpublish``, ``deleteStream``.
Bytes of the server go in by :meth:`PublishConversation.receive`; what is to be sent is taken by ``output``. Errors are the
leaves of :mod:`appliance.errors` that the present phase calls for (SPEC 3, 3003 to 3005): until the first good message of
the server everything is a failed handshake; what the server says or an orderly end of the connection is a refusal;
everything else breaks the link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from appliance.errors import HandshakeFailed, LinkBroken, NetworkError, ServerRefused
from appliance.media.tags import Tag, TagKind
from appliance.rtmp import amf0, commands
from appliance.rtmp.chunks import CHUNK_SIZE, ChunkReader, ChunkWriter, Message, MessageType
from appliance.rtmp.commands import CONNECTION_CHUNKS, CONTROL_CHUNKS, Command, UserControl
from appliance.rtmp.handshake import ClientHandshake
from appliance.rtmp.refusal import refusal
from appliance.rtmp.violation import ProtocolViolation
from appliance.settings.push_address import PushAddress

FLASH_VERSION = "FMLE/3.0 (compatible; LivePusher)"
"""Servers look for FMLE, the encoder whose commands everybody speaks."""
WINDOW = 2_500_000
"""Bytes after which we ask the server for an acknowledgement, the value of common encoders."""

_STREAM_CHUNKS, _AUDIO_CHUNKS, _DATA_CHUNKS, _VIDEO_CHUNKS = 8, 4, 5, 6
_CONNECT, _RELEASE_STREAM, _FC_PUBLISH, _CREATE_STREAM, _PUBLISH, _FC_UNPUBLISH, _DELETE_STREAM = range(1, 8)

_HARMLESS = frozenset(
    ("NetConnection.Connect.Success", "NetStream.Publish.Start", "NetStream.Publish.Idle", "NetStream.Publish.Reset")
)
_TYPES = frozenset(int(type_id) for type_id in MessageType)
_TAG_CHUNKS = {TagKind.AUDIO: _AUDIO_CHUNKS, TagKind.VIDEO: _VIDEO_CHUNKS}


class Phase(str, Enum):
    """What the conversation waits for. The values name the command that is to be answered."""

    HANDSHAKE = "handshake"
    CONNECT = "connect"
    CREATE_STREAM = "createStream"
    PUBLISH = "publish"
    PUBLISHING = "publishing"


class Step(Enum):
    """What the server has granted."""

    CONNECTED = "connected"
    PUBLISHED = "published"


class PublishConversation:
    """One attempt to publish. Not thread-safe: the session's thread owns it."""

    def __init__(self, address: PushAddress, *, flash_version: str = FLASH_VERSION) -> None:
        self.phase = Phase.HANDSHAKE
        self.rtmp_acked_bytes = 0
        """What the server has acknowledged by RTMP's own count; many servers never do."""
        self._address = address
        self._flash_version = flash_version
        self._handshake = ClientHandshake()
        self._reader = ChunkReader()
        self._writer = ChunkWriter()
        self._out: list[bytes] = [self._handshake.hello()]
        self._heard = False  # whether the server has sent one good message
        self._answering = True
        self._stream_id = 0
        self._received = self._acknowledged = self._server_window = 0
        self._zero_ms: int | None = None

    def output(self) -> list[bytes]:
        """What is to be sent, in order; empties. All of it must be sent, or nothing ever again."""
        out, self._out = self._out, []
        return out

    def receive(self, data: bytes, *, answering: bool = True) -> Iterator[Step]:
        """Take bytes of the server; yields what it granted. Raises a NetworkError that ends the session.

        ``answering=False``, for while the way out is blocked, leaves pings and windows unanswered: a server that asks
        and does not read would otherwise fill our memory.
        """
        self._answering = answering
        try:
            if self.phase is Phase.HANDSHAKE:
                answer = self._handshake.receive(data)
                if answer:
                    self._out.append(answer)
                if not self._handshake.done:
                    return
                data = self._handshake.rest()
                self._send_connect()
            self._received += len(data)
            for message in self._reader.feed(data):
                step = self._take(message)
                self._heard = self._heard or message.type_id in _TYPES
                if step is not None:
                    yield step
        except ProtocolViolation as violation:
            if not self._heard:
                raise HandshakeFailed(f"the server does not speak RTMP: {violation}") from None
            raise LinkBroken(f"the server broke the protocol: {violation}") from None
        self._acknowledge()

    def tag(self, tag: Tag) -> bytes:
        """A tag as it goes on the wire. The first one that is no header is time zero; nothing is earlier."""
        if self._zero_ms is None and not tag.header and tag.kind is not TagKind.METADATA:
            self._zero_ms = tag.time_ms
        time_ms = max(tag.time_ms - self._zero_ms, 0) if self._zero_ms is not None else 0
        if tag.kind is TagKind.METADATA:
            body = amf0.encode("@setDataFrame") + tag.body
            return self._writer.write(_DATA_CHUNKS, MessageType.DATA_AMF0, self._stream_id, time_ms, body)
        return self._writer.write(_TAG_CHUNKS[tag.kind], tag.kind, self._stream_id, time_ms, tag.body)

    def metadata(self, values: Mapping[str, object]) -> bytes:
        """``onMetaData`` as it goes on the wire."""
        return self.tag(Tag(TagKind.METADATA, 0, amf0.encode("onMetaData", amf0.EcmaArray(values))))

    def farewell(self) -> bytes:
        """What announces the end of the push, so that the stream name is free again at once; empty if there was none."""
        if not self._stream_id:
            return b""
        self._command(CONNECTION_CHUNKS, 0, "FCUnpublish", _FC_UNPUBLISH, None, self._address.stream)
        self._command(CONNECTION_CHUNKS, 0, "deleteStream", _DELETE_STREAM, None, self._stream_id)
        return b"".join(self.output())

    # -- how it may end -------------------------------------------------------------------------------------------

    def closed_by_server(self) -> NetworkError:
        """The error for an orderly end of the connection."""
        if self.phase is Phase.HANDSHAKE:
            return HandshakeFailed("the server closed the connection during the handshake")
        if self.phase is Phase.PUBLISHING:
            return ServerRefused("the server closed the connection")
        return ServerRefused(f"the server closed the connection while it was to answer {self.phase.value}")

    def broken(self, cause: str) -> NetworkError:
        """The error for a socket that failed with ``cause``."""
        if self.phase is Phase.HANDSHAKE:
            return HandshakeFailed(f"the connection broke during the handshake: {cause}")
        if self.phase is Phase.PUBLISHING:
            return LinkBroken(f"the connection to {self._address.server} broke: {cause}")
        return LinkBroken(f"the connection broke while the server was to answer {self.phase.value}: {cause}")

    def overdue(self, seconds: float) -> NetworkError:
        """The error for a server that was silent for too long, before it granted the push."""
        if self.phase is Phase.HANDSHAKE:
            return HandshakeFailed(f"the server did not complete the handshake within {seconds:g} s")
        return LinkBroken(f"the server did not answer {self.phase.value} within {seconds:g} s")

    # -- what the server says -------------------------------------------------------------------------------------

    def _take(self, message: Message) -> Step | None:
        if message.type_id == MessageType.USER_CONTROL:
            if message.body[:2] == int(UserControl.PING_REQUEST).to_bytes(2, "big"):
                pong = commands.user_control(UserControl.PING_RESPONSE, message.body[2:6])
                self._control(MessageType.USER_CONTROL, pong)
        elif message.type_id == MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE:
            self._server_window = int.from_bytes(message.body[:4], "big")
        elif message.type_id == MessageType.SET_PEER_BANDWIDTH:
            self._control(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, WINDOW.to_bytes(4, "big"))
        elif message.type_id == MessageType.ACKNOWLEDGEMENT:
            self.rtmp_acked_bytes = int.from_bytes(message.body[:4], "big")
        else:
            command = commands.decode_command(message)
            if command is not None:
                return self._command_of_server(command)
        return None

    def _command_of_server(self, command: Command) -> Step | None:
        if command.name == "_result":
            return self._result(command)
        if command.name == "_error":
            awaited = {Phase.CONNECT: _CONNECT, Phase.CREATE_STREAM: _CREATE_STREAM, Phase.PUBLISH: _PUBLISH}
            if command.transaction == awaited.get(self.phase):
                raise refusal(command.information, self._address, self.phase.value)
            # releaseStream and FCPublish are courtesies that many servers do not know: harmless
        elif command.name == "close":
            raise refusal(command.information or {"code": "NetConnection.Connect.Closed"}, self._address, "the push")
        elif command.name in ("onStatus", "onFCPublish"):
            return self._status(command)
        return None

    def _result(self, command: Command) -> Step | None:
        if self.phase is Phase.CONNECT and command.transaction == _CONNECT:
            self._refuse_unless_harmless(command)
            self._send_create_stream()
            return Step.CONNECTED
        if self.phase is Phase.CREATE_STREAM and command.transaction == _CREATE_STREAM:
            stream_id = command.arguments[1] if len(command.arguments) > 1 else None
            if not isinstance(stream_id, float) or not 1 <= stream_id < 1 << 32:
                raise ProtocolViolation("createStream is answered without a valid stream id")
            self._stream_id = int(stream_id)
            self._command(_STREAM_CHUNKS, self._stream_id, "publish", _PUBLISH, None, self._address.stream, "live")
            self.phase = Phase.PUBLISH
        return None

    def _status(self, command: Command) -> Step | None:
        self._refuse_unless_harmless(command)
        started = command.name == "onStatus" and command.information.get("code") == "NetStream.Publish.Start"
        if started and self.phase is Phase.PUBLISH:
            self.phase = Phase.PUBLISHING
            return Step.PUBLISHED
        return None

    def _refuse_unless_harmless(self, command: Command) -> None:
        information = command.information
        code, level = information.get("code"), information.get("level")
        ends = isinstance(code, str) and code.startswith(
            ("NetConnection.Connect.", "NetStream.Publish.", "NetStream.Unpublish.")
        )
        if level == "error" or (ends and level != "warning" and code not in _HARMLESS):
            attempt = "the push" if self.phase is Phase.PUBLISHING else self.phase.value
            raise refusal(information, self._address, attempt)

    # -- what we say ----------------------------------------------------------------------------------------------

    def _send_connect(self) -> None:
        self.phase = Phase.CONNECT
        properties = {
            "app": self._address.app,
            "type": "nonprivate",
            "flashVer": self._flash_version,
            "tcUrl": self._address.tc_url,
        }
        self._command(CONNECTION_CHUNKS, 0, "connect", _CONNECT, properties)

    def _send_create_stream(self) -> None:
        self.phase = Phase.CREATE_STREAM
        self._out.append(self._writer.set_chunk_size(CHUNK_SIZE))
        stream = self._address.stream
        self._command(CONNECTION_CHUNKS, 0, "releaseStream", _RELEASE_STREAM, None, stream)
        self._command(CONNECTION_CHUNKS, 0, "FCPublish", _FC_PUBLISH, None, stream)
        self._command(CONNECTION_CHUNKS, 0, "createStream", _CREATE_STREAM, None)

    def _command(self, chunks: int, stream_id: int, name: str, transaction: int, *arguments: object) -> None:
        body = commands.encode_command(name, transaction, *arguments)
        self._out.append(self._writer.write(chunks, MessageType.COMMAND_AMF0, stream_id, 0, body))

    def _control(self, type_id: MessageType, body: bytes) -> None:
        if self._answering:
            self._out.append(self._writer.write(CONTROL_CHUNKS, type_id, 0, 0, body))

    def _acknowledge(self) -> None:
        if self._server_window and self._received - self._acknowledged >= self._server_window:
            self._acknowledged = self._received
            self._control(MessageType.ACKNOWLEDGEMENT, (self._received % (1 << 32)).to_bytes(4, "big"))
