"""What the send queue drops when the link is busy, what it keeps, and what overtakes what (SPEC 4)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from appliance.media.send_queue import AUDIO_FIRST_MS, RTC_VIDEO_LIMIT_S, VIDEO_LIMIT_S, SendQueue
from appliance.media.tags import Tag, TagKind

from .queued import Clock, audio, drained, video


class Busy:
    """A queue in front of a link that takes nothing, behind an encoder that gives a keyframe when one is asked for; 30 pictures and
    about 47 frames of sound a second."""

    def __init__(self, *, limit_s: float = VIDEO_LIMIT_S, audio_first: bool = False) -> None:
        self.clock = Clock()
        self.queue = SendQueue(now=self.clock)
        self.queue.video_limit_s, self.queue.audio_first = limit_s, audio_first
        self.queue.open()
        self.put: list[Tag] = []
        self.keyframes = 0
        self.taken: list[Tag] = []
        self._picture = self._sound = 0

    def run(self, for_s: float, *, every_ms: int = 2000, takes: bool = False) -> None:
        """Make for so long; ``every_ms``: a keyframe at least so often; ``takes``: the link takes whatever is due."""
        until = self.clock.now + for_s
        while self.clock.now < until - 1e-9:
            self.clock.now = round(self.clock.now + 0.001, 3)
            ms = round(1000 * self.clock.now)
            if ms % 33 == 0:
                key = self.queue.awaits_keyframe or ms % (every_ms - every_ms % 33) == 0
                self.keyframes += key
                if key and self._picture % 2:
                    self._offer(video(ms, header=True))
                self._picture += key
                self._offer(video(ms, key=key))
            if ms % 21 == 0:
                self._offer(audio(ms))
            if takes:
                self.take()

    def _offer(self, tag: Tag) -> None:
        self.put.append(tag)
        self.queue.put(tag)

    def take(self) -> None:
        """Take all that is due."""
        while (tag := self.queue.take(self.clock.now)) is not None:
            self.taken.append(tag)
        self.queue.wait_s(self.clock.now)

    def left_out(self) -> list[Tag]:
        self.clock.now += 1.0
        self.take()
        got = {id(tag) for tag in self.taken}
        begin_ms = next(tag.time_ms for tag in self.put if tag.keyframe)
        return [tag for tag in self.put if id(tag) not in got and tag.time_ms >= begin_ms]


@pytest.mark.parametrize("limit_s", [VIDEO_LIMIT_S, RTC_VIDEO_LIMIT_S])
def test_nothing_is_dropped_while_the_wait_is_short(limit_s: float) -> None:
    busy = Busy(limit_s=limit_s)
    busy.run(1, takes=True)
    busy.run(limit_s - 0.1)
    assert busy.queue.dropped_frames == 0
    busy.run(0.2)
    assert busy.queue.dropped_frames > 0


def test_what_is_held_for_sound_does_not_wait_for_the_link() -> None:
    """Pictures that come long before their sound go out late, by nobody's fault."""
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    for ms in range(0, 4000, 20):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms == 0))
        if ms >= 280:
            queue.put(audio(ms - 280))
        drained(queue, clock.now)
        assert queue.depth().backlog_ms == 0
        assert not queue.awaits_keyframe
    assert queue.dropped_frames == 0


@pytest.mark.parametrize("audio_first", [False, True])
@pytest.mark.parametrize("every_ms", [300, 2000])
def test_sound_and_headers_are_never_dropped(audio_first: bool, every_ms: int) -> None:
    busy = Busy(audio_first=audio_first)
    busy.run(1, takes=True)
    busy.run(6, every_ms=every_ms)
    assert busy.queue.dropped_frames > 60
    busy.run(1, takes=True)
    lost = busy.left_out()
    assert {(tag.kind, tag.header) for tag in lost} == {(TagKind.VIDEO, False)}
    assert len(lost) == busy.queue.dropped_frames


@pytest.mark.parametrize("limit_s", [VIDEO_LIMIT_S, RTC_VIDEO_LIMIT_S])
def test_no_more_pictures_wait_than_are_made_within_the_limit(limit_s: float) -> None:
    """A keyframe is given up for a newer one: asked for after each drop, they would fill a small link by themselves."""
    busy = Busy(limit_s=limit_s)
    busy.run(1, takes=True)
    before = len(busy.taken)
    busy.run(6.3)
    assert busy.keyframes > 6
    busy.take()
    pictures = [tag for tag in busy.taken[before:] if tag.kind is TagKind.VIDEO and not tag.header]
    assert len(pictures) <= limit_s * 30 + 2
    assert [tag for tag in pictures if tag.keyframe] == [tag for tag in busy.put if tag.keyframe][-1:]


