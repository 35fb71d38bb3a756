"""Signing as Tencent documents it, and when an address runs out."""

from __future__ import annotations

import hashlib

import pytest

from appliance.pusher.signed_url import expires, expiry, sign, signed, warnings_due
from appliance.settings.push_address import parse

KEY = "e12c46f2612d5106e2034781ab261ca3"
UNTIL = 0x5C271099
"""Key and txTime of Tencent's own example; its stream is called ``test``."""
EXAMPLE = "txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099"


def test_tencents_own_example() -> None:
    assert sign(KEY, "test", 86400, UNTIL - 86400) == EXAMPLE


def test_the_digits_are_upper_case_and_part_of_what_is_signed() -> None:
    query = sign("k", "s", 10, 0xABCDEF - 10)
    assert query == f"txSecret={hashlib.md5(b'ksABCDEF').hexdigest()}&txTime=ABCDEF"


def test_a_query_is_not_signed_and_a_part_of_a_second_does_not_count() -> None:
    assert sign(KEY, "test?record=mp4&txTime=1", 100, UNTIL - 100 + 0.99) == EXAMPLE


@pytest.mark.parametrize(
    ("stream", "until"),
    [
        ("test?" + EXAMPLE, UNTIL),
        ("test?txTime=5c271099&txSecret=x", UNTIL),
        ("a/b?x=1&txTime=5C271099&y=2", UNTIL),
        ("test", None),
        ("test?txSecret=x", None),
        ("test?txTime=", None),
        ("test?txTime=soon", None),
        ("test?txTime=-5C271099", None),
        ("test?txTime=+5C271099", None),
        ("test?txTime=5C27_1099", None),
        ("test?mytxTime=5C271099", None),
        ("test?txTime=FFFFFFFFFF", None),
        ("test?txTime=" + "F" * 400, None),
        ("txTime=5C271099", None),
        ("", None),
    ],
)
def test_until_when(stream: str, until: int | None) -> None:
    assert expiry(stream) == until


@pytest.mark.parametrize(
    ("remaining_s", "due"), [(3600.1, 0), (3600, 1), (300.1, 1), (300, 2), (0.1, 2), (0, 3), (-1e9, 3)]
)
def test_warnings(remaining_s: float, due: int) -> None:
    assert warnings_due(remaining_s) == due


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        ("test", f"test?{EXAMPLE}"),
        ("test?", f"test?{EXAMPLE}"),
        ("test?txSecret=old&txTime=1", f"test?{EXAMPLE}"),
        ("test?record=mp4", f"test?record=mp4&{EXAMPLE}"),
        ("test?b=%2F&txSecret=old&a=1&txTime=1&c", f"test?b=%2F&{EXAMPLE}&a=1&c"),
        ("test?txTime=1&a=1&txSecret=old&txTime=2", f"test?{EXAMPLE}&a=1"),
    ],
)
def test_a_fresh_signature_takes_the_old_ones_place(stream: str, wanted: str) -> None:
    address = parse(f"rtmp://push.example/live/{stream}")
    fresh = signed(address, KEY, 3600, UNTIL - 3600)
    assert fresh.stream == wanted
    assert (fresh.host, fresh.app, fresh.tc_url) == (address.host, address.app, address.tc_url)


@pytest.mark.parametrize(
    ("path", "app", "stream"),
    [
        ("live?txSecret=old&txTime=1/test", f"live?{EXAMPLE}", "test"),
        ("live?vhost=x&txTime=1&a=%2F/test", f"live?vhost=x&{EXAMPLE}&a=%2F", "test"),
        ("live?txTime=1/test?txSecret=old", f"live?{EXAMPLE}", f"test?{EXAMPLE}"),
        ("live?vhost=x/test", "live?vhost=x", f"test?{EXAMPLE}"),
    ],
)
def test_the_older_form_with_the_query_at_the_app(path: str, app: str, stream: str) -> None:
    fresh = signed(parse(f"rtmp://push.example/{path}"), KEY, 3600, UNTIL - 3600)
    assert (fresh.app, fresh.stream) == (app, stream)
    assert fresh.tc_url == f"rtmp://push.example/{app}"
    assert "f85a2ab3" not in fresh.redacted() + repr(fresh)


@pytest.mark.parametrize(
    ("path", "until"),
    [
        ("live?txSecret=x&txTime=5C271099/test", UNTIL),
        ("live?txTime=1/test?txTime=5C271099", UNTIL),
        ("live?vhost=x/test", None),
    ],
)
def test_until_when_in_the_older_form(path: str, until: int | None) -> None:
    assert expires(parse(f"rtmp://push.example/{path}")) == until


def test_server_and_key_as_two_fields() -> None:
    fresh = signed(parse("rtmp://push.example/live", "test?a=1"), KEY, 3600, UNTIL - 3600)
    assert fresh.stream == f"test?a=1&{EXAMPLE}"
    assert expiry(fresh.stream) == UNTIL


def test_no_secret_is_shown() -> None:
    fresh = signed(parse("rtmp://push.example/live/very-secret-name"), KEY, 3600, UNTIL - 3600)
    for text in (repr(fresh), fresh.redacted()):
        assert not any(secret in text for secret in ("very-secret-name", "f85a2ab3", KEY, "5C271099"))
