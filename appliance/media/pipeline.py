"""What the pipelines of picture and sound have in common: a plan, a thread that brings it about, and hands for devices."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from appliance.media.hands import Hands
from appliance.threads import Worker

Plan = TypeVar("Plan")


class Pipeline(ABC, Generic[Plan]):
    """Carries out the newest plan, and nothing of one that another has taken the place of. What may wait for a device
    is done by ``_hands``, in a thread beside; ``_changed`` wakes the pipeline's. Public methods: from any thread."""

    def __init__(
        self, name: str, hands: str, plan: Plan, *, on_crash: Callable[[str, BaseException], None] | None
    ) -> None:
        self._plan = self._done = plan
        self._changed = threading.Event()
        self._hands = Hands(hands, self._changed.set)
        self.worker = Worker(name, self._run, on_crash=on_crash)

    def start(self) -> None:
        """Start the thread."""
        self.worker.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Release the device and end."""
        self.worker.request_stop()
        self._changed.set()
        self.worker.stop(timeout_s)
        self._hands.close(timeout_s)

    def set_plan(self, plan: Plan) -> None:
        """Have ``plan`` brought about; returns at once."""
        self._plan = plan
        self._changed.set()

    def _run(self, worker: Worker) -> None:
        while not worker.stopping:
            worker.beat()
            self._changed.clear()
            plan, done = self._plan, self._done
            if plan is not done:
                self._done = plan
                self._reconcile(plan, done)
            self._turn(plan)
        self._shut()

    @abstractmethod
    def _reconcile(self, plan: Plan, done: Plan) -> None:
        """Another plan is to be carried out; ``done`` was the one before it."""

    @abstractmethod
    def _turn(self, plan: Plan) -> None:
        """Carry on with ``plan``, for a fraction of a second or until ``_changed``."""

    @abstractmethod
    def _shut(self) -> None:
        """Release the device: the thread ends."""
