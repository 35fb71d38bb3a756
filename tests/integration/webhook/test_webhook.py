"""Every event reaches the receiver, in order, whatever the receiver does meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time

import pytest

from appliance.webhook import webhook as module
from appliance.webhook.position import PositionFile
from tests.integration.webhook.conftest import Box
from tests.integration.webhook.receiver import Receiver, until


def test_events_come_in_order_as_the_api_gives_them(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url)
    box.mute(120)
    receiver.wait_for(120)
    records = box.log.after(0, 200)
    assert receiver.bodies == [{**record, "device": "Booth 3", "missed": 0} for record in records]
    path, headers, _ = receiver.requests[7]
    assert path == "/hook/very-secret?token=abc"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Live-Pusher-Event"] == str(records[7]["id"])
    assert abs(int(headers["X-Live-Pusher-Timestamp"]) - time.time()) < 30
    assert "X-Live-Pusher-Signature" not in headers
    until(lambda: box.webhook.status() == {"state": "ok", "lastError": None, "behind": 0})


def test_what_is_posted_is_signed(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url, "shared")
    box.mute()
    receiver.wait_for(1)
    _, headers, body = receiver.requests[0]
    message = headers["X-Live-Pusher-Timestamp"].encode() + b"." + body
    wanted = hmac.new(b"shared", message, hashlib.sha256).hexdigest()
    assert headers["X-Live-Pusher-Signature"] == f"sha256={wanted}"


def test_a_name_and_password_in_the_address_are_used_as_such(box: Box, receiver: Receiver) -> None:
    box.follow(f"http://user:p%40ss@localhost:{receiver.port}/ü")
    box.mute()
    receiver.wait_for(1)
    path, headers, _ = receiver.requests[0]
    assert path == "/%C3%BC"
    assert headers["Authorization"] == "Basic dXNlcjpwQHNz"
    assert headers["Host"] == f"localhost:{receiver.port}"


def test_a_receiver_that_dies_and_comes_back_misses_nothing(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url)
    box.mute(3)
    receiver.wait_for(3)
    receiver.stop()
    box.mute(5)
    until(lambda: box.webhook.status()["state"] == "failing")
    assert box.webhook.status() == {"state": "failing", "lastError": "connection refused", "behind": 5}
    receiver.start()
    receiver.wait_for(8)
    assert receiver.ids == list(range(1, 9))
    assert [body["missed"] for body in receiver.bodies] == [0] * 8
    until(lambda: box.webhook.status()["state"] == "ok")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (500, "the receiver answers 500"),
        (503, "the receiver answers 503"),
        (408, "the receiver answers 408"),
        (429, "the receiver answers 429"),
        (302, "the receiver answers 302, and redirects are not followed"),
        ("close", "the receiver ended the connection without an answer"),
        ("garbage", "the receiver's answer is not HTTP (BadStatusLine)"),
    ],
)
def test_a_failure_is_tried_again_until_it_works(box: Box, receiver: Receiver, answer: int | str, problem: str) -> None:
    receiver.answer = lambda number: answer if number < 6 else 200
    box.follow(receiver.url)
    box.mute(2)
    receiver.wait_for(2)
    until(lambda: box.webhook.status()["lastError"] == problem)
    receiver.wait_for(8)
    assert receiver.ids == [1] * 7 + [2]


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_receiver_that_hangs_is_left_after_the_deadline(
    box: Box, receiver: Receiver, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.webhook.post.TIMEOUT_S", 0.4)
    receiver.answer = lambda number: how if number == 0 else 200
    box.follow(receiver.url)
    box.mute()
    before = time.monotonic()
    receiver.wait_for(2, timeout_s=3)
    assert 0.35 < time.monotonic() - before < 2
    assert receiver.ids == [1, 1]


def test_an_event_that_is_refused_does_not_stop_the_rest(box: Box, receiver: Receiver) -> None:
    receiver.answer = lambda number: 422 if receiver.ids[number] == 2 else 200
    box.follow(receiver.url)
    box.mute(3)
    receiver.wait_for(5)
    assert receiver.ids == [1, 2, 2, 2, 3]
    assert receiver.bodies[-1]["missed"] == 1, "the receiver is told that it lacks one"


def test_refusals_are_counted_for_each_event(box: Box, receiver: Receiver) -> None:
    receiver.answer = lambda number: 403
    box.follow(receiver.url)
    box.mute(3)
    receiver.wait_for(9)
    assert receiver.ids == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert box.webhook.status()["lastError"] == "the receiver answers 403"


def test_a_receiver_far_behind_is_told_how_many_it_missed(
    box: Box, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BEHIND", 10)
    receiver.stop()
    box.follow(receiver.url)
    box.mute(100)
    until(lambda: box.webhook.status()["state"] == "failing")
    receiver.start()
    receiver.wait_for(10)
    assert receiver.ids == list(range(91, 101))
    assert [body["missed"] for body in receiver.bodies] == [90] + [0] * 9


def test_what_the_log_has_dropped_is_missed_too(box: Box, receiver: Receiver) -> None:
    receiver.stop()
    box.follow(receiver.url)
    box.mute(60)
    until(lambda: box.webhook.status()["state"] == "failing")
    box.log.flush()
    box.log.limit = 20
    until(lambda: len(box.log.after(0)) == 20)
    receiver.start()
    receiver.wait_for(20)
    assert (receiver.ids[0], receiver.bodies[0]["missed"]) == (41, 40)


def test_events_of_the_day_before_are_left_out(box: Box, receiver: Receiver) -> None:
    receiver.stop()
    box.follow(receiver.url)
    box.clock.offset_s = -module.OLDEST_S - 60
    box.mute(5)
    box.clock.right = False
    box.mute(2)  # whose time says nothing
    box.clock.offset_s, box.clock.right = 0, True
    box.mute(1)
    receiver.start()
    receiver.wait_for(3)
    assert receiver.ids == [6, 7, 8]
    assert receiver.bodies[0]["missed"] == 5


def test_the_position_survives_a_restart(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url)
    box.mute(4)
    receiver.wait_for(4)
    receiver.stop()
    box.mute(3)
    until(lambda: box.webhook.status()["state"] == "failing")
    box.down()
    receiver.start()
    box.up(receiver.url)
    box.mute(1)
    receiver.wait_for(8)
    assert receiver.ids == list(range(1, 9))


def test_a_receiver_that_was_never_there_gets_all_after_a_restart(box: Box, receiver: Receiver) -> None:
    box.mute(2)
    receiver.stop()
    box.follow(receiver.url)
    box.mute(3)
    box.down()
    receiver.start()
    box.up(receiver.url)
    receiver.wait_for(3)
    assert receiver.ids == [3, 4, 5], "what was raised before it was named is not for it"


def test_ids_that_are_given_again_after_a_power_cut_are_posted(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url)
    box.mute(5)
    receiver.wait_for(5)
    box.down()
    (box.folder / "events.sqlite").unlink()  # what was in memory, or the whole card
    box.up(receiver.url)
    box.mute(2)
    receiver.wait_for(7)
    assert receiver.ids[5:] == [1, 2]


def test_another_address_begins_with_the_newest_event(box: Box, receiver: Receiver) -> None:
    dead = receiver.url.replace(str(receiver.port), "1")
    box.follow(dead)
    box.mute(5)
    until(lambda: box.webhook.status()["state"] == "failing")
    box.follow(receiver.url)
    assert box.webhook.status() == {"state": "ok", "lastError": None, "behind": 0}
    box.mute(2)
    receiver.wait_for(2)
    assert receiver.ids == [6, 7]


def test_another_secret_does_not(box: Box, receiver: Receiver) -> None:
    receiver.stop()
    box.follow(receiver.url)
    box.mute(2)
    until(lambda: box.webhook.status()["state"] == "failing")
    receiver.start()
    box.follow(receiver.url, "shared")
    receiver.wait_for(2)
    assert receiver.ids == [1, 2]
    assert "X-Live-Pusher-Signature" in receiver.requests[0][1]


def test_no_address_posts_nothing_and_forgets_the_position(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url)
    box.mute(1)
    receiver.wait_for(1)
    until((box.folder / "webhook.json").exists)
    box.follow("")
    until(lambda: not (box.folder / "webhook.json").exists())
    box.mute(3)
    assert box.webhook.status() == {"state": "off", "lastError": None, "behind": 0}
    box.follow(receiver.url)
    box.mute(1)
    receiver.wait_for(2)
    assert receiver.ids == [1, 5]


def test_failures_are_told_seldom_without_the_address_and_never_as_events(
    box: Box, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda number: (500, 404, "close")[number % 3]
    with caplog.at_level(logging.INFO):
        box.follow(receiver.url, "shared")
        box.mute(2)
        receiver.wait_for(9)
        raised = len(box.raised)
    assert raised == 2
    told = [record for record in caplog.records if record.name.startswith("appliance.webhook")]
    assert len(told) == 1
    status = json.dumps(box.webhook.status())
    for secret in ("very-secret", "token", "abc", "shared"):
        assert secret not in caplog.text
        assert secret not in status


def test_nothing_waits_for_a_dead_receiver(box: Box, receiver: Receiver) -> None:
    receiver.answer = lambda number: "hang"
    box.follow(receiver.url)
    box.mute(1)
    receiver.wait_for(1)
    before = time.monotonic()
    box.mute(500)
    raising_s = time.monotonic() - before
    before = time.monotonic()
    box.webhook.stop(0.4)
    assert time.monotonic() - before < 1
    assert not box.webhook.worker.alive
    assert raising_s < 1


def test_a_position_that_cannot_be_stored_stops_nothing(
    box: Box, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    (box.folder / ".webhook.json.new").mkdir()
    box.follow(receiver.url)
    box.mute(3)
    receiver.wait_for(3)
    assert receiver.ids == [1, 2, 3]
    assert "position cannot be stored" in caplog.text


def test_the_position_is_not_written_for_every_event(
    box: Box, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY_S", 30.0)
    written: list[int] = []
    write = PositionFile.write

    def counting(file: PositionFile, url: str, delivered: int) -> None:
        written.append(delivered)
        write(file, url, delivered)

    monkeypatch.setattr(PositionFile, "write", counting)
    box.down()
    box.up(receiver.url)
    box.mute(50)
    receiver.wait_for(50)
    until(lambda: box.webhook.status()["behind"] == 0)
    assert len(written) <= 1
    box.webhook.stop()
    assert written[-1] == 50
