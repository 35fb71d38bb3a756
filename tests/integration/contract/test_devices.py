"""The codes of cameras and microphones, each by its real cause (SPEC 3, -13xx, 1009, 1010, 1103)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.pusher.operations import Operation
from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx

from .conftest import FAST
from .local import LocalAppliance


@pytest.fixture
def pushing(appliance: ApplianceProcess, nginx: Nginx) -> ApplianceProcess:
    """It, pushing."""
    appliance.patch(url=f"{nginx.url}/devices")
    appliance.do("start")
    appliance.mark()
    return appliance


def test_a_camera_that_is_missing_fails_a_commanded_start(appliance: ApplianceProcess, nginx: Nginx) -> None:
    """-1301, and the caller learns why."""
    appliance.patch(url=f"{nginx.url}/devices")
    appliance.mark()
    appliance.unplug("front")
    try:
        status, answer = appliance.post("start")
        assert status == 503
        assert answer["code"] == -1301
        assert answer["errMsg"].startswith("start:fail")
        assert "unplugged" in answer["errMsg"]
        assert appliance.wait_for(-1301)["details"]["camera"] == "front"
        assert appliance.state == "FAILED"
        assert 1001 not in appliance.codes(), "the server was not called"
    finally:
        appliance.plug("front")
    assert appliance.do("start")["errMsg"] == "start:ok"
    appliance.do("stop")


def test_a_camera_that_vanishes_and_comes_back(pushing: ApplianceProcess) -> None:
    """1009 and 1010; the push goes on with the waiting image on the same session."""
    pushing.unplug("front")
    try:
        pushing.wait_for(1009, 3)
        time.sleep(0.5)
        status = pushing.status()
        assert (status["state"], status["camera"]["waitingImage"]) == ("PUSHING", True)
        assert any("unplugged" in error for error in status["errors"])
    finally:
        pushing.plug("front")
    pushing.wait_for(1010, 5)
    time.sleep(0.3)
    status = pushing.status()
    assert (status["camera"]["waitingImage"], status["errors"]) == (False, [])
    assert not {1001, 1102} & set(pushing.codes())
    pushing.do("stop")


def test_a_microphone_that_vanishes_becomes_silence_and_returns(pushing: ApplianceProcess) -> None:
    """-1302 in flight; 20021 when it works again."""
    pushing.unplug("microphone")
    try:
        assert pushing.wait_for(-1302, 3)["details"]["microphone"] == "simulated"
        assert pushing.state == "PUSHING"
    finally:
        pushing.plug("microphone")
    pushing.wait_for(20021, 6)
    assert len(pushing.events(-1302)) == 1
    pushing.do("stop")


def test_a_microphone_that_is_missing_does_not_stop_a_start(appliance: ApplianceProcess, nginx: Nginx) -> None:
    """-1302 at the start: silence takes its place."""
    appliance.patch(url=f"{nginx.url}/devices")
    appliance.mark()
    appliance.unplug("microphone")
    try:
        appliance.do("start")
        appliance.wait_for(-1302, 5)
        assert appliance.state == "PUSHING"
        time.sleep(1)
        assert appliance.status()["net"]["audioBitrate"] > 0, "the track stays, and carries silence"
    finally:
        appliance.plug("microphone")
    appliance.do("stop")


def test_an_unattended_box_pushes_without_its_camera_until_it_comes(folder: Path, nginx: Nginx) -> None:
    """-1301, and the push begins with the waiting image all the same."""
    settings = {**FAST, "url": f"{nginx.url}/unattended", "autopush": True}
    box = LocalAppliance(folder / "unattended", settings)
    box.hands.unplug("front")
    with box:
        box.wait_for(-1301, 3)
        box.wait_for(1002, 5)
        time.sleep(0.5)
        assert box.state == "PUSHING"
        assert box.status()["camera"]["waitingImage"] is True
        box.hands.plug("front")
        box.wait_for(1010, 5)
        time.sleep(0.3)
        assert box.status()["camera"]["waitingImage"] is False


@pytest.fixture(scope="module")
def shared_local(folder: Path, nginx: Nginx) -> Iterator[LocalAppliance]:
    with LocalAppliance(folder / "local", {**FAST, "url": f"{nginx.url}/local"}) as running:
        yield running


@pytest.fixture
def local(shared_local: LocalAppliance) -> LocalAppliance:
    shared_local.perform(Operation.STOP)
    until = time.monotonic() + 3
    while shared_local.hands.state()["open"]:  # privacy: whoever stops has the devices closed
        assert time.monotonic() < until, shared_local.hands.state()
        time.sleep(0.02)
    shared_local.forget()
    return shared_local


def test_a_camera_that_is_busy(local: LocalAppliance) -> None:
    """-1301: another program holds it."""
    local.hands.occupy("front")
    try:
        answer = local.perform(Operation.START)
    finally:
        local.hands.vacate("front")
    assert (answer.ok, answer.code) == (False, -1301)
    assert "busy" in local.wait_for(-1301).text


def test_a_camera_that_gives_no_frame(local: LocalAppliance) -> None:
    """-1301: it opens, and delivers nothing for 5 s."""
    local.hands.freeze("front")
    try:
        answer = local.perform(Operation.START)
    finally:
        local.hands.thaw("front")
    assert (answer.ok, answer.code) == (False, -1301)
    assert "no picture within 5 s" in local.wait_for(-1301).text


def test_a_camera_that_stands_still_is_lost(local: LocalAppliance) -> None:
    """1009: no picture for 3 s; 1010 when it works again."""
    assert local.perform(Operation.START).ok
    local.hands.freeze("front")
    try:
        assert "no picture for 3 s" in local.wait_for(1009, 6).text
        assert local.state == "PUSHING"
    finally:
        local.hands.thaw("front")
    local.wait_for(1010, 12)


def test_a_camera_that_refuses_the_size(local: LocalAppliance) -> None:
    """-1305."""
    local.hands.limit("front", True)
    try:
        answer = local.perform(Operation.START)
    finally:
        local.hands.limit("front", False)
    assert (answer.ok, answer.code) == (False, -1305)
    event = local.wait_for(-1305)
    assert (event.details["width"], event.details["height"]) == (640, 360)


def test_a_microphone_without_a_usable_rate(local: LocalAppliance) -> None:
    """-1306: silence takes its place, as for any other trouble with it."""
    local.hands.limit("microphone", True)
    try:
        assert local.perform(Operation.START).ok
        assert "16000 Hz" in local.wait_for(-1306, 5).text
        assert local.state == "PUSHING"
    finally:
        local.hands.limit("microphone", False)
    local.wait_for(20021, 6)


def test_a_microphone_that_says_nothing(local: LocalAppliance) -> None:
    """-1311: it is open and gives no data for 2 s."""
    assert local.perform(Operation.START).ok
    time.sleep(0.5)
    local.hands.freeze("microphone")
    try:
        assert local.wait_for(-1311, 5).details["microphone"] == "simulated"
        assert local.state == "PUSHING"
    finally:
        local.hands.thaw("microphone")
    local.wait_for(20021, 8)


def test_hardware_that_is_asked_for_and_absent(local: LocalAppliance) -> None:
    """1103: the software encoder is in use."""
    settings = local.appliance.settings
    settings.change({"video.encoder": "hardware"}, by="the test")
    try:
        assert local.perform(Operation.START).ok
        local.wait_for(1103)
        assert local.wait_for(1008).details["kind"] == "software"
    finally:
        settings.change({"video.encoder": "auto"}, by="the test")
