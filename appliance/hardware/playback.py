"""Decoding a media file over and over, against its loop schedule.

Both generators run in a lookahead's thread. They know the time only to join the loop where it stands, and to jump ahead
when they have fallen too far behind (the machine slept, or cannot decode that fast): delay never accumulates.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import ClassVar

import av
import av.container
import numpy as np
import numpy.typing as npt

from appliance.hardware.lookahead import Stopping
from appliance.hardware.media_file import Failure, Kind, LoopSchedule, media_stream, open_media, picture_rate
from appliance.media.sources import SoundFormat

BEHIND_S = 2.0
"""Further behind than this, decoding jumps to where the loop stands now."""
JOIN_S = 0.2
"""Nearer than this to the loop's begin, playing begins there instead of seeking."""
TIMESTAMP_SLACK_S = 0.004
"""Containers round timestamps (FLV and Matroska to 1 ms): sound within this of its place is taken as contiguous."""
SINGLE_THREAD_PIXELS = 1280 * 720
"""Up to this size one thread decodes in a fraction of real time; above it, two."""
SILENCE_S = 0.1
"""Silence is handed on in pieces of at most this length."""

Samples = npt.NDArray[np.int16]


class _Reader:
    """One stream of a file, decoded in passes from any position."""

    def __init__(self, path: str, kind: Kind, origin_s: float, failure: Failure) -> None:
        self._path, self._kind, self._origin_s, self._failure = path, kind, origin_s, failure
        self._used = False
        self._open()

    def _open(self) -> None:
        self._container = open_media(self._path, self._failure)
        stream = media_stream(self._container, self._kind)
        if stream is None:
            raise self._failure(f"file {self._path} has no {'picture' if self._kind == 'video' else 'sound'}")
        self._stream = stream
        for other in self._container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        if isinstance(stream, av.video.stream.VideoStream) and stream.width * stream.height > SINGLE_THREAD_PIXELS:
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = 2

    def rewind(self, within_s: float) -> None:
        """Have the next pass begin at the last keyframe not later than ``within_s`` after the origin. For the begin the
        file is opened again: seeking there loses the first pictures of some formats, and others cannot seek at all."""
        if self._used:
            self._container.close()
            self._open()
        self._used = True
        if within_s > JOIN_S and self._stream.time_base is not None:
            with contextlib.suppress(av.FFmpegError):
                self._container.seek(int((self._origin_s + within_s) / self._stream.time_base), stream=self._stream)

    def frames(self) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
        """One pass to the end: each frame and its seconds after the origin. Damaged packets are left out."""
        count, rate = 0, picture_rate(self._stream) or Fraction(25)
        for packet in self._container.demux(self._stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue
            for frame in decoded:
                if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                    continue
                if frame.pts is not None and frame.time_base is not None:
                    within = float(frame.pts * frame.time_base) - self._origin_s
                else:
                    within = float(count / rate)  # a raw stream bears no timestamps
                count += 1
                yield within, frame

    def close(self) -> None:
        self._container.close()


def pictures(
    path: str, schedule: LoopSchedule, failure: Failure, fps: int, stopping: Stopping
) -> Iterator[tuple[float, av.VideoFrame]]:
    """The pictures of ``path`` with the monotonic time each is due, for ever. Of more than ``fps`` a second the ones too
    many are left out. The first one after a join is the picture that stands at that moment."""
    reader = _Reader(path, "video", schedule.info.origin_s, failure)
    turn = _Turn()
    loop, join_s = schedule.position(time.monotonic())
    passes_without = 0
    try:
        while True:
            reader.rewind(join_s)
            delivered, standing, slot, late = 0, None, None, False
            for within_s, frame in reader.frames():
                if stopping():
                    return
                assert isinstance(frame, av.VideoFrame)
                if within_s < join_s - 0.5 / fps:
                    standing = frame
                    continue
                if standing is not None and within_s > join_s:
                    yield schedule.time_s(loop, join_s), turn(standing)
                standing = None
                due_s = schedule.time_s(loop, max(0.0, within_s))
                late = delivered > 0 and time.monotonic() - due_s > BEHIND_S
                if late or within_s >= schedule.info.length_s:
                    break
                if (now_slot := int(within_s * fps + 0.01)) == slot:
                    continue
                slot = now_slot
                delivered += 1
                yield due_s, turn(frame)
            else:
                if standing is not None:  # the sound is longer than the picture, and it is there that we joined
                    yield schedule.time_s(loop, join_s), turn(standing)
                    delivered += 1
            passes_without = 0 if delivered or join_s > 0 else passes_without + 1
            if passes_without == 2:
                raise failure(f"file {path} holds no picture that can be decoded")
            loop, join_s = _next(schedule, loop, late)
    finally:
        reader.close()


def sound(
    path: str, schedule: LoopSchedule, failure: Failure, form: SoundFormat, stopping: Stopping
) -> Iterator[tuple[int, Samples]]:
    """The sound of ``path`` as int16 (samples, channels) in the wanted form, for ever and without a gap: each piece comes
    with the number of its first sample, counted from the schedule's start; a jump ahead is the only break."""
    reader = _Reader(path, "audio", schedule.info.origin_s, failure)
    rate = form.rate
    slack = round(TIMESTAMP_SLACK_S * rate)
    loop, join_s = schedule.position(time.monotonic())
    position = round((schedule.time_s(loop, join_s) - schedule.start_s) * rate)
    passes_without = 0
    try:
        while True:
            base = round(loop * schedule.info.length_s * rate)
            end = round((loop + 1) * schedule.info.length_s * rate)
            reader.rewind(join_s)
            heard, flowing, late = False, False, False
            for within_s, piece in _resampled(reader, form):
                if stopping():
                    return
                first = base + round(within_s * rate)
                if flowing and abs(first - position) <= slack:
                    first = position
                heard = True
                piece = piece[max(0, position - first) : max(0, end - first)]
                if not len(piece):
                    if first >= end:
                        break
                    continue
                for gap in _silence(max(0, min(first, end) - position), form):
                    yield position, gap
                    position += len(gap)
                yield position, piece
                flowing = True
                position += len(piece)
                late = time.monotonic() - schedule.start_s - position / rate > BEHIND_S
                if late:
                    break
            else:
                for gap in _silence(end - position, form):
                    yield position, gap
                    position += len(gap)
                    if stopping():
                        return
            passes_without = 0 if heard or join_s > 0 else passes_without + 1
            if passes_without == 2:
                raise failure(f"file {path} holds no sound that can be decoded")
            loop, join_s = _next(schedule, loop, late)
            if join_s > 0:
                position = round((schedule.time_s(loop, join_s) - schedule.start_s) * rate)
    finally:
        reader.close()


def _next(schedule: LoopSchedule, loop: int, late: bool) -> tuple[int, float]:
    """The loop to go on with and where in it: the next one from its begin, or where the schedule stands now."""
    now = time.monotonic()
    if late or now - schedule.time_s(loop + 1, 0.0) > BEHIND_S:
        return schedule.position(now)
    return loop + 1, 0.0


def _resampled(reader: _Reader, form: SoundFormat) -> Iterator[tuple[float, Samples]]:
    """One pass as int16 (samples, channels), each piece with its seconds after the origin.

    Samples are counted rather than each timestamp believed (they are rounded); where the two part by more than the
    slack, there is a gap or a jump in the file, and counting begins anew.
    """
    layout = "mono" if form.channels == 1 else "stereo"
    resampler: av.AudioResampler | None = None
    shape: tuple[object, ...] = ()
    begin_s, taken_s, given = 0.0, 0.0, 0

    def pieces(frame: av.AudioFrame | None) -> Iterator[tuple[float, Samples]]:
        nonlocal given
        resampled: Sequence[av.AudioFrame | None] = resampler.resample(frame) if resampler is not None else ()
        for out in resampled:
            if out is None:  # what a resampler without work to do answers to a flush
                continue
            samples: Samples = out.to_ndarray().reshape(-1, form.channels).astype(np.int16, copy=False)
            yield begin_s + given / form.rate, samples
            given += len(samples)

    for within_s, frame in reader.frames():
        assert isinstance(frame, av.AudioFrame)
        now_shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now_shape != shape or abs(within_s - begin_s - taken_s) > TIMESTAMP_SLACK_S:
            yield from pieces(None)
            resampler = av.AudioResampler(format="s16", layout=layout, rate=form.rate)
            shape, begin_s, taken_s, given = now_shape, within_s, 0.0, 0
        taken_s += frame.samples / frame.sample_rate
        frame.pts = None
        yield from pieces(frame)
    yield from pieces(None)


def _silence(samples: int, form: SoundFormat) -> Iterator[Samples]:
    most = round(SILENCE_S * form.rate)
    while samples > 0:
        yield np.zeros((min(samples, most), form.channels), np.int16)
        samples -= most


_Filters = tuple[tuple[str, str | None], ...]


class _Turn:
    """Turns pictures upright as their display matrix says (phones film sideways), and forgets the decoder's picture
    types: an encoder would take them as orders, and make keyframes of them."""

    _FILTERS: ClassVar[dict[int, _Filters]] = {
        90: (("transpose", "cclock"),),
        180: (("hflip", None), ("vflip", None)),
        -90: (("transpose", "clock"),),
    }
    """By the counterclockwise degrees that the decoded picture is to be turned."""

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._for: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        rotation = -180 if frame.rotation == 180 else frame.rotation
        filters = self._FILTERS.get(180 if rotation == -180 else rotation)
        if filters is not None:
            frame = self._turned(frame, filters, rotation)
        frame.pict_type = 0
        return frame

    def _turned(self, frame: av.VideoFrame, filters: _Filters, rotation: int) -> av.VideoFrame:
        needed = (rotation, frame.width, frame.height, frame.format.name)
        if self._graph is None or self._for != needed:
            graph = av.filter.Graph()
            nodes = [
                graph.add_buffer(
                    width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
                )
            ]
            nodes += [graph.add(name, argument) for name, argument in filters]
            nodes.append(graph.add("buffersink"))
            graph.link_nodes(*nodes).configure()
            self._graph, self._for = graph, needed
        frame.pts = None
        self._graph.vpush(frame)
        return self._graph.vpull()
