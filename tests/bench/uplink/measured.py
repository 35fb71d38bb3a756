"""One run of the product over one link: as a user runs it, in a network of its own."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.event_codes import RECONNECT
from tests.bench.uplink import launch, records
from tests.bench.uplink.links import Link
from tests.bench.uplink.network import RECEIVER, ROOT, Network
from tests.bench.uplink.score import LATE_S, Frame
from tests.servers.appliance import ApplianceProcess

PORT = 1935
STATUS_S = 0.2
COLUMNS = (
    "targetBitrate", "encodedBitrate", "netSpeed", "queueDelay", "rtt", "videoCache", "droppedFrames", "videoFPS",
    "videoWidth",
)  # fmt: skip
CAMERA_S = 10.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What all runs of a comparison have in common. Rates in kbit/s."""

    clip: Path
    mode: str = "FHD"
    ceiling_kbps: int = 2500
    min_kbps: int = 200
    congestion: str = "cubic"

    def settings(self) -> dict[str, object]:
        return {
            "url": f"rtmp://{RECEIVER}:{PORT}/live/bench", "mode": self.mode, "orientation": "horizontal",
            "min-bitrate": self.min_kbps, "max-bitrate": self.ceiling_kbps, "audio-quality": "high",
            "camera.front": f"file:{self.clip}", "microphone": "auto",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What became of what was made."""

    frames: Sequence[Frame]
    reconnects: int


def measure(link: Link, setup: Setup, folder: Path, *, rule: str | None = None, watch: bool = False) -> Run:
    """Push over ``link`` for as long as it lasts. ``rule``: a class of :mod:`tests.bench.uplink.rules`, None for the product's own.
    ``folder`` keeps what was recorded; with ``watch`` also the product's own figures, five times a second. Raises OSError,
    CalledProcessError, RuntimeError, AssertionError: nothing was measured then."""
    folder.mkdir(parents=True)
    made, arrived = folder / "made.txt", folder / "arrived.txt"
    with ExitStack() as stack:
        network = stack.enter_context(Network(folder, link, congestion=setup.congestion))
        stack.enter_context(_receiver(network, arrived))
        environment = {launch.MADE: str(made), **({launch.RULE: rule} if rule else {})}
        box = stack.enter_context(
            ApplianceProcess(
                folder / "box", setup.settings(), prefix=network.pusher.prefix, environment=environment,
                module=launch.__name__,
            )
        )  # fmt: skip
        box.do("startPreview")  # the camera is open when the push begins, and the first second is like the others
        _until(lambda: box.status()["camera"]["open"])
        box.do("start")
        begin_s = network.begin()
        if watch:
            stack.enter_context(_watched(box, folder / "status.csv", begin_s))
        time.sleep(max(0.0, begin_s + link.duration_s + LATE_S - time.monotonic()))
        network.check()
        reconnects = sum(event["code"] == RECONNECT for event in box.all_events())
    got = records.frames(records.read(made), records.read(arrived), begin_s=begin_s, late_s=link.rtt_ms / 2000)
    return Run([frame for frame in got if frame.made_s < link.duration_s], reconnects)


def _until(done: Callable[[], bool]) -> None:
    end_s = time.monotonic() + CAMERA_S
    while not done():
        if time.monotonic() > end_s:
            raise RuntimeError(f"the camera does not open within {CAMERA_S:g} s")
        time.sleep(0.1)


@contextmanager
def _receiver(network: Network, record: Path) -> Iterator[None]:
    command = [*network.receiver.prefix, sys.executable, "-m", "tests.bench.uplink.receiver", RECEIVER, str(PORT)]
    process = subprocess.Popen([*command, str(record)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the receiver does not start; what it said stands above")
        yield
    finally:
        process.terminate()
        process.wait(5)


@contextmanager
def _watched(box: ApplianceProcess, path: Path, begin_s: float) -> Iterator[None]:
    """Write down the product's own figures while inside."""
    over = threading.Event()

    def watch() -> None:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("second", *COLUMNS))
            while not over.wait(STATUS_S):
                try:
                    net = box.status()["net"]
                except OSError:
                    continue
                writer.writerow((round(time.monotonic() - begin_s, 3), *(net[name] for name in COLUMNS)))

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
