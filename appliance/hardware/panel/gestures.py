"""From a pin's level to gestures: debouncing, press and hold. Pure: levels and times in, gestures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

BOUNCE_S = 0.03
"""A level counts once it has stood for so long: contacts bounce for less than 20 ms, the shortest taps of a finger last
twice as long, and a spike picked up by a long wire is no press."""


Edge = tuple[float, bool]
"""A change of a pin's level: when it was, and whether it is pressed from then on."""


class Gesture(str, Enum):
    """What a finger did."""

    PRESS = "press"
    HOLD = "hold"


class Debounce:
    """The settled level of a pin. The first level seen counts at once: nobody bounced at boot."""

    def __init__(self, pressed: bool) -> None:
        self.pressed = pressed
        self._raw = pressed
        self.since_s = -math.inf
        """When the pin last took the level it has."""

    def update(self, raw: bool, now_s: float) -> bool:
        """Take the pin's level at ``now_s``; whether the settled level changed."""
        if raw != self._raw:
            self._raw, self.since_s = raw, now_s
        if self._raw != self.pressed and now_s >= self.since_s + BOUNCE_S:
            self.pressed = self._raw
            return True
        return False

    @property
    def raw(self) -> bool:
        """The level last seen, settled or not."""
        return self._raw

    def due_s(self) -> float:
        """When to look again even if nothing happens."""
        return self.since_s + BOUNCE_S if self._raw != self.pressed else math.inf


class ButtonGestures:
    """One button. With a hold gesture a press counts on release, or holding would do both; without one it counts at once.
    A button that is down from the beginning (held at boot, or stuck) does nothing until it was released."""

    def __init__(self, pressed: bool, hold_s: float | None) -> None:
        self._level = Debounce(pressed)
        self._hold_s = hold_s
        self._done = pressed
        self._down_s = 0.0

    def follow(self, edges: Sequence[Edge], raw: bool, now_s: float) -> list[Gesture]:
        """Take the edges since the last time, then the level as it is at ``now_s``; the gestures complete by then. Edges
        count by their own times: however late one gets to look at them, a press that was long enough is a press."""
        found = []
        for at_s, pressed in [*edges, (now_s, raw)]:
            # first what stood until then: it may have settled, or become a hold
            for level in (self._level.raw, pressed):
                gesture = self.update(level, at_s)
                if gesture is not None:
                    found.append(gesture)
        return found

    def update(self, raw: bool, now_s: float) -> Gesture | None:
        """Take the pin's level at ``now_s``; the gesture that is complete now."""
        if self._level.update(raw, now_s):
            if self._level.pressed:
                self._done, self._down_s = self._hold_s is None, self._level.since_s
                return Gesture.PRESS if self._hold_s is None else None
            was_done, self._done = self._done, True
            return None if was_done else Gesture.PRESS
        if self._level.pressed and not self._done and self._hold_s is not None and now_s >= self._down_s + self._hold_s:
            self._done = True
            return Gesture.HOLD
        return None

    def due_s(self) -> float:
        """When to look again even if nothing happens."""
        holding = self._level.pressed and not self._done and self._hold_s is not None
        return min(self._level.due_s(), self._down_s + (self._hold_s or 0.0) if holding else math.inf)
