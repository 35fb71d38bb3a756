"""The settings file through changes, hands' edits, power cuts and full disks."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import SettingError, StateDirectoryError
from appliance.event_codes import SETTINGS_CHANGED, SETTINGS_REFUSED
from appliance.events import Event, EventBus
from appliance.settings.declaration import DECLARED, Settings
from appliance.settings.store import SettingsStore

URL = "rtmp://live.example.com/app/name?txSecret=SECRET"


class Box:
    """A state directory and what was raised over it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "settings.toml"
        self.raised: list[Event] = []
        self.bus = EventBus()
        self.bus.subscribe(self.raised.append)

    def open(self, *overrides: tuple[str, str]) -> SettingsStore:
        return SettingsStore(self.path, overrides=overrides, events=self.bus)

    def texts(self, code: int) -> list[str]:
        return [event.text for event in self.raised if event.code == code]

    @property
    def text(self) -> str:
        return self.path.read_text()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_without_a_file_the_defaults_run_and_nothing_is_written(box: Box) -> None:
    assert box.open().current == Settings()
    assert not box.path.exists()


def test_only_what_differs_is_stored_and_is_there_after_a_restart(box: Box) -> None:
    store = box.open()
    names = store.change(
        {"mode": "HD", "muted": False, "camera.front": "file:a.mp4", "microphone.gain": 3}, by="a test"
    )
    assert names == ["mode", "camera.front", "microphone.gain"]
    assert "muted" not in box.text
    assert "[camera]" in box.text
    again = box.open().current
    assert (again.mode, again.camera_front, again.microphone_gain) == ("HD", "file:a.mp4", 3.0)
    assert again == store.current
    store.change({"mode": "RTC", "camera.front": "auto"}, by="a test")
    assert "mode" not in box.text
    assert "camera" not in box.text


def test_the_file_is_for_its_owner_alone(box: Box) -> None:
    box.path.write_text("muted = true\n")
    box.path.chmod(0o644)
    store = box.open()
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o600
    store.change({"url": URL}, by="a test")
    for path in (box.path, box.path.with_name("settings.toml.bak")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in box.path.parent.iterdir()) == ["settings.toml", "settings.toml.bak"]


def test_comments_and_unknown_keys_survive_a_change(box: Box) -> None:
    box.path.write_text('# mine\nmode = "HD" # why\nfuture = 3\n\n[camera]\nfront = "file:a" # keep\nlens = "wide"\n')
    store = box.open()
    assert store.current.mode == "HD"
    assert "future" in box.texts(SETTINGS_REFUSED)[0]
    store.change({"mode": "SD", "camera.back": "file:b"}, by="a test")
    assert box.text.startswith('# mine\nmode = "SD" # why\nfuture = 3\n')
    assert 'lens = "wide"' in box.text
    assert '"file:a" # keep' in box.text


def test_wrong_values_in_the_file_stay_there_unused_and_are_named(box: Box) -> None:
    box.path.write_text('mode = "4K"\nmuted = true\nbeauty = 7\nstream-key = 77123\n')
    current = box.open().current
    assert current.mode == "RTC"
    assert current.muted
    (text,) = box.texts(SETTINGS_REFUSED)
    assert "mode" in text
    assert "beauty" in text
    assert "77123" not in text
    assert '"4K"' in box.text
    box.open().change({"mode": "HD"}, by="a test")
    assert "4K" not in box.text
    assert "beauty = 7" in box.text


def test_a_contradiction_in_the_file_uses_neither(box: Box) -> None:
    box.path.write_text("min-bitrate = 900\nmax-bitrate = 800\nmuted = true\n")
    current = box.open().current
    assert (current.min_bitrate, current.max_bitrate, current.muted) == (200, 1000, True)


def test_the_old_name_of_the_microphone_is_read_and_replaced(box: Box) -> None:
    box.path.write_text('microphone = "none"\n')
    store = box.open()
    assert store.current.microphone == "none"
    store.change({"microphone.gain": 2}, by="a test")
    assert box.open().current.microphone == "none"
    store.change({"microphone": "hw:1"}, by="a test")
    again = box.open().current
    assert (again.microphone, again.microphone_gain) == ("hw:1", 2.0)


