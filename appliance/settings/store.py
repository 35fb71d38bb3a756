"""The settings in force, and their file (SPEC 1, DESIGN 3).

What runs is made of three layers: the defaults, the file, and the ``--set`` overrides of this run, which are never
stored. A change is all or nothing: it is validated, written, and only then in force. Values in the file that are not
allowed, and names nobody knows, stay in the file and are not used; event 20011 names them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tomlkit.toml_document import TOMLDocument

from appliance import event_codes
from appliance.errors import SettingError
from appliance.events import EventBus
from appliance.settings import file, schema
from appliance.settings.declaration import ALIASES, DECLARED, Settings
from appliance.settings.scenarios import SCENARIOS
from appliance.settings.validate import MASK, canonical, examine, parse_texts, shown, to_values, validate

Subscriber = Callable[[Settings, Settings, frozenset[str]], None]


class SettingsStore:
    """The one place that holds settings. All methods may be called from any thread.

    ``overrides`` are ``(name, text)`` pairs of the command line; a wrong one raises :class:`SettingError`. Trouble with
    the file never raises: it is told as an event, and the rest of the file, the backup or the defaults are used.
    """

    def __init__(
        self, path: Path, *, overrides: Sequence[tuple[str, str]] = (), events: EventBus | None = None
    ) -> None:
        self._events = events
        self._file = file.SettingsFile(path)
        # Held while a change is stored and told, so that subscribers see changes in their order.
        self._lock = threading.RLock()
        self._subscribers: tuple[Subscriber, ...] = ()
        self._told: list[str] = []
        self._overrides = parse_texts(overrides)
        _, stored = self._read()
        self._stored = stored
        self._current = validate({**stored, **self._overrides}, blame=self._overrides)
        self._applied = self._current

    @property
    def current(self) -> Settings:
        """The settings in force: one consistent set."""
        return self._current

    def set_applied(self, settings: Settings) -> None:
        """With which settings the pusher runs; those that apply at the next start lag behind :attr:`current`."""
        self._applied = settings

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have ``subscriber(old, new, names)`` called after every change, in the changing thread; it hands over and
        returns. The answer ends it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def change(self, changes: Mapping[str, object], *, by: str) -> list[str]:
        """Make ``changes``, all or nothing, and store them; the names of what is different now.

        A secret given back as it is shown is left as it is, so that a form can send all its fields. Raises
        :class:`SettingError` naming every refused key, or :class:`~appliance.errors.StateDirectoryError` when nothing
        can be stored; either way the running settings stay.
        """
        with self._lock:
            wanted = self._without_masks(changes)
            document, stored = self._read()
            overrides = {name: value for name, value in self._overrides.items() if name not in wanted}
            kept = {name: value for name, value in {**stored, **overrides}.items() if name not in wanted}
            old = self._current
            new = validate({**kept, **_named(changes, wanted)}, blame=wanted)
            accepted = {name: value for name, value in to_values(new).items() if name in wanted}
            stored = {**stored, **accepted}
            if overrides:
                self._check_alone(stored, wanted)
            edited = file.edit(document, _edits(accepted))
            if edited != document:
                self._file.write(edited)
            self._stored, self._overrides, self._current = stored, overrides, new
            before, after = to_values(old), to_values(new)
            names = [name for name in DECLARED if before[name] != after[name]]
            if names:
                self._tell(old, new, names, by)
            return names

    def describe(self) -> dict[str, Any]:
        """``GET /api/v1/settings``: every setting with its value, limits and help, secrets redacted; and the
        scenarios."""
        with self._lock:
            current, applied = self._current, self._applied
            overrides, stored = set(self._overrides), set(self._stored)
        described = {}
        for name, declared in DECLARED.items():
            described[name] = {
                "value": shown(current, name),
                "default": declared.default,
                "applied": shown(applied, name),
                "allowed": declared.kind.allowed().removeprefix("allowed: "),
                "schema": schema.of_setting(declared),
                "help": declared.help,
                "applies": declared.applies.value,
                "group": declared.group.value,
                "unit": declared.unit,
                "secret": declared.secret,
                "available": declared.available,
                "source": "--set" if name in overrides else "file" if name in stored else "default",
            }
            if declared.secret:
                described[name]["set"] = bool(getattr(current, declared.attribute))
        return {"settings": described, "scenarios": [scenario.describe() for scenario in SCENARIOS]}

    def schema(self) -> dict[str, Any]:
        """``GET /api/v1/settings/schema``."""
        return schema.document()

    def _read(self) -> tuple[TOMLDocument, dict[str, object]]:
        """The file, and the part of it that can be used and differs from the defaults. What cannot is told, once."""
        document, troubles = self._file.read()
        values = file.flatten(document)
        usable, problems = examine(values)
        if troubles:
            self._emit_refused(", ".join(troubles))
        elif problems and (told := [f"{name} {why}" for name, why in problems.items()]) != self._told:
            self._told = told
            self._emit_refused("; ".join(told))
        stored = {
            name: value
            for name, value in to_values(usable).items()
            if value != DECLARED[name].default and name in {canonical(given) for given in values}
        }
        return document, stored

    def _without_masks(self, changes: Mapping[str, object]) -> dict[str, object]:
        wanted: dict[str, object] = {}
        masked: dict[str, str] = {}
        for given, value in changes.items():
            name = canonical(given)
            if name in DECLARED and DECLARED[name].secret and isinstance(value, str) and MASK in value:
                if value != shown(self._current, name):
                    masked[name] = f"given (secret); holds {MASK}, which hides a part; allowed: the whole value"
            else:
                wanted[name] = value
        if masked:
            _, problems = examine(wanted)
            raise SettingError({**masked, **{name: why for name, why in problems.items() if name in wanted}})
        return wanted

    def _check_alone(self, stored: Mapping[str, object], blame: Mapping[str, object]) -> None:
        """What is stored must be right by itself too: the overrides are gone in the next run."""
        try:
            validate(stored, blame=blame)
        except SettingError as error:
            raise SettingError(
                {name: f"{why} (as stored, without this run's --set)" for name, why in error.problems.items()}
            ) from None

    def _tell(self, old: Settings, new: Settings, names: list[str], by: str) -> None:
        for subscriber in self._subscribers:
            subscriber(old, new, frozenset(names))
        if self._events is not None:
            self._events.emit(event_codes.SETTINGS_CHANGED, names=", ".join(names), by=by)

    def _emit_refused(self, reason: str) -> None:
        if self._events is not None:
            self._events.emit(event_codes.SETTINGS_REFUSED, reason=reason)


def _named(changes: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, object]:
    """``changes`` under the names they were given by, so that a setting named twice is noticed."""
    return {given: value for given, value in changes.items() if canonical(given) in wanted}


def _edits(accepted: Mapping[str, object]) -> dict[str, object]:
    """What to write: None for what is at its default, and for every other name of what is written."""
    edits: dict[str, object] = {alias: None for alias, name in ALIASES.items() if name in accepted}
    for name, value in accepted.items():
        edits[name] = None if value == DECLARED[name].default else value
    return edits
