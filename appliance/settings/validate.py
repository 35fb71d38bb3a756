"""From values somebody gave to one consistent :class:`Settings` (SPEC 1: strict values).

Every refusal names the setting, what was given and what is allowed; the values of secret settings are never repeated,
nor is anything that looks like a push address and was put in the wrong place.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from appliance.errors import SettingError
from appliance.settings.declaration import ALIASES, DECLARED, Declared, Settings
from appliance.settings.push_address import parse, redact

_SHOWN_LENGTH = 60
MASK = "***"
"""What stands for a secret wherever settings are shown."""


def validate(values: Mapping[str, object], *, blame: Collection[str] = ()) -> Settings:
    """The settings that ``values`` and the defaults make; :class:`SettingError` names every refused key.

    Where two settings contradict each other, those named in ``blame`` are refused (all that were given, when none is).
    """
    settings, problems = examine(values, blame=blame)
    if problems:
        raise SettingError(problems)
    return settings


def examine(values: Mapping[str, object], *, blame: Collection[str] = ()) -> tuple[Settings, dict[str, str]]:
    """The settings that the usable part of ``values`` makes, and why the rest is refused. Never raises."""
    usable: dict[str, object] = {}
    problems: dict[str, str] = {}
    for given, value in values.items():
        name = canonical(given)
        if name not in DECLARED:
            problems[_plain_name(given)] = _unknown(given)
        elif name != given and name in values:
            problems[given] = f"is another name for {name}, which is given too; allowed: one of the two"
        else:
            try:
                usable[name] = check(DECLARED[name], value)
            except ValueError as error:
                problems[name] = str(error)
    blamed = {canonical(name) for name in blame}
    while contradictions := _contradictions(from_values(usable)):
        # Each round drops at least one value; the defaults alone contradict nothing.
        for names, why in contradictions:
            candidates = [name for name in names if name in usable]
            refused = [name for name in candidates if name in blamed] or candidates
            problems.update(dict.fromkeys(refused, why))
            for name in refused:
                del usable[name]
    return from_values(usable), problems


def canonical(name: str) -> str:
    """The setting that a name means."""
    return ALIASES.get(name, name)


def check(declared: Declared, value: object) -> object:
    """``value`` as it is stored; ValueError says what was given and what is allowed."""
    try:
        checked = declared.kind.check(value)
    except ValueError as error:
        raise ValueError(f"given {_given(declared, value)}; {error}") from None
    if not declared.available and checked != declared.default:
        allowed = json.dumps(declared.default, ensure_ascii=False)
        raise ValueError(f"given {_given(declared, value)}; not yet available; allowed: {allowed}")
    return checked


def from_values(values: Mapping[str, object]) -> Settings:
    """Checked values by name, on top of the defaults."""
    attributes = {DECLARED[name].attribute: value for name, value in values.items()}
    return replace(Settings(), **attributes)  # type: ignore[arg-type]  # checked by the kinds


def to_values(settings: Settings) -> dict[str, object]:
    """Every value by name. Holds the secrets."""
    return {name: getattr(settings, declared.attribute) for name, declared in DECLARED.items()}


def shown(settings: Settings, name: str) -> object:
    """A value as people may see it: of a secret only the harmless part."""
    declared = DECLARED[name]
    value = getattr(settings, declared.attribute)
    if not declared.secret:
        return value
    return redact(value, settings.stream_key) if name == "url" else MASK if value else ""


def parse_assignments(texts: Iterable[str]) -> list[tuple[str, str]]:
    """``name=value`` texts of the command line, split; SettingError for what is none."""
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SettingError({_plain_name(text): "is no assignment; allowed: name=value"})
        pairs.append((name, value))
    return pairs


def parse_texts(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Values given as text, by the setting's name; the last one counts. SettingError names every refused key."""
    values: dict[str, object] = {}
    problems: dict[str, str] = {}
    for given, text in pairs:
        declared = DECLARED.get(canonical(given))
        if declared is None:
            problems[_plain_name(given)] = _unknown(given)
            continue
        try:
            values[declared.name] = check(declared, declared.kind.parse(text))
        except ValueError as error:
            why = str(error)
            problems[declared.name] = why if why.startswith("given ") else f"given {_given(declared, text)}; {why}"
    if problems:
        raise SettingError(problems)
    return values


def _contradictions(settings: Settings) -> list[tuple[tuple[str, ...], str]]:
    """Settings that are right each by itself and wrong together, with the reason; no setting stands in two of them."""
    found: list[tuple[tuple[str, ...], str]] = []
    low, high = settings.min_bitrate, settings.max_bitrate
    if low > high:
        found.append(
            (("min-bitrate", "max-bitrate"),
             f"min-bitrate {low} is above max-bitrate {high}; allowed: min-bitrate at most max-bitrate")
        )  # fmt: skip
    if settings.url:
        try:
            parse(settings.url, settings.stream_key)
        except ValueError as error:
            found.append((("url", "stream-key"), f"given (secret); {error}"))
    pins: dict[int, list[str]] = {}
    for name, declared in DECLARED.items():
        pin = getattr(settings, declared.attribute)
        if name.endswith(".pin") and pin:
            pins.setdefault(pin, []).append(name)
    for pin, names in pins.items():
        if len(names) > 1:
            found.append(
                (tuple(names), f"pin {pin} is given to {' and '.join(names)}; allowed: a pin of its own, or 0")
            )
    return found


def _given(declared: Declared, value: object) -> str:
    if declared.secret:
        return "(secret)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if "://" in text:
        return "(an address)"  # whatever it is, it may hold a key
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _plain_name(name: str) -> str:
    """An unknown name as it may be repeated: an address pasted without ``url=`` may hold a key."""
    return "(an address)" if "://" in name else name[:_SHOWN_LENGTH]


def _unknown(name: str) -> str:
    similar = {known.replace("-", "").replace(".", "").lower(): known for known in (*DECLARED, *ALIASES)}
    wanted = name.replace("-", "").replace("_", "").replace(".", "").lower()
    near = difflib.get_close_matches(wanted, similar, n=1, cutoff=0.7)
    hint = f"did you mean {canonical(similar[near[0]])}?" if near else "'live-pusher settings' lists all"
    return f"no such setting; {hint}"
