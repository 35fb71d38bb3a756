"""One push through everything that may happen to it, as a viewer sees it: what a real nginx recorded is decoded and measured.

Settings that apply now, pause and background, cameras that are switched and fail, a microphone that vanishes: one RTMP
session, one timeline, sound with the picture throughout (SPEC 1, 2, 4).
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx

from .recording import BEEP_RMS, HUM_RMS, Recording, read

SETTLE_S = 0.7
"""What a change takes until it is in the stream; looked at is what comes after."""
AHEAD_S = 0.3
"""Sound that was captured so long before a change is still to be encoded, and gets it already."""


@dataclass
class Push:
    """What was done, and when; monotonic seconds."""

    phases: dict[str, tuple[float, float]] = field(default_factory=dict)
    events: list[dict[str, object]] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, object]]] = field(default_factory=dict)
    statuses: dict[str, dict[str, object]] = field(default_factory=dict)
    recording: Recording = field(default_factory=Recording)
    recordings: int = 0

    def settled(self, phase: str) -> tuple[float, float]:
        """Its time, without the changes at its beginning and its end."""
        start_s, end_s = self.phases[phase]
        return start_s + SETTLE_S, end_s - AHEAD_S

    def codes(self) -> list[object]:
        return [event["code"] for event in self.events]


class Script:
    """Goes through the phases."""

    def __init__(self, box: ApplianceProcess, push: Push) -> None:
        self.box, self.push = box, push

    def phase(self, name: str, seconds: float) -> None:
        start_s = time.monotonic()
        time.sleep(seconds)
        self.push.statuses[name] = self.box.status()
        self.push.phases[name] = (start_s, time.monotonic())

    def run(self, url: str) -> None:
        box, push = self.box, self.push
        self.phase("plain", 4)
        box.patch(muted=True)
        self.phase("muted", 2.7)
        box.patch(muted=False)
        box.patch(zoom=True)
        self.phase("zoom", 2.2)
        box.patch(zoom=False)
        box.patch(enable_camera=False)
        self.phase("camera off", 2.7)
        box.patch(enable_camera=True)
        self.phase("camera on", 2.2)
        box.patch(device_position="back")
        self.phase("back", 3.2)
        push.answers["switch"] = box.post("switchCamera")
        self.phase("front again", 2.7)
        box.unplug("back")
        push.answers["failed switch"] = box.post("switchCamera")
        self.phase("after the failed switch", 2.2)
        box.plug("back")
        box.patch(microphone__gain=6.0)
        self.phase("louder", 2.7)
        box.patch(microphone__gain=-20.0)
        self.phase("softer", 2.7)
        box.patch(microphone__gain=0.0)
        box.patch(max_bitrate=220)
        self.phase("less", 4)
        box.patch(max_bitrate=900)
        box.do("pause")
        begun = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-nostdin", "-rw_timeout", "6000000", "-i", url, "-frames:v", "1", "-f", "null", "-"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.phase("paused", 5.2)
        push.answers["joined"] = (begun.wait(8), {})
        box.do("resume")
        self.phase("resumed", 2.2)
        box.patch(background_mute=True)
        box.do("background")
        self.phase("background", 2.7)
        box.do("foreground")
        self.phase("foreground", 2.2)
        box.unplug("microphone")
        self.phase("no microphone", 2.7)
        box.plug("microphone")
        box.unplug("front")
        self.phase("no camera", 2.7)
        box.plug("front")
        time.sleep(3.5)
        self.phase("all back", 3)


@pytest.fixture(scope="module")
def push(folder: Path, nginx: Nginx) -> Push:
    url = f"{nginx.url}/one"
    settings = {
        "mode": "HD", "orientation": "horizontal", "max-bitrate": 900, "audio-quality": "high", "url": url,
        "video.fps": 25,
    }  # fmt: skip
    push = Push()
    with ApplianceProcess(folder / "one", settings) as box:
        box.mark()
        box.do("start")
        Script(box, push).run(url)
        push.events = box.events()
        box.do("stop")
        begun_s = next(float(str(e["monotonic"])) for e in push.events if e["code"] == 1002)
    paths = nginx.recorded("one")
    push.recordings = len(paths)
    push.recording = read(paths[0])
    push.recording.align(begun_s)
    return push


def sources(push: Push, phase: str) -> set[str]:
    return {picture.source for picture in push.recording.seen(*push.settled(phase))}


def loudest(push: Push, phase: str) -> float:
    return float(push.recording.heard(*push.settled(phase)).max())


def test_it_is_one_session_and_one_timeline(push: Push) -> None:
    assert push.codes().count(1001) == push.codes().count(1002) == 1
    assert push.recordings == 1
    assert not {1102, 3005, -1303, -1304} & set(push.codes())
    times = [picture.time_s for picture in push.recording.pictures]
    gaps = [b - a for a, b in pairwise(times)]
    assert min(gaps) > 0
    assert max(gaps) < 1.2, f"the picture stood still for {max(gaps):.2f} s at {times[gaps.index(max(gaps))]:.1f} s"
    sound = [b - a for a, b in pairwise(push.recording.sound_times)]
    assert min(sound) > 0 and max(sound) < 0.045, "the sound never breaks: a frame lasts 21 ms"


def test_sound_and_picture_belong_together_throughout(push: Push) -> None:
    """Within 40 ms wherever both are to be had, before and after everything that happened."""
    for phase in ("plain", "camera on", "back", "front again", "resumed", "foreground", "all back"):
        late = push.recording.sound_late_ms(*push.settled(phase))
        assert late, phase
        assert max(map(abs, late)) < 40, (phase, late)


def test_plain(push: Push) -> None:
    assert sources(push, "plain") == {"front", "flash"}
    assert loudest(push, "plain") > BEEP_RMS
    assert all(picture.bars for picture in push.recording.seen(*push.settled("plain")) if picture.source == "front")


def test_muted_carries_silence(push: Push) -> None:
    assert loudest(push, "muted") < HUM_RMS
    assert sources(push, "muted") == {"front", "flash"}


def test_zoom_magnifies(push: Push) -> None:
    seen = push.recording.seen(*push.settled("zoom"))
    assert seen and not any(picture.bars for picture in seen if picture.source == "front"), "the bars are out of sight"


def test_camera_off_shows_the_waiting_picture(push: Push) -> None:
    assert sources(push, "camera off") == {"still"}
    assert loudest(push, "camera off") > BEEP_RMS, "the sound goes on"
    assert sources(push, "camera on") == {"front", "flash"}
    camera = push.statuses["camera off"]["camera"]
    assert isinstance(camera, dict) and camera["open"] is False


def test_the_other_camera(push: Push) -> None:
    """By the setting, and by the operation; the old picture goes on until the new one is there."""
    assert sources(push, "back") == {"back", "flash"}
    assert push.answers["switch"][0] == 200
    assert sources(push, "front again") == {"front", "flash"}
    for phase, new in (("back", "back"), ("front again", "front")):
        start_s = push.phases[phase][0]
        seen = push.recording.seen(start_s - 1.5, start_s + 1.5)
        kinds = [picture.source for picture in seen if picture.source != "flash"]
        assert "still" not in kinds, "no waiting picture in between"
        assert kinds.index(new) == len(kinds) - kinds[::-1].index({"back": "front", "front": "back"}[new])
        assert max(b.time_s - a.time_s for a, b in pairwise(seen)) < 1.2, "the picture stood still"


def test_a_switch_that_fails_leaves_the_old_camera(push: Push) -> None:
    """-1301 in the log, the caller learns why, and not one picture is missing."""
    status, answer = push.answers["failed switch"]
    assert (status, answer["code"]) == (503, -1301)
    assert "unplugged" in str(answer["errMsg"])
    failed = next(event for event in push.events if event["code"] == -1301)
    assert isinstance(failed["details"], dict) and failed["details"]["camera"] == "back"
    start_s = push.phases["front again"][1]
    seen = push.recording.seen(start_s - 0.5, push.phases["after the failed switch"][1])
    assert {picture.source for picture in seen} == {"front", "flash"}
    assert max(b.time_s - a.time_s for a, b in pairwise(seen)) < 0.35


def test_gain(push: Push) -> None:
    plain = loudest(push, "front again")
    assert loudest(push, "louder") == pytest.approx(plain * 2, rel=0.2)
    assert loudest(push, "softer") == pytest.approx(plain / 10, rel=0.25)


def test_max_bitrate_takes_effect_in_flight(push: Push) -> None:
    start_s, end_s = push.phases["less"]
    assert push.recording.kbps(start_s + 1.5, end_s) < 260
    assert push.recording.kbps(*push.settled("plain")) > 350
    told = [event["details"] for event in push.events if event["code"] == 1006]
    assert [details["kbps"] for details in told if isinstance(details, dict)] == [220, 900]


@pytest.mark.parametrize("phase", ["paused", "background"])
def test_held_the_camera_is_shut_and_the_waiting_picture_sent(push: Push, phase: str) -> None:
    start_s, end_s = push.settled(phase)
    assert sources(push, phase) == {"still"}
    camera, state = push.statuses[phase]["camera"], push.statuses[phase]["state"]
    assert isinstance(camera, dict)
    assert (camera["open"], camera["waitingImage"], state) == (False, True, "PAUSED")
    # a pause keeps the sound; the background has it off here, by background-mute
    assert (loudest(push, phase) > BEEP_RMS) is (phase == "paused")
    if phase == "paused":
        assert push.recording.kbps(start_s, end_s) < 60
        assert push.answers["joined"][0] == 0, "who joins meanwhile gets a picture"


def test_after_a_hold_the_picture_is_back(push: Push) -> None:
    for phase in ("resumed", "foreground"):
        assert sources(push, phase) == {"front", "flash"}
        assert loudest(push, phase) > BEEP_RMS
    codes = push.codes()
    assert [code for code in codes if code in (20003, 20004, 5000)] == [20003, 20004, 5000, 20004]


def test_without_a_microphone_there_is_silence(push: Push) -> None:
    assert loudest(push, "no microphone") < HUM_RMS
    assert -1302 in push.codes()


def test_without_a_camera_the_waiting_picture_is_sent(push: Push) -> None:
    """1009, and 1010 once it is back; the push never ends."""
    assert sources(push, "no camera") == {"still"}
    assert sources(push, "all back") == {"front", "flash"}
    codes = push.codes()
    assert codes.index(1009) < codes.index(1010)
    assert loudest(push, "all back") > BEEP_RMS
