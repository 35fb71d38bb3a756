"""An uplink that becomes too small for the lowest bitrate and comes back, in a network of the test's own (SPEC 3 and 4).

The product as a user runs it, behind a router that is as slow as the link, at a real nginx; what its encoders made is
written down, so that what did not arrive is known.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from appliance.media.tags import Tag, TagKind
from tests.bench.uplink import launch, records
from tests.bench.uplink.links import Link
from tests.bench.uplink.network import RECEIVER, Network
from tests.servers.appliance import ApplianceProcess
from tests.servers.media import flv_tags
from tests.servers.namespaces import CANNOT
from tests.servers.nginx import Nginx

pytestmark = pytest.mark.skipif(bool(CANNOT), reason=CANNOT)

MIN_KBPS, MAX_KBPS, AUDIO_KBPS = 200, 800, 32
FULL_KBPS, TOO_SMALL_KBPS = 2500, 120
FALLS_S, RETURNS_S, ENDS_S = 4.0, 12.0, 24.0
LINK = Link(
    "too small", ((0.0, FULL_KBPS), (FALLS_S, TOO_SMALL_KBPS), (RETURNS_S, FULL_KBPS)), duration_s=ENDS_S
)  # fmt: skip
SETTINGS = {
    "mode": "SD", "orientation": "horizontal", "min-bitrate": MIN_KBPS, "max-bitrate": MAX_KBPS, "audio-quality": "low",
}  # fmt: skip
BUSY, RECOVERED = 1101, 20024
SOUND_GAP_MS = 100


@dataclass
class Push:
    """What became of it. Times are seconds since the link began."""

    begin_s: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    nets: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    made: list[records.Line] = field(default_factory=list)
    arrived: list[Tag] = field(default_factory=list)
    recording: Path = Path()
    recordings: int = 0

    def told(self, code: int) -> list[tuple[float, dict[str, Any]]]:
        """When, and with which details."""
        return [(e["monotonic"] - self.begin_s, e["details"]) for e in self.events if e["code"] == code]

    def fate(self, kind: TagKind) -> list[tuple[records.Line, bool]]:
        """Every frame that was made between the first and the last that arrived, and whether it did."""
        arrived = iter([tag for tag in self.arrived if tag.kind is kind and not tag.header])
        awaited = next(arrived, None)
        found = []
        for line in self.made:
            if line.kind is kind and not line.header:
                there = awaited is not None and line.crc == zlib.crc32(awaited.body)
                found.append((line, there))
                if there:
                    awaited = next(arrived, None)
        assert awaited is None, "something arrived that was not made, or in another order"
        times = [number for number, (_, there) in enumerate(found) if there]
        return found[times[0] : times[-1] + 1]


@contextmanager
def watched(box: ApplianceProcess, push: Push) -> Iterator[None]:
    """Keep the figures of the status while inside."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            push.nets.append((time.monotonic() - push.begin_s, box.status()["net"]))

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def push(folder: Path) -> Push:
    push, made = Push(), folder / "made.txt"
    with (
        Network(folder, LINK) as network,
        Nginx(folder / "far", host=RECEIVER, prefix=network.receiver.prefix) as server,
        ApplianceProcess(
            folder / "uplink", {**SETTINGS, "url": f"{server.url}/small"}, prefix=network.pusher.prefix,
            environment={launch.MADE: str(made)}, module=launch.__name__,
        ) as box,
    ):  # fmt: skip
        box.mark()
        box.do("start")
        push.begin_s = network.begin()
        with watched(box, push):
            time.sleep(ENDS_S)
        network.check()
        push.events = box.events()
        box.do("stop")
        paths = server.recorded("small")
        push.recording, push.recordings = paths[0], len(paths)
        until = time.monotonic() + 3
        while not paths[0].stat().st_size and time.monotonic() < until:
            time.sleep(0.05)
    push.made = records.read(made)
    push.arrived = flv_tags(push.recording.read_bytes())
    return push


def test_a_link_too_small_is_told_once_with_what_it_carries_and_so_is_its_end(push: Push) -> None:
    ((busy_s, busy),) = push.told(BUSY)
    ((recovered_s, recovered),) = push.told(RECOVERED)
    assert FALLS_S + 0.5 < busy_s < RETURNS_S
    assert RETURNS_S < recovered_s < ENDS_S
    assert 0.6 * TOO_SMALL_KBPS < busy["measured_kbps"] < 1.2 * TOO_SMALL_KBPS
    assert busy["min_kbps"] == MIN_KBPS
    assert recovered["measured_kbps"] > 0


