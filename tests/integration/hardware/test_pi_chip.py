"""The whole appliance on a Pi whose encoder fails, or is too slow, at its device: 1103 and 1107 (SPEC 3, 4).

picamera2 is the real one; under it are a sensor and a V4L2 encoder that answer as the kernel does.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from appliance.pusher.operations import Operation
from tests.integration.contract.local import LocalAppliance
from tests.pi import device as chips
from tests.pi.board import PI_4, PI_5, PiUnderTest, pi_under_test
from tests.servers import nginx as nginx_server
from tests.servers.nginx import Nginx

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")  # picamera2 0.3.38 does so

SETTINGS = {"mode": "SD", "max-bitrate": 600, "orientation": "horizontal", "microphone.input": "none", "video.fps": 20}


class Pushing(NamedTuple):
    local: LocalAppliance
    pi: PiUnderTest
    nginx: Nginx

    def fps(self) -> float:
        return float(self.local.status()["net"]["videoFPS"])


@pytest.fixture
def pushing(tmp_path: Path) -> Iterator[Pushing]:
    """A push through the hardware encoder, in full flow."""
    if not nginx_server.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    with (
        pi_under_test(tmp_path) as pi,
        Nginx(tmp_path / "nginx") as nginx,
        LocalAppliance(tmp_path / "appliance", {**SETTINGS, "url": f"{nginx.url}/chip"}, board="pi") as local,
    ):
        answer = local.perform(Operation.START)
        assert answer.ok, answer
        started = local.wait_for(1008)
        assert started.details["kind"] == "hardware", started
        stage = Pushing(local, pi, nginx)
        assert until(lambda: stage.fps() > 14), stage.fps()
        assert local.status()["net"]["encoder"] == "V4L2 H.264"
        local.forget()
        yield stage


def until(true: Callable[[], bool], timeout_s: float = 8.0) -> bool:
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_an_encoder_that_fails_in_flight(pushing: Pushing) -> None:
    """1103, and software goes on, on the same session; the next push begins with the hardware again."""
    pushing.pi.codec.fails["DQBUF"] = errno.EIO
    failed = pushing.local.wait_for(1103, 4)
    assert "Input/output error" in str(failed.details)
    assert pushing.local.wait_for(1008, 4).details["kind"] == "software"
    assert until(lambda: pushing.fps() > 14)
    assert pushing.local.state == "PUSHING"
    assert pushing.local.events(1009, 1102, 3005) == []
    assert pushing.pi.codec.alive == []
    assert pushing.pi.loop_alive
    assert pushing.local.perform(Operation.STOP).ok
    pushing.pi.codec.mend()
    pushing.local.forget()
    assert pushing.local.perform(Operation.START).ok
    assert pushing.local.wait_for(1008).details["kind"] == "hardware"


def test_an_encoder_that_swallows_every_picture(pushing: Pushing) -> None:
    """1103 as well: nothing fails there, nothing comes."""
    pushing.pi.codec.dead = True
    assert "no picture for" in str(pushing.local.wait_for(1103, 8).details)
    assert pushing.local.wait_for(1008, 4).details["kind"] == "software"
    assert until(lambda: pushing.fps() > 14)
    assert pushing.local.events(1009) == []


def test_an_encoder_that_is_too_slow(pushing: Pushing) -> None:
    """1107, with the direction in its details."""
    pushing.pi.codec.slow_s = 0.15
    switched = pushing.local.wait_for(1107, 12)
    assert (switched.details["was"], switched.details["now"]) == ("V4L2 H.264", "libx264"), switched.details
    assert until(lambda: pushing.fps() > 14)
    assert pushing.local.state == "PUSHING"
    assert pushing.local.events(1103, 1009) == []


FULL_HD = {"mode": "FHD", "max-bitrate": 2500}


@pytest.mark.parametrize(("compatible", "told"), [(PI_4, True), (PI_5, False)], ids=["a Pi 4", "a Pi 5"])
def test_an_encoder_that_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, compatible: bytes, told: bool
) -> None:
    """1103 on a Pi that should have one; on a Pi 5, software is the choice, and the log says so."""
    caplog.set_level("INFO")
    with (
        pi_under_test(tmp_path, compatible=compatible, encoder_there=False),
        Nginx(tmp_path / "nginx") as nginx,
        LocalAppliance(
            tmp_path / "appliance", {**SETTINGS, **FULL_HD, "url": f"{nginx.url}/chip"}, board="pi"
        ) as local,
    ):
        assert local.perform(Operation.START).ok
        started = local.wait_for(1008).details
        assert started["kind"] == "software"
        assert {started["width"], started["height"]} == {1280, 720}, "1080 lines are for the chip alone"
        assert [event.code for event in local.events(1103)] == [1103] * told
        assert ("no H.264 encoder of its own" in caplog.text) is not told


def test_max_bitrate_reaches_the_device(pushing: Pushing) -> None:
    """Rounded down to what the device takes, without another encoder."""
    opened = len(pushing.pi.codec.devices)
    pushing.local.appliance.settings.change({"max-bitrate": 490}, by="the test")
    assert until(lambda: pushing.pi.codec.alive[-1].values[chips.BITRATE] == 475_000, 3), pushing.pi.codec.settings
    assert pushing.local.events(1008, 1103, 1107, 1009) == []
    assert len(pushing.pi.codec.devices) == opened
