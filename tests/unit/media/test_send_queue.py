"""The send queue: order, drop rule, sequence headers."""

from __future__ import annotations

import pytest

from appliance.media.send_queue import BATCH_S, HOLD_S, VIDEO_LIMIT_S, SendQueue
from appliance.media.tags import TagKind

from .queued import Clock, audio, drained, video


def test_a_session_begins_with_the_headers_and_a_keyframe() -> None:
    queue = SendQueue(now=Clock())
    for tag in (video(0, header=True), audio(0, header=True), video(0, key=True), audio(0), video(33)):
        queue.put(tag)
    queue.open()
    for tag in (video(66), audio(64), video(100, key=True), audio(90), audio(128), video(133)):
        queue.put(tag)
    assert drained(queue, 10.0) == [("Vh", 100), ("Ah", 100), ("Vk", 100), ("A", 128), ("V", 133)]


def test_sound_and_picture_go_out_by_time_and_wait_for_each_other_only_a_moment() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    queue.put(video(0, key=True))
    queue.put(audio(0))
    queue.put(video(33))
    assert drained(queue, 0.0) == [("Vk", 0), ("A", 0)]
    assert queue.take(BATCH_S) is None  # sound of 21 ms may still come
    assert queue.wait_s(BATCH_S) == pytest.approx(BATCH_S), "it looks at the next batch, and has not to be woken"
    queue.put(audio(21))
    assert drained(queue, 2 * BATCH_S) == [("A", 21)]
    assert drained(queue, HOLD_S) == [("V", 33)]
    assert queue.wait_s(2.0) is None


def test_a_dead_track_is_not_waited_for() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    queue.put(audio(0))
    queue.put(video(10, key=True))
    assert drained(queue, 0.0) == [("Vk", 10)]
    clock.now = 2.0
    queue.put(video(2010))
    assert drained(queue, 2.0) == [("V", 2010)]


def test_late_video_goes_up_to_the_next_keyframe_and_sound_stays() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    assert queue.awaits_keyframe
    queue.put(video(0, key=True))
    assert not bool(queue.awaits_keyframe)
    times = range(33, round(VIDEO_LIMIT_S * 1000) + 66, 33)
    for ms in times:
        clock.now = ms / 1000
        queue.put(audio(ms))
        queue.put(video(ms))
    assert queue.dropped_frames > 0
    assert queue.awaits_keyframe
    kept = drained(queue, 10.0)
    assert [t for k, t in kept if k.startswith("V")] == [0]
    assert [t for k, t in kept if k == "A"] == list(times)
    # inter frames are useless now, until the keyframe that was asked for
    queue.put(video(800))
    queue.put(video(833, key=True))
    assert [t for k, t in drained(queue, 11.0) if k.startswith("V")] == [833]


def test_a_keyframe_that_is_queued_ends_the_drop() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    for ms in range(0, 1001, 100):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms in (0, 500)))
    kept = drained(queue, 10.0)
    assert kept == [("Vk", 500), *(("V", ms) for ms in range(600, 1001, 100))]


def test_a_slow_source_is_no_queue() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    queue.put(video(0, key=True))
    assert drained(queue, 0.0) == [("Vk", 0)]
    clock.now = 5.0
    queue.put(video(5000))
    queue.put(video(6000))
    assert queue.dropped_frames == 0


def test_a_new_header_stays_in_front_of_its_keyframe() -> None:
    queue = SendQueue(now=Clock())
    queue.put(video(0, header=True))
    queue.open()
    queue.put(video(0, key=True))
    for tag in (video(33), video(66, header=True), video(66, key=True)):
        queue.put(tag)
    assert [k for k, _ in drained(queue, 10.0)] == ["Vh", "Vk", "V", "Vh", "Vk"]


def test_nothing_is_kept_while_closed_but_the_headers() -> None:
    queue = SendQueue(now=Clock())
    queue.open()
    queue.put(video(0, header=True))
    queue.put(video(0, key=True))
    queue.close()
    queue.put(video(33))
    assert queue.take(9.0) is None
    assert queue.depth().bytes == 0
    queue.open()
    queue.put(video(66, key=True))
    assert [k for k, _ in drained(queue, 9.0)] == ["Vh", "Vk"]


def test_sound_alone() -> None:
    queue = SendQueue(now=Clock())
    queue.put(audio(0, header=True))
    queue.open(video=False)
    queue.put(audio(64))
    assert drained(queue, 0.0) == [("Ah", 64), ("A", 64)]


def test_the_consumer_is_woken_once_until_it_has_slept_again() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    woken: list[float] = []
    queue.set_wake(lambda: woken.append(clock.now))
    queue.open()
    assert queue.take(0.0) is None and queue.wait_s(0.0) is None
    queue.put(video(0, key=True))
    queue.put(video(1))
    assert woken == [0.0]
    assert drained(queue, 0.0) == [("Vk", 0), ("V", 1)]
    assert queue.wait_s(0.0) == BATCH_S
    clock.now = 0.005
    queue.put(video(5))
    assert woken == [0.0], "it looks by itself when the batch is due"
    assert drained(queue, BATCH_S) == [("V", 5)]
    assert queue.wait_s(1.0) is None
    clock.now = 1.5
    queue.put(video(1500))
    assert woken == [0.0, 1.5]


def test_tags_go_out_in_batches() -> None:
    queue = SendQueue(now=Clock())
    queue.open()
    queue.put(video(0, key=True))
    assert drained(queue, 0.0) == [("Vk", 0)]
    queue.put(video(1))
    queue.put(video(2))
    assert queue.take(BATCH_S / 2) is None
    assert queue.wait_s(BATCH_S / 2) == pytest.approx(BATCH_S / 2)
    assert drained(queue, BATCH_S) == [("V", 1), ("V", 2)]


def test_the_backlog_is_what_waits_for_the_network() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    for ms in range(0, 300, 30):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms == 0))
        drained(queue, clock.now)
    assert queue.depth().backlog_ms == 0, "the session takes what is due"
    for ms in range(300, 600, 30):
        clock.now = ms / 1000
        queue.put(video(ms))
    assert queue.depth().backlog_ms == pytest.approx(270, abs=35), "and now it takes nothing"


def test_nothing_late_is_kept_behind_a_late_keyframe() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    for ms in range(0, 5000, 100):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms in (0, 1000)))
    assert queue.depth().video_frames <= 10
    assert queue.awaits_keyframe


def test_a_header_in_mid_stream_does_not_overtake_earlier_sound() -> None:
    queue = SendQueue(now=Clock())
    queue.open()
    queue.put(video(0, header=True))
    queue.put(video(0, key=True))
    assert drained(queue, 0.0) == [("Vh", 0), ("Vk", 0)]
    for tag in (audio(20), video(60, header=True), video(60, key=True), audio(40), audio(80)):
        queue.put(tag)
    assert drained(queue, 10.0) == [("A", 20), ("A", 40), ("Vh", 60), ("Vk", 60), ("A", 80)]


def test_what_was_taken_is_counted_by_track() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    queue.put(video(0, key=True))
    assert queue.taken[TagKind.VIDEO].rate() == 0
    drained(queue, 0.0)
    assert queue.taken[TagKind.VIDEO].rate() > 0
    assert queue.taken[TagKind.AUDIO].rate() == 0
