"""The Pi's encoder under picamera2's own encoder class, loop, requests and locks, down to the ioctls."""

from __future__ import annotations

import errno
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest

from appliance.errors import HardwareEncoderError
from appliance.hardware.pi import encoder as pi_encoder
from appliance.hardware.pi import guarded, v4l2
from appliance.hardware.pi.board import PiBoard
from appliance.hardware.pi.camera import PiCamera
from appliance.media import keeping_up
from appliance.media.send_queue import SendQueue
from appliance.media.sources import EncodedPicture, PictureFormat, VideoSpec
from appliance.media.video_encoding import VideoEncoding
from tests.pi import device as chips
from tests.pi.board import PiUnderTest, pi_under_test
from tests.pi.camera import Rig
from tests.pi.codec import Codec
from tests.unit.media.test_hardware_encoding import Reports

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")  # picamera2 0.3.38 does so

WANTED = PictureFormat(160, 96, 30)
SPEC = VideoSpec(160, 96, 30, bitrate_kbps=800, ceiling_kbps=1200, keyframe_interval_s=1.0)


class Board(NamedTuple):
    codec: Codec
    camera: PiCamera
    rig: Rig
    pi: PiUnderTest

    @property
    def loop_alive(self) -> bool:
        return self.pi.loop_alive


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Board]:
    lost: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", lost.append)
    with pi_under_test(tmp_path) as pi:
        camera = PiBoard().camera("front", "auto")
        try:
            yield Board(pi.codec, camera, pi.rig, pi)
        finally:
            camera.close()
    assert lost == [], "picamera2's threads are no place for an error to end in"


