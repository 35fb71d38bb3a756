"""When a change of the target bitrate is told (1006): summarised, not one per step (SPEC 3). Pure."""

from __future__ import annotations

from dataclasses import dataclass

WORTH = 0.2
"""A change by less than this share is none for people."""

AT_MOST_EVERY_S = 5.0

SETTLED_S = 1.0
"""After new bounds, the target is told once it has kept still for so long."""


@dataclass(frozen=True, slots=True)
class Change:
    """From the target that was told last to the present one, and between which it moved meanwhile, in kbit/s."""

    kbps: int
    was_kbps: int
    lowest_kbps: int
    highest_kbps: int


class TargetReport:
    """Takes every target of a push, in order; gives what is to be told."""

    def __init__(self, now_s: float, kbps: int) -> None:
        self._told_at_s = now_s - AT_MOST_EVERY_S
        self._expected = False
        self._told = self._last = kbps
        self._still_since_s = now_s
        self._begin(kbps)

    def _begin(self, kbps: int) -> None:
        self._lowest = self._highest = kbps

    def expect_change(self, now_s: float) -> None:
        """Somebody changed the bounds: what comes of it is told even if it is little or soon after the last."""
        self._expected = True
        self._still_since_s = now_s

    def target(self, now_s: float, kbps: int) -> Change | None:
        """The target now; the answer is what to tell, None: nothing."""
        self._lowest, self._highest = min(self._lowest, kbps), max(self._highest, kbps)
        if kbps != self._last:
            self._last, self._still_since_s = kbps, now_s
        if self._expected:
            due = now_s - self._still_since_s >= SETTLED_S
            if due:
                self._expected = False
                due = kbps != self._told
        else:
            worth = abs(kbps - self._told) > WORTH * self._told
            due = worth and now_s - self._told_at_s >= AT_MOST_EVERY_S
        if not due:
            return None
        change = Change(kbps, self._told, self._lowest, self._highest)
        self._told, self._told_at_s = kbps, now_s
        self._begin(kbps)
        return change
