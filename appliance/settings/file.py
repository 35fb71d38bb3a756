"""The settings file: TOML whose dotted names are nested tables, edited in place so that comments survive.

Writing never leaves half a file (:mod:`appliance.files`). The same text is kept as ``settings.toml.bak``, the last one
known to be good, for the day when a hand's edit or a dying card makes the file unreadable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError
from tomlkit.items import AbstractTable
from tomlkit.toml_document import TOMLDocument

from appliance.errors import StateDirectoryError
from appliance.files import write_whole

log = logging.getLogger(__name__)

_HEADER = "# Settings of Live Pusher. Only what differs from the default stands here; docs/settings.md lists all.\n\n"
_MODE = 0o600  # the file holds the push key
_MOST_BROKEN = 20


def parse(text: str) -> TOMLDocument:
    """Raises ValueError that names the line and never what stands there, which may be a key."""
    try:
        document = tomlkit.parse(text)
        flatten(document)
    except ParseError as error:
        raise ValueError(f"line {error.line}, column {error.col} is not TOML") from None
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise ValueError(f"is not TOML ({type(error).__name__})") from None
    return document


def flatten(container: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Values by dotted name: ``[camera]`` with ``front = "x"`` is ``camera.front``."""
    values: dict[str, object] = {}
    for key, value in container.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            values.update(flatten(value, f"{name}."))
        else:
            values[name] = value.unwrap() if hasattr(value, "unwrap") else value
    return values


def edit(document: TOMLDocument, changes: Mapping[str, object]) -> TOMLDocument:
    """A document with ``changes`` made to it, None taking a name out. Comments and everything else stay."""
    wanted = flatten(document)
    for name, value in changes.items():
        if value is None:
            wanted.pop(name, None)
        else:
            wanted[name] = value
    try:
        edited = tomlkit.parse(tomlkit.dumps(document))
        for name, value in changes.items():
            if value is None:
                _remove(edited, name)
            else:
                _put(edited, name, value)
        edited = tomlkit.parse(tomlkit.dumps(edited))
        if flatten(edited) == wanted:
            return edited
    except (TOMLKitError, KeyError):
        log.debug("the settings file's layout defeats editing in place", exc_info=True)
    # tomlkit loses its way in some layouts (dotted keys mixed with tables): then the values matter more than the
    # layout.
    plain = _new()
    for name, value in wanted.items():
        heads = {name[:position] for position, character in enumerate(name) if character == "."}
        if heads & wanted.keys():
            plain[name] = value
        else:
            _put(plain, name, value)
    return plain


def _put(document: TOMLDocument, name: str, value: object) -> None:
    """Give ``name`` a value: in its place when it stands in the file, else in the table where it belongs."""
    holder = _holder(document, name)
    if holder is not None:
        container, key = holder
        container[key] = value
        return
    *tables, key = name.split(".")
    place: Any = document
    for table in tables:
        if not isinstance(place.get(table), Mapping):
            place[table] = tomlkit.table()
        place = place[table]
    place[key] = value


def _remove(document: TOMLDocument, name: str) -> None:
    """Take ``name`` out, and the tables that are empty thereafter. Harmless when it is not there."""
    while (holder := _holder(document, name)) is not None:
        container, key = holder
        del container[key]
    head = name.rpartition(".")[0]
    while head:
        holder = _holder(document, head)
        if holder is not None:
            container, key = holder
            table = container[key]
            if isinstance(table, AbstractTable) and not table and not table.as_string().strip():
                del container[key]
        head = head.rpartition(".")[0]


def _holder(container: Any, name: str) -> tuple[Any, str] | None:
    """The table in which ``name`` stands, and its key there; keys may be nested, dotted or quoted with their dots."""
    if name in container:
        return container, name
    parts = name.split(".")
    for length in range(1, len(parts)):
        head = ".".join(parts[:length])
        inner = container.get(head)
        if isinstance(inner, Mapping):
            found = _holder(inner, ".".join(parts[length:]))
            if found is not None:
                return found
    return None


class SettingsFile:
    """One settings file and its backup. Not for several threads at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backup = path.with_name(f"{path.name}.bak")

    def read(self) -> tuple[TOMLDocument, list[str]]:
        """The file's content, and what was wrong with it, in words. A file that cannot be understood is moved aside,
        and the backup takes its place; a file that is not there is an empty one. Never raises."""
        troubles: list[str] = []
        try:
            text = self._text(self.path)
            document = parse(text)
            if text.strip() or not self.backup.exists():
                self._remember(text)
                return document, troubles
            # We never write an empty file: it is what a power cut leaves of somebody else's half-done write.
            troubles.append(f"{self.path.name} is empty")
        except FileNotFoundError:
            return _new(), troubles
        except OSError as error:
            troubles.append(f"{self.path.name} cannot be read ({_why(error)})")
            return _new(), troubles
        except ValueError as error:
            troubles.append(f"{self.path.name} {error}")
        aside = self._move_aside()
        if aside:
            troubles.append(f"kept as {aside}")
        try:
            text = self._text(self.backup)
            document = parse(text)
        except (OSError, ValueError):
            troubles.append("there is no good backup, so the defaults are used")
            return _new(), troubles
        troubles.append(f"{self.backup.name} is used instead")
        if aside:
            with suppress(OSError):
                # else the next start would find no file, and take the defaults
                write_whole(self.path, text.encode(), mode=_MODE)
        return document, troubles

    def write(self, document: TOMLDocument) -> None:
        """Store; :class:`StateDirectoryError` when that fails, and then the file is as it was."""
        text = tomlkit.dumps(document)
        try:
            write_whole(self.path, text.encode(), mode=_MODE)
        except OSError as error:
            where = self.path.parent
            raise StateDirectoryError(f"the settings cannot be stored in {where}: {_why(error)}") from error
        self._remember(text)

    def _text(self, path: Path) -> str:
        raw = path.read_bytes()
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(_MODE)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise ValueError(f"line {line} is not UTF-8 text") from None

    def _remember(self, text: str) -> None:
        """Keep ``text`` as the backup. The file itself is good, so a failure here is only noted."""
        try:
            if not self.backup.exists() or self.backup.read_bytes() != text.encode():
                write_whole(self.backup, text.encode(), mode=_MODE)
        except OSError as error:
            log.warning("%s cannot be written: %s", self.backup.name, _why(error))

    def _move_aside(self) -> str:
        """Rename the file to the first free ``.broken-N``; the new name, or empty when that cannot be done."""
        for number in range(1, _MOST_BROKEN + 1):
            aside = self.path.with_name(f"{self.path.name}.broken-{number}")
            if not aside.exists() or number == _MOST_BROKEN:
                try:
                    self.path.replace(aside)
                except OSError as error:
                    log.warning("%s cannot be moved aside: %s", self.path.name, _why(error))
                    return ""
                return aside.name
        return ""


def _new() -> TOMLDocument:
    return tomlkit.parse(_HEADER)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
