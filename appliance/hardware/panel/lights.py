"""What the lights show (SPEC 7). Pure: a state and the seconds since it began in, on or off out."""

from __future__ import annotations

import math

Pattern = tuple[float, ...]
"""Seconds on, off, on, off… over and over; empty: off, one number: on."""

OFF: Pattern = ()
STEADY: Pattern = (1.0,)
SLOW_BLINK: Pattern = (0.5, 0.5)
DOUBLE_BLINK: Pattern = (0.15, 0.15, 0.15, 0.85)
FAST_BLINK: Pattern = (0.1, 0.1)

PATTERNS: dict[str, Pattern] = {
    "IDLE": OFF,
    "CONNECTING": SLOW_BLINK,
    "RECONNECTING": SLOW_BLINK,
    "PUSHING": STEADY,
    "PAUSED": DOUBLE_BLINK,
    "STOPPING": OFF,
    "FAILED": FAST_BLINK,
}
"""The status light by state; a state that is none of these shows as FAILED rather than as idle."""

Colour = frozenset[str]
_COLOURS: dict[str, Colour] = {
    "CONNECTING": frozenset({"red", "green"}),
    "RECONNECTING": frozenset({"red", "green"}),
    "PUSHING": frozenset({"green"}),
    "PAUSED": frozenset({"blue"}),
}
_MUTED_PUSHING: Colour = frozenset({"green", "blue"})
_ALARM: Colour = frozenset({"red"})


def pattern(state: str) -> Pattern:
    """The blinking of the status light in ``state``."""
    return PATTERNS.get(state, FAST_BLINK)


def colour(state: str, muted: bool) -> Colour:
    """Which of ``red``, ``green`` and ``blue`` an RGB status light mixes: yellow on the way, green while pushing (with
    blue in it while muted), blue paused, red failed."""
    if state == "PUSHING" and muted:
        return _MUTED_PUSHING
    return _COLOURS.get(state, _ALARM)


def lit(blinking: Pattern, elapsed_s: float) -> bool:
    """Whether a light with this pattern is on, so long after the pattern began."""
    return _step(blinking, elapsed_s)[0]


def next_change_s(blinking: Pattern, elapsed_s: float) -> float:
    """Seconds until it changes; infinite for a steady light."""
    return _step(blinking, elapsed_s)[1]


def _step(blinking: Pattern, elapsed_s: float) -> tuple[bool, float]:
    if len(blinking) < 2:
        return bool(blinking), math.inf
    within = elapsed_s % sum(blinking)
    on = True
    for length in blinking:
        if within < length:
            return on, length - within
        within -= length
        on = not on
    return True, blinking[0]