@pytest.mark.parametrize(
    "layout", ["camera.front = 'file:a'", "'camera.front' = 'file:a'", "camera = {front = 'file:a'}"]
)
def test_names_may_be_written_as_toml_allows(box: Box, layout: str) -> None:
    box.path.write_text(layout + "\n")
    store = box.open()
    assert store.current.camera_front == "file:a"
    store.change({"camera.front": "file:b"}, by="a test")
    assert box.open().current.camera_front == "file:b"
    store.change({"camera.front": "auto"}, by="a test")
    assert "file" not in box.text


def test_a_refused_change_changes_nothing(box: Box) -> None:
    store = box.open()
    store.change({"mode": "HD"}, by="a test")
    before = box.text
    with pytest.raises(SettingError) as caught:
        store.change({"muted": True, "beauty": 10, "nonsense": 1}, by="a test")
    assert set(caught.value.problems) == {"beauty", "nonsense"}
    assert not store.current.muted
    assert box.text == before


def test_a_contradiction_with_what_runs_is_blamed_on_the_change(box: Box) -> None:
    store = box.open()
    with pytest.raises(SettingError) as caught:
        store.change({"max-bitrate": 100}, by="a test")
    assert set(caught.value.problems) == {"max-bitrate"}
    assert "min-bitrate 200" in caught.value.problems["max-bitrate"]


def test_overrides_run_but_are_not_stored_and_a_change_wins(box: Box) -> None:
    store = box.open(("muted", "true"), ("mode", "HD"), ("microphone", "none"))
    assert store.current.muted
    assert store.current.microphone == "none"
    assert not box.path.exists()
    assert store.describe()["settings"]["mode"]["source"] == "--set"
    store.change({"mode": "SD"}, by="a test")
    assert store.current.mode == "SD"
    assert store.current.muted
    assert box.text.count("=") == 1
    described = store.describe()["settings"]
    assert (described["mode"]["source"], described["muted"]["source"], described["aspect"]["source"]) == (
        "file", "--set", "default",
    )  # fmt: skip
    assert box.open().current.mode == "SD"
    assert not box.open().current.muted


def test_changing_an_override_back_to_the_default_ends_it(box: Box) -> None:
    store = box.open(("muted", "true"))
    assert store.change({"muted": False}, by="a test") == ["muted"]
    assert not store.current.muted


def test_wrong_overrides_raise(box: Box) -> None:
    box.path.write_text("min-bitrate = 500\n")
    with pytest.raises(SettingError):
        box.open(("mode", "4K"))
    with pytest.raises(SettingError) as caught:
        box.open(("max-bitrate", "300"))
    assert set(caught.value.problems) == {"max-bitrate"}


def test_what_is_stored_must_be_right_without_the_overrides(box: Box) -> None:
    store = box.open(("max-bitrate", "5000"))
    with pytest.raises(SettingError, match="as stored"):
        store.change({"min-bitrate": 3000}, by="a test")
    assert store.current.min_bitrate == 200


def test_subscribers_and_the_log_hear_of_a_change_and_of_nothing_else(box: Box) -> None:
    store = box.open()
    heard: list[tuple[Settings, Settings, frozenset[str]]] = []
    end = store.subscribe(lambda old, new, names: heard.append((old, new, names)))
    store.change({"mode": "HD", "aspect": "9:16"}, by="a test")
    store.change({"mode": "HD"}, by="a test")
    assert len(heard) == 1
    old, new, names = heard[0]
    assert (old.mode, new.mode, names) == ("RTC", "HD", frozenset({"mode"}))
    assert box.texts(SETTINGS_CHANGED) == ["Settings changed: mode"]
    end()
    store.change({"mode": "SD"}, by="a test")
    assert len(heard) == 1


def test_a_secret_given_back_as_shown_stays(box: Box) -> None:
    store = box.open()
    store.change({"url": "rtmp://live.example.com/app", "stream-key": "SECRET"}, by="a test")
    shown = {name: item["value"] for name, item in store.describe()["settings"].items()}
    assert shown["stream-key"] == "***"
    assert "SECRET" not in str(store.describe())
    assert store.change(shown, by="the form") == []
    assert store.current.stream_key == "SECRET"
    assert store.current.url == "rtmp://live.example.com/app"
    with pytest.raises(SettingError, match="whole value") as caught:
        store.change({"url": "rtmp://other.example.com/app/***", "muted": 3}, by="the form")
    assert set(caught.value.problems) == {"url", "muted"}


