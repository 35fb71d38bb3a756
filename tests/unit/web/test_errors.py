from __future__ import annotations

import pytest

from appliance import errors
from appliance.web import errors as web_errors
from appliance.web.errors import STATUS, status_of
from appliance.web.throttle import TooManyTries


def leaves(kind: type[errors.LivePusherError]) -> set[type[errors.LivePusherError]]:
    return {kind}.union(*(leaves(sub) for sub in kind.__subclasses__()))


MAPPED_AS_INTERNAL = {errors.LivePusherError, errors.ListenError}


def test_every_error_has_a_status() -> None:
    known = {
        kind
        for kind in leaves(errors.LivePusherError)
        if kind.__module__ in ("appliance.errors", "appliance.web.errors", "appliance.web.throttle")
    }
    internal = {kind for kind in known if not issubclass(kind, tuple(mapped for mapped, _ in STATUS))}
    assert internal == MAPPED_AS_INTERNAL


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    for index, (kind, _) in enumerate(STATUS):
        assert not any(issubclass(kind, earlier) for earlier, _ in STATUS[:index]), kind


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooManyTries(0.1), 429),
        (web_errors.Unavailable("no", retry_after_s=5), 503),
        (errors.SettingError({"a": "b"}), 422),
        (errors.ServerRefused("no", "NetStream.Publish.BadName"), 502),
        (errors.MicrophoneSilent("no"), 503),
    ],
)
def test_status(error: errors.LivePusherError, status: int) -> None:
    assert status_of(error) == status