def test_pictures_that_were_made_before_the_keyframe_was_are_dropped_too() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    queue.put(video(-33))
    assert queue.dropped_frames == 0, "there is no stream yet that could lack it"
    queue.put(video(0, key=True))
    clock.now = VIDEO_LIMIT_S + 0.1
    queue.put(video(800))
    assert queue.dropped_frames == 1 and queue.awaits_keyframe
    queue.put(video(833))
    assert queue.dropped_frames == 2
    queue.put(video(866, key=True))
    assert queue.dropped_frames == 3 and not queue.awaits_keyframe


@pytest.mark.parametrize("audio_first", [False, True])
def test_what_is_left_can_be_decoded(audio_first: bool) -> None:
    """An inter frame goes out only directly behind the picture that it was made behind."""
    busy = Busy(audio_first=audio_first)
    for _ in range(4):
        busy.run(1.3)
        busy.run(0.4, takes=True)
    busy.left_out()
    made = [tag for tag in busy.put if tag.kind is TagKind.VIDEO and not tag.header]
    sent = [tag for tag in busy.taken if tag.kind is TagKind.VIDEO and not tag.header]
    before = {id(tag): made[number - 1] for number, tag in enumerate(made) if number}
    assert len(sent) < len(made)
    for previous, tag in pairwise(sent):
        assert tag.keyframe or before[id(tag)] is previous
    for kind in TagKind.VIDEO, TagKind.AUDIO:
        times = [tag.time_ms for tag in busy.taken if tag.kind is kind]
        assert times == sorted(times)


def test_after_each_drop_a_keyframe_is_asked_for_once() -> None:
    busy = Busy()
    busy.run(0.5, takes=True)
    drops = asked = 0
    awaited = False
    before = busy.queue.dropped_frames
    for _ in range(6000):
        busy.run(0.001, every_ms=100_000)
        dropped, busy_before = busy.queue.dropped_frames > before, awaited
        before, awaited = busy.queue.dropped_frames, busy.queue.awaits_keyframe
        drops += dropped and awaited
        asked += awaited and not busy_before
        if dropped and not awaited:
            newest = [tag for tag in busy.put if tag.kind is TagKind.VIDEO][-1]
            assert newest.keyframe, "it has taken the place of an older one"
    assert drops == asked >= 5
    assert busy.keyframes == 1 + drops - awaited


def test_a_link_that_takes_something_now_and_then_has_waited_since_it_took_all() -> None:
    """What counts is when the session last took everything that was due, not when it last took anything."""
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.open()
    for ms in range(0, 650, 50):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms == 0))
        queue.put(video(ms + 25))
        queue.take(clock.now)  # one of two
    assert queue.depth().backlog_ms == pytest.approx(300, abs=60)
    assert queue.dropped_frames == 0


def test_sound_overtakes_the_pictures_that_wait_where_that_is_wanted() -> None:
    for audio_first, expected in ((False, ["V", "A", "V", "A"]), (True, ["A", "A", "V", "V"])):
        clock = Clock()
        queue = SendQueue(now=clock)
        queue.audio_first = audio_first
        queue.open()
        queue.put(video(0, key=True))
        drained(queue, 0.0)
        clock.now = 0.1
        for tag in (video(100), audio(110), video(140), audio(150), video(170)):
            queue.put(tag)
        clock.now = 0.1 + (AUDIO_FIRST_MS + 100) / 1000
        assert [kind for kind, _ in drained(queue, clock.now)] == expected


def test_no_sound_comes_before_the_keyframe_that_a_stream_begins_with() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.audio_first = True
    queue.open()
    queue.put(video(0, key=True))
    queue.put(audio(10))
    clock.now = (AUDIO_FIRST_MS + 100) / 1000
    assert queue.depth().backlog_ms > AUDIO_FIRST_MS
    assert drained(queue, clock.now)[0] == ("Vk", 0)


def test_sound_overtakes_nothing_while_the_link_is_free() -> None:
    clock = Clock()
    queue = SendQueue(now=clock)
    queue.audio_first = True
    queue.open()
    order = []
    for ms in range(0, 600, 30):
        clock.now = ms / 1000
        queue.put(video(ms, key=ms == 0))
        queue.put(audio(ms + 1))
        order += drained(queue, clock.now)
    times = [ms for _, ms in order]
    assert len(times) > 30 and times == sorted(times)


def test_what_is_offered_is_counted_whether_it_is_sent_or_not() -> None:
    queue = SendQueue(now=Clock())
    queue.put(video(0, header=True))
    queue.put(audio(0))
    assert queue.offered_bytes == {TagKind.VIDEO: 10, TagKind.AUDIO: 4}
    assert not bool(queue.is_open)
    queue.open()
    assert bool(queue.is_open)
    queue.put(video(33))
    queue.put(audio(40))
    assert queue.offered_bytes == {TagKind.VIDEO: 20, TagKind.AUDIO: 8}
    queue.close()
    assert not bool(queue.is_open)
