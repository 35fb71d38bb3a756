"""What the page and the API need of the rest of the appliance; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from appliance.event_log.log import EventLog
from appliance.events import EventBus
from appliance.pusher.operations import Operations
from appliance.settings.store import SettingsStore
from appliance.web.access import Access


class LivePicture(Protocol):
    """A picture that changes: what the camera sees, or what arrived at the demonstration's receiver."""

    def jpeg(self) -> bytes | None:
        """The newest picture as JPEG (at most 640 pixels wide), None when there is none."""
        ...

    def wait_jpeg(self, after: int, timeout_s: float) -> tuple[int, bytes] | None:
        """The first picture newer than number ``after`` and its number; None when none came in time."""
        ...


class Snapshots(Protocol):
    """The folder of snapshots."""

    folder: Path

    def list(self) -> list[dict[str, Any]]:
        """Newest first: ``name``, ``time`` (seconds since 1970), ``width``, ``height``, ``bytes``."""
        ...

    def path(self, name: str) -> Path | None:
        """The file of one snapshot; None for a name that is none (never leaves the folder)."""
        ...


class Simulated(Protocol):
    """The hands on the simulated board (SPEC 11). Each raises ValueError that says what is allowed."""

    def press(self, button: str) -> None:
        """Press and release at once. ``button`` is its name or its pin's number."""
        ...

    def hold(self, button: str, seconds: float) -> None:
        """Press, hold for ``seconds`` (at most 10) in the background, release."""
        ...

    def unplug(self, device: str) -> None:
        """``front``, ``back`` or ``microphone``."""
        ...

    def plug(self, device: str) -> None: ...

    def state(self) -> dict[str, Any]:
        """Buttons with their pins, lights with whether they are lit, devices with whether they are plugged."""
        ...


@dataclass(frozen=True)
class Services:
    """Everything ``create_app`` is given. ``simulated`` and ``arrived`` exist on the simulated board and in the
    demonstration alone."""

    version: str
    board: str
    operations: Operations
    settings: SettingsStore
    events: EventBus
    log: EventLog
    preview: LivePicture
    snapshots: Snapshots
    access: Access
    healthy: Callable[[], tuple[bool, Mapping[str, str]]]
    """Whether every worker makes progress, and the name and state of each."""
    simulated: Simulated | None = None
    arrived: LivePicture | None = None
    arrived_status: Callable[[], Mapping[str, Any]] | None = None
    """What the demonstration's receiver counted: ``connected``, ``videoKbps``, ``audioKbps``, ``fps``, ``width``, ``height``,
    ``soundLevel`` (dBFS)."""
