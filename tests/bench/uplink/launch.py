"""``live-pusher`` as a user runs it, with every message written down as it goes into the send queue, and on request with
another rule in the place of its own.

``python -m tests.bench.uplink.launch run …``, with the environment variables :data:`MADE` and :data:`RULE`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from appliance.cli import main
from appliance.engine import rate_control
from appliance.media.send_queue import SendQueue
from appliance.media.tags import Tag
from appliance.pusher.bitrate import RateRule
from tests.bench.uplink import rules
from tests.bench.uplink.records import Recorder

MADE = "LIVE_PUSHER_BENCH_MADE"
"""The file to write to."""
RULE = "LIVE_PUSHER_BENCH_RULE"
"""The name of a class in :mod:`tests.bench.uplink.rules`; absent: the product's own rule."""


def record(path: Path) -> None:
    """From here on, what the encoders make goes to the file too."""
    recorder, put = Recorder(path), SendQueue.put

    def recorded(self: SendQueue, tag: Tag) -> None:
        recorder.put(tag)
        put(self, tag)

    SendQueue.put = recorded  # type: ignore[method-assign]


def replace_rule(name: str) -> None:
    """From here on, pushes are ruled by that class."""

    def rule_for(mode: str, *, min_kbps: int, max_kbps: int) -> RateRule:
        rule: RateRule = getattr(rules, name)()
        rule.set_limits(min_kbps=min_kbps, max_kbps=max_kbps)
        return rule

    rate_control.rule_for = rule_for


if __name__ == "__main__":
    record(Path(os.environ[MADE]))
    if RULE in os.environ:
        replace_rule(os.environ[RULE])
    sys.exit(main())
