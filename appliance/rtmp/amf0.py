"""AMF0, the value format of RTMP commands (Adobe "Action Message Format -- AMF 0", 2007).

Decoding takes what servers really send and is bounded in depth and count, whatever arrives: a message is at most 1 MiB
(``chunks``), and every value costs at least one byte of it, but nesting and Python objects cost more than their bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

from appliance.rtmp.violation import ProtocolViolation

MAX_DEPTH = 16
"""Objects and arrays within each other. Real commands nest two or three deep."""
MAX_VALUES = 4096
"""Values in one message. Real commands hold some twenty."""

Value: TypeAlias = "float | bool | str | None | dict[str, Value] | list[Value]"

_NUMBER, _BOOLEAN, _STRING, _OBJECT = 0x00, 0x01, 0x02, 0x03
_NULL, _UNDEFINED, _REFERENCE, _ECMA_ARRAY, _OBJECT_END = 0x05, 0x06, 0x07, 0x08, 0x09
_STRICT_ARRAY, _DATE, _LONG_STRING, _UNSUPPORTED, _XML, _TYPED_OBJECT = 0x0A, 0x0B, 0x0C, 0x0D, 0x0F, 0x10

_DOUBLE = struct.Struct(">d")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")


class EcmaArray(dict[str, object]):
    """A mapping that is written as ECMA array, the type players expect of ``onMetaData``."""


def encode(*values: object) -> bytes:
    """The values one after another. Takes bool, int, float, str, None, mappings and lists; TypeError for others."""
    out = bytearray()
    for value in values:
        _encode(out, value)
    return bytes(out)


def _encode(out: bytearray, value: object) -> None:
    if value is None:
        out.append(_NULL)
    elif isinstance(value, bool):
        out += bytes((_BOOLEAN, value))
    elif isinstance(value, int | float):
        out.append(_NUMBER)
        out += _DOUBLE.pack(value)
    elif isinstance(value, str):
        text = value.encode()
        out += bytes((_STRING,)) + _U16.pack(len(text)) if len(text) < 0x10000 else (
            bytes((_LONG_STRING,)) + _U32.pack(len(text))
        )  # fmt: skip
        out += text
    elif isinstance(value, Mapping):
        if isinstance(value, EcmaArray):
            out.append(_ECMA_ARRAY)
            out += _U32.pack(len(value))
        else:
            out.append(_OBJECT)
        for key, member in value.items():
            name = str(key).encode()
            out += _U16.pack(len(name)) + name
            _encode(out, member)
        out += bytes((0, 0, _OBJECT_END))
    elif isinstance(value, list | tuple):
        out.append(_STRICT_ARRAY)
        out += _U32.pack(len(value))
        for member in value:
            _encode(out, member)
    else:
        raise TypeError(f"AMF0 has no type for {type(value).__name__}")


def decode(data: bytes) -> list[Value]:
    """All values in ``data``; raises :class:`ProtocolViolation` when it is cut short, malformed or over the bounds.

    Undefined, unsupported and references (to objects that no command shares) become None, dates their milliseconds
    since 1970, ECMA arrays and typed objects dicts. Text that is not UTF-8 is repaired, not refused.
    """
    return _Decoder(data).all()


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._values = 0

    def all(self) -> list[Value]:
        values: list[Value] = []
        while self._position < len(self._data):
            values.append(self._value(0))
        return values

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise ProtocolViolation("an AMF0 value is cut short")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def _text(self, length_bytes: int) -> str:
        length = int.from_bytes(self._take(length_bytes), "big")
        return self._take(length).decode("utf-8", "replace")

    def _value(self, depth: int) -> Value:
        self._values += 1
        if self._values > MAX_VALUES:
            raise ProtocolViolation(f"a message holds more than {MAX_VALUES} AMF0 values")
        if depth > MAX_DEPTH:
            raise ProtocolViolation(f"AMF0 values are nested more than {MAX_DEPTH} deep")
        marker = self._take(1)[0]
        if marker == _NUMBER:
            return float(_DOUBLE.unpack(self._take(8))[0])
        if marker == _BOOLEAN:
            return self._take(1) != b"\0"
        if marker == _STRING:
            return self._text(2)
        if marker in (_NULL, _UNDEFINED, _UNSUPPORTED):
            return None
        if marker == _OBJECT:
            return self._members(depth)
        if marker == _ECMA_ARRAY:
            self._take(4)  # the count is a hint only: the members end with an end marker all the same
            return self._members(depth)
        if marker == _STRICT_ARRAY:
            return self._items(depth)
        if marker in (_LONG_STRING, _XML):
            return self._text(4)
        if marker == _DATE:
            milliseconds = float(_DOUBLE.unpack(self._take(8))[0])
            self._take(2)
            return milliseconds
        if marker == _TYPED_OBJECT:
            self._text(2)
            return self._members(depth)
        if marker == _REFERENCE:
            self._take(2)
            return None
        raise ProtocolViolation(f"unknown AMF0 type 0x{marker:02x}")

    def _members(self, depth: int) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while True:
            key = self._text(2)
            if not key and self._data[self._position : self._position + 1] == bytes((_OBJECT_END,)):
                self._position += 1
                return members
            members[key] = self._value(depth + 1)

    def _items(self, depth: int) -> list[Value]:
        count = int.from_bytes(self._take(4), "big")
        if count > MAX_VALUES:
            raise ProtocolViolation(f"an AMF0 array announces {count} items; taken: {MAX_VALUES}")
        return [self._value(depth + 1) for _ in range(count)]
