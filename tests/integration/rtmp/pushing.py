"""What the tests of the session share: short deadlines, and a push with its listener."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import cast

from appliance.errors import NetworkError
from appliance.media.tags import Tag
from appliance.rtmp.session import Deadlines, PublishSession
from appliance.settings.push_address import parse
from tests.servers.media import Listener, Playing

SHORT = Deadlines(name_s=0.5, connect_s=0.5, handshake_s=0.5, publish_s=0.6, progress_s=0.8, farewell_s=0.3)
LONG = Deadlines(name_s=30, connect_s=30, handshake_s=30, publish_s=30, progress_s=30)
"""So long that nothing but what is tested ends a session."""


class Push:
    """A running session."""

    def __init__(self, url: str, tags: Iterator[Tag], *, deadlines: Deadlines = SHORT, speed: float = 1.0) -> None:
        self.listener = Listener()
        self.queue = Playing(tags, speed=speed)
        self.session = PublishSession(
            parse(url),
            self.queue,
            self.listener,
            metadata=lambda: {"width": 320.0, "height": 180.0},
            deadlines=deadlines,
        )
        self.started_at = time.monotonic()
        self.session.start()

    def published(self, timeout_s: float = 5) -> None:
        """Wait for the push to begin."""
        assert self.listener.published.wait(timeout_s), (self.session.phase, self.listener.endings)

    def failure(self, timeout_s: float = 5) -> NetworkError:
        """Wait for the session to end by itself; the error."""
        assert self.listener.ended.wait(timeout_s), f"still {self.session.phase}"
        (error,) = self.listener.endings
        assert isinstance(error, NetworkError)
        return error

    @property
    def seconds(self) -> float:
        """How long the session took."""
        return self.listener.ended_at - self.started_at

    def in_phase(self, phase: str, timeout_s: float = 5) -> None:
        """Wait until the session is in ``phase``."""
        until = time.monotonic() + timeout_s
        while self.session.phase != phase:
            assert time.monotonic() < until, f"in {self.session.phase} instead of {phase}: {self.listener.endings}"
            time.sleep(0.002)

    def closed(self, timeout_s: float = 3) -> float:
        """Close; how long it took until the session had ended, in seconds."""
        before = time.monotonic()
        self.session.close()
        returned = time.monotonic() - before
        assert returned < 0.05
        assert self.session.join(timeout_s)
        assert self.listener.endings == [None]
        assert self.session.phase == "ended"
        return self.listener.ended_at - before


@contextlib.contextmanager
def push(url: str, tags: Iterator[Tag], *, deadlines: Deadlines = SHORT, speed: float = 1.0) -> Iterator[Push]:
    """A session that is ended in any case, and must have told so exactly once."""
    running = Push(url, tags, deadlines=deadlines, speed=speed)
    try:
        yield running
    finally:
        running.session.close()
        assert running.session.join(3)
        assert cast("list[object]", running.listener.calls).count("ended") == 1
        assert running.queue.wakes[-1] is None
