"""A bus, a log, and a webhook over both that a test may restart like the service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import event_codes as codes
from appliance.event_log.log import EventLog
from appliance.events import Event, EventBus
from appliance.webhook import webhook as module
from appliance.webhook.webhook import Webhook
from tests.integration.webhook.receiver import Receiver


class Clock:
    """The machine's clock, which a test may move and distrust."""

    def __init__(self) -> None:
        self.offset_s, self.right = 0.0, True

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time() + self.offset_s

    def synchronised(self) -> bool:
        return self.right


class Box:
    """What of the appliance the webhook sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.raised: list[Event] = []
        self.up()

    def up(self, url: str = "", secret: str = "") -> None:
        """Start the service; with ``url``, it stands in the settings."""
        self.bus = EventBus(self.clock)
        self.bus.subscribe(self.raised.append)
        self.log = EventLog(self.folder / "events.sqlite", self.bus)
        self.webhook = Webhook(self.log, self.folder / "webhook.json", self.clock, chance=lambda: 0.5)
        self.follow(url, secret)
        self.webhook.start()

    def down(self) -> None:
        self.webhook.stop()
        self.log.close()

    def follow(self, url: str, secret: str = "") -> None:
        self.webhook.follow(url, secret=secret, device="Booth 3")

    def mute(self, number: int = 1) -> None:
        for index in range(number):
            self.bus.emit(codes.MUTED, by=f"test {index}")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a twentieth of their length, and every position stored."""
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.4)
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)


@pytest.fixture
def box(tmp_path: Path, quick: None) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.down()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
