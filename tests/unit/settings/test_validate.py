"""What is taken and what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import SettingError
from appliance.settings.declaration import ALIASES, DECLARED, Settings
from appliance.settings.validate import (
    check,
    examine,
    from_values,
    parse_assignments,
    parse_texts,
    shown,
    to_values,
    validate,
)

URL = "rtmp://live.example.com/app/name?txSecret=SECRET&txTime=5"


def refusal(values: dict[str, object], **more: Any) -> dict[str, str]:
    with pytest.raises(SettingError) as caught:
        validate(values, **more)
    return caught.value.problems


def test_the_defaults_are_the_contracts() -> None:
    values = to_values(validate({}))
    assert values["mode"] == "RTC"
    assert (values["min-bitrate"], values["max-bitrate"]) == (200, 1000)
    assert values["autopush"] is False
    assert values["enable-camera"] is True
    assert values["orientation"] == "vertical"
    assert values["aspect"] == "9:16"
    assert values["audio-quality"] == "low"
    assert values["device-position"] == "front"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("muted", "false"), ("muted", 0), ("muted", None), ("mode", "hd"), ("mode", True), ("mode", ["HD"]),
        ("beauty", 10), ("beauty", "1"), ("beauty", True), ("min-bitrate", 49), ("min-bitrate", 20001),
        ("max-bitrate", 300.5), ("max-bitrate", "1000"), ("video.fps", 0), ("video.fps", 31),
        ("video.keyframe-interval", float("nan")), ("video.keyframe-interval", float("inf")), ("camera.rotation", 45),
        ("camera.rotation", "90"), ("camera.rotation", True), ("aspect", "16:9"), ("microphone.gain", 21),
        ("device-name", "two\nlines"), ("device-name", "x" * 65), ("device-name", 5), ("time-zone", "Mars/Olympus"),
        ("time-zone", "../../etc/passwd"), ("camera.front", "file:"), ("snapshot.folder", "relative"),
        ("button.pause.press", "dance"), ("light.status.pin", 28), ("event-log.limit", 999),
    ],
)  # fmt: skip
def test_a_wrong_value_names_the_key_what_was_given_and_what_is_allowed(name: str, value: object) -> None:
    problems = refusal({name: value})
    assert list(problems) == [name]
    assert problems[name].startswith("given ")
    assert "allowed: " in problems[name]


def test_every_wrong_key_is_named_at_once() -> None:
    assert set(refusal({"muted": "yes", "mode": "4K", "min-bitrate": 100})) == {"muted", "mode"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("min_bitrate", "min-bitrate"), ("maxBitrate", "max-bitrate"), ("mod", "mode"), ("camera.frnt", "camera.front")],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    assert f"did you mean {hint}?" in refusal({name: 1})[name]


def test_an_unknown_key_like_none_gets_no_hint() -> None:
    assert "did you mean" not in refusal({"qqqqqq": 1})["qqqqqq"]


def test_bounds_that_contradict_each_other_are_named_both() -> None:
    problems = refusal({"min-bitrate": 900, "max-bitrate": 800})
    assert set(problems) == {"min-bitrate", "max-bitrate"}
    assert all("min-bitrate 900" in why and "max-bitrate 800" in why for why in problems.values())


def test_a_contradiction_is_blamed_on_what_was_changed() -> None:
    problems = refusal({"min-bitrate": 900, "max-bitrate": 800}, blame={"max-bitrate"})
    assert set(problems) == {"max-bitrate"}


def test_equal_bounds_are_allowed() -> None:
    assert validate({"min-bitrate": 800, "max-bitrate": 800}).min_bitrate == 800


def test_an_address_needs_a_stream_name_unless_a_key_is_given() -> None:
    assert set(refusal({"url": "rtmp://live.example.com/app"})) == {"url"}
    assert validate({"url": "rtmp://live.example.com/app", "stream-key": "k"}).stream_key == "k"
    assert validate({"stream-key": "k"}).url == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://host/app/SECRET", "SECRET", "rtmp:/host/app/SECRET", "rtmp://user:SECRET@host/app/x", "rtmp:///app/SECRET",
        "rtmp://host:99999/app/SECRET", "rtmp://host/app/SEC RET", "rtmp://host/SECRET", "rtmp://host/app/SECRET\n",
        "rtmp://host/app/SECRET" + "x" * 5000, 5,
    ],
)  # fmt: skip
def test_a_refused_address_is_never_repeated(url: object) -> None:
    problems = refusal({"url": url})
    assert "(secret)" in problems["url"]
    assert "SEC" not in problems["url"]


@pytest.mark.parametrize("name", ["url", "stream-key", "bindstatechange"])
def test_a_refused_secret_is_never_repeated(name: str) -> None:
    problems = refusal({name: "SECRET\nKEY"})
    assert "SECRET" not in problems[name]
    assert "KEY" not in problems[name]


def test_an_address_in_the_wrong_place_is_not_repeated_either() -> None:
    assert "SECRET" not in str(refusal({"mode": URL}))
    assert "SECRET" not in str(refusal({URL: True}))


def test_a_key_pasted_with_a_line_break_says_so() -> None:
    assert "line break" in refusal({"url": "rtmp://h/a", "stream-key": "abc\r\n"})["stream-key"]


def test_two_things_on_one_pin_are_refused() -> None:
    problems = refusal({"torch.pin": 5, "button.mute.pin": 5})
    assert set(problems) == {"torch.pin", "button.mute.pin"}
    assert "pin 5" in problems["torch.pin"]
    assert set(refusal({"torch.pin": 17})) == {"torch.pin"}, "the default of another one counts too"


def test_what_is_not_there_yet_takes_its_default_alone() -> None:
    for declared in DECLARED.values():
        if not declared.available:
            assert check(declared, declared.default) == declared.default
    assert "not yet available; allowed: 0" in refusal({"beauty": 3})["beauty"]


def test_the_microphones_old_name_is_taken_but_not_both() -> None:
    assert validate({"microphone": "none"}).microphone == "none"
    assert "microphone.input" in refusal({"microphone": "none", "microphone.input": "none"})["microphone"]


def test_a_whole_number_written_with_a_point_is_one() -> None:
    fps = validate({"video.fps": 25.0}).fps
    assert fps == 25
    assert isinstance(fps, int)


def test_examining_keeps_what_is_right() -> None:
    usable, problems = examine({"mode": "HD", "muted": "no", "min-bitrate": 5000, "nonsense": 1})
    assert usable.mode == "HD"
    assert usable.min_bitrate == 200
    assert set(problems) == {"muted", "min-bitrate", "nonsense"}


def test_texts_of_the_command_line() -> None:
    values = parse_texts(
        parse_assignments(["muted=true", "min-bitrate=300", "microphone.gain=-3.5", "camera.rotation=90", "url=" + URL])
    )
    assert values == {
        "muted": True, "min-bitrate": 300, "microphone.gain": -3.5, "camera.rotation": 90, "url": URL,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["muted=yes", "video.fps=1_0", "video.fps= 5", "video.fps=2.5", "microphone.gain=nan", "x=1"]
)
def test_wrong_texts_are_refused(text: str) -> None:
    with pytest.raises(SettingError):
        parse_texts(parse_assignments([text]))


def test_what_is_no_assignment_is_refused_without_its_secret() -> None:
    with pytest.raises(SettingError, match="name=value") as caught:
        parse_assignments(["rtmp://host/app/SECRET"])
    assert "SECRET" not in str(caught.value)


def test_secrets_are_shown_masked() -> None:
    some = validate({"url": URL})
    assert shown(some, "url") == "rtmp://live.example.com:1935/app/***"
    assert shown(some, "stream-key") == ""
    keyed = validate({"url": "rtmp://live.example.com/app", "stream-key": "SECRET"})
    assert shown(keyed, "stream-key") == "***"
    assert "SECRET" not in str(shown(keyed, "url"))
    assert shown(some, "mode") == "RTC"


def test_names_are_unique_and_no_name_is_another_ones_table() -> None:
    names = [*DECLARED, *ALIASES.values()]
    assert not [(a, b) for a in DECLARED for b in DECLARED if b.startswith(f"{a}.")], "a value cannot be a table too"
    assert set(ALIASES.values()) <= set(names)
    assert not set(ALIASES) & set(DECLARED)


def test_every_default_is_allowed() -> None:
    for declared in DECLARED.values():
        assert declared.default == "" or check(declared, declared.default) == declared.default
    assert examine(to_values(Settings())) == (Settings(), {})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*DECLARED, *ALIASES]) | st.text(max_size=10), anything, max_size=6))
def test_whatever_is_given_the_usable_part_is_consistent(values: dict[str, object]) -> None:
    usable, problems = examine(values)
    assert validate(to_values(usable)) == usable
    assert from_values(to_values(usable)) == usable
    if not problems:
        assert validate(values) == usable
