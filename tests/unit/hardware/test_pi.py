"""The pi board's cameras, against fakes of picamera2 at the library's edge."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import CameraError, HardwareEncoderError, UnsupportedResolution
from appliance.hardware.pi import camera as pi_camera
from appliance.hardware.pi import encoder, v4l2
from appliance.hardware.pi.board import PiBoard, positions
from appliance.hardware.pi.camera import PiCamera
from appliance.hardware.pi.encoder import ParameterSets, hardware_encoder_present
from appliance.hardware.pi.frames import monotonic_s, picture_of
from appliance.hardware.planes import planes_of
from appliance.media.sources import EncodedPicture, PictureFormat, VideoSpec
from tests.unit.hardware import fake_picamera2
from tests.unit.hardware.fake_picamera2 import BACK, FRONT, Rig

WANTED = PictureFormat(640, 360, 30)
SPEC = VideoSpec(640, 360, 30, bitrate_kbps=800, ceiling_kbps=1200, keyframe_interval_s=0.1)


@pytest.fixture
def camera(rig: Rig) -> Iterator[PiCamera]:
    made = PiCamera(FRONT, hardware_encoder=False)
    yield made
    made.close()
    assert rig.outstanding == 0  # every request was given back


# -- which camera --------------------------------------------------------------------------------------------------


def test_cameras_take_positions_in_order(rig: Rig) -> None:
    board = PiBoard()
    assert board.cameras() == [FRONT, BACK]
    assert board.camera("front", "auto").name == FRONT
    assert board.camera("back", "auto").name == BACK


def test_a_mounting_that_libcamera_knows_counts_more_than_the_order() -> None:
    assert positions([{"Id": "a", "Location": 1}, {"Id": "b", "Location": 0}]) == {"back": "a", "front": "b"}
    assert positions([{"Id": "a", "Location": 2}, {"Id": "b", "Location": 0}]) == {"front": "b", "back": "a"}
    assert positions([{"Id": "a"}, {"Id": "b"}, {"Id": "c"}]) == {"front": "a", "back": "b"}
    assert positions([{"Id": "a", "Location": 0}, {"Id": "b", "Location": 0}]) == {"front": "a", "back": "b"}
    assert positions([]) == {}


def test_a_name_in_the_settings_is_taken_exactly(rig: Rig) -> None:
    board = PiBoard()
    assert board.camera("front", BACK).name == BACK
    with pytest.raises(CameraError, match="is not connected; found: .*imx708"):
        board.camera("front", "imx708")
    rig.cameras.pop()
    with pytest.raises(CameraError, match="no back camera is connected"):
        board.camera("back", "auto")
    rig.cameras.clear()
    with pytest.raises(CameraError, match="found: none"):
        board.camera("front", "auto")


# -- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_format", ["YUV420", "NV12"])
def test_padding_never_reaches_a_picture(camera: PiCamera, rig: Rig, pixel_format: str) -> None:
    rig.pixel_format = pixel_format
    assert camera.open(WANTED) == WANTED
    picture = camera.read(1.0)
    assert picture is not None
    assert picture.frame.format.name == {"YUV420": "yuv420p", "NV12": "nv12"}[pixel_format]
    upright = planes_of(picture.frame.reformat(format="yuv420p"))
    assert upright[0].max() <= 216
    assert (upright[1].min(), upright[1].max(), upright[2].min(), upright[2].max()) == (90, 90, 160, 160)


def test_an_odd_stride_fits() -> None:
    configuration = {"format": "YUV420", "size": (854, 480), "stride": 896}
    buffer = np.arange(896 * 480 * 3 // 2, dtype=np.uint32).astype(np.uint8)
    y, u, v = planes_of(picture_of(buffer, configuration))
    assert np.array_equal(y, buffer[: 896 * 480].reshape(480, 896)[:, :854])
    assert np.array_equal(u[1], buffer[896 * 480 + 448 :][:427])
    assert np.array_equal(v[0], buffer[896 * 480 + 448 * 240 :][:427])


def test_the_sensors_time_is_the_pictures(camera: PiCamera) -> None:
    camera.open(WANTED)
    picture = camera.read(1.0)
    assert picture is not None
    assert 0.015 < time.monotonic() - picture.time_s < 0.3


def test_sensor_times_of_either_clock_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = 3600.0
    monkeypatch.setattr(time, "clock_gettime", lambda _: time.monotonic() + asleep)
    now = time.monotonic()
    assert monotonic_s(int((now - 0.03) * 1e9)) == pytest.approx(now - 0.03, abs=0.005)
    assert monotonic_s(int((now + asleep - 0.03) * 1e9)) == pytest.approx(now - 0.03, abs=0.005)
    assert monotonic_s(12345) == pytest.approx(now, abs=0.05)
    assert monotonic_s(None) == pytest.approx(now, abs=0.05)


def test_the_rate_is_asked_for_within_what_the_sensor_can(camera: PiCamera, rig: Rig) -> None:
    camera.open(PictureFormat(640, 360, 25))
    assert rig.opened[0].set["FrameDurationLimits"] == (40000, 40000)
    camera.close()
    rig.controls["FrameDurationLimits"] = (66666, 1_000_000, 66666)
    assert camera.open(WANTED).fps == 15
    camera.close()
    del rig.controls["FrameDurationLimits"]
    assert camera.open(WANTED).fps == 30


def test_a_camera_that_stops_delivering_is_gone(camera: PiCamera, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pi_camera, "GONE_S", 0.3)
    camera.open(WANTED)
    assert camera.read(1.0) is not None
    rig.delivering = False
    camera.read(0.2)
    camera.read(0.0)
    time.sleep(0.3)
    with pytest.raises(CameraError, match="is gone: no picture for"):
        camera.read(0.1)


def test_what_libcamera_said_reaches_people(camera: PiCamera, rig: Rig) -> None:
    rig.busy = True
    with pytest.raises(CameraError, match="cannot be opened: .*busy"):
        camera.open(WANTED)
    rig.busy = False
    rig.cameras = rig.cameras[1:]
    with pytest.raises(CameraError, match="is not there; found: .*ov5647"):
        camera.open(WANTED)


def test_a_refused_size_closes_the_camera_again(camera: PiCamera, rig: Rig) -> None:
    with pytest.raises(UnsupportedResolution, match="refuses 5000x5000"):
        camera.open(PictureFormat(5000, 5000, 30))
    with pytest.raises(UnsupportedResolution, match="even"):
        camera.open(PictureFormat(641, 360, 30))
    assert [c.is_open for c in rig.opened] == [False]
    camera.open(WANTED)


def test_a_driver_that_hangs_costs_no_more_than_the_bound(
    camera: PiCamera, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pi_camera, "OPEN_S", 0.2)
    rig.hang_on_start = True
    begin = time.monotonic()
    with pytest.raises(CameraError, match="no answer from the driver"):
        camera.open(WANTED)
    assert time.monotonic() - begin < 1.0
    rig.hang_on_start = False
    end = time.monotonic() + 2
    while rig.opened[0].is_open and time.monotonic() < end:  # when it comes to life after all, it is closed
        time.sleep(0.01)
    assert not rig.opened[0].is_open


# -- controls ------------------------------------------------------------------------------------------------------


def test_controls_are_those_the_camera_has(camera: PiCamera, rig: Rig) -> None:
    camera.open(WANTED)
    assert camera.controls == {"auto-focus", "zoom", "camera.rotation", "camera.mirror"}
    camera.close()
    del rig.controls["AfMode"], rig.controls["ScalerCrop"]
    camera.open(WANTED)
    assert camera.controls == {"camera.rotation", "camera.mirror"}
    with pytest.raises(CameraError, match="no control auto-focus; it has: camera.mirror, camera.rotation"):
        camera.set_control("auto-focus", True)


def test_zoom_and_focus(camera: PiCamera, rig: Rig) -> None:
    camera.open(WANTED)
    driver = rig.opened[0]
    assert driver.set["AfMode"] == 2
    camera.set_control("zoom", True)
    assert driver.set["ScalerCrop"] == (1152, 648, 2304, 1296)
    camera.set_control("auto-focus", False)
    assert driver.set["AfMode"] == 0
    camera.set_control("zoom", False)
    assert driver.set["ScalerCrop"] == (0, 0, 4608, 2592)


@pytest.mark.parametrize(
    ("rotation", "mirror", "transform"),
    [
        (0, False, (0, 0)), (0, True, (1, 0)), (180, False, (1, 1)), (180, True, (0, 1)), (90, True, (0, 0)),
    ],
)  # fmt: skip
def test_half_turns_and_mirrors_are_the_sensors(
    camera: PiCamera, rig: Rig, rotation: int, mirror: bool, transform: tuple[int, int]
) -> None:
    camera.prepare("camera.rotation", rotation)
    camera.prepare("camera.mirror", mirror)
    camera.open(WANTED)
    flips = rig.opened[0].configuration["transform"]
    assert (flips["hflip"], flips["vflip"]) == transform
    assert ("camera.rotation" in camera.controls) == (rotation != 90)
    assert ("camera.mirror" in camera.controls) == (rotation != 90)


def test_turning_an_open_camera_restarts_it(camera: PiCamera, rig: Rig) -> None:
    camera.open(WANTED)
    camera.set_control("camera.rotation", 0)
    assert len(rig.opened) == 1
    camera.set_control("camera.rotation", 180)
    assert [c.is_open for c in rig.opened] == [False, True]
    assert camera.read(1.0) is not None


# -- the hardware encoder ------------------------------------------------------------------------------------------


@pytest.fixture
def encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[PiCamera, Rig]]:
    monkeypatch.setattr(encoder, "CODEC_DEVICE", tmp_path)
    rig = fake_picamera2.install(monkeypatch, hardware_encoder=True)
    made = PiBoard().camera("front", "auto")
    yield made, rig
    made.close()
    assert rig.outstanding == 0


def test_only_the_v4l2_encoder_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoder, "CODEC_DEVICE", tmp_path)
    fake_picamera2.install(monkeypatch)
    assert not hardware_encoder_present()  # libx264 under the same name
    assert PiBoard().camera("front", "auto").encoder is None
    fake_picamera2.install(monkeypatch, hardware_encoder=True)
    assert hardware_encoder_present()
    monkeypatch.setattr(encoder, "CODEC_DEVICE", tmp_path / "missing")
    assert not hardware_encoder_present()


def test_the_encoder_delivers_beside_the_pictures(
    encoding: tuple[PiCamera, Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, rig = encoding
    assert camera.encoder is not None
    with pytest.raises(HardwareEncoderError, match="open camera"):
        camera.encoder.start(SPEC, lambda _: None)
    camera.open(WANTED)
    units: list[EncodedPicture] = []
    enough = threading.Event()

    def take(unit: EncodedPicture) -> None:
        units.append(unit)
        if len(units) == 8:
            enough.set()
        if len(units) == 3:
            raise RuntimeError("a consumer's fault does not end the pictures")

    with pytest.raises(HardwareEncoderError, match="640x360 as it is, not 320x180"):
        camera.encoder.start(VideoSpec(320, 180, 30, 800, 1200, 2.0), take)
    camera.encoder.start(SPEC, take)
    with pytest.raises(HardwareEncoderError, match="already"):
        camera.encoder.start(SPEC, take)
    assert enough.wait(3)
    assert camera.read(1.0) is not None
    (driver,) = rig.opened[0].encoders
    assert (driver.bitrate, driver.repeat, driver.iperiod, driver.framerate) == (800_000, True, 3, 30)
    assert [u.keyframe for u in units[:4]] == [True, False, False, True]
    assert units[0].data.startswith(b"\0\0\0\1\x67")
    times = [u.time_s for u in units]
    assert times == sorted(times)
    assert 0 < time.monotonic() - times[-1] < 1.0

    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(v4l2, "put", lambda device, control, value: asked.append((device.fileno(), control, value)))
    camera.encoder.set_bitrate(450)
    camera.encoder.set_bitrate(450)
    camera.encoder.force_keyframe()
    device = driver.vd.fileno()
    assert asked == [(device, v4l2.BITRATE, 450_000), (device, v4l2.FORCE_KEY_FRAME, 1)]
    camera.encoder.stop()
    camera.encoder.stop()
    with pytest.raises(HardwareEncoderError, match="does not run"):
        camera.encoder.force_keyframe()
    assert camera.read(1.0) is not None


def test_closing_the_camera_ends_its_encoder(encoding: tuple[PiCamera, Rig]) -> None:
    camera, rig = encoding
    camera.open(WANTED)
    assert camera.encoder is not None
    camera.encoder.start(SPEC, lambda _: None)
    camera.close()
    assert not rig.opened[0].encoders
    camera.open(WANTED)
    camera.encoder.start(SPEC, lambda _: None)


def test_turning_an_encoding_camera_keeps_it_encoding(encoding: tuple[PiCamera, Rig]) -> None:
    camera, rig = encoding
    camera.open(WANTED)
    assert camera.encoder is not None
    camera.encoder.start(SPEC, lambda _: None)
    camera.set_control("camera.mirror", True)
    assert len(rig.opened[1].encoders) == 1


def test_controls_go_to_the_kernel_as_it_wants_them(encoding: tuple[PiCamera, Rig]) -> None:
    # as <linux/videodev2.h> and <linux/v4l2-controls.h> have them
    assert (v4l2.VIDIOC_QUERYCAP, v4l2.VIDIOC_QUERYCTRL) == (0x80685600, 0xC0445624)
    assert (v4l2.VIDIOC_G_CTRL, v4l2.VIDIOC_S_CTRL) == (0xC008561B, 0xC008561C)
    assert (v4l2.BITRATE_MODE, v4l2.BITRATE, v4l2.FORCE_KEY_FRAME) == (0x009909CE, 0x009909CF, 0x009909E5)
    camera, _ = encoding
    camera.open(WANTED)
    assert camera.encoder is not None
    camera.encoder.start(SPEC, lambda _: None)
    with pytest.raises(HardwareEncoderError, match="refuses 500 kbit/s"):  # /dev/null is no encoder
        camera.encoder.set_bitrate(500)


def test_a_bitrate_is_never_rounded_up() -> None:
    chip = v4l2.Limits(minimum=25_000, maximum=25_000_000, step=25_000, default=10_000_000)
    taken = {310_000: 300_000, 300_000: 300_000, 24_999: 25_000, 1: 25_000, 26_000_000: 25_000_000}
    assert {wanted: chip.within(wanted) for wanted in taken} == taken
    assert v4l2.Limits(0, 100, 0, 0).within(33) == 33


def test_a_keyframe_never_goes_without_parameter_sets() -> None:
    sets = ParameterSets()
    idr, inter = b"\0\0\0\1\x65IDR", b"\0\0\0\1\x41P"
    whole = b"\0\0\0\1\x67SPS\0\0\1\x68PPS" + idr
    assert sets.complete(idr, keyframe=True) == idr  # nothing to put there yet
    assert sets.complete(whole, keyframe=True) == whole
    assert sets.complete(inter, keyframe=False) == inter
    assert sets.complete(idr, keyframe=True) == whole
