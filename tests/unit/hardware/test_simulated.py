"""The simulated board (SPEC 11)."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from appliance.errors import CameraError, MicrophoneError, UnsupportedResolution
from appliance.hardware.planes import planes_of
from appliance.hardware.simulated.board import SimulatedBoard
from appliance.hardware.simulated.microphone import BLOCK_S, world
from appliance.hardware.simulated.picture import LOOKS, TestPicture
from appliance.media.sources import Picture, PictureFormat, SoundFormat

SMALL = PictureFormat(320, 180, 30)


def luma(picture: Picture) -> float:
    return float(planes_of(picture.frame)[0].mean())


# -- pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (320, 180), (180, 320), (540, 960), (640, 480), (16, 16)])
def test_any_size_is_drawn(width: int, height: int) -> None:
    picture = TestPicture(LOOKS["front"], width, height)
    for time_s in (0.3, 1.7, 3.1, 5.9):
        frame = picture.render(time_s, 12, 1e9, flash=False)
        assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")


def test_the_picture_moves_and_the_numbers_change() -> None:
    picture = TestPicture(LOOKS["front"], 320, 180)
    one, same, moved, counted, later = (
        planes_of(picture.render(time_s, number, wall_s, flash=False))[0].astype(int)
        for time_s, number, wall_s in ((0.3, 1, 5.0), (0.3, 1, 5.0), (0.8, 1, 5.0), (0.3, 2, 5.0), (0.3, 1, 5.004))
    )
    assert np.array_equal(one, same)
    for other in (moved, counted, later):
        assert np.abs(one - other).max() > 80


def test_the_cameras_look_different(board: SimulatedBoard) -> None:
    planes = [planes_of(TestPicture(LOOKS[p], 320, 180).render(0.5, 1, 0.0, flash=False)) for p in ("front", "back")]
    assert abs(planes[0][2].astype(float).mean() - planes[1][2].astype(float).mean()) > 20


def test_the_flash_is_white_and_the_name_stays_readable() -> None:
    picture = TestPicture(LOOKS["front"], 320, 180)
    dark, flash = (planes_of(picture.render(0.5, 1, 0.0, flash=f)) for f in (False, True))
    assert flash[0].mean() - dark[0].mean() > 80
    assert flash[0][:40].min() > 230
    assert flash[0][60:120, 110:210].min() < 40


def test_rendering_is_cheap() -> None:
    picture = TestPicture(LOOKS["back"], 1280, 720)
    begin = time.process_time()
    for number in range(100):
        picture.render(number / 30, number, 1e9 + number / 30, flash=number % 30 < 3)
    assert (time.process_time() - begin) / 100 < 0.002


def test_pictures_stand_on_the_grid_and_flash_at_whole_seconds(board: SimulatedBoard) -> None:
    camera = board.camera("front", "auto")
    camera.open(SMALL)
    pictures = [p for _ in range(40) if (p := camera.read(1.0)) is not None]
    camera.close()
    for picture in pictures:
        assert picture.time_s * 30 == pytest.approx(round(picture.time_s * 30), abs=1e-6)
        assert (luma(picture) > 150) == (round(picture.time_s * 30) % 30 < 3)
    assert any(p.time_s == math.floor(p.time_s) and luma(p) > 150 for p in pictures)


@pytest.mark.parametrize(
    "wanted", [PictureFormat(8, 180, 30), PictureFormat(10000, 180, 30), PictureFormat(320, 180, 0)]
)
def test_senseless_formats_are_refused(board: SimulatedBoard, wanted: PictureFormat) -> None:
    with pytest.raises(UnsupportedResolution, match="allowed"):
        board.camera("front", "auto").open(wanted)


def test_odd_sizes_become_even(board: SimulatedBoard) -> None:
    camera = board.camera("front", "auto")
    assert camera.open(PictureFormat(321, 181, 30)) == SMALL
    camera.close()


# -- sound ---------------------------------------------------------------------------------------------------


def test_the_beep_begins_with_the_second_and_lasts_a_tenth() -> None:
    heard = world(41.9, 1 / 48000, 48000)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 300)
    assert loud[0] == pytest.approx(4800, abs=12)  # a quarter of the ramp
    assert loud[-1] == pytest.approx(9600, abs=60)
    assert abs(int(heard[4800])) > abs(int(heard[4799])) or abs(int(heard[4801])) > 150
    spectrum = np.abs(np.fft.rfft(heard[4800:9600].astype(float)))
    assert spectrum.argmax() * 48000 / 4800 == 1000


def test_the_hum_is_quiet_but_no_silence() -> None:
    heard = world(7.2, 1 / 16000, 8000).astype(float)
    dbfs = 20 * math.log10(math.sqrt((heard**2).mean()) / 32768)
    assert -60 < dbfs < -50


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_beep_and_flash_share_the_clock(board: SimulatedBoard, rate: int) -> None:
    microphone = board.microphone("auto")
    microphone.open(SoundFormat(rate, 1))
    onset, quiet = None, False
    for _ in range(120):
        sound = microphone.read(1.0)
        assert sound is not None
        loud = np.flatnonzero(np.abs(sound.samples[:, 0].astype(int)) > 300)
        before, quiet = quiet, not len(loud)
        if len(loud) and before:  # it may have been opened in the middle of a beep
            onset = sound.time_s + loud[0] / rate
            break
    microphone.close()
    assert onset is not None
    assert onset == pytest.approx(round(onset), abs=0.001)


def test_a_fast_clock_delivers_more_samples_than_agreed(board: SimulatedBoard) -> None:
    microphone = board.microphone("simulated:ppm=20000")
    microphone.open(SoundFormat(48000, 1))
    first = microphone.read(1.0)
    assert first is not None
    blocks = 1
    while (sound := microphone.read(1.0)) is not None and blocks < 50:
        last, blocks = sound, blocks + 1
    microphone.close()
    samples = (blocks - 1) * len(first.samples)
    assert samples / (last.time_s - first.time_s) == pytest.approx(48000 * 1.02, rel=1e-6)


def test_the_clock_can_change_while_it_runs(board: SimulatedBoard) -> None:
    microphone = board.microphone("auto")
    microphone.open(SoundFormat(48000, 1))
    before = microphone.read(1.0)
    board.simulated.skew(-50_000)
    after = microphone.read(1.0)
    last = microphone.read(1.0)
    microphone.close()
    assert before is not None
    assert after is not None
    assert last is not None
    assert after.time_s == pytest.approx(before.time_s + BLOCK_S)
    assert last.time_s - after.time_s == pytest.approx(BLOCK_S / 0.95)


def test_a_late_reader_loses_old_sound(board: SimulatedBoard) -> None:
    microphone = board.microphone("auto")
    microphone.open(SoundFormat(16000, 1))
    assert microphone.read(1.0) is not None
    time.sleep(0.9)
    late = microphone.read(1.0)
    microphone.close()
    assert late is not None
    assert 0.3 < time.monotonic() - late.time_s < 0.6


# -- what can go wrong -----------------------------------------------------------------------------------------


def test_unplugging_ends_a_read_at_once_and_plugging_brings_it_back(board: SimulatedBoard) -> None:
    camera = board.camera("front", "auto")
    camera.open(PictureFormat(320, 180, 1))
    board.simulated.unplug("front")
    with pytest.raises(CameraError, match="unplugged"):
        camera.read(5.0)
    with pytest.raises(CameraError, match="unplugged"):
        board.camera("front", "auto").open(SMALL)
    board.simulated.plug("front")
    with pytest.raises(CameraError, match="not open"):  # the old handle stays dead
        camera.read(0.1)
    camera.close()
    camera.open(SMALL)
    assert camera.read(1.0) is not None
    camera.close()


def test_the_microphone_can_be_unplugged(board: SimulatedBoard) -> None:
    microphone = board.microphone("auto")
    microphone.open(SoundFormat(16000, 1))
    board.simulated.unplug("mic")
    with pytest.raises(MicrophoneError, match="unplugged"):
        microphone.read(1.0)
    microphone.close()
    assert board.microphones() == []


def test_a_frozen_device_opens_and_delivers_nothing(board: SimulatedBoard) -> None:
    board.simulated.freeze("back")
    camera = board.camera("back", "auto")
    camera.open(SMALL)
    assert camera.read(0.1) is None
    board.simulated.thaw("back")
    assert camera.read(1.0) is not None
    camera.close()


def test_only_one_can_have_a_device(board: SimulatedBoard) -> None:
    one, other = board.camera("front", "auto"), board.camera("front", "auto")
    one.open(SMALL)
    with pytest.raises(CameraError, match="busy"):
        other.open(SMALL)
    one.close()
    other.open(SMALL)
    other.close()
    board.simulated.occupy("microphone")
    with pytest.raises(MicrophoneError, match="busy"):
        board.microphone("auto").open(SoundFormat(16000, 1))


@pytest.mark.parametrize("device", ["front", "back", "microphone", "mic", "camera", "camera.back", "simulated:front"])
def test_devices_have_liberal_names(board: SimulatedBoard, device: str) -> None:
    board.simulated.unplug(device)
    assert list(board.simulated.state()["devices"].values()).count(False) == 1


def test_unknown_names_are_refused_with_what_is_allowed(board: SimulatedBoard) -> None:
    with pytest.raises(ValueError, match="allowed: front, back, microphone"):
        board.simulated.unplug("tape deck")
    with pytest.raises(ValueError, match="allowed"):
        board.simulated.press("start-stop")  # no panel is attached
    with pytest.raises(ValueError, match="allowed"):
        board.simulated.skew(math.nan)
    with pytest.raises(CameraError, match="allowed: auto, simulated:front, simulated:back"):
        board.camera("front", "/dev/video0")
    for wrong in ("hw:0", "simulated:ppm=x", "simulated:speed=3"):
        with pytest.raises(MicrophoneError, match="allowed"):
            board.microphone(wrong)


def test_two_boards_do_not_disturb_each_other(board: SimulatedBoard) -> None:
    other = SimulatedBoard()
    board.simulated.unplug("front")
    camera = other.camera("front", "auto")
    camera.open(SMALL)
    assert camera.read(1.0) is not None
    camera.close()
    assert board.pin_factory() is not other.pin_factory()
    other.close()


def test_auto_leaves_alone_what_the_other_position_names(board: SimulatedBoard) -> None:
    assert board.camera("back", "auto", other="simulated:back").name == "simulated:front"
    assert board.camera("back", "simulated:front").name == "simulated:front"
