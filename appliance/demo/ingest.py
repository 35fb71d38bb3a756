"""An RTMP server's side of a publication, as a state machine without I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from appliance.media.tags import Tag, TagKind
from appliance.rtmp import commands
from appliance.rtmp.chunks import ChunkReader, ChunkWriter, Message, MessageType
from appliance.rtmp.commands import CONNECTION_CHUNKS, CONTROL_CHUNKS, Command, UserControl
from appliance.rtmp.handshake import ServerHandshake

WINDOW = 2_500_000
CHUNK_SIZE = 4096
_STREAM_ID = 1
_STREAM_CHUNKS = 5
_DYNAMIC = 2  # the limit type of Set Peer Bandwidth
_PING = UserControl.PING_REQUEST.to_bytes(2, "big")


class IngestConversation:
    """One client. Bytes go in by :meth:`receive`, which yields the tags of a publication; ``output`` is to be sent.

    ``claim`` answers whether this client may publish now. ``finished`` once it is to be hung up on, after its output
    is sent.
    """

    def __init__(self, claim: Callable[[], bool]) -> None:
        self.publishing = False
        self.finished = False
        self._claim = claim
        self._handshake = ServerHandshake()
        self._reader = ChunkReader()
        self._writer = ChunkWriter()
        self._out: list[bytes] = []
        self._window = WINDOW
        self._received = self._acknowledged = 0

    def output(self) -> bytes:
        """What is to be sent; empties."""
        out, self._out = b"".join(self._out), []
        return out

    def receive(self, data: bytes) -> Iterator[Tag]:
        """Take bytes of the client. Raises ProtocolViolation."""
        self._received += len(data)
        shaking = not self._handshake.done
        if shaking:
            self._out.append(self._handshake.receive(data))
            if not self._handshake.done:
                return
            data = self._handshake.rest()
        for message in self._reader.feed(data):
            if message.type_id in (MessageType.AUDIO, MessageType.VIDEO):
                if self.publishing and message.body:
                    yield _tag(message)
            else:
                self._control(message)
        if self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            self._say(MessageType.ACKNOWLEDGEMENT, (self._received % (1 << 32)).to_bytes(4, "big"))

    def _control(self, message: Message) -> None:
        if message.type_id == MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE:
            self._window = max(int.from_bytes(message.body[:4], "big"), 4096)
        elif message.type_id == MessageType.USER_CONTROL and message.body[:2] == _PING:
            answer = commands.user_control(UserControl.PING_RESPONSE, message.body[2:6])
            self._say(MessageType.USER_CONTROL, answer)
        else:
            command = commands.decode_command(message)
            if command is not None:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        if command.name == "connect":
            self._say(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, WINDOW.to_bytes(4, "big"))
            self._say(MessageType.SET_PEER_BANDWIDTH, WINDOW.to_bytes(4, "big") + bytes((_DYNAMIC,)))
            self._out.append(self._writer.set_chunk_size(CHUNK_SIZE))
            properties = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}
            success = _status("status", "NetConnection.Connect.Success", "Connection succeeded.")
            self._answer(command, properties, {**success, "objectEncoding": 0})
        elif command.name in ("releaseStream", "FCPublish"):
            self._answer(command, None)
        elif command.name == "createStream":
            self._answer(command, None, _STREAM_ID)
        elif command.name == "publish":
            self._publish()
        elif command.name in ("FCUnpublish", "deleteStream", "closeStream"):
            if self.publishing and command.name != "FCUnpublish":
                self.publishing = False
                self._tell(_status("status", "NetStream.Unpublish.Success", "The push has ended."))
            self._answer(command, None)

    def _publish(self) -> None:
        if self.publishing:
            return
        if not self._claim():
            self._tell(_status("error", "NetStream.Publish.BadName", "Somebody is publishing already."))
            self.finished = True
            return
        self.publishing = True
        begin = commands.user_control(UserControl.STREAM_BEGIN, _STREAM_ID.to_bytes(4, "big"))
        self._say(MessageType.USER_CONTROL, begin)
        self._tell(_status("status", "NetStream.Publish.Start", "The push begins."))

    def _say(self, type_id: MessageType, body: bytes) -> None:
        self._out.append(self._writer.write(CONTROL_CHUNKS, type_id, 0, 0, body))

    def _answer(self, command: Command, *arguments: object) -> None:
        body = commands.encode_command("_result", int(command.transaction), *arguments)
        self._out.append(self._writer.write(CONNECTION_CHUNKS, MessageType.COMMAND_AMF0, 0, 0, body))

    def _tell(self, information: dict[str, object]) -> None:
        body = commands.encode_command("onStatus", 0, None, information)
        self._out.append(self._writer.write(_STREAM_CHUNKS, MessageType.COMMAND_AMF0, _STREAM_ID, 0, body))


def _status(level: str, code: str, description: str) -> dict[str, object]:
    return {"level": level, "code": code, "description": description}


def _tag(message: Message) -> Tag:
    kind = TagKind(message.type_id)
    body = message.body
    header = len(body) > 1 and body[1] == 0  # AVCPacketType, AACPacketType: sequence header
    keyframe = kind is TagKind.VIDEO and body[0] >> 4 == 1
    return Tag(kind, message.timestamp, body, keyframe=keyframe, header=header)
