"""RTMP's commands and control messages as values (RTMP 1.0, 5.4, 6.2, 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from appliance.rtmp import amf0
from appliance.rtmp.chunks import Message, MessageType
from appliance.rtmp.violation import ProtocolViolation

CONTROL_CHUNKS = 2
"""The chunk stream of protocol control (prescribed)."""
CONNECTION_CHUNKS = 3
"""The chunk stream of commands to the connection (customary)."""


class UserControl(IntEnum):
    """User Control event types (RTMP 1.0, 6.2) that matter to a publisher."""

    STREAM_BEGIN = 0
    PING_REQUEST = 6
    PING_RESPONSE = 7


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``arguments`` are what follows the transaction id (the command object first, often None)."""

    name: str
    transaction: float
    arguments: list[amf0.Value]

    @property
    def information(self) -> dict[str, amf0.Value]:
        """The last object among the arguments: the information object of a status or an answer."""
        for argument in reversed(self.arguments):
            if isinstance(argument, dict):
                return argument
        return {}


def encode_command(name: str, transaction: int, *arguments: object) -> bytes:
    """The body of a command message."""
    return amf0.encode(name, transaction, *arguments)


def decode_command(message: Message) -> Command | None:
    """The command in a command message; None for other messages and for commands in pure AMF3, which no server sends to a
    client that did not ask for it. Raises ProtocolViolation for a malformed one."""
    if message.type_id == MessageType.COMMAND_AMF0:
        body = message.body
    elif message.type_id == MessageType.COMMAND_AMF3 and message.body[:1] == b"\0":
        body = message.body[1:]  # one byte of format, then AMF0 all the same
    else:
        return None
    values = amf0.decode(body)
    name = values[0] if values else None
    if not isinstance(name, str):
        raise ProtocolViolation("a command has no name")
    transaction = values[1] if len(values) > 1 else 0.0
    return Command(name, transaction if isinstance(transaction, float) else 0.0, values[2:])


def user_control(event: UserControl, data: bytes) -> bytes:
    """The body of a User Control message."""
    return int(event).to_bytes(2, "big") + data
