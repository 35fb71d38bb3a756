from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import HandshakeFailed, LinkBroken, ServerRefused
from appliance.media.tags import Tag, TagKind
from appliance.rtmp import amf0, commands
from appliance.rtmp.chunks import CHUNK_SIZE, MessageType
from appliance.rtmp.publish import Phase, PublishConversation, Step
from tests.unit.rtmp.talking import ADDRESS, Server


def test_the_whole_way_to_a_push() -> None:
    server = Server()
    connect = commands.decode_command(server.connect)
    assert connect is not None
    assert (connect.name, connect.transaction) == ("connect", 1)
    assert connect.information["app"] == "app"
    assert connect.information["tcUrl"] == "rtmp://live.example/app"
    assert connect.information["type"] == "nonprivate"

    assert server.command("_result", 1, {}, {"code": "NetConnection.Connect.Success"}) == [Step.CONNECTED]
    stream = "cam?txSecret=abcdefgh&txTime=1"
    assert [(c.name, c.transaction, c.arguments) for c in server.commands()] == [
        ("releaseStream", 2, [None, stream]),
        ("FCPublish", 3, [None, stream]),
        ("createStream", 4, [None]),
    ]
    assert server.command("_result", 4, None, 7) == []
    (message,) = server.messages()
    assert message.stream_id == 7
    publish = commands.decode_command(message)
    assert publish == commands.Command("publish", 5, [None, stream, "live"])
    assert server.status("NetStream.Publish.Start") == [Step.PUBLISHED]
    assert server.conversation.phase is Phase.PUBLISHING

    (metadata,) = server.messages(server.conversation.metadata({"width": 640}))
    assert (metadata.type_id, metadata.stream_id) == (18, 7)
    assert amf0.decode(metadata.body) == ["@setDataFrame", "onMetaData", {"width": 640}]

    (farewell, delete) = [commands.decode_command(m) for m in server.messages(server.conversation.farewell())]
    assert farewell == commands.Command("FCUnpublish", 6, [None, stream])
    assert delete == commands.Command("deleteStream", 7, [None, 7])


def test_there_is_nothing_to_announce_before_a_stream() -> None:
    assert Server().up_to(Phase.CREATE_STREAM).conversation.farewell() == b""


def test_time_begins_at_zero_and_never_before() -> None:
    server = Server().up_to(Phase.PUBLISHING)

    def sent(kind: TagKind, time_ms: int, *, header: bool = False) -> int:
        tag = Tag(kind, time_ms, b"\x17\x00", header=header)
        (message,) = server.messages(server.conversation.tag(tag))
        assert message.body == tag.body
        return message.timestamp

    assert sent(TagKind.VIDEO, 5, header=True) == 0  # remembered from long ago
    assert sent(TagKind.VIDEO, 600_000) == 0
    assert sent(TagKind.AUDIO, 599_990) == 0
    assert sent(TagKind.AUDIO, 600_023) == 23
    assert sent(TagKind.VIDEO, 600_000 + 0xFFFFFF) == 0xFFFFFF
    assert sent(TagKind.VIDEO, 600_000 + (1 << 32) + 40) == 40


def test_a_large_tag_arrives_whole() -> None:
    server = Server().up_to(Phase.PUBLISHING)
    body = os.urandom(3 * CHUNK_SIZE + 17)
    (message,) = server.messages(server.conversation.tag(Tag(TagKind.VIDEO, 0, body, keyframe=True)))
    assert message.body == body


def test_pings_and_windows_are_answered() -> None:
    server = Server().up_to(Phase.PUBLISHING)
    server.say(MessageType.USER_CONTROL, b"\x00\x06abcd")
    server.say(MessageType.SET_PEER_BANDWIDTH, b"\x00\x00\x10\x00\x02")
    assert [(m.type_id, m.body) for m in server.messages()] == [
        (4, b"\x00\x07abcd"),
        (5, (2_500_000).to_bytes(4, "big")),
    ]
    server.say(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, (1000).to_bytes(4, "big"))
    server.messages()
    server.say(99, bytes(600))
    assert server.messages() == []
    server.say(99, bytes(600))
    (acknowledgement,) = server.messages()
    assert acknowledgement.type_id == 3
    assert int.from_bytes(acknowledgement.body, "big") > 1200


def test_questions_are_left_unanswered_while_the_way_is_blocked() -> None:
    server = Server().up_to(Phase.PUBLISHING)
    ping = server.writer.write(2, 4, 0, 0, b"\x00\x06abcd")
    assert list(server.conversation.receive(ping * 1, answering=False)) == []
    assert server.conversation.output() == []


def test_acknowledgements_of_the_server_are_counted() -> None:
    server = Server().up_to(Phase.PUBLISHING)
    server.say(MessageType.ACKNOWLEDGEMENT, (123_456).to_bytes(4, "big"))
    assert server.conversation.rtmp_acked_bytes == 123_456


def test_unknown_and_odd_messages_are_ignored() -> None:
    server = Server().up_to(Phase.PUBLISHING)
    for type_id in (0, 7, 8, 9, 15, 16, 18, 19, 22, 255):
        assert server.say(type_id, b"\xff\xff") == []
    assert server.say(MessageType.COMMAND_AMF3, b"\x0f\xff") == []
    assert server.say(MessageType.USER_CONTROL, b"") == []
    assert server.say(MessageType.USER_CONTROL, b"\x00\x00\x00\x00\x00\x01") == []
    assert server.command("onBWDone", 0, None, 8192) == []
    assert server.command("onFCPublish", 0, None, {"code": "NetStream.Publish.Start"}) == []
    assert server.status("NetStream.Publish.Start") == []
    assert server.status("NetStream.Data.Start") == []


