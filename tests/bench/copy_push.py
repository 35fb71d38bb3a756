"""Push a media file's packets, already encoded, at their own pace: the counterpart of ``ffmpeg -re -c copy``.

Usage: python -m tests.bench.copy_push FILE.mp4 rtmp://…
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping

import av
from av.bitstream import BitStreamFilterContext

from appliance.errors import NetworkError
from appliance.media.flv import FlvVideoTrack
from appliance.media.send_queue import SendQueue
from appliance.media.tags import Tag, TagKind
from appliance.rtmp.session import PublishSession
from appliance.settings import push_address
from appliance.threads import calm_garbage_collector

STEP_S = 0.02
"""Packets that are due within this are given at once: ffmpeg's own -re looks at its clock about so often."""


class Listener:
    def __init__(self, queue: SendQueue) -> None:
        self.queue = queue
        self.published = threading.Event()

    def on_connected(self, server: str) -> None:
        pass

    def on_published(self) -> None:
        self.queue.open()
        self.published.set()

    def on_ended(self, error: NetworkError | None) -> None:
        if error is not None:
            print(f"the push broke: {error}", file=sys.stderr)
            sys.exit(1)


def main() -> None:
    path, url = sys.argv[1:]
    queue = SendQueue()
    listener = Listener(queue)
    metadata: Mapping[str, object] = {"videocodecid": 7.0, "audiocodecid": 10.0}
    session = PublishSession(push_address.parse(url), queue, listener, metadata=lambda: metadata)
    session.start()
    if not listener.published.wait(10):
        sys.exit("the server did not accept the push")
    calm_garbage_collector()
    with av.open(path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        annexb = BitStreamFilterContext("h264_mp4toannexb", video)
        track = FlvVideoTrack()
        config = audio.codec_context.extradata or b""
        queue.put(Tag(TagKind.AUDIO, 0, b"\xaf\x00" + config, header=True))
        tick_s = {stream.index: float(stream.time_base or 0) for stream in (video, audio)}
        begun = time.monotonic()
        for packet in container.demux(video, audio):
            if packet.dts is None:
                continue
            at_s = packet.dts * tick_s[packet.stream_index]
            wait_s = begun + at_s - time.monotonic()
            if wait_s > STEP_S:
                time.sleep(wait_s)
            time_ms, keyframe = round(at_s * 1000), packet.is_keyframe  # the filter empties the packet
            if packet.stream_index == video.index:
                for unit in annexb.filter(packet):
                    for tag in track.mux(bytes(unit), time_ms, keyframe=keyframe):
                        queue.put(tag)
            else:
                queue.put(Tag(TagKind.AUDIO, time_ms, b"\xaf\x01" + bytes(packet)))
    session.close()
    session.join(2)


if __name__ == "__main__":
    main()
