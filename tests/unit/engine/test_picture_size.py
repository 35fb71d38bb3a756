"""What the picture's size is in a push, by the setting, the encoder's kind and what becomes of the connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.engine.picture_size import PictureSize, Sizes
from appliance.settings.declaration import Settings

HD = replace(Settings(), mode="HD", orientation="horizontal", max_bitrate=900)
FULL, HALF = (960, 540), (480, 270)


class Push:
    """A push whose targets are fed every 50 ms."""

    def __init__(self, settings: Settings, *, hardware: bool = False) -> None:
        self.size = PictureSize(settings, hardware=hardware)
        self.now_s = 100.0

    def run(self, seconds: float, target_kbps: float) -> list[Sizes]:
        """What the sizes were changed to."""
        changed = []
        for _ in range(round(seconds * 20)):
            self.now_s += 0.05
            if self.size.follow(self.now_s, target_kbps):
                changed.append(self.size.present)
        return changed


def test_in_software_the_camera_stays_as_it_is() -> None:
    push = Push(HD)
    assert push.size.present == Sizes(FULL, FULL, None, 30)
    assert push.run(3, 300)[-1] == Sizes(HALF, FULL, None, 30)
    assert push.run(12, 900) == [Sizes(FULL, FULL, None, 30)]


def test_more_than_it_began_with_takes_more_of_the_camera() -> None:
    push = Push(replace(HD, max_bitrate=300))
    assert push.size.present == Sizes(HALF, HALF, None, 30)
    push.size.limit(900)
    assert push.run(12, 900) == [Sizes(FULL, FULL, None, 30)]


def test_in_hardware_there_are_two_sizes_for_a_push() -> None:
    push = Push(HD, hardware=True)
    assert push.size.present == Sizes(FULL, FULL, HALF, 30)
    assert push.run(3, 500) == []
    assert push.run(3, 300) == [Sizes(HALF, FULL, HALF, 30)]
    assert push.run(3, 60) == []
    assert push.run(12, 900) == [Sizes(FULL, FULL, HALF, 30)]
    assert Push(replace(HD, encoder="software"), hardware=True).size.present.second is None
    assert Push(replace(HD, resolution_change="off"), hardware=True).size.present.second is None


@pytest.mark.parametrize("hardware", [False, True])
def test_off(hardware: bool) -> None:
    push = Push(replace(HD, resolution_change="off"), hardware=hardware)
    push.size.limit(100)
    assert push.run(30, 60) == []
    assert not push.size.reconnected()
    assert push.size.present.picture == FULL


def test_a_new_session_fits_what_was_usual_and_not_the_moment_it_broke() -> None:
    push = Push(replace(HD, resolution_change="on-reconnect"))
    assert push.run(40, 300) == []
    assert push.size.reconnected()
    assert push.size.present.picture == HALF
    push.run(40, 900)
    push.run(10, 60)
    assert push.size.present.picture == HALF
    assert push.size.reconnected()
    assert push.size.present.picture == FULL
    assert not push.size.reconnected()


def test_a_new_session_takes_what_is_allowed_now() -> None:
    push = Push(replace(HD, resolution_change="on-reconnect"))
    push.run(40, 900)
    push.size.limit(300)
    assert push.size.reconnected()
    assert push.size.present.picture == HALF


def test_rtc_sends_fewer_pictures_before_smaller_ones() -> None:
    push = Push(replace(HD, mode="RTC", max_bitrate=1000))
    assert push.run(3, 650) == [Sizes(FULL, FULL, None, 15, every=2)]
    assert push.run(3, 500) == [Sizes((640, 360), FULL, None, 30)]


def test_what_a_rest_was_too_long_for_is_forgotten() -> None:
    push = Push(HD)
    push.run(0.9, 500)
    push.size.rest()
    assert push.run(0.9, 500) == []


def test_another_push_begins_afresh() -> None:
    push = Push(HD)
    push.run(3, 300)
    push.size.push_begins(replace(HD, orientation="vertical", aspect="3:4"))
    assert push.size.present == Sizes((540, 720), (540, 720), None, 30)
