"""Decodes what arrives: pictures for the page, and the sound's level.

Decoding has a thread of its own behind a short queue. When it cannot keep up, pictures are skipped up to the next
keyframe, so that what is shown is always the newest; the figures of what arrived are counted before the queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Any

import av
import numpy as np

from appliance.media.live_picture import LiveJpeg
from appliance.media.meters import RateMeter
from appliance.media.tags import Tag, TagKind
from appliance.threads import Worker

log = logging.getLogger(__name__)

QUEUE_TAGS = 60
"""Two seconds of pictures at most."""
SILENCE_DBFS = -96.0
"""What 16 bits of silence measure; also shown where no sound arrives."""
_LEVEL_S = 0.3
_VIDEO_HEADER, _AUDIO_HEADER = 5, 2  # bytes in front of AVC and AAC data in a tag


class Viewer:
    """``put`` and ``status`` are for any thread."""

    def __init__(self, picture: LiveJpeg) -> None:
        self._picture = picture
        self._queue: deque[Tag] = deque()
        self._changed = threading.Condition()
        self._awaiting_keyframe = True
        self._decoders: dict[TagKind, av.VideoCodecContext | av.AudioCodecContext] = {}
        self._clear_figures()
        self._worker = Worker("demo-viewer", self._run, stall_s=None)

    def _clear_figures(self) -> None:
        self._video_bytes, self._audio_bytes, self._frames = RateMeter(), RateMeter(), RateMeter()
        self._size = (0, 0)
        self._level = SILENCE_DBFS
        self._level_at = 0.0

    def start(self) -> None:
        """Start the decoding thread; once only."""
        self._worker.start()

    def stop(self) -> None:
        """End it."""
        self._worker.request_stop()
        with self._changed:
            self._changed.notify()
        self._worker.stop(0.5)

    def put(self, tag: Tag) -> None:
        """Count a tag and queue it for decoding; never waits."""
        if tag.kind is TagKind.VIDEO:
            self._video_bytes.add(len(tag.body))
            if not tag.header:
                self._frames.add()
        else:
            self._audio_bytes.add(len(tag.body))
        with self._changed:
            if len(self._queue) >= QUEUE_TAGS:
                self._skip()
            if tag.kind is TagKind.VIDEO and not tag.header:
                self._awaiting_keyframe = self._awaiting_keyframe and not tag.keyframe
                if self._awaiting_keyframe:
                    return
            self._queue.append(tag)
            self._changed.notify()

    def _skip(self) -> None:
        """Forget all but the newest parameter sets: the pictures to come start with a keyframe again."""
        headers = {tag.kind: tag for tag in self._queue if tag.header}
        self._queue.clear()
        self._queue.extend(headers.values())
        self._awaiting_keyframe = True

    def reset(self) -> None:
        """The publisher is gone: its picture is, too."""
        with self._changed:
            self._queue.clear()
            self._awaiting_keyframe = True
        self._clear_figures()
        self._picture.clear()

    def status(self) -> dict[str, Any]:
        """Rates in kbit/s, frames per second, size in pixels, and the sound's level in dBFS."""
        fresh = time.monotonic() - self._level_at < 1.0
        return {
            "videoKbps": round(self._video_bytes.rate() * 8 / 1000),
            "audioKbps": round(self._audio_bytes.rate() * 8 / 1000),
            "fps": round(self._frames.rate(), 1),
            "width": self._size[0],
            "height": self._size[1],
            "soundLevel": round(self._level, 1) if fresh else SILENCE_DBFS,
        }

    def _run(self, worker: Worker) -> None:
        while not worker.stopping:
            with self._changed:
                if not self._queue:
                    self._changed.wait(1.0)
                    continue
                tag = self._queue.popleft()
            try:
                if tag.kind is TagKind.VIDEO:
                    self._decode_video(tag)
                elif tag.kind is TagKind.AUDIO:
                    self._decode_audio(tag)
            except (av.FFmpegError, ValueError) as error:
                # what arrives is not ours to repair: the next keyframe or header begins afresh
                log.debug("%s not decoded: %s", tag.kind.name, error)

    def _decode_video(self, tag: Tag) -> None:
        data = tag.body[_VIDEO_HEADER:]
        if tag.header:
            decoder = av.CodecContext.create("h264", "r")
            decoder.extradata = data
            decoder.thread_count = 1  # more would hold pictures back
            self._decoders[TagKind.VIDEO] = decoder
            return
        video = self._decoders.get(TagKind.VIDEO)
        if not isinstance(video, av.VideoCodecContext) or tag.body[1:2] != b"\x01":
            return
        for frame in video.decode(av.Packet(data)):
            self._size = (frame.width, frame.height)
            self._picture.offer(frame)

    def _decode_audio(self, tag: Tag) -> None:
        data = tag.body[_AUDIO_HEADER:]
        if tag.header:
            decoder = av.CodecContext.create("aac", "r")
            decoder.extradata = data
            self._decoders[TagKind.AUDIO] = decoder
            return
        audio = self._decoders.get(TagKind.AUDIO)
        if not isinstance(audio, av.AudioCodecContext):
            return
        for frame in audio.decode(av.Packet(data)):
            samples = frame.to_ndarray().astype(np.float32)  # the AAC decoder gives planes of float, full scale 1.0
            power = float(np.mean(samples**2)) if samples.size else 0.0
            level = max(SILENCE_DBFS, 10 * float(np.log10(power))) if power > 0 else SILENCE_DBFS
            now = time.monotonic()
            # up at once, down slowly, like any level meter: a short beep must be seen
            if level > self._level or now - self._level_at > 1.0:
                self._level = level
            else:
                self._level += (level - self._level) * min(1.0, (frame.samples / frame.sample_rate) / _LEVEL_S)
            self._level_at = now
