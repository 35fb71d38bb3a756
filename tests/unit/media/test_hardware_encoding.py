"""A camera's own encoder: used, given up, replaced; the stream goes on in software."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import av
import numpy as np

from appliance.errors import HardwareEncoderError
from appliance.media.encoders import SoftwareEncoder
from appliance.media.send_queue import SendQueue
from appliance.media.sources import EncodedPicture, VideoSpec
from appliance.media.video_encoding import KEYFRAME_WAIT_S, VideoEncoding

SPEC = VideoSpec(320, 180, 30, 400, 400, 2.0)


class Chip:
    """A hardware encoder at the edge: real H.264, of every ``every``-th picture."""

    name = "chip"

    def __init__(self, *, every: int = 1, fails: str = "") -> None:
        self.every, self.fails = every, fails
        self.running = False
        self.stops = 0
        self.keyframes = 0
        self.bitrates: list[int] = []
        self._on_picture: Callable[[EncodedPicture], None] | None = None
        self._seen = self._done = 0

    def start(self, spec: VideoSpec, on_picture: Callable[[EncodedPicture], None]) -> None:
        if self.fails == "start":
            raise HardwareEncoderError("no such device")
        self._encoder, self._on_picture, self.running = SoftwareEncoder(spec), on_picture, True

    def see(self, frame: av.VideoFrame, time_s: float) -> None:
        self._seen += 1
        if self.running and self._on_picture is not None and self._seen % self.every == 0:
            self._done += 1
            for picture in self._encoder.encode(frame, time_s):
                self._on_picture(picture)

    def set_bitrate(self, kbps: int) -> None:
        if self.fails == "bitrate":
            raise HardwareEncoderError("the driver refused the bitrate")
        self.bitrates.append(kbps)

    def force_keyframe(self) -> None:
        self.keyframes += 1

    def progress(self) -> int:
        if self.fails == "in flight":
            raise HardwareEncoderError("the driver gave up")
        return self._done

    def stop(self) -> None:
        self.running = False
        self.stops += 1


class Reports:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *what: self.heard.append((name, what[0]))


class Stage:
    """An encoding with a clock of its own, fed at 30 pictures a second."""

    def __init__(self, chip: Chip) -> None:
        self.now = 100.0
        self.chip = chip
        self.reports = Reports()
        self.queue = SendQueue(now=lambda: self.now)
        self.queue.open()
        self.encoding = VideoEncoding(self.queue, self.reports, now=lambda: self.now)
        self.encoding.begin(self.now)
        self.every = 1
        self.taken: list[int] = []
        """Times of the pictures that went out, in ms."""

    def run(self, seconds: float) -> list[str]:
        """The encoder's name after each picture."""
        names = []
        for i in range(round(seconds * 30)):
            self.now += 1 / 30
            frame = av.VideoFrame.from_ndarray(np.full((270, 320), i % 200, np.uint8), format="yuv420p")
            self.encoding.use(SPEC, self.chip, every=self.every)
            self.chip.see(frame, self.now)
            self.encoding.put(frame, self.now)
            while (tag := self.queue.take(self.now + 10)) is not None:
                self.taken += [] if tag.header else [tag.time_ms]
            names.append(self.encoding.name)
        return names

    def heard(self) -> list[str]:
        return [name for name, _ in self.reports.heard]


def test_hardware_is_used_where_it_is() -> None:
    stage = Stage(Chip())
    assert set(stage.run(8)) == {"chip"}
    assert stage.heard() == ["encoder_started"]
    assert stage.encoding.figures().fps > 25


def test_hardware_that_does_not_start_gives_way() -> None:
    stage = Stage(Chip(fails="start"))
    assert set(stage.run(0.5)) == {"libx264"}
    assert stage.heard() == ["hardware_encoder_failed", "encoder_started"]


def test_hardware_that_fails_in_flight_gives_way() -> None:
    stage = Stage(Chip(fails="bitrate"))
    stage.run(1)
    stage.encoding.set_bitrate(300)
    assert stage.run(1)[-1] == "libx264"
    assert stage.heard() == ["encoder_started", "hardware_encoder_failed", "encoder_started"]
    assert not stage.chip.running


