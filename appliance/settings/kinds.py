"""What values a setting may take. Strict: ``"false"`` is not true, and 10 is not a beauty (SPEC 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

# What the command line takes as a number: no blanks, underscores or digits of other scripts, which int() would take.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{0,18})?")


class Kind(Protocol):
    """One kind of value, with what is allowed as words and as JSON Schema."""

    def check(self, value: object) -> object:
        """The value as it is stored; raises ValueError, whose text says what is allowed."""
        ...

    def parse(self, text: str) -> object:
        """A value given as text on the command line; raises ValueError likewise."""
        ...

    def allowed(self) -> str:
        """What is allowed, in words."""
        ...

    def schema(self) -> dict[str, Any]:
        """What is allowed, as JSON Schema."""
        ...


def _whole(value: object) -> int | None:
    """``value`` as a whole number: 5 is one, and so is 5.0, which JSON does not tell from 5; true is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


@dataclass(frozen=True)
class Bool:
    """``true`` or ``false``, and no text or number that resembles them."""

    def check(self, value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError(self.allowed())
        return value

    def parse(self, text: str) -> object:
        if text not in ("true", "false"):
            raise ValueError(self.allowed())
        return text == "true"

    def allowed(self) -> str:
        return "allowed: true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Integer:
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int
    unit: str = ""

    def check(self, value: object) -> object:
        whole = _whole(value)
        if whole is None or not self.low <= whole <= self.high:
            raise ValueError(self.allowed())
        return whole

    def parse(self, text: str) -> object:
        return self.check(int(text) if _WHOLE.fullmatch(text) else None)

    def allowed(self) -> str:
        return f"allowed: a whole number from {self.low} to {self.high}" + (f" ({self.unit})" if self.unit else "")

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Number:
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float
    unit: str = ""

    def check(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise ValueError(self.allowed())
        return float(value)

    def parse(self, text: str) -> object:
        return self.check(float(text) if _DECIMAL.fullmatch(text) else None)

    def allowed(self) -> str:
        return f"allowed: a number from {self.low:g} to {self.high:g}" + (f" ({self.unit})" if self.unit else "")

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Choice:
    """One of a few values: texts, or whole numbers."""

    values: tuple[str | int, ...]

    def check(self, value: object) -> object:
        known = value if isinstance(value, str) else _whole(value)
        if known is None or known not in self.values:
            raise ValueError(self.allowed())
        return known

    def parse(self, text: str) -> object:
        for value in self.values:
            if text == str(value):
                return value
        raise ValueError(self.allowed())

    def allowed(self) -> str:
        return "allowed: " + ", ".join(str(v) for v in self.values)

    def schema(self) -> dict[str, Any]:
        return {"type": "string" if isinstance(self.values[0], str) else "integer", "enum": list(self.values)}


@dataclass(frozen=True)
class Text:
    """One line of text, or empty. A text that is not empty matches ``pattern`` (a regular expression that Python and
    JavaScript read alike), and ``also`` looks closer: it raises ValueError with what is allowed."""

    max_length: int = 255
    also: Callable[[str], None] | None = None
    words: str = "one line of text"
    pattern: str = ""

    def check(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(self.allowed())
        if len(value) > self.max_length:
            raise ValueError(f"{len(value)} characters long; {self.allowed()}")
        for position, character in enumerate(value):
            if not character.isprintable():
                what = "a line break" if character in "\r\n" else "a control character"
                raise ValueError(f"{what} at position {position + 1} of {len(value)}; {self.allowed()}")
        if value and self.also is not None:
            self.also(value)
        if value and self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(self.allowed())
        return value

    def parse(self, text: str) -> object:
        return self.check(text)

    def allowed(self) -> str:
        return f"allowed: {self.words}, at most {self.max_length} characters"

    def schema(self) -> dict[str, Any]:
        pattern = f"^(?:{self.pattern})?$" if self.pattern else "^[^\\u0000-\\u001f\\u007f]*$"
        return {"type": "string", "maxLength": self.max_length, "pattern": pattern}
