"""The whole appliance in the test's own process: for hands and faults that no route offers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from appliance.app import Appliance
from appliance.events import Event
from appliance.hardware.simulated.hands import SimulatedHands
from appliance.pusher.operations import Answer, Operation


class LocalAppliance:
    """Started by ``with``; keeps every event. ``hands`` are those on the simulated board, where it is that one."""

    hands: SimulatedHands

    def __init__(self, folder: Path, settings: Mapping[str, object], *, board: str = "simulated") -> None:
        overrides = [(name, str(v).lower() if isinstance(v, bool) else str(v)) for name, v in settings.items()]
        folder.mkdir(parents=True)
        self.appliance = Appliance(folder / "state", board=board, listen=None, overrides=overrides)
        hands = self.appliance.board.simulated
        if isinstance(hands, SimulatedHands):
            self.hands = hands
        self._heard: list[Event] = []
        self._news = threading.Condition()
        self.appliance.events.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        with self._news:
            self._heard.append(event)
            self._news.notify_all()

    def __enter__(self) -> Self:
        self.appliance.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.appliance.stop("the test is over")

    def perform(self, operation: Operation, *, timeout_s: float = 10) -> Answer:
        return self.appliance.operations.perform(operation, by="the test", timeout_s=timeout_s)

    def status(self) -> dict[str, Any]:
        return self.appliance.operations.status()

    @property
    def state(self) -> str:
        return str(self.status()["state"])

    def events(self, *codes: int) -> list[Event]:
        """Events since the last :meth:`forget`; of those codes only, if any are given."""
        with self._news:
            return [event for event in self._heard if not codes or event.code in codes]

    def codes(self) -> list[int]:
        return [event.code for event in self.events()]

    def forget(self) -> None:
        """Events are counted from here on."""
        with self._news:
            self._heard.clear()

    def wait_for(self, code: int, timeout_s: float = 10) -> Event:
        """The first event of that code."""
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                for event in self._heard:
                    if event.code == code:
                        return event
                left = until - time.monotonic()
                assert left > 0, f"no {code} within {timeout_s:g} s; events: {[e.code for e in self._heard]}"
                self._news.wait(left)