def test_hardware_that_gives_up_by_itself_gives_way() -> None:
    stage = Stage(Chip())
    stage.run(1)
    stage.chip.fails = "in flight"
    assert stage.run(0.1)[-1] == "libx264"
    assert stage.heard() == ["encoder_started", "hardware_encoder_failed", "encoder_started"]
    assert not stage.chip.running


def test_hardware_that_cannot_keep_up_gives_way() -> None:
    stage = Stage(Chip(every=3))
    names = stage.run(8)
    assert names[60] == "chip" and names[-1] == "libx264"
    assert stage.heard() == ["encoder_started", "encoder_switched", "encoder_started"]
    assert not stage.chip.running
    assert set(stage.run(8)) == {"libx264"}, "it does not go back and forth"


def test_a_keyframe_is_asked_for_once_while_the_chip_takes_its_time() -> None:
    stage = Stage(Chip(every=10**6))
    stage.run(KEYFRAME_WAIT_S - 0.1)
    assert stage.chip.keyframes == 1
    stage.run(0.3)
    assert stage.chip.keyframes == 2


def test_the_bitrate_goes_to_the_chip() -> None:
    stage = Stage(Chip())
    stage.run(0.2)
    stage.encoding.set_bitrate(250)
    stage.run(0.2)
    assert stage.chip.bitrates == [250]


def test_another_ceiling_needs_no_other_hardware_encoder() -> None:
    stage = Stage(Chip())
    stage.run(0.2)
    stage.encoding.use(replace(SPEC, bitrate_kbps=350, ceiling_kbps=350), stage.chip)
    assert stage.chip.bitrates == [350]
    stage.encoding.set_bitrate(600)
    stage.encoding.use(replace(SPEC, bitrate_kbps=500, ceiling_kbps=500), stage.chip)
    assert stage.chip.bitrates == [350, 500], "never above the ceiling"
    assert stage.heard() == ["encoder_started"]
    stage.chip.fails = "bitrate"
    stage.encoding.use(replace(SPEC, bitrate_kbps=400, ceiling_kbps=400), stage.chip)
    stage.run(0.1)
    assert stage.encoding.name == "libx264"


def test_hardware_that_runs_goes_over_to_another_size_by_itself() -> None:
    stage = Stage(Chip())
    stage.run(0.5)
    smaller = VideoSpec(160, 90, 30, 200, 400, 2.0)
    stage.encoding.use(smaller, stage.chip)
    assert stage.chip.running and stage.chip.stops == 0, "it is not stopped in between"
    assert (stage.encoding.figures().width, stage.encoding.figures().height) == (160, 90)
    assert stage.heard() == ["encoder_started", "encoder_started"]


def test_hardware_without_the_other_size_gives_way() -> None:
    stage = Stage(Chip())
    stage.run(0.5)
    stage.chip.fails = "start"
    stage.encoding.use(VideoSpec(160, 90, 30, 200, 400, 2.0), stage.chip)
    assert stage.encoding.name == "libx264"
    assert not stage.chip.running
    assert stage.heard()[1:] == ["hardware_encoder_failed", "encoder_started"]


def test_a_bitrate_that_changes_while_an_encoder_starts_is_not_lost() -> None:
    stage = Stage(Chip())
    stage.encoding.set_bitrate(300)
    start = stage.chip.start

    def slow_start(spec: VideoSpec, on_picture: Callable[[EncodedPicture], None]) -> None:
        assert spec.bitrate_kbps == 300
        stage.encoding.set_bitrate(350)  # as the rate control's thread does at any moment
        start(spec, on_picture)

    stage.chip.start = slow_start  # type: ignore[method-assign]
    stage.run(0.1)
    assert stage.chip.bitrates == [350]


def test_in_software_every_other_picture_can_be_left_out() -> None:
    stage = Stage(Chip(fails="start"))
    stage.run(1)
    stage.taken.clear()
    stage.every = 2
    stage.run(2)
    stage.every = 1
    stage.run(1)
    gaps = [b - a for a, b in pairwise(stage.taken)]
    assert all(66 <= gap <= 67 for gap in gaps[:29]) and all(33 <= gap <= 34 for gap in gaps[31:])
