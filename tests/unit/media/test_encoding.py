"""Encoders and muxers: what comes out is H.264 and AAC that decodes, at the times it was given."""

from __future__ import annotations

import av
import numpy as np
import pytest

from appliance.errors import UnsupportedResolution
from appliance.media.encoders import SoftwareEncoder
from appliance.media.flv import FlvAudioTrack, FlvVideoTrack, parameter_sets
from appliance.media.sources import SoundFormat, VideoSpec
from appliance.media.tags import Tag, TagKind


def spec(width: int = 320, height: int = 180, kbps: int = 400) -> VideoSpec:
    return VideoSpec(width, height, 30, kbps, kbps, 2.0)


def noise(width: int, height: int, seed: int) -> av.VideoFrame:
    rng = np.random.default_rng(seed)
    return av.VideoFrame.from_ndarray(rng.integers(0, 255, (height * 3 // 2, width), np.uint8), format="yuv420p")


def decoded(tags: list[Tag]) -> list[av.VideoFrame]:
    """Decode video tags as a receiver does: a new decoder for each sequence header."""
    frames: list[av.VideoFrame] = []
    decoder = None
    for tag in tags:
        assert tag.kind is TagKind.VIDEO
        if tag.header:
            decoder = av.CodecContext.create("h264", "r")
            decoder.extradata = tag.body[5:]
        else:
            assert decoder is not None
            frames += decoder.decode(av.Packet(tag.body[5:]))
    return frames


def test_keyframes_come_by_time() -> None:
    encoder = SoftwareEncoder(spec())
    keys = []
    for i in range(0, 200, 2):  # a camera that drops every other picture
        for picture in encoder.encode(noise(320, 180, i), i / 30):
            keys += [i / 30] if picture.keyframe else []
    assert keys == pytest.approx([0, 2, 4, 6])


def test_a_keyframe_can_be_asked_for() -> None:
    encoder = SoftwareEncoder(spec())
    flags = [p.keyframe for i in range(5) for p in encoder.encode(noise(320, 180, 1), i / 30, keyframe=i == 3)]
    assert flags == [True, False, False, True, False]


def test_the_bitrate_is_followed_without_a_restart() -> None:
    encoder = SoftwareEncoder(spec(kbps=1000))
    sizes = []
    for i in range(180):
        if i == 90:
            encoder.set_bitrate(300)
        sizes.append(sum(len(p.data) for p in encoder.encode(noise(320, 180, i), i / 30)))
    before, after = sum(sizes[30:90]) * 8 / 2000, sum(sizes[105:165]) * 8 / 2000
    assert 800 < before < 1200
    assert 230 < after < 400


def test_keyframes_fit_the_bitrate_they_are_made_for() -> None:
    """Far below the ceiling a keyframe does not take what the ceiling would allow."""
    encoder = SoftwareEncoder(spec(1280, 720, kbps=2500))
    encoder.encode(noise(1280, 720, 0), 0.0)
    encoder.set_bitrate(300)
    pictures = [p for i in range(1, 20) for p in encoder.encode(noise(1280, 720, i % 2), i / 5)]
    at_least = len(SoftwareEncoder(spec(1280, 720, kbps=2500)).encode(noise(1280, 720, 0), 0.0)[0].data)
    assert max(len(p.data) for p in pictures if p.keyframe) < at_least / 2


def test_a_bitrate_that_climbs_beyond_what_the_encoder_was_opened_for_is_followed_soon() -> None:
    encoder = SoftwareEncoder(VideoSpec(320, 180, 30, 150, 1500, 10.0))
    sizes, keys = [], []
    for i in range(150):
        if i == 30:
            encoder.set_bitrate(1500)
        for picture in encoder.encode(noise(320, 180, i), i / 30):
            sizes.append(len(picture.data))
            keys += [i] if picture.keyframe else []
    assert keys == [0, 45], "a keyframe half a second after the step, and no more"
    assert 450 < sum(sizes[33:45]) * 8 / 400 < 700, "four times as much at once"
    assert 1200 < sum(sizes[75:135]) * 8 / 2000 < 1700


def test_half_the_pictures_have_all_of_the_bitrate() -> None:
    encoder = SoftwareEncoder(VideoSpec(320, 180, 30, 400, 1500, 2.0))
    encoder.set_every(2)
    sizes = [len(p.data) for i in range(0, 240, 2) for p in encoder.encode(noise(320, 180, i), i / 30)]
    assert 340 < sum(sizes[30:]) * 8 / 6000 < 460


def test_an_odd_size_is_refused_in_words() -> None:
    with pytest.raises(UnsupportedResolution, match="321x180 cannot be encoded"):
        SoftwareEncoder(spec(width=321))


def test_a_new_size_brings_a_new_sequence_header() -> None:
    track, tags = FlvVideoTrack(), []
    for n, (width, height) in enumerate([(320, 180), (160, 90), (320, 180)]):
        encoder = SoftwareEncoder(spec(width, height))
        for i in range(5):
            for picture in encoder.encode(noise(width, height, i), i / 30):
                tags += track.mux(picture.data, (n * 5 + i) * 33, keyframe=picture.keyframe)
    assert [tag.time_ms for tag in tags if tag.header] == [0, 165, 330]
    assert [(f.width, f.height) for f in decoded(tags)] == [(320, 180)] * 5 + [(160, 90)] * 5 + [(320, 180)] * 5


def test_timestamps_go_beyond_31_bits() -> None:
    track = FlvVideoTrack()
    encoder = SoftwareEncoder(spec())
    start = 2**31 - 20
    times = [
        tag.time_ms
        for i in range(4)
        for picture in encoder.encode(noise(320, 180, i), i / 30)
        for tag in track.mux(picture.data, start + i * 33, keyframe=picture.keyframe)
        if not tag.header
    ]
    assert times == [start, start + 33, start + 66, start + 99]


def test_parameter_sets_are_found() -> None:
    sps, pps, idr = b"\0\0\0\x01\x67abc", b"\0\0\0\x01\x68de", b"\0\0\x01\x65rest"
    assert parameter_sets(sps + pps + idr) == sps + pps
    assert parameter_sets(b"\0\0\x01\x09\xf0" + sps + pps + b"\0\0\0\x01\x06sei" + idr) == sps + pps
    assert parameter_sets(idr) == b""
    assert parameter_sets(b"\0\0\x01\x41inter") == b""
    assert parameter_sets(b"") == b""


@pytest.mark.parametrize("sound", [SoundFormat(16000, 1), SoundFormat(48000, 1), SoundFormat(48000, 2)])
def test_sound_arrives_when_it_was_captured(sound: SoundFormat) -> None:
    track, tags = FlvAudioTrack(sound, 64), []
    total = sound.rate * 2
    line = np.zeros((sound.channels, total), np.float32)
    begin = sound.rate  # a tone that begins at one second
    line[:, begin:] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(total - begin) / sound.rate)
    for position in range(0, total - 1024, 1024):
        tags += track.encode(line[:, position : position + 1024], position)
    assert tags[0].header and not any(tag.header for tag in tags[1:])
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = tags[0].body[2:]
    onset = None
    for tag in tags[1:]:
        for frame in decoder.decode(av.Packet(tag.body[2:])):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
            if loud.size and onset is None:
                onset = tag.time_ms / 1000 + loud[0] / sound.rate
    assert onset == pytest.approx(1.0, abs=0.003)
