"""FLV muxers, one per track: encoded packets in, tags out (Adobe FLV 10.1, annex E).

FFmpeg's muxer, through PyAV, writes into memory; with ``flush_packets`` each tag comes out the moment its packet goes
in. One muxer per track, because a muxer with two tracks holds each packet back until the other track's next one.
Timestamps do not go through the muxer's 31 bits: a tag carries the time that the packet was given with.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.packet import Packet, PacketSideData

from appliance.errors import AudioEncodeError
from appliance.media.sources import SoundFormat
from appliance.media.tags import Tag, TagKind

_FLV_OPTIONS = {"flvflags": "no_duration_filesize", "flush_packets": "1"}
_FILE_HEADER = 9 + 4  # the file header and the first PreviousTagSize
_TAG_HEADER = 11
_NEW_EXTRADATA = 1  # AV_PKT_DATA_NEW_EXTRADATA
_MS = Fraction(1, 1000)


class _TagSink:
    """The file that a muxer writes into."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._skip = _FILE_HEADER

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def bodies(self) -> list[tuple[int, bytes]]:
        """Type and body of every tag that is complete, and forget them."""
        if self._skip:
            if len(self._data) < self._skip:
                return []
            del self._data[: self._skip]
            self._skip = 0
        tags: list[tuple[int, bytes]] = []
        offset = 0
        while len(self._data) - offset >= _TAG_HEADER:
            size = int.from_bytes(self._data[offset + 1 : offset + 4])
            end = offset + _TAG_HEADER + size + 4
            if len(self._data) < end:
                break
            tags.append((self._data[offset], bytes(self._data[offset + _TAG_HEADER : end - 4])))
            offset = end
        del self._data[:offset]
        return tags


def parameter_sets(data: bytes) -> bytes:
    """The SPS and PPS at the head of an Annex B access unit, with their start codes; empty when there are none."""
    start = first = -1
    position = 0
    while (position := data.find(b"\x00\x00\x01", position)) >= 0 and position + 3 < len(data):
        unit = data[position + 3] & 0x1F
        begin = position - 1 if position and data[position - 1] == 0 else position
        if unit in (7, 8):
            first = begin if first < 0 else first
            start = -1
        elif first >= 0:
            start = begin
            break
        elif unit in (1, 5):
            break
        position += 3
    if first < 0:
        return b""
    return data[first : start if start >= 0 else len(data)]


class FlvVideoTrack:
    """H.264 access units in Annex B to video tags. A sequence header comes out whenever the parameter sets change.
    For one thread at a time."""

    def __init__(self) -> None:
        self._sink = _TagSink()
        self._container = av.open(self._sink, "w", format="flv", options=_FLV_OPTIONS)
        self._stream = self._container.add_mux_stream("h264", rate=30, width=640, height=360)
        self._stream.time_base = _MS
        self._sets = b""

    def mux(self, data: bytes, time_ms: int, *, keyframe: bool) -> list[Tag]:
        """``time_ms`` must be greater than the one before it."""
        packet = Packet(data)
        packet.stream = self._stream
        packet.time_base = _MS
        packet.pts = packet.dts = time_ms
        packet.is_keyframe = keyframe
        if keyframe and (sets := parameter_sets(data)) and sets != self._sets:
            self._sets = sets
            side = PacketSideData(_NEW_EXTRADATA, len(sets))  # type: ignore[call-arg]  # the stub lacks it
            side.update(sets)
            packet.set_sidedata(side)
        self._container.mux_one(packet)
        tags: list[Tag] = []
        for kind, body in self._sink.bodies():
            if kind == TagKind.VIDEO:
                header = body[1] == 0
                if header and tags and tags[-1].body == body:
                    continue  # the muxer writes its first one twice
                tags.append(Tag(TagKind.VIDEO, time_ms, body, keyframe=not header and body[0] >> 4 == 1, header=header))
        return tags


class FlvAudioTrack:
    """Sound to AAC-LC to audio tags: the encoder belongs to its muxer. For one thread at a time."""

    def __init__(self, sound: SoundFormat, bitrate_kbps: int) -> None:
        """Raises :class:`~appliance.errors.AudioEncodeError` where the encoder refuses the format."""
        self.format = sound
        self.frame_samples = 1024
        self._sink = _TagSink()
        self._layout = "mono" if sound.channels == 1 else "stereo"
        try:
            self._container = av.open(self._sink, "w", format="flv", options=_FLV_OPTIONS)
            stream = self._container.add_stream("aac", rate=sound.rate)
            assert isinstance(stream, AudioStream)
            stream.layout = self._layout
            stream.bit_rate = bitrate_kbps * 1000
            self._stream = stream
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise AudioEncodeError(f"AAC at {sound.rate} Hz, {self._layout}: {error}") from error

    def encode(self, samples: npt.NDArray[np.float32], position: int) -> list[Tag]:
        """One frame of ``frame_samples`` samples, shape (channels, samples); ``position`` counts samples since the
        start of the push. Raises AudioEncodeError."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate = self.format.rate
        frame.pts = position
        frame.time_base = Fraction(1, self.format.rate)
        tags = []
        try:
            for packet in self._stream.encode(frame):
                # The encoder's first packet holds its priming, in front of the first sample.
                pts = packet.pts if packet.pts is not None else position
                self._container.mux_one(packet)
                time_ms = max(0, round(pts * 1000 / self.format.rate))
                for kind, body in self._sink.bodies():
                    header = body[1] == 0
                    if kind == TagKind.AUDIO and (header or pts >= 0):
                        tags.append(Tag(TagKind.AUDIO, time_ms, body, header=header))
        except av.FFmpegError as error:
            raise AudioEncodeError(f"AAC: {error}") from error
        return tags
