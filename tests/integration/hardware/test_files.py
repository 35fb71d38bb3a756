"""Media files as camera and microphone."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from appliance.errors import CameraError, LivePusherError, MicrophoneError
from appliance.hardware.files import FileCamera, FileMicrophone, has_sound
from appliance.hardware.media_file import LOOPS, LoopSchedule, MediaInfo, media_info
from appliance.hardware.planes import planes_of
from appliance.media.sources import Picture, PictureFormat, SoundFormat
from tests.unit.hardware.clips import make_clip, make_tone

WANTED = PictureFormat(160, 96, 30)


def pictures(path: Path, seconds: float, wanted: PictureFormat = WANTED) -> list[Picture]:
    camera = FileCamera(str(path), "film")
    camera.open(wanted)
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        picture = camera.read(0.2)
        if picture is not None:
            found.append(picture)
    camera.close()
    return found


def flashes(found: list[Picture]) -> list[float]:
    """When each flash began, where all three of its pictures were delivered: a busy machine may have lost the first."""
    bright = [planes_of(p.frame)[0].mean() > 120 for p in found]
    whole = [False, True, True, True, False]
    return [found[i + 1].time_s for i in range(len(found) - 4) if bright[i : i + 5] == whole]


# -- sound and picture together -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["mp4", "mkv", "flv", "ts"])
def test_sound_and_picture_stay_together_over_loops(tmp_path: Path, ending: str) -> None:
    path = make_clip(tmp_path / f"film.{ending}", seconds=0.6, sound_s=0.5)
    shown: list[Picture] = []
    heard: list[tuple[float, bool]] = []
    rate = 16000

    def listen() -> None:
        time.sleep(0.35)  # the two are never opened at the same moment
        microphone = FileMicrophone(str(path), "film")
        microphone.open(SoundFormat(rate, 1))
        end = time.monotonic() + 2.6
        while time.monotonic() < end:
            sound = microphone.read(1.0)
            assert sound is not None
            loud = np.abs(sound.samples[:, 0].astype(int)) > 2000
            heard.extend((sound.time_s + i / rate, bool(loud[i])) for i in range(len(loud)))
        microphone.close()

    listener = threading.Thread(target=listen)
    listener.start()
    shown = pictures(path, 3.0)
    listener.join()
    lights = flashes(shown)
    assert lights
    onsets: list[float] = []
    for t, loud in heard:
        if loud and (not onsets or t - onsets[-1] > 0.3):
            onsets.append(t)
    compared = 0
    for onset in onsets[1:]:
        nearest = min(lights, key=lambda light: abs(light - onset))
        if abs(nearest - onset) < 0.15:
            # FLV and Matroska round to the millisecond, and the beep takes half of one to become loud
            assert onset - nearest == pytest.approx(0.0, abs=0.005)
            compared += 1
    assert compared >= 2


def test_both_follow_one_schedule_and_the_last_to_leave_ends_it(clips: Path) -> None:
    path = str(clips / "film.mp4")
    one = LOOPS.join(path, CameraError)
    two = LOOPS.join(str(clips / "." / "film.mp4"), MicrophoneError)
    assert one is two
    LOOPS.leave(path)
    assert LOOPS.join(path, CameraError) is one
    LOOPS.leave(path)
    LOOPS.leave(path)
    assert LOOPS.join(path, CameraError) is not one
    LOOPS.leave(path)


def test_a_schedule_places_loops_end_to_end() -> None:
    schedule = LoopSchedule(MediaInfo(0.0, 2.5, True, True, False), 100.0)
    assert schedule.time_s(3, 0.5) == 108.0
    assert schedule.position(108.0) == (3, 0.5)
    assert schedule.position(99.0) == (0, 0.0)


def test_a_failed_open_leaves_no_schedule_behind(tmp_path: Path) -> None:
    path = make_tone(tmp_path / "tone.wav")
    for _ in range(2):
        with pytest.raises(CameraError, match="has no picture"):
            FileCamera(str(path), "tone").open(WANTED)
    schedule = LOOPS.join(str(path), CameraError)
    assert time.monotonic() - schedule.start_s < 1.0
    LOOPS.leave(str(path))


# -- pictures ------------------------------------------------------------------------------------------------------


def test_time_goes_on_over_loops_without_a_stall(clips: Path) -> None:
    found = pictures(clips / "film.mp4", 2.4)
    steps = np.diff([p.time_s for p in found])
    assert steps.min() > 0.02
    assert (steps > 0.05).mean() < 0.1  # a machine that is busy with other things loses one now and then
    assert steps.max() < 0.4
    assert len(found) > 50


def test_more_pictures_than_wanted_are_left_out(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "fast.mp4", fps=60)
    found = pictures(path, 1.0)
    assert 20 <= len(found) <= 33
    camera = FileCamera(str(path), "fast")
    assert camera.open(PictureFormat(160, 96, 15)).fps == 15
    camera.close()


def test_fewer_pictures_than_wanted_are_said(tmp_path: Path) -> None:
    camera = FileCamera(str(make_clip(tmp_path / "slow.mp4", fps=10)), "slow")
    assert camera.open(WANTED) == PictureFormat(160, 96, 10)
    camera.close()


def test_a_standing_picture_is_delivered_again(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "short.mp4", seconds=0.2, sound_s=2.0)
    found = pictures(path, 1.8)
    gaps = np.diff([p.time_s for p in found])
    assert gaps.max() < 0.7
    assert len({id(p.frame) for p in found}) == len(found)


def test_a_reader_that_was_away_is_not_served_the_past(clips: Path) -> None:
    camera = FileCamera(str(clips / "film.mp4"), "film")
    camera.open(WANTED)
    assert camera.read(1.0) is not None
    time.sleep(2.6)
    for _ in range(3):
        picture = camera.read(1.0)
        assert picture is not None
        assert time.monotonic() - picture.time_s < 0.3
    camera.close()


def test_a_raw_stream_without_timestamps_plays(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "raw.h264", seconds=0.5, fps=25)
    assert media_info(str(path), CameraError).length_s == pytest.approx(0.5, abs=0.05)
    steps = np.diff([p.time_s for p in pictures(path, 1.3)])
    assert 0.03 < np.median(steps) < 0.05


@pytest.mark.parametrize("name", ["still.png", "still.jpg"])
def test_a_still_image_is_a_camera(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (1601, 1201), (200, 30, 30)).save(tmp_path / name)
    camera = FileCamera(str(tmp_path / name), name)
    answer = camera.open(PictureFormat(320, 180, 20))
    assert answer == PictureFormat(320, 240, 20)  # covers what is wanted, in its own shape
    found = [p for _ in range(10) if (p := camera.read(1.0)) is not None]
    camera.close()
    assert np.diff([p.time_s for p in found]) == pytest.approx(0.05, abs=0.001)
    assert found[0].frame.width == 320


def test_a_film_from_a_phone_stands_upright(tmp_path: Path) -> None:
    flat, path = make_clip(tmp_path / "flat.mp4", seconds=0.3), tmp_path / "turned.mp4"
    turn_track(flat, path)
    camera = FileCamera(str(path), "phone")
    answer = camera.open(WANTED)
    picture = camera.read(1.0)
    camera.close()
    assert (answer.width, answer.height) == (96, 160)
    assert picture is not None
    assert (picture.frame.width, picture.frame.height) == (96, 160)


def turn_track(source: Path, target: Path) -> None:
    """Write a quarter turn into the matrix of the film's track header (ISO 14496-12, 8.3.2)."""
    data = bytearray(source.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 2 * 4 + 4 * 2
    quarter = (0, 1 << 16, 0, (1 << 32) - (1 << 16), 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big") for value in quarter)
    target.write_bytes(data)


# -- sound ---------------------------------------------------------------------------------------------------------


def test_sound_shorter_than_the_loop_is_followed_by_silence(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", seconds=1.0, sound_s=0.3)
    microphone = FileMicrophone(str(path), "film")
    microphone.open(SoundFormat(48000, 1))
    due, quiet = None, 0
    for _ in range(60):
        sound = microphone.read(0.5)
        assert sound is not None
        if due is not None:
            assert sound.time_s == pytest.approx(due, abs=1e-6)
        due = sound.time_s + len(sound.samples) / 48000
        quiet += not sound.samples.any()
    microphone.close()
    assert quiet > 30


def test_sound_is_brought_to_the_wanted_form(tmp_path: Path) -> None:
    microphone = FileMicrophone(str(make_tone(tmp_path / "tone.wav", 2.0)), "tone")
    microphone.open(SoundFormat(16000, 2))
    blocks = []
    for _ in range(50):
        sound = microphone.read(0.5)
        assert sound is not None
        blocks.append(sound.samples)
    microphone.close()
    samples = np.concatenate(blocks)
    assert np.array_equal(samples[:, 0], samples[:, 1])
    spectrum = np.abs(np.fft.rfft(samples[:16000, 0].astype(float)))
    assert spectrum.argmax() == pytest.approx(440, abs=1)


def test_a_late_listener_loses_old_sound(clips: Path) -> None:
    microphone = FileMicrophone(str(clips / "film.mp4"), "film")
    microphone.open(SoundFormat(16000, 1))
    assert microphone.read(1.0) is not None
    for away_s in (0.9, 3.0):
        time.sleep(away_s)
        sound = microphone.read(1.0)
        assert sound is not None
        assert time.monotonic() - sound.time_s < 0.7
    microphone.close()


# -- files that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [FileCamera, FileMicrophone])
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, device: type[FileCamera | FileMicrophone]) -> None:
    error = CameraError if device is FileCamera else MicrophoneError
    text = tmp_path / "letter.mp4"
    text.write_text("Dear Sir or Madam")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    cases: list[tuple[Path, str]] = [
        (tmp_path / "missing.mp4", "does not exist"),
        (tmp_path, "is no file"),
        (text, "is no media file: Invalid data"),
        (empty, "is no media file"),
    ]
    for path, words in cases:
        with pytest.raises(error, match=words):
            opened(device, path)


def opened(device: type[FileCamera | FileMicrophone], path: Path) -> None:
    made = device(str(path), "x")
    if isinstance(made, FileCamera):
        made.open(WANTED)
    else:
        made.open(SoundFormat(48000, 1))


def test_a_file_without_sound_is_no_microphone(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "mute.mp4", seconds=0.2)
    with pytest.raises(MicrophoneError, match="has no sound"):
        opened(FileMicrophone, path)
    assert not has_sound(str(path))
    assert not has_sound(str(tmp_path / "missing.mp4"))


def test_a_playlist_cannot_open_addresses(tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(LivePusherError):
        opened(FileCamera, playlist)


def test_a_damaged_film_plays_on(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.ts", seconds=1.0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(data)
    assert len(pictures(path, 1.5)) > 20


def test_a_film_that_vanishes_ends_the_camera(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", seconds=0.3)
    camera = FileCamera(str(path), "film")
    camera.open(WANTED)
    path.unlink()
    with pytest.raises(CameraError, match="does not exist"):
        read_on(camera, 5.0)
    camera.close()


def read_on(camera: FileCamera, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        camera.read(0.2)


def test_pictures_are_no_orders_to_an_encoder(clips: Path) -> None:
    with av.open(str(clips / "film.mp4")) as container:
        assert next(iter(container.decode(video=0))).pict_type == 1
    assert {p.frame.pict_type for p in pictures(clips / "film.mp4", 0.3)} == {0}
