"""A pause as its viewers see it: the real appliance into a real nginx-rtmp, with a waiting image rich in detail."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from appliance import event_codes as codes
from appliance.media.still import letterboxed
from appliance.media.tags import Tag, TagKind
from tests.servers import nginx as nginx_server
from tests.servers.appliance import ApplianceProcess
from tests.servers.media import decode, flv_tags
from tests.servers.nginx import Nginx
from tests.unit.media.pictures import QUARTERS, photograph

SIZE = (960, 540)
Rgb = npt.NDArray[np.uint8]
PAUSED_S = 11.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Paused:
    """What one push with a pause in it left behind."""

    image: Image.Image
    recordings: list[Path]
    viewer: Path
    joined: Path
    events: list[int]
    open_before: list[str]
    open_while_paused: list[str]
    open_after: list[str]
    released_within_s: float
    cpu_pushing: float
    cpu_paused: float
    """Shares of one core."""


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def _cpu(pid: int, for_s: float) -> float:
    begin_s, begin = time.monotonic(), _cpu_s(pid)
    time.sleep(for_s)
    return (_cpu_s(pid) - begin) / (time.monotonic() - begin_s)


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paused]:
    if not nginx_server.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    folder = tmp_path_factory.mktemp("pause")
    image = photograph(1280, 960)
    image.save(folder / "waiting.png")
    settings = {
        "mode": "HD", "max-bitrate": 1000, "orientation": "horizontal", "waiting-image": f"file:{folder}/waiting.png",
    }  # fmt: skip
    with Nginx(folder / "nginx") as nginx, ApplianceProcess(folder, {**settings, "url": f"{nginx.url}/a"}) as box:
        watching: list[subprocess.Popen[bytes]] = []
        try:
            box.do("start")
            watching.append(_watch(f"{nginx.url}/a", folder / "viewer.flv"))
            time.sleep(2)
            open_before = box.get("simulated")["open"]
            cpu_pushing = _cpu(box.pid, 3)
            box.do("pause")
            begin = time.monotonic()
            while "front" in (open_while_paused := box.get("simulated")["open"]) and time.monotonic() - begin < 5:
                time.sleep(0.02)
            released_within_s = time.monotonic() - begin
            time.sleep(1)
            cpu_paused = _cpu(box.pid, PAUSED_S - 6)
            watching.append(_watch(f"{nginx.url}/a", folder / "joined.flv"))
            time.sleep(5)
            open_while_paused += box.get("simulated")["open"]
            box.do("resume")
            time.sleep(4)
            open_after = box.get("simulated")["open"]
            for one in watching:  # while the stream runs: in between, ffmpeg waits for more whatever it is told
                one.send_signal(signal.SIGINT)
                one.wait(10)
            box.do("stop")
            events = [event["code"] for event in box.all_events()]
            yield Paused(
                image, nginx.recorded("a"), folder / "viewer.flv", folder / "joined.flv", events, open_before,
                open_while_paused, open_after, released_within_s, cpu_pushing, cpu_paused,
            )  # fmt: skip
        finally:
            for one in watching:
                if one.poll() is None:
                    one.kill()


def _watch(url: str, into: Path) -> subprocess.Popen[bytes]:
    """A viewer who writes down what arrives until the stream ends."""
    command = ["ffmpeg", "-loglevel", "error", "-y", "-i", url, "-c", "copy", "-flush_packets", "1", str(into)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _still_tags(tags: list[Tag]) -> list[Tag]:
    """The pictures of the pause: those that stand a quarter of a second apart."""
    pictures = [tag for tag in tags if tag.kind is TagKind.VIDEO and not tag.header]
    apart = [n for n, (a, b) in enumerate(itertools.pairwise(pictures)) if 230 <= b.time_ms - a.time_ms <= 270]
    return pictures[apart[0] : apart[-1] + 2]


def _psnr(a: Rgb, b: Rgb) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def _pictures(path: Path, from_s: float = 0, to_s: float = math.inf) -> list[tuple[float, Rgb]]:
    """The pictures between two times, with their times."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            if from_s <= frame.time <= to_s:
                found.append((frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
    return found


def test_the_camera_is_closed_meanwhile(paused: Paused) -> None:
    assert "front" in paused.open_before
    assert "front" not in paused.open_while_paused
    assert paused.released_within_s < 1
    assert "front" in paused.open_after


def test_one_session(paused: Paused) -> None:
    assert len(paused.recordings) == 1
    assert paused.events.count(codes.PUSH_BEGIN) == 1
    assert {codes.RECONNECT, codes.SERVER_DISCONNECT, codes.SOCKET_BROKEN, codes.WAITING_IMAGE_FAIL}.isdisjoint(
        paused.events
    )


def test_timestamps_never_go_back_or_jump(paused: Paused) -> None:
    tags = [tag for tag in flv_tags(paused.recordings[0].read_bytes()) if not tag.header]
    assert all(b.time_ms >= a.time_ms - 100 for a, b in itertools.pairwise(tags)), "sound and picture side by side"
    for kind, most_ms in ((TagKind.VIDEO, 1200), (TagKind.AUDIO, 200)):
        times = [tag.time_ms for tag in tags if tag.kind is kind]
        steps = [b - a for a, b in itertools.pairwise(times)]
        assert min(steps) > 0 and max(steps) < most_ms, (kind, min(steps), max(steps))
    recording = decode(paused.recordings[0])
    assert recording.sizes == {SIZE}
    assert recording.pictures == len(recording.video_times)


def test_below_50_kbps_of_video(paused: Paused) -> None:
    still = _still_tags(flv_tags(paused.recordings[0].read_bytes()))
    seconds = (still[-1].time_ms - still[0].time_ms) / 1000
    assert seconds > PAUSED_S - 2.5
    kbps = sum(len(tag.body) for tag in still) * 8 / 1000 / (seconds + 0.25)
    assert kbps < 50, kbps
    gaps = [b.time_ms - a.time_ms for a, b in itertools.pairwise(tag for tag in still if tag.keyframe)]
    assert all(1900 <= gap <= 2300 for gap in gaps), gaps


def test_the_picture_is_the_waiting_image_letterboxed(paused: Paused) -> None:
    still = _still_tags(flv_tags(paused.recordings[0].read_bytes()))
    begin_s, end_s = still[0].time_ms / 1000, still[-1].time_ms / 1000
    shown = [picture for _, picture in _pictures(paused.recordings[0], begin_s + 0.1, end_s - 0.1)]
    wanted = np.asarray(letterboxed(paused.image, *SIZE))
    likeness = [_psnr(picture, wanted) for picture in shown]
    assert len(shown) > 4 * (PAUSED_S - 3)
    assert min(likeness) > 26
    width = 720  # of 4:3 in a height of 540
    left = (SIZE[0] - width) // 2
    for picture in (shown[0], shown[-1]):
        assert picture[:, : left - 8].max() < 30 and picture[:, left + width + 8 :].max() < 30
        for number, colour in enumerate(QUARTERS):
            x, y = left + number % 2 * width // 2, number // 2 * SIZE[1] // 2
            part = np.s_[y + 40 : y + 230, x + 40 : x + 320]
            seen, meant = (one[part].reshape(-1, 3).mean(axis=0) for one in (picture, wanted))
            assert np.abs(seen - meant).max() < 8, (number, seen, meant)
            assert np.argsort(seen)[-1] == np.argsort(colour)[-1]


def test_whoever_watched_before_sees_all_of_it(paused: Paused) -> None:
    recording = decode(paused.viewer)
    assert recording.sizes == {SIZE}
    times = recording.video_times
    assert times[-1] - times[0] > PAUSED_S + 5
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.2


def test_whoever_joins_gets_a_picture_and_then_the_camera(paused: Paused) -> None:
    frames = _pictures(paused.joined)
    wanted = np.asarray(letterboxed(paused.image, *SIZE))
    assert _psnr(frames[0][1], wanted) > 26
    assert len([1 for _, picture in frames if _psnr(picture, wanted) > 26]) > 8
    assert len([1 for _, picture in frames if _psnr(picture, wanted) < 20]) > 60
    assert all(b[0] > a[0] for a, b in itertools.pairwise(frames))


def test_the_processor_is_near_idle(paused: Paused) -> None:
    assert paused.cpu_paused < 0.2
    assert paused.cpu_paused < paused.cpu_pushing / 2
