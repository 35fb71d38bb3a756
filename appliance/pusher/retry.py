"""When to try again (SPEC 6). Pure: the caller passes clock and chance."""

from __future__ import annotations

RECONNECT_DELAYS_S = (1.0, 2.0, 4.0)
"""One for each of the three attempts after a loss."""

JITTER = 0.1
"""Share by which a delay is made shorter or longer, so that a hall full of boxes does not call at once."""

STABLE_S = 5.0
"""A push that lasted this long counts as recovered: the next loss has all its attempts again."""

NAME_IN_USE_DELAY_S = 5.0
NAME_IN_USE_LIMIT_S = 120.0
"""A server frees the name of a dead session when it notices: within a minute or two. So long it is waited for, without
using up the attempts."""

UNATTENDED_FIRST_S = 5.0
UNATTENDED_LAST_S = 60.0


def jittered(delay_s: float, chance: float) -> float:
    """``delay_s`` moved by up to :data:`JITTER`; ``chance`` is evenly drawn from 0 to 1."""
    return delay_s * (1 + JITTER * (2 * chance - 1))


def reconnect_delay_s(attempt: int) -> float | None:
    """The pause before reconnect number ``attempt`` (from 1), None when all are used up."""
    return RECONNECT_DELAYS_S[attempt - 1] if attempt <= len(RECONNECT_DELAYS_S) else None


def unattended_delay_s(failures: int) -> float:
    """The pause before an unattended box starts again, after so many failures in a row (from 1)."""
    return min(UNATTENDED_LAST_S, UNATTENDED_FIRST_S * 2.0 ** min(failures - 1, 10))
