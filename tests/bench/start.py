"""How long it takes from ``start`` until the server's machine has acknowledged the first keyframe."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from appliance.app import Appliance
from appliance.media.tags import Tag
from appliance.pusher.operations import Operation


def first_keyframe_s(url: str, state_dir: Path) -> float:
    """Seconds, with the preview on. The tag is acknowledged when TCP has nothing outstanding after it was taken."""
    appliance = Appliance(state_dir, board="simulated", listen=None, overrides=[("url", url)])
    appliance.start()
    try:
        operations = appliance.operations
        answer = operations.perform(Operation.START_PREVIEW, by="the bench")
        if not answer.ok:
            raise RuntimeError(answer.message)
        time.sleep(0.5)
        taken = threading.Event()
        queue = appliance.engine.queue
        take = queue.take

        def watched(now_s: float) -> Tag | None:
            tag = take(now_s)
            if tag is not None and tag.keyframe:
                taken.set()
            return tag

        queue.take = watched  # type: ignore[method-assign]
        begun = time.monotonic()
        threading.Thread(
            target=operations.perform, args=(Operation.START,), kwargs={"by": "the bench"}, daemon=True
        ).start()
        if not taken.wait(5):
            raise RuntimeError("no keyframe was sent")
        while time.monotonic() - begun < 5:
            link = appliance.engine.link_statistics()
            if link is not None and link.queued_bytes == 0 and link.acked_bytes > 5000:
                return time.monotonic() - begun
            time.sleep(0.001)
        raise RuntimeError("the keyframe was not acknowledged")
    finally:
        appliance.stop("bench")
