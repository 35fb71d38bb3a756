"""The operations (SPEC 2) and the one answer each caller gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Operation(StrEnum):
    """Names as the contract and the JSON API spell them."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    SWITCH_CAMERA = "switchCamera"
    SNAPSHOT = "snapshot"
    MUTE = "mute"
    UNMUTE = "unmute"
    START_PREVIEW = "startPreview"
    STOP_PREVIEW = "stopPreview"
    BACKGROUND = "background"
    FOREGROUND = "foreground"
    SET_MIC_VOLUME = "setMICVolume"
    SET_ZOOM = "setZoom"
    TOGGLE_TORCH = "toggleTorch"


class Failure(StrEnum):
    """Why an operation failed, as far as a caller can act on it."""

    REFUSED = "refused"
    """Makes no sense in the present state; nothing was changed (HTTP 409)."""
    INVALID = "invalid"
    """A parameter is wrong (HTTP 422)."""
    FAILED = "failed"
    """Was tried and did not work (HTTP 502 for the network, 503 for devices)."""
    TIMEOUT = "timeout"
    """Did not end within its bound (HTTP 504)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Success with the result, or failure with the reason and the event code that fits (0: none)."""

    operation: Operation
    ok: bool
    reason: str = ""
    code: int = 0
    failure: Failure | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """``start:ok`` or ``start:fail REASON``, the contract's ``errMsg``."""
        return f"{self.operation.value}:ok" if self.ok else f"{self.operation.value}:fail {self.reason}"


class Operations(Protocol):
    """The pusher as buttons, page, API, command line and Python see it. Any thread may call."""

    def perform(
        self, operation: Operation, parameters: Mapping[str, Any] | None = None, *, by: str, timeout_s: float = 10.0
    ) -> Answer:
        """Ask for an operation and wait for its one answer, at most ``timeout_s`` seconds. ``by`` says who asks,
        in words for the log (``the page``, ``button start-stop``). Never raises for a refusal."""
        ...

    def status(self) -> dict[str, Any]:
        """``GET /api/v1/status`` (SPEC 11): no secrets, never waits."""
        ...
