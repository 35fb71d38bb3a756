"""Every operation in every state, as anybody sees it who drives the appliance from outside (SPEC 2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx, free_port

from . import servers


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """A server that never answers the publish command."""
    with servers.faulty(servers.silent_at_publish) as url:
        yield url


@pytest.fixture
def box(shared: ApplianceProcess) -> ApplianceProcess:
    """The appliance with everything as in the beginning."""
    for operation in ("stop", "stopPreview", "foreground", "unmute"):
        shared.do(operation)
    shared.do("switchCamera", {"position": "front"})
    shared.mark()
    return shared


def idle(box: ApplianceProcess, good: str, silent: str) -> None:
    box.patch(url=good)


def connecting(box: ApplianceProcess, good: str, silent: str) -> None:
    box.patch(url=silent)
    box.post("start", wait=0.3)
    box.wait_state("CONNECTING")


def pushing(box: ApplianceProcess, good: str, silent: str) -> None:
    box.patch(url=good)
    box.do("start")


def paused(box: ApplianceProcess, good: str, silent: str) -> None:
    pushing(box, good, silent)
    box.do("pause")


def background(box: ApplianceProcess, good: str, silent: str) -> None:
    pushing(box, good, silent)
    box.do("background")


def reconnecting(box: ApplianceProcess, good: str, silent: str) -> None:
    box.patch(url=f"rtmp://127.0.0.1:{free_port()}/live/dead")
    box.post("start", wait=0.1)
    box.wait_state("RECONNECTING")


def failed(box: ApplianceProcess, good: str, silent: str) -> None:
    box.patch(url=good)
    until = time.monotonic() + 3
    while box.status()["camera"]["open"] and time.monotonic() < until:
        time.sleep(0.02)  # the last push's, which a start at once would go on with
    box.unplug("front")
    assert box.post("start")[0] == 503
    box.plug("front")
    assert box.state == "FAILED"


NOTHING = (409, "nothing is being pushed; start first")
NO_PICTURE = (409, "there is no picture; start the push or the preview")
LATER = (200, "takes effect when the camera opens")
DONE = (200, "")

Bring = Callable[[ApplianceProcess, str, str], None]

# how it gets there: the state; the answers as HTTP status and note or reason; the state after, where it is another one
ANSWERS: dict[Bring, tuple[str, dict[str, tuple[int, str]], dict[str, str]]] = {
    idle: (
        "IDLE",
        {
            "start": DONE, "stop": (200, "nothing was being pushed"), "pause": NOTHING, "resume": NOTHING,
            "switchCamera": LATER, "snapshot": NO_PICTURE, "mute": DONE, "startPreview": DONE,
            "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"start": "PUSHING"},
    ),
    connecting: (
        "CONNECTING",
        {
            "start": (200, "already starting"), "stop": DONE, "pause": DONE, "resume": (200, "not paused"),
            "switchCamera": (409, "the push is just starting"), "snapshot": DONE, "mute": DONE, "startPreview": DONE,
            "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"stop": "IDLE"},
    ),
    pushing: (
        "PUSHING",
        {
            "start": (200, "already pushing"), "stop": DONE, "pause": DONE, "resume": (200, "not paused"),
            "switchCamera": DONE, "snapshot": DONE, "mute": DONE, "startPreview": DONE,
            "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"stop": "IDLE", "pause": "PAUSED", "background": "PAUSED"},
    ),
    paused: (
        "PAUSED",
        {
            "start": (200, "already pushing; resume or the foreground brings the picture back"),
            "stop": DONE, "pause": (200, "paused already"), "resume": DONE, "switchCamera": LATER, "snapshot": DONE,
            "mute": DONE, "startPreview": DONE, "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"stop": "IDLE", "resume": "PUSHING"},
    ),
    background: (
        "PAUSED",
        {
            "start": (200, "already pushing; resume or the foreground brings the picture back"),
            "stop": DONE, "pause": DONE, "resume": (409, "the box is in the background: only the foreground ends that"),
            "switchCamera": LATER, "snapshot": DONE, "mute": DONE,
            "startPreview": (409, "the box is in the background: its camera stays shut"),
            "stopPreview": (200, "the preview is off already"), "background": (200, "in the background already"),
            "foreground": DONE,
        },
        {"stop": "IDLE", "foreground": "PUSHING"},
    ),
    reconnecting: (
        "RECONNECTING",
        {
            "start": (200, "already reconnecting"), "stop": DONE, "pause": DONE, "resume": (200, "not paused"),
            "switchCamera": DONE, "snapshot": DONE, "mute": DONE, "startPreview": DONE,
            "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"stop": "IDLE"},
    ),
    failed: (
        "FAILED",
        {
            "start": DONE, "stop": DONE, "pause": NOTHING, "resume": NOTHING, "switchCamera": LATER,
            "snapshot": NO_PICTURE, "mute": DONE, "startPreview": DONE,
            "stopPreview": (200, "the preview is off already"), "background": DONE,
            "foreground": (200, "not in the background"),
        },
        {"stop": "IDLE", "start": "PUSHING"},
    ),
}  # fmt: skip

ROWS = [
    pytest.param(to, operation, id=f"{to.__name__}-{operation}")
    for to, (_, answers, _) in ANSWERS.items()
    for operation in answers
]


@pytest.mark.parametrize(("to", "operation"), ROWS)
def test_every_operation_in_every_state(
    box: ApplianceProcess, nginx: Nginx, silent: str, to: Bring, operation: str
) -> None:
    before, answers, moves = ANSWERS[to]
    to(box, f"{nginx.url}/states", silent)
    assert box.state == before
    status, words = answers[operation]
    got, answer = box.post(operation)
    told = answer.get("note", "") if got == 200 else answer["errMsg"].removeprefix(f"{operation}:fail ")
    assert (got, told) == (status, words)
    assert got != 200 or answer["errMsg"] == f"{operation}:ok"
    assert box.state == moves.get(operation, before)


def test_what_was_wrong_with_a_push_is_over_with_it(box: ApplianceProcess, nginx: Nginx, silent: str) -> None:
    for trouble in (failed, reconnecting):
        trouble(box, f"{nginx.url}/states", silent)
        assert box.status()["errors"]
        box.do("stop")
        assert box.status()["errors"] == []


def test_a_switch_that_fails_is_no_trouble_of_the_push(box: ApplianceProcess, nginx: Nginx, silent: str) -> None:
    pushing(box, f"{nginx.url}/states", silent)
    box.unplug("back")
    try:
        status, answer = box.post("switchCamera")
        assert (status, answer["code"]) == (503, -1301)
        assert box.status()["errors"] == [], "the camera in use goes on"
        box.unplug("front")
        box.wait_for(1009)
        assert any("front is unplugged" in error for error in box.status()["errors"])
    finally:
        box.plug("back")
        box.plug("front")


def test_a_pause_outlasts_connecting_and_ends_at_its_limit(box: ApplianceProcess, nginx: Nginx, silent: str) -> None:
    """The limit counts from the pause, also when it began before the push was on, and a new one holds at once."""
    box.patch(url=f"{nginx.url}/states")
    box.do("background")
    assert box.do("start")["state"] == "PAUSED"
    box.patch(pause_limit=1)
    try:
        assert box.wait_state("IDLE", timeout_s=3)
        assert [event["code"] for event in box.events(20029, 20002)] == [20029, 20002]
        assert (box.status()["paused"], box.status()["background"]) == (False, True)
    finally:
        box.patch(pause_limit=180)
        box.do("foreground")
    assert box.state == "IDLE", "a commanded push is not begun again by itself"
