"""The pi board's microphone, against a fake of pyalsaaudio and ALSA's own file plugin."""

from __future__ import annotations

import os
import select
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.errors import MicrophoneError
from appliance.hardware.pi import microphone as pi_microphone
from appliance.hardware.pi.board import PiBoard
from appliance.hardware.pi.microphone import AlsaMicrophone
from appliance.media.sources import SoundFormat
from tests.unit.hardware.fake_picamera2 import Rig


def test_alsa_delivers_the_samples_in_order(alsa_tone: str) -> None:
    microphone = AlsaMicrophone(alsa_tone)
    assert microphone.open(SoundFormat(48000, 1)) == SoundFormat(48000, 1)
    blocks = []
    for _ in range(10):
        sound = microphone.read(0.5)
        assert sound is not None
        blocks.append(sound.samples[:, 0])
    microphone.close()
    samples = np.concatenate(blocks).astype(float)
    expected = np.rint(10000 * np.sin(2 * np.pi * 480 * np.arange(len(samples)) / 48000))
    assert np.array_equal(samples, expected)


def test_a_device_that_is_none_is_said(alsa_tone: str) -> None:
    with pytest.raises(MicrophoneError, match=r"hw:CARD=Nix,DEV=0 cannot be opened"):
        AlsaMicrophone("hw:CARD=Nix,DEV=0").open(SoundFormat(48000, 1))


class FakeAlsa(types.ModuleType):
    """A sound card with faults."""

    PCM_CAPTURE, PCM_NONBLOCK, PCM_FORMAT_S16_LE = 1, 1, 2

    class ALSAAudioError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("alsaaudio")
        self.devices = [
            "default",
            "hw:CARD=Loopback,DEV=0",
            "hw:CARD=Codec,DEV=0",
            "plughw:CARD=Mic,DEV=0",
            "hw:CARD=Mic,DEV=0",
        ]
        self.formats = {"hw:CARD=Mic,DEV=0": ("S16_LE", 44100, 2), "hw:CARD=I2S,DEV=0": ("S32_LE", 48000, 2)}
        self.script: list[Any] = []
        self.opened: list[str] = []
        self.behind = 0
        self.pcm: type[PcmOf010] = FakePcm

    def pcms(self, kind: int) -> list[str]:
        return self.devices

    def PCM(self, *, device: str, rate: int, channels: int, **_: Any) -> PcmOf010:
        self.opened.append(device)
        return self.pcm(self, *self.formats.get(device, ("S16_LE", rate, channels)))


class PcmOf010:
    """As pyalsaaudio 0.10 has it, which is trixie's."""

    def __init__(self, alsa: FakeAlsa, name: str, rate: int, channels: int) -> None:
        self.alsa, self.form = alsa, {"format_name": name, "rate": rate, "channels": channels, "buffer_size": rate // 2}
        self.ear, self.mouth = os.pipe()

    def info(self) -> dict[str, Any]:
        return self.form

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self.ear, select.POLLIN)]

    def read(self) -> tuple[int, bytes]:
        step = self.alsa.script.pop(0) if self.alsa.script else (0, b"")
        if isinstance(step, Exception):
            raise step
        count, data = step
        return count, data

    def htimestamp(self) -> tuple[int, int, int]:
        return 0, 0, self.alsa.behind

    def close(self) -> None:
        return None


class FakePcm(PcmOf010):
    """As 0.11 has it."""

    def avail(self) -> int:
        return self.alsa.behind


@pytest.fixture
def alsa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAlsa:
    fake = FakeAlsa()
    monkeypatch.setitem(sys.modules, "alsaaudio", fake)
    monkeypatch.setattr(pi_microphone, "_PROC", tmp_path)
    (tmp_path / "Mic").mkdir()
    (tmp_path / "Mic" / "usbid").touch()
    return fake


def test_the_best_microphone_comes_first(alsa: FakeAlsa, rig: Rig) -> None:
    board = PiBoard()
    assert board.microphones() == ["hw:CARD=Mic,DEV=0", "hw:CARD=Codec,DEV=0", "hw:CARD=Loopback,DEV=0"]
    assert board.microphone("auto").name == "hw:CARD=Mic,DEV=0"
    assert board.microphone("plughw:CARD=Codec").name == "plughw:CARD=Codec"
    alsa.devices = ["default"]
    with pytest.raises(MicrophoneError, match="no sound card"):
        board.microphone("auto")


def test_a_card_is_taken_as_it_is(alsa: FakeAlsa) -> None:
    microphone = AlsaMicrophone("hw:CARD=Mic,DEV=0")
    assert microphone.open(SoundFormat(16000, 1)) == SoundFormat(44100, 2)
    assert alsa.opened == ["hw:CARD=Mic,DEV=0"]


def test_a_card_without_16_bits_goes_through_alsas_conversion(alsa: FakeAlsa) -> None:
    microphone = AlsaMicrophone("hw:CARD=I2S,DEV=0")
    assert microphone.open(SoundFormat(16000, 1)) == SoundFormat(48000, 2)
    assert alsa.opened == ["hw:CARD=I2S,DEV=0", "plughw:CARD=I2S,DEV=0"]


@pytest.mark.parametrize("pcm", [FakePcm, PcmOf010])
def test_times_count_what_is_still_buffered(alsa: FakeAlsa, pcm: type[PcmOf010]) -> None:
    alsa.pcm = pcm
    microphone = AlsaMicrophone("any")
    microphone.open(SoundFormat(48000, 1))
    alsa.script, alsa.behind = [(960, bytes(1920))], 4800
    sound = microphone.read(0.1)
    assert sound is not None
    assert time.monotonic() - sound.time_s == pytest.approx(0.12, abs=0.02)


@pytest.mark.parametrize(("pcm", "behind"), [(FakePcm, -32), (PcmOf010, -32), (PcmOf010, 1 << 40)])
def test_an_overrun_is_recovered_from(alsa: FakeAlsa, pcm: type[PcmOf010], behind: int) -> None:
    alsa.pcm = pcm
    microphone = AlsaMicrophone("any")
    microphone.open(SoundFormat(48000, 1))
    alsa.script, alsa.behind = [(-32, b""), (960, bytes(1920))], behind
    sound = microphone.read(0.1)
    assert sound is not None
    assert time.monotonic() - sound.time_s == pytest.approx(0.02, abs=0.02)


def test_a_card_that_is_pulled_out_is_gone(alsa: FakeAlsa) -> None:
    microphone = AlsaMicrophone("any")
    microphone.open(SoundFormat(48000, 1))
    assert microphone.read(0.01) is None
    alsa.script = [FakeAlsa.ALSAAudioError("No such device [any]")]
    with pytest.raises(MicrophoneError, match="is gone: .*No such device"):
        microphone.read(0.1)
