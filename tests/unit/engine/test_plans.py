"""From the pusher's plan and the settings to the pipelines' plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.engine.picture_size import Sizes
from appliance.engine.plans import sound_plan, video_plan
from appliance.media.sources import PictureFormat
from appliance.media.video import VideoPlan
from appliance.pusher.states import MediaPlan
from appliance.settings.declaration import Settings

SIZES = Sizes(picture=(540, 960), camera=(540, 960))
LIVE = MediaPlan(camera="front", sound=True, encode=True)


def picture(settings: Settings, media: MediaPlan = LIVE, sizes: Sizes = SIZES) -> VideoPlan:
    return video_plan(media, settings, epoch_s=0.0, zoom=False, hardware=False, sizes=sizes)


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (540, 960)), (90, (960, 540)), (180, (540, 960)), (270, (960, 540))]
)
def test_a_camera_on_its_side_is_asked_for_what_is_upright_once_turned(rotation: int, size: tuple[int, int]) -> None:
    plan = picture(replace(Settings(), camera_rotation=rotation))
    assert plan.camera is not None and plan.spec is not None
    assert plan.camera.format == PictureFormat(*size, 30)
    assert (plan.spec.width, plan.spec.height) == (540, 960)
    assert (plan.shape.width, plan.shape.height, plan.shape.rotation) == (540, 960, rotation)


def test_the_camera_gives_what_the_picture_is_made_of() -> None:
    sizes = Sizes(picture=(270, 480), camera=(540, 960), second=(270, 480), every=2)
    plan = picture(replace(Settings(), camera_rotation=90), sizes=sizes)
    assert plan.camera is not None and plan.spec is not None
    assert plan.camera.format == PictureFormat(960, 540, 30, second=(480, 270))
    assert (plan.spec.width, plan.spec.height, plan.every) == (270, 480, 2)


def test_a_new_preview_is_another_plan() -> None:
    shown = MediaPlan(camera="front", preview_turn=1)
    assert picture(Settings(), shown) != picture(Settings(), replace(shown, preview_turn=2))


def sources(settings: Settings) -> list[object]:
    return [
        sound_plan(LIVE, settings, position=position, epoch_s=0.0, muted=False, gain_db=0.0).source
        for position in ("front", "back")
    ]


def test_the_microphone_goes_with_the_camera_only_where_its_sound_does() -> None:
    front, back = sources(replace(Settings(), camera_front="one", camera_back="two"))
    assert front == back, "a switch of cameras leaves the microphone open"
    front, back = sources(replace(Settings(), camera_front="file:a.mp4", camera_back="file:b.mp4"))
    assert front != back
    named = replace(Settings(), camera_front="file:a.mp4", camera_back="file:b.mp4", microphone="hw:1")
    assert sources(named) == [("hw:1",), ("hw:1",)]
