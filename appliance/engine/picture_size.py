"""How big the pushed picture is: when a push begins, while the bitrate changes, and after a reconnect (SPEC 4).

In software any size of the mode can be had at any moment: the camera goes on with the greatest one that the push has had,
and the formatter scales it down. The camera is opened anew only where the size goes beyond that, after ``max-bitrate`` was
raised in the push.

A hardware encoder takes the camera's picture as it is. Another size would need another configuration of the camera, which
stops it for a second; so a push has two sizes there, that with which it begins and about half of it, which the camera
delivers side by side, and between which nothing is lost.
"""

from __future__ import annotations

import statistics
import threading
from collections import deque
from dataclasses import dataclass, replace

from appliance.pusher.ladder import Ladder, Step, hardware_steps, size_for, software_steps
from appliance.settings.declaration import Settings

USUAL_S = 60
"""After a reconnect the picture fits what was usual in so many seconds before: just before a link breaks, the target says
nothing about it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width and height, upright: of the picture as it is pushed, and of what the camera is asked for."""

    picture: tuple[int, int]
    camera: tuple[int, int]
    second: tuple[int, int] | None = None
    """What the camera's own encoder takes besides."""
    fps: int = 30
    every: int = 1
    """Of the camera's pictures, every how-manieth is pushed."""


class PictureSize:
    """The present :class:`Sizes`. Any thread."""

    def __init__(self, settings: Settings, *, hardware: bool) -> None:
        """``hardware``: whether the board should have hardware encoders."""
        self._hardware = hardware
        self._lock = threading.Lock()
        self.push_begins(settings)

    def push_begins(self, settings: Settings) -> None:
        """A push begins under ``settings``, at their ``max-bitrate``; or one might, and the preview shows what it would."""
        with self._lock:
            self._when = settings.resolution_change
            self._max_kbps = settings.max_bitrate
            self._targets: deque[float] = deque(maxlen=USUAL_S)
            self._target_at_s: float | None = None
            self._ladder = Ladder(self._steps(settings), settings.max_bitrate)
            step = self._ladder.step
            second = self._ladder.lowest.size if self._in_hardware(settings) and self._when != "off" else None
            second = second if second != step.size else None
            self.present = Sizes(step.size, step.size, second, step.fps, step.every)

    def limit(self, max_kbps: int) -> None:
        """``max-bitrate`` is another one from here on: :meth:`follow` goes down to what it allows, and up as far."""
        with self._lock:
            if max_kbps != self._max_kbps:
                self._max_kbps = max_kbps
                self._targets.clear()

    def follow(self, now_s: float, target_kbps: float) -> bool:
        """Take what the encoder is to aim at, every 25 ms or so; whether the picture is another one from here on."""
        with self._lock:
            if self._target_at_s is None or now_s - self._target_at_s >= 1.0:
                self._target_at_s = now_s
                self._targets.append(target_kbps)
            if self._when != "live":
                return False
            return self._take(self._ladder.follow(now_s, target_kbps, max_kbps=self._max_kbps))

    def rest(self) -> None:
        """The target is of no account now: no camera's picture is pushed."""
        with self._lock:
            self._ladder.rest()

    def reconnected(self) -> bool:
        """A session begins in place of one that broke; whether the picture is another one."""
        with self._lock:
            usual_kbps = statistics.median(self._targets) if self._targets else self._max_kbps
            if self._when == "off":
                return False
            return self._take(self._ladder.begin(min(usual_kbps, self._max_kbps)))

    # -- under the lock ------------------------------------------------------------------------------------

    def _take(self, step: Step) -> bool:
        was = self.present
        camera = max(was.camera, step.size, key=lambda size: size[0] * size[1])
        self.present = replace(was, picture=step.size, camera=camera, fps=step.fps, every=step.every)
        return self.present != was

    def _in_hardware(self, settings: Settings) -> bool:
        return self._hardware and settings.encoder != "software"

    def _steps(self, settings: Settings) -> tuple[Step, ...]:
        mode, aspect, orientation = settings.mode, settings.aspect, settings.orientation
        most = settings.max_bitrate
        hardware = self._in_hardware(settings)
        if settings.resolution_change == "off":
            size = size_for(most, mode=mode, aspect=aspect, orientation=orientation, hardware=hardware, max_kbps=most)
            return (Step(size, settings.fps, 0),)
        if hardware:
            return hardware_steps(most, mode=mode, aspect=aspect, orientation=orientation, fps=settings.fps)
        return software_steps(mode=mode, aspect=aspect, orientation=orientation, fps=settings.fps)