def test_commands_in_amf3_messages_are_understood() -> None:
    server = Server().up_to(Phase.PUBLISH)
    status = amf0.encode("onStatus", 0, None, {"level": "status", "code": "NetStream.Publish.Start"})
    assert server.say(MessageType.COMMAND_AMF3, b"\0" + status) == [Step.PUBLISHED]


def test_courtesies_may_be_refused() -> None:
    server = Server().up_to(Phase.CREATE_STREAM)
    for transaction in (2, 3):
        assert (
            server.command("_error", transaction, None, {"level": "error", "code": "NetConnection.Call.Failed"}) == []
        )
    server.command("_result", 4, None, 1)
    assert server.conversation.phase is Phase.PUBLISH


REJECTIONS = [
    (Phase.CONNECT, "_error", 1, "NetConnection.Connect.Rejected"),
    (Phase.CONNECT, "_error", 1, "NetConnection.Connect.InvalidApp"),
    (Phase.CONNECT, "_error", 1, "NetConnection.Connect.Failed"),
    (Phase.CONNECT, "_result", 1, "NetConnection.Connect.Rejected"),
    (Phase.CONNECT, "onStatus", 0, "NetConnection.Connect.AppShutdown"),
    (Phase.CONNECT, "close", 0, "NetConnection.Connect.Closed"),
    (Phase.CREATE_STREAM, "_error", 4, "NetConnection.Call.Failed"),
    (Phase.CREATE_STREAM, "onFCPublish", 0, "NetStream.Publish.Denied"),
    (Phase.PUBLISH, "onStatus", 0, "NetStream.Publish.BadName"),
    (Phase.PUBLISH, "onStatus", 0, "NetStream.Publish.Denied"),
    (Phase.PUBLISH, "onStatus", 0, "NetStream.Publish.Unauthorized"),
    (Phase.PUBLISH, "_error", 5, "NetStream.Publish.Rejected"),
    (Phase.PUBLISHING, "onStatus", 0, "NetStream.Unpublish.Success"),
    (Phase.PUBLISHING, "onStatus", 0, "NetStream.Publish.Failed"),
    (Phase.PUBLISHING, "onStatus", 0, "NetConnection.Connect.Closed"),
    (Phase.PUBLISHING, "close", 0, "NetConnection.Connect.AppShutdown"),
]


@pytest.mark.parametrize("level", ["error", "status", None])
@pytest.mark.parametrize(("phase", "command", "transaction", "code"), REJECTIONS)
def test_each_rejection_keeps_the_servers_code(
    phase: Phase, command: str, transaction: int, code: str, level: str | None
) -> None:
    server = Server().up_to(phase)
    with pytest.raises(ServerRefused) as caught:
        server.command(command, transaction, None, {"level": level, "code": code, "description": "my words"})
    assert (caught.value.status, caught.value.description) == (code, "my words")
    assert "my words" in caught.value.reason


def test_an_error_without_a_known_code_is_a_refusal_by_its_level() -> None:
    with pytest.raises(ServerRefused, match=r"Vendor\.Banned"):
        Server().up_to(Phase.PUBLISHING).status("Vendor.Banned", level="error")


@pytest.mark.parametrize("answer", [(), (None,), (None, "1"), (None, 0), (None, float("nan")), (None, 1e300)])
def test_a_stream_without_an_id_is_a_broken_protocol(answer: tuple[object, ...]) -> None:
    with pytest.raises(LinkBroken, match="without a valid stream id"):
        Server().up_to(Phase.CREATE_STREAM).command("_result", 4, *answer)


def test_garbage_is_a_failed_handshake_until_something_good_was_heard() -> None:
    with pytest.raises(HandshakeFailed, match="does not speak RTMP"):
        list(PublishConversation(ADDRESS).receive(b"SSH-2.0-OpenSSH"))
    with pytest.raises(HandshakeFailed, match="does not speak RTMP"):
        Server().hear(b"\xff" * 50)
    with pytest.raises(LinkBroken, match="broke the protocol"):
        Server().up_to(Phase.PUBLISHING).hear(b"\xff" * 50)


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.CREATE_STREAM, Phase.PUBLISH, Phase.PUBLISHING])
def test_endings_belong_to_their_phase(phase: Phase) -> None:
    conversation = Server().up_to(phase).conversation
    assert type(conversation.closed_by_server()) is ServerRefused
    assert type(conversation.broken("Connection reset by peer")) is LinkBroken
    assert type(conversation.overdue(10)) is LinkBroken
    if phase is not Phase.PUBLISHING:
        assert conversation.overdue(10).reason == f"the server did not answer {phase.value} within 10 s"
        assert "closed the connection while" in conversation.closed_by_server().reason


def test_endings_of_the_handshake() -> None:
    conversation = PublishConversation(ADDRESS)
    for error in (conversation.closed_by_server(), conversation.broken("x"), conversation.overdue(5)):
        assert type(error) is HandshakeFailed


@settings(max_examples=200)
@given(st.sampled_from(list(Phase)[1:]), st.sampled_from([1, 2, 3, 4, 5, 6, 17, 18, 20, 22]), st.binary(max_size=200))
def test_any_message_in_any_phase_is_taken_or_ends_in_our_errors(phase: Phase, type_id: int, body: bytes) -> None:
    server = Server().up_to(phase)
    with contextlib.suppress(HandshakeFailed, ServerRefused, LinkBroken):
        server.say(type_id, body)
        server.hear(body)
