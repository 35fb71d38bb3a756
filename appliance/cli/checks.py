"""What a check of ``doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Grade(IntEnum):
    """Ordered: the worst of several is the largest."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Result:
    """One thing that was looked at. ``advice`` says what to do, where there is something to do."""

    name: str
    grade: Grade
    text: str
    advice: str = ""

    def line(self) -> str:
        """``ok    microphone: hw:1``, and the advice below it."""
        line = f"{self.grade.name.lower():<5} {self.name}: {self.text}"
        return f"{line}\n      -> {self.advice}" if self.advice and self.grade is not Grade.OK else line
