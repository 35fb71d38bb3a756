"""The audio pipeline and its microphone."""

from __future__ import annotations

import threading
import time

from appliance.errors import LivePusherError
from appliance.media.audio import AudioPipeline, SoundPlan
from appliance.media.send_queue import SendQueue
from appliance.media.sources import Microphone, Sound, SoundFormat


class SlowMicrophone:
    """Opens when the test lets it."""

    name = "slow"

    def __init__(self) -> None:
        self.opening, self.may_open, self.closed = threading.Event(), threading.Event(), threading.Event()

    def open(self, wanted: SoundFormat) -> SoundFormat:
        self.opening.set()
        self.may_open.wait(5)
        return wanted

    def read(self, timeout_s: float) -> Sound | None:
        time.sleep(timeout_s)
        return None

    def close(self) -> None:
        self.closed.set()


class Silence:
    def microphone_ready(self, name: str) -> None: ...

    def microphone_failed(self, error: LivePusherError) -> None: ...

    def sound_encoder_failed(self, error: LivePusherError) -> None: ...


def test_a_microphone_still_opening_when_the_push_ends_is_closed() -> None:
    microphone = SlowMicrophone()

    def make(source: tuple[str, ...]) -> Microphone:
        return microphone

    pipeline = AudioPipeline(make, SendQueue(), Silence())
    pipeline.start()
    try:
        pipeline.set_plan(SoundPlan(SoundFormat(16000, 1), source=("auto",), epoch_s=time.monotonic()))
        assert microphone.opening.wait(5)
        pipeline.set_plan(SoundPlan())
        time.sleep(0.1)
        microphone.may_open.set()
        assert microphone.closed.wait(2), "it would listen on, without a push"
        assert pipeline.microphone_name is None
    finally:
        pipeline.close()
