"""The session against FFmpeg as a listening server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.media.tags import Tag
from appliance.rtmp.session import Deadlines
from tests.integration.rtmp.pushing import push
from tests.servers import ffmpeg
from tests.servers.media import decode, looped


def test_ffmpeg_receives_and_remuxes(tmp_path: Path, clip: list[Tag]) -> None:
    if not ffmpeg.available():
        pytest.fail("ffmpeg is missing: apt install ffmpeg")
    with ffmpeg.FfmpegReceiver(tmp_path) as server:
        with push(f"{server.url}/stream", looped(clip), speed=4, deadlines=Deadlines()) as running:
            running.published()
            time.sleep(1.5)
            running.closed()
        found = decode(server.wait())
    assert found.sizes == {(320, 180)}
    assert found.pictures == len(found.video_times) > 100
    assert found.samples > 16000
