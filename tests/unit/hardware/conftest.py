"""Media files and devices shared by the tests of the hardware."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.hardware.simulated.board import SimulatedBoard
from tests.unit.hardware import fake_picamera2
from tests.unit.hardware.clips import make_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``film.mp4`` (a second of picture and sound)."""
    folder = tmp_path_factory.mktemp("clips")
    make_clip(folder / "film.mp4", seconds=1.0, sound_s=1.0)
    return folder


@pytest.fixture
def board() -> Iterator[SimulatedBoard]:
    board = SimulatedBoard()
    yield board
    board.close()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> fake_picamera2.Rig:
    """A fake Pi without a hardware encoder."""
    return fake_picamera2.install(monkeypatch)


@pytest.fixture
def alsa_tone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a real ALSA device, fed from a file through ALSA's ``file`` plugin. Its reads return at once."""
    pytest.importorskip("alsaaudio")
    tone = tmp_path / "tone.raw"
    np.rint(10000 * np.sin(2 * np.pi * 480 * np.arange(48000) / 48000)).astype("<i2").tofile(tone)
    configuration = tmp_path / "asound.conf"
    configuration.write_text(
        "pcm.nothing { type null }\n"
        f'pcm.tone {{ type file; slave.pcm "nothing"; file "/dev/null"; infile "{tone}"; format "raw" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(configuration))
    return "tone"
