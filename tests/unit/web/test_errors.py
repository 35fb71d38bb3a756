from __future__ import annotations

import pytest

from appliance import errors
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.web import errors as web_errors
from appliance.web.errors import NETWORK, STATUS, status_of, status_of_answer
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


def test_what_failed_at_the_network_is_told_as_such() -> None:
    assert set(NETWORK) == leaves(errors.NetworkError) - {errors.NetworkError}
    for leaf in NETWORK:
        answer = Answer(Operation.START, False, "no", leaf.code, Failure.FAILED)
        assert status_of_answer(answer) == 502, leaf
    assert status_of_answer(Answer(Operation.START, False, "no", errors.CameraError.code, Failure.FAILED)) == 503