def test_no_secret_reaches_an_event_or_the_description(box: Box) -> None:
    store = box.open()
    store.change({"url": URL}, by="a test")
    with pytest.raises(SettingError):
        store.change({"url": "rtmp:/oops/SECRET"}, by="a test")
    assert "SECRET" not in str(store.describe())
    assert "SECRET" not in str(box.raised)
    assert "SECRET" in box.text


def test_what_the_pusher_runs_with_is_shown_beside(box: Box) -> None:
    store = box.open()
    running = store.current
    store.change({"mode": "HD"}, by="a test")
    store.set_applied(running)
    described = store.describe()["settings"]["mode"]
    assert (described["value"], described["applied"], described["default"]) == ("HD", "RTC", "RTC")


def test_the_description_holds_every_setting_and_the_seven_scenarios(box: Box) -> None:
    store = box.open()
    described = store.describe()
    assert list(described["settings"]) == list(DECLARED)
    assert len(described["scenarios"]) == 7
    for scenario in described["scenarios"]:
        store.change(scenario["settings"], by="a scenario")
    assert (store.current.mode, store.current.max_bitrate, store.current.audio_quality) == ("RTC", 300, "low")


@pytest.mark.parametrize(
    ("content", "where"),
    [(b'mode = "HD"\nmuted = tr', "line 2"), (b'mode = "HD"\n\x00\x00', "line 2"), (b'a="\xff"', "UTF-8"), (b"\n\n[x",
    "line 3"),
     (b'mode="HD"\nmode="SD"\n', "TOML")],
)  # fmt: skip
def test_a_broken_file_is_moved_aside_and_the_last_good_one_used(box: Box, content: bytes, where: str) -> None:
    box.open().change({"mode": "FHD"}, by="a test")
    box.path.write_bytes(content)
    store = box.open()
    assert store.current.mode == "FHD"
    (text,) = box.texts(SETTINGS_REFUSED)
    assert where in text
    assert "settings.toml.broken-1" in text
    assert box.path.with_name("settings.toml.broken-1").read_bytes() == content
    assert box.open().current.mode == "FHD", "the start after that one too"


def test_a_broken_file_without_a_backup_means_the_defaults(box: Box) -> None:
    box.path.write_text("url = 'rtmp://h/a/SECRET\n")
    store = box.open()
    assert store.current == Settings()
    assert "SECRET" not in str(box.raised)
    box.path.write_text("[[[")
    assert box.open().current == Settings()
    assert box.path.with_name("settings.toml.broken-2").exists()
    store.change({"mode": "HD"}, by="a test")
    assert box.open().current.mode == "HD"


def test_an_empty_file_beside_a_backup_is_a_power_cuts(box: Box) -> None:
    box.open().change({"mode": "FHD"}, by="a test")
    box.path.write_text("")
    assert box.open().current.mode == "FHD"


def test_a_hands_edit_meanwhile_is_kept_and_comes_into_force(box: Box) -> None:
    store = box.open()
    store.change({"mode": "HD"}, by="a test")
    box.path.write_text(box.text + "muted = true\n")
    assert store.change({"aspect": "3:4"}, by="a test") == ["muted", "aspect"]
    assert box.open().current == store.current


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_cannot_be_stored_is_not_in_force(
    box: Box, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    store = box.open()
    store.change({"mode": "HD"}, by="a test")
    before = box.text

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StateDirectoryError, match=os.strerror(number).lower()):
        store.change({"mode": "SD"}, by="a test")
    monkeypatch.undo()
    assert store.current.mode == "HD"
    assert box.text == before
    assert {path.name for path in box.path.parent.iterdir()} == {"settings.toml", "settings.toml.bak"}
    assert store.change({"mode": "SD"}, by="a test") == ["mode"]


def test_changes_from_many_threads_are_all_stored(box: Box) -> None:
    store = box.open()
    names = [name for name in DECLARED if name.startswith("button.") and name.endswith(".pin")]

    def one(number: int) -> None:
        store.change({names[number]: 0}, by="a thread")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert box.open().current == store.current
    assert all(getattr(store.current, DECLARED[name].attribute) == 0 for name in names)