def until(true: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Taker:
    """Encoded pictures as they come."""

    def __init__(self) -> None:
        self.units: list[EncodedPicture] = []

    def __call__(self, unit: EncodedPicture) -> None:
        self.units.append(unit)

    def wait(self, more: int, timeout_s: float = 5.0) -> list[EncodedPicture]:
        """The next ``more`` pictures."""
        already = len(self.units)
        assert until(lambda: len(self.units) >= already + more, timeout_s), f"{len(self.units) - already} of {more}"
        return self.units[already:]


def started(board: Board, spec: VideoSpec = SPEC) -> tuple[Any, Taker]:
    board.camera.open(WANTED)
    taker = Taker()
    assert board.camera.encoder is not None
    board.camera.encoder.start(spec, taker)
    return board.camera.encoder, taker


# -- a start ---------------------------------------------------------------------------------------------------------


def test_real_h264_comes_out_at_the_pictures_times(board: Board) -> None:
    _, taker = started(board)
    units = taker.wait(45)
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    assert {(frame.width, frame.height) for frame in frames} == {(160, 96)}
    assert len(frames) >= 44
    assert [i for i, unit in enumerate(units) if unit.keyframe][:2] == [0, 30]
    times = [unit.time_s for unit in units]
    assert times == sorted(times)
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(1 / 30, rel=0.1)


def test_what_is_set_before_the_first_picture(board: Board) -> None:
    _, taker = started(board, VideoSpec(160, 96, 12, bitrate_kbps=810, ceiling_kbps=1200, keyframe_interval_s=2.0))
    taker.wait(1)
    codec = board.codec
    assert all(queued == 0 for *_, queued in codec.settings)
    assert codec.asked(chips.BITRATE) == [800_000], "rounded down: 810 would have become 800 or 825"
    assert codec.asked(chips.PERIOD) == [24]
    assert codec.asked(chips.REPEAT) == [1]
    assert codec.asked(chips.MODE) == [], "the firmware has no constant rate for the high profile"
    assert codec.rate == 12, "it counts the bits of a second by this"


@pytest.mark.parametrize("step", ["open", "S_FMT", "REQBUFS", "QUERYBUF", "STREAMON"])
def test_a_start_that_fails_leaves_nothing(board: Board, step: str) -> None:
    board.camera.open(WANTED)
    assert board.camera.encoder is not None
    threads = set(threading.enumerate())
    board.codec.fails[step] = errno.EBUSY
    with pytest.raises(HardwareEncoderError, match="does not start.*busy"):
        board.camera.encoder.start(SPEC, lambda _: None)
    assert until(lambda: set(threading.enumerate()) <= threads)
    assert board.codec.alive == []
    board.codec.fails.clear()
    taker = Taker()
    board.camera.encoder.start(SPEC, taker)
    taker.wait(3)


# -- in flight -------------------------------------------------------------------------------------------------------


def test_a_bitrate_is_at_the_driver_within_one_picture(board: Board) -> None:
    encoder, taker = started(board)
    taker.wait(5)
    before = board.codec.queued
    encoder.set_bitrate(455)
    encoder.set_bitrate(460)  # the same step: the firmware is left alone
    assert board.codec.settings[-1][:2] == (chips.BITRATE, 450_000)
    assert board.codec.settings[-1][2] - before <= 1
    assert board.codec.asked(chips.BITRATE) == [800_000, 450_000]
    encoder.set_bitrate(200)
    taker.wait(15)
    second = taker.wait(30)
    assert sum(len(unit.data) for unit in second) * 8 < 300_000, "the encoder follows"


def test_bitrates_that_the_encoder_has_not_are_told_once(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    encoder, taker = started(board)
    taker.wait(1)
    with caplog.at_level(logging.WARNING):
        for kbps in (10, 30_000, 5, 900):
            encoder.set_bitrate(kbps)
    assert board.codec.asked(chips.BITRATE)[1:] == [25_000, 25_000_000, 25_000, 900_000]
    assert [r.message for r in caplog.records] == [
        "the hardware encoder takes 25 to 25000 kbit/s; 10 kbit/s is asked for"
    ]


def test_a_driver_without_limits_is_asked_as_it_is(board: Board) -> None:
    board.codec.fails["QUERYCTRL"] = errno.ENOTTY
    encoder, taker = started(board)
    taker.wait(1)
    encoder.set_bitrate(333)
    assert board.codec.asked(chips.BITRATE) == [800_000, 333_000]


def test_a_keyframe_comes_when_it_is_asked_for(board: Board) -> None:
    encoder, taker = started(board, VideoSpec(160, 96, 30, 800, 1200, keyframe_interval_s=60.0))
    assert [unit.keyframe for unit in taker.wait(10)] == [True] + [False] * 9
    encoder.force_keyframe()
    after = [unit.keyframe for unit in taker.wait(10)]
    assert sum(after) == 1
    assert after.index(True) <= guarded.IN_FLIGHT + 1
    assert len(taker.units[0].data) > 64
    assert taker.units[10 + after.index(True)].data.startswith(b"\0\0\0\1\x67"), "with its parameter sets"


@pytest.mark.parametrize("control", ["set_bitrate", "force_keyframe"])
def test_a_control_that_is_refused_is_told_to_who_asked(board: Board, control: str) -> None:
    encoder, taker = started(board)
    taker.wait(3)
    board.codec.refuses = {chips.BITRATE, chips.FORCE}
    with pytest.raises(HardwareEncoderError, match="refuse"):
        encoder.set_bitrate(300) if control == "set_bitrate" else encoder.force_keyframe()
    taker.wait(3)  # and the camera's loop lives on
    assert board.loop_alive


# -- failure ---------------------------------------------------------------------------------------------------------


def _dqbuf(codec: Codec) -> None:
    codec.fails["DQBUF"] = errno.EIO


def _qbuf(codec: Codec) -> None:
    codec.fails["QBUF"] = errno.EIO


def _broken(codec: Codec) -> None:
    codec.broken = True


def _dead(codec: Codec) -> None:
    codec.dead = True


def _skips(codec: Codec) -> None:
    codec.skips = True


FAULTS = [_dqbuf, _qbuf, _broken, _dead, _skips]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__[1:])
def test_an_encoder_that_fails_leaves_the_camera_running(
    board: Board, fault: Callable[[Codec], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "SILENT_S", 0.6)
    encoder, taker = started(board)
    taker.wait(5)
    threads = set(threading.enumerate())
    fault(board.codec)

    def failed() -> bool:
        assert board.camera.read(1.0) is not None, "the camera goes on"
        try:
            encoder.progress()
        except HardwareEncoderError:
            return True
        return False

    assert until(failed)
    begin = time.monotonic()
    encoder.stop()
    assert time.monotonic() - begin < 2.0
    assert board.codec.alive == []
    for _ in range(10):
        assert board.camera.read(1.0) is not None
    assert board.loop_alive
    assert until(lambda: board.rig.opened[-1].held <= 2), "every buffer came back"
    assert set(threading.enumerate()) <= threads
    board.codec.mend()
    again = Taker()
    encoder.start(SPEC, again)
    again.wait(5)


# -- as the pipeline uses it -------------------------------------------------------------------------------------------


class Stage:
    """A push's video track, fed by the camera as the pipeline does it."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.reports = Reports()
        self.queue = SendQueue()
        self.queue.open()
        self.encoding = VideoEncoding(self.queue, self.reports)
        board.camera.open(WANTED)
        self.encoding.begin(time.monotonic())

    def run(self, true: Callable[[], bool], timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not true():
            picture = self.board.camera.read(0.25)
            if picture is not None:
                self.encoding.use(SPEC, self.board.camera.encoder)
                self.encoding.put(picture.frame, picture.time_s)
            while self.queue.take(time.monotonic() + 10) is not None:
                pass
        return true()

    def heard(self) -> list[str]:
        return [name for name, _ in self.reports.heard]


def test_a_new_bitrate_goes_with_the_next_picture(board: Board) -> None:
    stage = Stage(board)
    assert stage.run(lambda: stage.encoding.figures().fps > 10, 5)
    threading.Timer(0.2, stage.encoding.set_bitrate, (300,)).start()
    assert stage.run(lambda: 300_000 in board.codec.asked(chips.BITRATE), 2)
    board.codec.settings.clear()
    asked = board.codec.queued
    stage.encoding.set_bitrate(500)
    assert stage.run(lambda: bool(board.codec.asked(chips.BITRATE)), 2)
    assert board.codec.settings[0][2] - asked <= 2
    assert stage.heard() == ["encoder_started"]


@pytest.mark.parametrize("fault", [_dqbuf, _broken], ids=lambda fault: fault.__name__[1:])
def test_a_failure_in_flight_is_1103_and_software_goes_on(board: Board, fault: Callable[[Codec], None]) -> None:
    stage = Stage(board)
    assert stage.run(lambda: stage.encoding.figures().fps > 10, 5)
    fault(board.codec)
    assert stage.run(lambda: stage.encoding.name == "libx264", 5)
    assert stage.run(lambda: stage.heard() == ["encoder_started", "hardware_encoder_failed", "encoder_started"], 1)
    assert stage.run(lambda: stage.encoding.figures().fps > 15, 5)
    assert board.loop_alive


def test_an_encoder_too_slow_is_1107_and_the_camera_keeps_its_rate(board: Board) -> None:
    board.codec.slow_s = 0.1
    stage = Stage(board)
    assert stage.run(lambda: stage.encoding.name == "libx264", 9)
    assert stage.heard() == ["encoder_started", "encoder_switched", "encoder_started"]
    assert board.rig.starved <= 3, "an encoder that is slow must not hide it by slowing the camera"


def test_pictures_left_out_for_want_of_bits_are_not_slowness(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_up, "WINDOW_S", 1.5)
    stage = Stage(board)
    until_s = time.monotonic() + 2.5

    def thin_out() -> bool:
        board.codec.skips = board.codec.queued % 3 > 0
        return time.monotonic() > until_s

    assert stage.run(thin_out, 4)
    assert stage.encoding.figures().fps < 20
    assert stage.heard() == ["encoder_started"]


# -- again and again -------------------------------------------------------------------------------------------------


def test_nothing_is_left_after_many_starts(board: Board) -> None:
    encoder, taker = started(board)
    taker.wait(2)
    encoder.stop()
    gc.collect()
    threads, descriptors = len(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    for _ in range(6):
        again = Taker()
        encoder.start(SPEC, again)
        again.wait(2)
        encoder.stop()
    gc.collect()
    assert board.codec.alive == []
    assert until(lambda: len(threading.enumerate()) <= threads)
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert until(lambda: board.rig.opened[-1].held <= 2)


def test_the_codecs_own_limits_are_known(board: Board) -> None:
    assert pi_encoder.bitrate_limits() == v4l2.Limits(25_000, 25_000_000, 25_000, 10_000_000)
    with v4l2.open_device(pi_encoder.CODEC_DEVICE) as device:
        assert v4l2.card(device) == ("bcm2835-codec", "bcm2835-codec-encode")
        assert v4l2.limits(device, chips.BITRATE + 1) is None
        assert v4l2.get(device, chips.MODE) == 0
        assert v4l2.put(device, chips.BITRATE, 810_000) == 800_000


# -- two sizes -------------------------------------------------------------------------------------------------------


def test_the_size_changes_without_a_gap(board: Board) -> None:
    board.camera.open(replace(WANTED, second=(96, 64)))
    encoder, taker = board.camera.encoder, Taker()
    assert encoder is not None
    small = replace(SPEC, width=96, height=64)
    for spec in (SPEC, small, SPEC):
        encoder.start(spec, taker)
        taker.wait(10)
        assert len(board.codec.alive) == 1, "the one before has ended"
    encoder.stop()
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for unit in taker.units for frame in decoder.decode(av.Packet(unit.data))]
    assert [size for size, _ in groupby((frame.width, frame.height) for frame in frames)] == [
        (160, 96), (96, 64), (160, 96),
    ]  # fmt: skip
    times = [unit.time_s for unit in taker.units]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 0.15
    assert board.rig.starved <= 2, "two encoders share the camera's buffers"
    assert until(lambda: board.rig.opened[-1].held <= 2)
