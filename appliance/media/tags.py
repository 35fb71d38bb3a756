"""What goes from the muxers to the network: FLV tags, which map one to one onto RTMP messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class TagKind(IntEnum):
    """FLV tag types, which are RTMP message types too (Adobe FLV 10.1, E.4.1; RTMP 1.0, 7.1)."""

    AUDIO = 8
    VIDEO = 9
    METADATA = 18


@dataclass(frozen=True, slots=True)
class Tag:
    """One FLV tag: ``body`` as it stands behind the tag header. ``time_ms`` counts from the start of the push and may
    exceed 32 bits; ``header`` marks a sequence header (parameter sets, AudioSpecificConfig)."""

    kind: TagKind
    time_ms: int
    body: bytes
    keyframe: bool = False
    header: bool = False
