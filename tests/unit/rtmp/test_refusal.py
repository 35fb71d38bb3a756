from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.rtmp.refusal import LONGEST_TEXT, Scrubber, refusal
from appliance.settings.push_address import parse

ADDRESS = parse("rtmp://live.example/app/cam7-front?txSecret=9f86d081884c7d65&txTime=5F2A%2FB+c==")
SECRETS = ("cam7-front", "9f86d081884c7d65", "5F2A%2FB+c==", "5F2A/B c")


@pytest.mark.parametrize(
    "text",
    [
        f"stream {ADDRESS.stream} is banned",
        f"stream {quote(ADDRESS.stream, safe='')} is banned",
        f"stream {quote(quote_plus(ADDRESS.stream), safe='')} is banned",
        f"stream {ADDRESS.stream.upper()} is banned",
        "wrong 9f86d081884c...",
        "wrong txSecret=%39%66%38%36d081884c7d65",
        "cut: d081884c7d6 (…)",
        "name=cam7-front;secret=9f86d081884c7d65",
        "time 5F2A/B c== is over",
    ],
)
def test_our_secrets_are_masked_however_they_come(text: str) -> None:
    shown = Scrubber(ADDRESS)(text).lower()
    assert "***" in shown
    for secret in SECRETS:
        for start in range(len(secret) - 5):
            assert secret[start : start + 6].lower() not in shown


@pytest.mark.parametrize(
    "text",
    ["Already publishing", "txSecret expired", "application not found: please check 100% of the settings, a+b"],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert Scrubber(ADDRESS)(text) == text


def test_short_names_are_masked_as_whole_words() -> None:
    scrub = Scrubber(parse("rtmp://h/app/cam?k=ab"))
    assert scrub("Cam: camera of cam denied, key ab about") == "***: camera of *** denied, key *** about"


def test_the_apps_query_is_a_secret_too() -> None:
    assert Scrubber(parse("rtmp://h/app?vhost=secret.example/s1"))("vhost secret.example") == "vhost ***"


def test_what_is_shown_is_one_short_line() -> None:
    shown = Scrubber(ADDRESS)("a\r\nb\x1b[31m\x00" + "z" * 100_000)
    assert shown.startswith("a b?[31m?")
    assert len(shown) == LONGEST_TEXT


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert len(Scrubber(ADDRESS)(text)) <= LONGEST_TEXT


def test_a_refusal_keeps_status_and_description() -> None:
    error = refusal(
        {"level": "error", "code": "NetStream.Publish.BadName", "description": "Already publishing"}, ADDRESS, "publish"
    )
    assert error.code == 3004
    assert error.name_in_use
    assert error.details == {"status": "NetStream.Publish.BadName", "description": "Already publishing"}
    assert error.reason == (
        "the stream name is wrong or already in use (NetStream.Publish.BadName: Already publishing)"
    )


def test_a_well_known_status_survives_a_stream_of_that_name() -> None:
    error = refusal({"code": "NetStream.Publish.BadName"}, parse("rtmp://h/app/publish"), "publish")
    assert error.name_in_use


def test_a_status_of_the_servers_own_making_is_scrubbed() -> None:
    error = refusal({"code": "NetStream.Publish.9f86d081884c7d65", "description": 7}, ADDRESS, "publish")
    assert "9f86" not in error.status + error.reason
    assert error.reason == "the server refused publish (NetStream.Publish.***)"


def test_a_refusal_without_information() -> None:
    assert refusal({}, ADDRESS, "connect").reason == "the server refused connect"
