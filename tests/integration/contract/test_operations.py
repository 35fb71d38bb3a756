"""The operations on a running box, each with its one answer (SPEC 2)."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx

from .conftest import FAST


@pytest.fixture(scope="module")
def shared(folder: Path, nginx: Nginx) -> Iterator[ApplianceProcess]:
    settings = {**FAST, "url": f"{nginx.url}/operations", "torch.pin": 5, "switch.privacy.pin": 6}
    with ApplianceProcess(folder / "operations", settings) as appliance:
        yield appliance


def test_start_and_stop_say_so_when_there_is_nothing_to_do(appliance: ApplianceProcess) -> None:
    assert appliance.do("stop")["note"] == "nothing was being pushed"
    appliance.do("start")
    assert appliance.do("start")["note"] == "already pushing"
    appliance.do("stop")
    assert [code for code in appliance.codes() if code in (1002, 20002)] == [1002, 20002]
    status, answer = appliance.post("pause")
    assert status == 409
    assert answer["errMsg"].startswith("pause:fail")


def test_without_an_address_a_start_says_what_is_missing(folder: Path) -> None:
    with ApplianceProcess(folder / "no-address", FAST) as box:
        status, answer = box.post("start")
        assert status in (409, 422)
        assert "url" in answer["errMsg"]
        assert box.state == "IDLE"


def test_a_snapshot_is_the_picture_at_the_size_being_pushed(appliance: ApplianceProcess) -> None:
    assert appliance.post("snapshot")[0] == 409
    appliance.do("start")
    time.sleep(0.5)
    answer = appliance.do("snapshot")
    assert (answer["width"], answer["height"]) == (640, 360)
    data = Path(answer["tempImagePath"]).read_bytes()
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("JPEG", (640, 360))
    assert answer["href"] == f"/api/v1/snapshots/{Path(answer['tempImagePath']).name}"
    assert appliance.get("snapshots")["snapshots"][0]["name"] == Path(answer["tempImagePath"]).name
    appliance.wait_for(20006)


def test_a_preview_opens_the_camera_before_any_push(appliance: ApplianceProcess) -> None:
    assert appliance.do("startPreview")["errMsg"] == "startPreview:ok"
    assert appliance.get("simulated")["open"] == ["front"]
    assert (appliance.state, appliance.status()["preview"]) == ("IDLE", True)
    assert appliance.do("snapshot")["errMsg"] == "snapshot:ok"
    appliance.do("switchCamera")
    assert appliance.get("simulated")["open"] == ["back"]
    appliance.do("switchCamera", {"position": "front"})
    appliance.do("stopPreview")
    assert [code for code in appliance.codes() if code in (20025, 20026)] == [20025, 20026]


def test_mute_zoom_and_volume(appliance: ApplianceProcess) -> None:
    appliance.do("mute")
    assert appliance.status()["muted"] is True
    appliance.do("unmute")
    assert appliance.do("setZoom", {"zoom": True})["zoom"] is True
    assert appliance.status()["zoom"] is True
    assert appliance.post("setZoom", {"zoom": 2})[0] == 422
    appliance.do("setZoom", {"zoom": False})
    assert appliance.do("setMICVolume", {"volume": 0.5})["volume"] == 0.5
    assert appliance.post("setMICVolume", {"volume": 2})[0] == 422
    appliance.do("setMICVolume", {"volume": 1})
    assert [code for code in appliance.codes() if code in (20007, 20008)] == [20007, 20008]


def test_the_lamp(appliance: ApplianceProcess) -> None:
    assert appliance.do("toggleTorch")["torch"] is True
    assert appliance.get("simulated")["lights"]["torch"] is True
    assert appliance.do("toggleTorch")["torch"] is False
    assert len(appliance.events(20028)) == 2


def test_a_pause_that_is_too_long_ends_the_push(appliance: ApplianceProcess) -> None:
    """20029; the background counts like a pause (5000)."""
    appliance.patch(pause_limit=1)
    try:
        for operation, code in (("pause", 20003), ("background", 5000)):
            appliance.mark()
            appliance.do("start")
            appliance.do(operation)
            appliance.wait_for(20029, 3)
            appliance.wait_state("IDLE", timeout_s=2)
            assert [c for c in appliance.codes() if c in (code, 20029, 20002)] == [code, 20029, 20002]
            appliance.do("foreground")
    finally:
        appliance.patch(pause_limit=180)


def test_only_the_foreground_ends_the_background(appliance: ApplianceProcess) -> None:
    appliance.do("start")
    appliance.do("background")
    assert appliance.post("resume")[0] == 409
    assert appliance.status()["background"] is True
    assert appliance.do("foreground")["state"] == "PUSHING"


def test_buttons_ask_for_the_same(appliance: ApplianceProcess) -> None:
    """Press starts, holding stops; 20009 says which button."""
    assert appliance.post("simulated/press", {"button": "start-stop"})[0] == 200
    appliance.wait_state("PUSHING", timeout_s=5)
    assert appliance.post("simulated/hold", {"button": "start-stop", "seconds": 1.7})[0] == 200
    appliance.wait_state("IDLE", timeout_s=4)
    assert len(appliance.events(20009)) == 2


def test_a_lens_without_a_motor_is_said_and_accepted(appliance: ApplianceProcess) -> None:
    """auto-focus off: no effect here, in the status and once as 20023."""
    appliance.patch(auto_focus=False)
    try:
        appliance.do("start")
        assert appliance.wait_for(20023)["details"]["name"] == "auto-focus"
        assert "auto-focus" in appliance.status()["withoutEffect"]
    finally:
        appliance.patch(auto_focus=True)
