"""What values a setting may take. Strict: ``"false"`` is not true, and 10 is not a beauty (SPEC 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


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
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError(self.allowed())
        return value

    def parse(self, text: str) -> object:
        try:
            return self.check(int(text))
        except ValueError:
            raise ValueError(self.allowed()) from None

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
        try:
            return self.check(float(text))
        except ValueError:
            raise ValueError(self.allowed()) from None

    def allowed(self) -> str:
        return f"allowed: a number from {self.low:g} to {self.high:g}" + (f" ({self.unit})" if self.unit else "")

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Choice:
    """One of a few values: texts, or whole numbers."""

    values: tuple[str | int, ...]

    def check(self, value: object) -> object:
        if isinstance(value, bool) or value not in self.values or type(value) is not type(self.values[0]):
            raise ValueError(self.allowed())
        return value

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
    """One line of text. ``also`` looks closer and raises ValueError with what is allowed."""

    max_length: int = 255
    secret: bool = False
    also: Callable[[str], None] | None = None
    words: str = "one line of text"
    format: str = ""

    def check(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(self.allowed())
        if len(value) > self.max_length:
            raise ValueError(f"{len(value)} characters long; {self.allowed()}")
        for position, character in enumerate(value):
            if not character.isprintable():
                what = "a line break" if character in "\r\n" else "a control character"
                raise ValueError(f"{what} at position {position + 1} of {len(value)}; {self.allowed()}")
        if self.also is not None and value:
            self.also(value)
        return value

    def parse(self, text: str) -> object:
        return self.check(text)

    def allowed(self) -> str:
        return f"allowed: {self.words}, at most {self.max_length} characters"

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.max_length}
        if self.format:
            schema["format"] = self.format
        return schema
