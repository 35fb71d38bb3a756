"""Tags for a send queue, and a clock that is set."""

from __future__ import annotations

from appliance.media.send_queue import SendQueue
from appliance.media.tags import Tag, TagKind


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def video(ms: int, *, key: bool = False, header: bool = False) -> Tag:
    return Tag(TagKind.VIDEO, ms, b"v" * 10, keyframe=key, header=header)


def audio(ms: int, *, header: bool = False) -> Tag:
    return Tag(TagKind.AUDIO, ms, b"a" * 4, header=header)


def drained(queue: SendQueue, now_s: float) -> list[tuple[str, int]]:
    tags = []
    while (tag := queue.take(now_s)) is not None:
        tags.append(
            (
                ("V" if tag.kind is TagKind.VIDEO else "A") + ("h" if tag.header else "k" if tag.keyframe else ""),
                tag.time_ms,
            )
        )
    return tags
