"""Settings that apply at the next start, seen in what a real nginx recorded (SPEC 1 and 4)."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.servers.appliance import ApplianceProcess
from tests.servers.media import decode
from tests.servers.nginx import Nginx

PLAIN = {
    "mode": "SD", "orientation": "horizontal", "aspect": "9:16", "max-bitrate": 400, "audio-quality": "low",
    "audio.channels": "mono", "video.fps": 30, "video.keyframe-interval": 2.0, "enable-camera": True,
    "camera.rotation": 0, "camera.mirror": False, "camera.front": "auto",
}  # fmt: skip


def pushed(appliance: ApplianceProcess, nginx: Nginx, name: str, seconds: float = 1.6, **changes: object) -> Path:
    """The recording of a short push under :data:`PLAIN` with changes."""
    changed = {key.replace("__", ".").replace("_", "-"): value for key, value in changes.items()}
    settings = {**PLAIN, "url": f"{nginx.url}/{name}", **changed}
    appliance.patch(**{key.replace(".", "__").replace("-", "_"): value for key, value in settings.items()})
    appliance.do("start")
    time.sleep(seconds)
    appliance.do("stop")
    until = time.monotonic() + 3
    while not (paths := nginx.recorded(name)) or not paths[0].stat().st_size:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.1)
    return paths[0]


def size(path: Path) -> tuple[int, int]:
    (only,) = decode(path).sizes
    return only


@pytest.mark.parametrize(
    ("mode", "kbps", "orientation", "aspect", "wanted"),
    [
        ("SD", 400, "horizontal", "9:16", (640, 360)),
        ("SD", 1500, "vertical", "9:16", (360, 640)),
        ("HD", 900, "vertical", "3:4", (540, 720)),
        ("FHD", 1300, "horizontal", "9:16", (1280, 720)),
        ("RTC", 1500, "horizontal", "3:4", (720, 540)),
        ("RTC", 300, "horizontal", "9:16", (480, 270)),
    ],
)
def test_mode_orientation_aspect_and_bitrate_make_the_size(
    appliance: ApplianceProcess, nginx: Nginx, mode: str, kbps: int, orientation: str, aspect: str,
    wanted: tuple[int, int],
) -> None:  # fmt: skip
    name = f"{mode}-{kbps}-{orientation}-{aspect.replace(':', '')}"
    path = pushed(appliance, nginx, name, 1.0, mode=mode, max_bitrate=kbps, orientation=orientation, aspect=aspect)
    assert size(path) == wanted


@pytest.mark.parametrize(
    ("quality", "channels", "rate", "count"),
    [("low", "stereo", 16000, 1), ("high", "mono", 48000, 1), ("high", "stereo", 48000, 2)],
)
def test_audio_quality(
    appliance: ApplianceProcess, nginx: Nginx, quality: str, channels: str, rate: int, count: int
) -> None:
    path = pushed(appliance, nginx, f"{quality}-{channels}", 1.0, audio_quality=quality, audio__channels=channels)
    with av.open(str(path)) as recording:
        sound = recording.streams.audio[0].codec_context
        assert (sound.name, sound.sample_rate, sound.layout.nb_channels) == ("aac", rate, count)


def test_without_a_camera_from_the_start_it_is_sound_only(appliance: ApplianceProcess, nginx: Nginx) -> None:
    path = pushed(appliance, nginx, "sound-only", enable_camera=False)
    appliance.patch(enable_camera=True)
    assert not {1003, 1007, 1008} & set(appliance.codes()), "no camera is opened, nothing is encoded"
    found = decode(path)
    assert (found.pictures, bool(found.samples)) == (0, True)


def test_frames_and_keyframes(appliance: ApplianceProcess, nginx: Nginx) -> None:
    path = pushed(appliance, nginx, "frames", 4, video__fps=10, video__keyframe_interval=1.0)
    found = decode(path)
    steps = [b - a for a, b in pairwise(found.video_times)]
    assert statistics.median(steps) == pytest.approx(0.1, abs=0.005)
    # a busy machine may skip a picture: what comes is on the grid all the same
    assert all(step / 0.1 == pytest.approx(round(step / 0.1), abs=0.2) for step in steps)
    assert [b - a for a, b in pairwise(found.key_times)] == pytest.approx([1.0] * (len(found.key_times) - 1), abs=0.11)
    assert len(found.key_times) >= 3


def test_how_the_camera_is_mounted(appliance: ApplianceProcess, nginx: Nginx) -> None:
    """The colour bars of the test picture are at its bottom, red at the right: turned and mirrored they are elsewhere."""

    def corner_red(path: Path, *, top: bool, left: bool) -> float:
        with av.open(str(path)) as recording:
            frames = [f for f in recording.decode(video=0) if f.to_ndarray(format="gray")[:, :40].mean() < 180]
            picture = frames[-1].to_ndarray(format="rgb24").astype(int)
        height, width, _ = picture.shape
        # the sixth bar of seven is red
        rows = slice(2, height // 16) if top else slice(height - height // 16, height - 2)
        middle = round(width * (5.5 / 7 if not left else 1.5 / 7))
        part = picture[rows, middle - 8 : middle + 8]
        return float(part[:, :, 0].mean() - part[:, :, 1:].mean())

    plain = pushed(appliance, nginx, "mounted-plain")
    turned = pushed(appliance, nginx, "mounted-turned", camera__rotation=180)
    mirrored = pushed(appliance, nginx, "mounted-mirrored", camera__mirror=True)
    assert corner_red(plain, top=False, left=False) > 60
    assert corner_red(turned, top=True, left=True) > 60
    assert corner_red(mirrored, top=False, left=True) > 60


def test_a_camera_by_its_name(appliance: ApplianceProcess, nginx: Nginx) -> None:
    pushed(appliance, nginx, "named", 0.8, camera__front="simulated:back")
    assert appliance.wait_for(1003)["details"]["camera"] == "simulated:back"
