"""Picture and sound of a media file, through the whole appliance, into a real nginx-rtmp."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.app import Appliance
from appliance.pusher.operations import Operation
from tests.servers.flashes import flashes_and_beeps, make_flash_clip, offsets_ms
from tests.servers.media import decode
from tests.servers.nginx import Nginx

SECONDS = 11.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx") / "server") as nginx:
        yield nginx


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "flash.mp4"
    make_flash_clip(path)
    return path


@pytest.mark.parametrize(
    ("name", "more", "size", "audio"),
    [
        ("portrait", {}, (540, 960), (16000, 1)),
        (
            "landscape",
            {"orientation": "horizontal", "mode": "SD", "audio-quality": "high", "audio.channels": "stereo"},
            (640, 360),
            (48000, 2),
        ),
    ],
)
def test_a_file_into_nginx(
    server: Nginx, clip: Path, tmp_path: Path, name: str, more: dict[str, str], size: tuple[int, int],
    audio: tuple[int, int],
) -> None:  # fmt: skip
    settings = {"url": f"{server.url}/{name}?token=a/b", "camera.front": f"file:{clip}", **more}
    appliance = Appliance(tmp_path / "state", board="simulated", listen=None, overrides=list(settings.items()))
    appliance.start()
    try:
        answer = appliance.operations.perform(Operation.START, by="a test")
        assert answer.ok, answer.message
        time.sleep(SECONDS)
        stopped = appliance.operations.perform(Operation.STOP, by="a test", timeout_s=1.0)
        assert stopped.ok, stopped.message
        # the name is free again at once: a publisher of it is not told that it is in use
        again = appliance.operations.perform(Operation.START, by="a test")
        assert again.ok and again.result["state"] == "PUSHING"
        codes = [record["code"] for record in appliance.log.query(limit=100)[0]]
        assert 3004 not in codes and 1102 not in codes
    finally:
        appliance.stop("the test is over")
    recording = decode(server.recorded(name)[0])
    assert recording.sizes == {size}
    assert recording.pictures == len(recording.video_times) > 25 * SECONDS
    for times in (recording.video_times, recording.audio_times):
        assert all(b >= a for a, b in itertools.pairwise(times))
    gaps = [b - a for a, b in itertools.pairwise(recording.key_times)]
    assert len(gaps) >= 4
    assert all(1.9 <= gap <= 2.1 for gap in gaps), gaps
    assert recording.samples == pytest.approx(
        audio[0] * (recording.audio_times[-1] - recording.audio_times[0]), rel=0.02
    )
    flashes, beeps = flashes_and_beeps(server.recorded(name)[0])
    late = offsets_ms(flashes, beeps)
    assert len(late) >= SECONDS - 2
    assert abs(statistics.median(late)) < 40 and max(map(abs, late)) < 60, late
