"""The other end of a conversation, without sockets."""

from __future__ import annotations

from appliance.rtmp import amf0, commands
from appliance.rtmp.chunks import ChunkReader, ChunkWriter, Message, MessageType
from appliance.rtmp.handshake import ServerHandshake
from appliance.rtmp.publish import Phase, PublishConversation, Step
from appliance.settings.push_address import parse

ADDRESS = parse("rtmp://live.example/app/cam?txSecret=abcdefgh&txTime=1")


class Server:
    """Speaks as a server to ``conversation``."""

    def __init__(self) -> None:
        self.conversation = PublishConversation(ADDRESS)
        self.reader, self.writer = ChunkReader(), ChunkWriter()
        shaking = ServerHandshake()
        while not shaking.done:
            self.hear(shaking.receive(b"".join(self.conversation.output())))
        (self.connect,) = self.reader.feed(shaking.rest())

    def hear(self, data: bytes) -> list[Step]:
        return list(self.conversation.receive(data))

    def messages(self, data: bytes | None = None) -> list[Message]:
        return list(self.reader.feed(b"".join(self.conversation.output()) if data is None else data))

    def commands(self) -> list[commands.Command]:
        return [c for c in map(commands.decode_command, self.messages()) if c is not None]

    def say(self, type_id: int, body: bytes) -> list[Step]:
        return self.hear(self.writer.write(3, type_id, 0, 0, body))

    def command(self, name: str, transaction: int, *arguments: object) -> list[Step]:
        return self.say(MessageType.COMMAND_AMF0, amf0.encode(name, transaction, *arguments))

    def status(self, code: str, level: str = "status") -> list[Step]:
        return self.command("onStatus", 0, None, {"level": level, "code": code, "description": "words"})

    def up_to(self, phase: Phase) -> Server:
        if phase is not Phase.CONNECT:
            self.command("_result", 1, {}, {"level": "status", "code": "NetConnection.Connect.Success"})
        if phase in (Phase.PUBLISH, Phase.PUBLISHING):
            self.command("_result", 4, None, 1)
        if phase is Phase.PUBLISHING:
            self.status("NetStream.Publish.Start")
        self.messages()
        assert self.conversation.phase is phase
        return self
