"""The size follows the bitrate in a push, as a viewer sees it: what a real nginx recorded is decoded and measured (SPEC 4).

The bitrate that is aimed at is never above ``max-bitrate``, which is changed here in its place.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import pytest

from appliance.pusher.ladder import UP_S
from tests.servers.appliance import ApplianceProcess
from tests.servers.media import decode, flv_tags
from tests.servers.nginx import Nginx

FPS = 25
FULL, HALF, LEAST = (960, 540), (480, 270), (320, 180)
SETTINGS = {
    "mode": "HD", "orientation": "horizontal", "aspect": "9:16", "min-bitrate": 50, "max-bitrate": 900,
    "video.fps": FPS, "video.keyframe-interval": 2.0, "audio-quality": "high",
}  # fmt: skip
CLIMB_S = 50.0
"""What a target may take to its new maximum on a busy machine, beside the times that the ladder waits."""


@dataclass
class Push:
    """One push down, up and down again, with a pause at the end."""

    pictures: list[tuple[float, tuple[int, int], bool]] = field(default_factory=list)
    """Time, size, and whether it was sent as a keyframe."""
    sound_times: list[float] = field(default_factory=list)
    header_times: list[float] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    nets: list[tuple[int, int]] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    changed_in_pause: int = 0
    recordings: int = 0

    def changes(self) -> list[int]:
        """The indices of the pictures that begin with another size."""
        sizes = [size for _, size, _ in self.pictures]
        return [i for i, (a, b) in enumerate(pairwise(sizes), 1) if a != b]

    def sizes(self) -> list[tuple[int, int]]:
        """One after the other, as they were recorded."""
        return [self.pictures[i][1] for i in [0, *self.changes()]]


def joiner(url: str) -> subprocess.Popen[bytes]:
    """A viewer who joins now, and is content with a second of pictures."""
    return subprocess.Popen(
        ["ffmpeg", "-v", "error", "-xerror", "-nostdin", "-rw_timeout", "6000000", "-i", url, "-frames:v", str(FPS),
         "-f", "null", "-"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def drive(box: ApplianceProcess, push: Push, url: str) -> None:
    def net() -> None:
        figures = box.status()["net"]
        push.nets.append((figures["videoWidth"], figures["videoHeight"]))

    def until(size: tuple[int, int], within_s: float) -> None:
        end = time.monotonic() + within_s
        while not (told := box.events(1005)) or (told[-1]["details"]["width"], told[-1]["details"]["height"]) != size:
            assert time.monotonic() < end, (size, [event["details"] for event in told], box.status()["net"])
            time.sleep(0.1)

    time.sleep(3)
    net()
    box.patch(max_bitrate=300)
    until(HALF, 3)
    viewer = joiner(url)
    time.sleep(2)
    net()
    box.patch(max_bitrate=900)
    until(FULL, 2 * UP_S + CLIMB_S)
    time.sleep(2)
    net()
    push.joined.append(viewer.wait(8))
    box.patch(max_bitrate=110)
    until(LEAST, 3)
    viewer = joiner(url)
    time.sleep(2)
    net()
    push.joined.append(viewer.wait(8))
    changed = len(box.events(1005))
    box.do("pause")
    box.patch(max_bitrate=60)
    time.sleep(2)
    box.patch(max_bitrate=1000)
    time.sleep(1.5)
    push.changed_in_pause = len(box.events(1005)) - changed
    net()


@pytest.fixture(scope="module")
def push(folder: Path, nginx: Nginx) -> Push:
    push, url = Push(), f"{nginx.url}/ladder"
    with ApplianceProcess(folder / "ladder", {**SETTINGS, "url": url}) as box:
        box.patch(min_bitrate=50)
        box.mark()
        box.do("start")
        drive(box, push, url)
        push.events = box.events()
        box.do("stop")
    paths = nginx.recorded("ladder")
    push.recordings = len(paths)
    until = time.monotonic() + 3
    while not paths[0].stat().st_size and time.monotonic() < until:
        time.sleep(0.05)
    push.header_times = [tag.time_ms / 1000 for tag in flv_tags(paths[0].read_bytes()) if tag.header and tag.kind == 9]
    with av.open(str(paths[0]), options={"err_detect": "explode"}) as recording:
        for packet in recording.demux():
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame | av.AudioFrame) and frame.time is not None
                if isinstance(frame, av.VideoFrame):
                    push.pictures.append((frame.time, (frame.width, frame.height), packet.is_keyframe))
                else:
                    push.sound_times.append(frame.time)
    return push


def test_the_sizes_come_in_order_on_one_session(push: Push) -> None:
    sizes = push.sizes()
    # in between up, in as many steps as the target's way up took, which a busy machine makes longer
    assert sizes[:2] == [FULL, HALF] and sizes[-2:] == [FULL, LEAST]
    codes = [event["code"] for event in push.events]
    assert (push.recordings, codes.count(1001)) == (1, 1)
    assert codes.count(1003) == 1 and 1009 not in codes, "the camera stays as it is"


def test_the_events_and_the_status_say_the_size(push: Push) -> None:
    told = [event["details"] for event in push.events if event["code"] == 1005]
    found = [((d["was_width"], d["was_height"]), (d["width"], d["height"])) for d in told if isinstance(d, dict)]
    assert found == list(pairwise(push.sizes()))
    assert push.nets == [FULL, HALF, FULL, LEAST, LEAST]


def test_every_change_is_a_keyframe_with_parameter_sets_of_its_own(push: Push) -> None:
    times = [push.pictures[i][0] for i in push.changes()]
    assert all(push.pictures[i][2] for i in push.changes())
    for time_s in times:
        assert any(abs(time_s - header_s) < 0.002 for header_s in push.header_times), (time_s, push.header_times)


def test_nothing_is_lost_around_a_change(push: Push) -> None:
    for i in push.changes():
        times = [time_s for time_s, _, _ in push.pictures[i - FPS // 2 : i + FPS // 2]]
        gaps = [b - a for a, b in pairwise(times)]
        assert min(gaps) > 0
        assert max(gaps) < 2.5 / FPS, f"{max(gaps):.3f} s without a picture around {times[FPS // 2]:.2f} s"
    sound = [b - a for a, b in pairwise(push.sound_times)]
    assert min(sound) > 0 and max(sound) < 0.045, "a frame of sound lasts 21 ms"


def test_who_joins_after_a_change_sees_the_picture(push: Push) -> None:
    assert push.joined == [0, 0]


def test_a_still_picture_keeps_its_size(push: Push) -> None:
    assert push.changed_in_pause == 0
    assert push.pictures[-1][1] == LEAST


def test_off_means_never(appliance: ApplianceProcess, nginx: Nginx) -> None:
    appliance.patch(**named({**SETTINGS, "url": f"{nginx.url}/off", "video.resolution-change": "off"}))
    appliance.do("start")
    time.sleep(1)
    appliance.patch(max_bitrate=150)
    time.sleep(4)
    appliance.do("stop")
    assert not appliance.events(1005)
    (path,) = nginx.recorded("off")
    time.sleep(0.2)
    assert decode(path).sizes == {FULL}


def test_on_reconnect_means_then_alone(appliance: ApplianceProcess, nginx: Nginx) -> None:
    appliance.patch(**named({**SETTINGS, "url": f"{nginx.url}/again", "video.resolution-change": "on-reconnect"}))
    appliance.do("start")
    time.sleep(1)
    appliance.patch(max_bitrate=300)
    time.sleep(3)
    assert not appliance.events(1005)
    nginx.stop(kill=True)
    nginx.start()
    appliance.wait_for(1002, 10, count=2)
    time.sleep(2)
    status = appliance.status()["net"]
    appliance.do("stop")
    time.sleep(0.2)
    first, second = nginx.recorded("again")
    assert decode(second).sizes == {HALF}
    with av.open(str(first)) as recording:
        assert {(frame.width, frame.height) for frame in recording.decode(video=0)} == {FULL}
    (told,) = appliance.events(1005)
    assert (told["details"]["was_width"], told["details"]["width"]) == (FULL[0], HALF[0])
    assert (status["videoWidth"], status["videoHeight"]) == HALF


def named(settings: dict[str, object]) -> dict[str, object]:
    return {name.replace(".", "__").replace("-", "_"): value for name, value in settings.items()}
