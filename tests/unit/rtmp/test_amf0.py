from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.rtmp import amf0
from appliance.rtmp.violation import ProtocolViolation

values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4)
        | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4).map(amf0.EcmaArray)
    ),
    max_leaves=12,
)


@given(st.lists(values, max_size=5))
def test_what_is_written_is_read(given_values: list[object]) -> None:
    assert amf0.decode(amf0.encode(*given_values)) == given_values


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        amf0.decode(data)


@given(st.lists(values, min_size=1, max_size=3), st.data())
def test_a_value_cut_short_is_refused(given_values: list[object], data: st.DataObject) -> None:
    encoded = amf0.encode(given_values)
    cut = data.draw(st.integers(1, len(encoded) - 1))
    with pytest.raises(ProtocolViolation):
        amf0.decode(encoded[:cut])


def test_the_bytes_are_those_of_the_specification() -> None:
    assert amf0.encode("a", 1, True, None, {"k": "v"}) == bytes.fromhex(
        "02000161" "003ff0000000000000" "0101" "05" "0300016b020001760000" "09"
    )  # fmt: skip
    assert amf0.encode(amf0.EcmaArray(x=2.0)) == bytes.fromhex("0800000001" "000178" "004000000000000000" "000009")  # fmt: skip


def test_long_strings_have_their_own_type() -> None:
    text = "x" * 70_000
    assert amf0.encode(text)[:5] == b"\x0c" + struct.pack(">I", 70_000)
    assert amf0.decode(amf0.encode(text)) == [text]


def test_types_that_only_servers_send() -> None:
    date = b"\x0b" + struct.pack(">d", 5.0) + b"\0\0"
    typed = b"\x10\x00\x01C\x00\x01k\x05\x00\x00\x09"
    assert amf0.decode(b"\x06\x0d\x07\x00\x01" + date + typed) == [None, None, None, 5.0, {"k": None}]
    assert amf0.decode(b"\x02\x00\x02\xff\xfe") == ["\ufffd\ufffd"]


@pytest.mark.parametrize("opening", [b"\x03\x00\x01a", b"\x08\x00\x00\x00\x01\x00\x01a", b"\x0a\x00\x00\x00\x01"])
def test_nesting_is_bounded(opening: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="nested more than 16"):
        amf0.decode(opening * 100_000)
    with pytest.raises(ProtocolViolation, match="cut short"):
        amf0.decode(opening * amf0.MAX_DEPTH)


def test_the_number_of_values_is_bounded() -> None:
    with pytest.raises(ProtocolViolation, match="more than 4096"):
        amf0.decode(b"\x05" * 5000)
    with pytest.raises(ProtocolViolation, match="4294967295 items"):
        amf0.decode(b"\x0a\xff\xff\xff\xff")


def test_what_has_no_type_is_a_bug_of_the_caller() -> None:
    with pytest.raises(TypeError, match="bytes"):
        amf0.encode(b"x")
