"""What keeps a service lean for weeks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from appliance import threads
from appliance.threads import Collector


class Node:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.myself = self


@pytest.fixture
def _own_collector() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("_own_collector")
def test_cycles_are_collected_while_the_interpreter_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "COLLECT_S", 0.05)
    collector = Collector()
    collector.start()
    try:
        freed = weakref.finalize(Node(), lambda: None)
        for _ in range(100):
            if not freed.alive:
                break
            collector.worker.wait(0.05)
        assert not freed.alive
    finally:
        collector.stop()
