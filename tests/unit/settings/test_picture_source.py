"""What ``waiting-image`` and its hash may be."""

from __future__ import annotations

import re

import pytest

from appliance.errors import SettingError
from appliance.settings.declaration import DECLARED
from appliance.settings.validate import validate

SCHEMA = DECLARED["waiting-image"].kind.schema()


@pytest.mark.parametrize("value", [
    "", "upload", "http://box.local/wait.png", "HTTPS://cdn.example:8443/a/b.jpg?sig=x%2Fy&e=1#part", "http://[::1]:80/a",
    "https://bücher.example/ü.png", "file:/media/wait.png", "file:///media/wait image.png",
])  # fmt: skip
def test_taken(value: str) -> None:
    assert validate({"waiting-image": value}).waiting_image == value
    assert re.search(SCHEMA["pattern"], value)


@pytest.mark.parametrize("value", [
    "uploaded", "wait.png", "/media/wait.png", "file:wait.png", "file:", "file:/", "ftp://a/b", "http://", "http:///a",
    "http://a:99999/b", "http://a:0/b", "https://user:secret@a/b", "http://[::1/a", "http://a b/c", "http://a/b\nc", "rtmp://a/b",
    "data:image/png;base64,AAAA", "javascript:1", 5, None, True, "http://" + "a" * 2100,
])  # fmt: skip
def test_refused(value: object) -> None:
    with pytest.raises(SettingError) as refused:
        validate({"waiting-image": value})
    problem = refused.value.problems["waiting-image"]
    assert "allowed" in problem
    assert "secret" not in problem


def test_the_hash() -> None:
    for value in ("", "0123456789abcdef0123456789ABCDEF"):
        assert validate({"waiting-image-hash": value}).waiting_image_hash == value
    for bad in ("0" * 31, "0" * 33, "g" * 32, 5, " " + "0" * 31):
        with pytest.raises(SettingError, match="32 hexadecimal digits"):
            validate({"waiting-image-hash": bad})