def test_the_session_is_never_lost(push: Push) -> None:
    assert push.recordings == 1
    codes = [event["code"] for event in push.events]
    assert codes.count(1002) == 1
    assert not {1102, 3005, -1307} & set(codes)


def test_the_target_follows_within_its_bounds(push: Push) -> None:
    targets = [(at_s, net["targetBitrate"]) for at_s, net in push.nets]
    assert all(MIN_KBPS <= kbps <= MAX_KBPS for _, kbps in targets)
    while_small = [kbps for at_s, kbps in targets if FALLS_S + 2 < at_s < RETURNS_S]
    assert while_small and max(while_small) == MIN_KBPS
    assert targets[-1][1] > 0.9 * MAX_KBPS, "it is back"


def test_what_changed_is_told_summarised(push: Push) -> None:
    told = push.told(1006)
    assert 2 <= len(told) <= 8
    for _, details in told:
        assert MIN_KBPS <= details["lowest_kbps"] <= details["kbps"] <= details["highest_kbps"] <= MAX_KBPS
        assert MIN_KBPS <= details["was_kbps"] <= MAX_KBPS
        assert 0 <= details["queue_delay_ms"] < 8000
        assert 0 < details["delivered_kbps"] < 30_000
    falls = [details["kbps"] for at_s, details in told if FALLS_S < at_s < FALLS_S + 6]
    assert falls and falls[-1] < 0.5 * MAX_KBPS
    assert told[-1][1]["kbps"] > 0.8 * MAX_KBPS


def test_the_sound_is_complete(push: Push) -> None:
    missing = [line.time_ms for line, there in push.fate(TagKind.AUDIO) if not there]
    assert not missing
    times = [tag.time_ms for tag in push.arrived if tag.kind is TagKind.AUDIO and not tag.header]
    assert len(times) > (ENDS_S - 3) * 16000 / 1024
    assert max(after - before for before, after in pairwise(times)) <= SOUND_GAP_MS


def test_pictures_are_dropped_up_to_the_next_keyframe(push: Push) -> None:
    pictures = push.fate(TagKind.VIDEO)
    dropped = [line for line, there in pictures if not there]
    assert len(dropped) > 20
    for (_, before), (line, there) in pairwise(pictures):
        assert before or line.keyframe or not there, f"at {line.time_ms} ms: its reference was dropped"
    # and but for what waited when the link fell or returned, only while it is too small
    outside = [line.at_s - push.begin_s for line in dropped]
    assert min(outside) > FALLS_S - 1 and max(outside) < RETURNS_S + 2


def test_a_keyframe_comes_soon_after_each_drop(push: Push) -> None:
    pictures = [line for line, _ in push.fate(TagKind.VIDEO)]
    there = dict(zip(pictures, [there for _, there in push.fate(TagKind.VIDEO)], strict=True))
    waits = []
    for number, line in enumerate(pictures):
        if number and not there[line] and there[pictures[number - 1]]:
            back = next((later for later in pictures[number:] if later.keyframe), None)
            assert back is not None
            waits.append(back.at_s - line.at_s)
    assert max(waits) < 1.5, "what waited for 0.7 s is dropped, and a keyframe is asked for at once"


def test_everything_that_arrived_can_be_decoded(push: Push) -> None:
    pictures = 0
    with av.open(str(push.recording), options={"err_detect": "explode"}) as recording:
        for packet in recording.demux():
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                if isinstance(frame, av.VideoFrame):
                    assert not frame.is_corrupt
                    pictures += 1
    arrived = [tag for tag in push.arrived if tag.kind is TagKind.VIDEO and not tag.header]
    assert pictures == len(arrived)


def test_the_status_shows_it(push: Push) -> None:
    before = [net for at_s, net in push.nets if at_s < FALLS_S]
    small = [net for at_s, net in push.nets if FALLS_S + 2 < at_s < RETURNS_S]
    last = push.nets[-1][1]
    dropped = [net["droppedFrames"] for _, net in push.nets]
    assert before[-1]["droppedFrames"] == 0
    assert dropped == sorted(dropped)
    missing = sum(not there for _, there in push.fate(TagKind.VIDEO))
    assert 0.5 * missing < last["droppedFrames"] <= missing
    assert max(net["queueDelay"] for net in small) > 500
    assert last["queueDelay"] < 500
    assert min(net["netQualityLevel"] for net in small) > before[-1]["netQualityLevel"]
    assert last["netQualityLevel"] <= 2
    assert sum(net["netSpeed"] for net in small) / len(small) < 1.2 * TOO_SMALL_KBPS
