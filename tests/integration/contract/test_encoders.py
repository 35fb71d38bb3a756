"""Encoders that refuse (SPEC 3, -1303, -1304), and the push that goes on or is begun again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from appliance.media import flv
from appliance.pusher.operations import Operation
from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx

from .conftest import FAST
from .local import LocalAppliance

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
"""A limit of threads does not hold for root."""


@pytest.fixture
def box(nginx: Nginx) -> Iterator[ApplianceProcess]:
    """An appliance of somebody who is not root."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("on one processor libx264 needs no threads, so it cannot be refused any")
    if subprocess.run([*AS_NOBODY, sys.executable, "-c", "import appliance.app"], check=False).returncode:
        pytest.skip("only root can read this Python")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "box").mkdir()
        if AS_NOBODY:
            shutil.chown(folder / "box", NOBODY, NOBODY)
        settings = {**FAST, "url": f"{nginx.url}/encoders"}
        with ApplianceProcess(folder / "box", settings, prefix=AS_NOBODY) as running:
            yield running


def limit_threads(box: ApplianceProcess, most: str) -> str:
    """Allow its user ``most`` threads; the hard limit."""
    prlimit = [*AS_NOBODY, "prlimit", "--pid", str(box.pid)]
    subprocess.run([*prlimit, f"--nproc={most}:"], check=True, timeout=5)
    asked = [*prlimit, "--nproc", "--raw", "--noheadings", "--output=HARD"]
    return subprocess.run(asked, check=True, timeout=5, capture_output=True, text=True).stdout.strip()


def test_a_video_encoder_that_cannot_be_restarted(box: ApplianceProcess) -> None:
    """-1303: the system has no more threads for the service, and libx264 cannot be opened without; it was tried three
    times. The push that was asked for when there were threads again begins."""
    for operation in ("start", "pause", "resume"):  # the waiting picture is made, and everything but encoders is open
        box.do(operation)
        time.sleep(0.5)
    box.mark()
    hard = limit_threads(box, "1")
    try:
        box.do("pause")
        until = time.monotonic() + 5
        while "-1303" not in box.log() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        limit_threads(box, hard)
    event = box.wait_for(-1303, 1)
    assert "libx264 cannot be opened" in event["text"]
    assert box.log().count("the video encoder failed and is started again") == 3
    assert box.state == "FAILED"
    assert box.do("start")["errMsg"] == "start:ok"


def test_a_sound_encoder_that_cannot_be_restarted(folder: Path, nginx: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    """-1304: the picture goes on. Nothing that reaches FFmpeg's AAC encoder makes it refuse, so what it is handed is
    spoilt on the way; the refusal is its own."""

    class NotNumbers:
        @staticmethod
        def from_ndarray(samples: Any, **how: Any) -> av.AudioFrame:
            return av.AudioFrame.from_ndarray(np.full_like(samples, np.nan), **how)

    with LocalAppliance(folder / "sound", {**FAST, "url": f"{nginx.url}/sound"}) as box:
        assert box.perform(Operation.START).ok
        monkeypatch.setattr(flv, "av", SimpleNamespace(**{**vars(av), "AudioFrame": NotNumbers}))
        assert "AAC: " in box.wait_for(-1304, 5).text
        assert box.state == "PUSHING"
        assert any("AAC: " in error for error in box.status()["errors"])
        monkeypatch.undo()
        assert box.perform(Operation.STOP).ok
        box.forget()
        assert box.perform(Operation.START).ok
        time.sleep(1)
        assert box.status()["net"]["audioBitrate"] > 0
        assert not box.events(-1304)
