"""When an encoder counts as too slow."""

from __future__ import annotations

from appliance.media.keeping_up import WINDOW_S, KeepingUp


def run(*, offered_fps: int, delivered_fps: int, seconds: float) -> bool:
    """Both at an even pace for so long; whether the encoder is found to be behind at the end."""
    watch = KeepingUp()
    for i in range(round(offered_fps * seconds)):
        watch.offered(i / offered_fps)
    for i in range(round(delivered_fps * seconds)):
        watch.delivered(i / delivered_fps)
    return watch.behind(seconds)


def test_an_encoder_that_delivers_what_it_gets_keeps_up() -> None:
    assert not run(offered_fps=30, delivered_fps=30, seconds=20)
    assert not run(offered_fps=30, delivered_fps=22, seconds=20)


def test_half_the_pictures_are_too_few() -> None:
    assert run(offered_fps=30, delivered_fps=15, seconds=20)
    assert run(offered_fps=30, delivered_fps=0, seconds=WINDOW_S + 1)


def test_a_busy_moment_is_none() -> None:
    assert not run(offered_fps=30, delivered_fps=0, seconds=WINDOW_S - 0.1)


def test_few_pictures_say_nothing() -> None:
    assert not run(offered_fps=1, delivered_fps=0, seconds=8)
