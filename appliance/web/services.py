"""What the page and the API need of the rest of the appliance; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from appliance.events import EventBus
from appliance.pusher.operations import Operations
from appliance.settings.declaration import Settings
from appliance.web.access import Access


class SettingsService(Protocol):
    """The settings as the page and the API see them (:class:`appliance.settings.store.SettingsStore`)."""

    @property
    def current(self) -> Settings:
        """The values in force."""
        ...

    def describe(self) -> dict[str, Any]:
        """``{"settings": {NAME: {value, default, applied, …}}, "scenarios": […]}``; secrets redacted."""
        ...

    def change(self, changes: Mapping[str, object], *, by: str) -> list[str]:
        """All or nothing; the names that changed. Raises SettingError or StateDirectoryError."""
        ...

    def schema(self) -> dict[str, Any]:
        """JSON Schema of an object of settings."""
        ...


class EventRecords(Protocol):
    """The event log (:class:`appliance.event_log.log.EventLog`). A record is a dict as ``GET /api/v1/events`` gives it."""

    @property
    def last_id(self) -> int:
        """The id of the newest event, 0 when there was never one."""
        ...

    def query(
        self,
        *,
        codes: Collection[int] = (),
        severity: Collection[str] | None = None,
        since: float | str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Newest first, and the ``before`` of the next page (None: there is none)."""
        ...

    def wait_after(self, id: int, timeout_s: float) -> list[dict[str, Any]]:
        """Some records behind that id, oldest first, as soon as there is one; empty when none came in time."""
        ...


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


class WaitingImage(Protocol):
    """The picture shown in a pause (:class:`appliance.media.waiting_image.WaitingImages`)."""

    def upload(self, data: bytes) -> dict[str, object]:
        """Keep an uploaded picture; ``width`` and ``height`` as kept, ``md5`` of ``data``. Used while ``waiting-image`` is
        ``upload``. Raises WaitingImageError or StateDirectoryError."""
        ...

    def remove(self) -> None:
        """Remove what is kept. Raises StateDirectoryError."""
        ...

    def jpeg(self) -> bytes | None:
        """The picture in use, None for the neutral one."""
        ...

    @property
    def reason(self) -> str:
        """Why there is none although one is wanted; empty when all is well."""
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
    settings: SettingsService
    events: EventBus
    log: EventRecords
    preview: LivePicture
    snapshots: Snapshots
    waiting_image: WaitingImage
    access: Access
    healthy: Callable[[], tuple[bool, Mapping[str, str]]]
    """Whether every worker makes progress, and the name and state of each."""
    webhook_status: Callable[[], Mapping[str, Any]] | None = None
    """How the events get to their receiver: ``state`` (off, ok, failing), ``lastError``, ``behind`` (events)."""
    simulated: Simulated | None = None
    arrived: LivePicture | None = None
    arrived_status: Callable[[], Mapping[str, Any]] | None = None
    """What the demonstration's receiver counted: ``connected``, ``videoKbps``, ``audioKbps``, ``fps``, ``width``,
    ``height``, ``soundLevel`` (dBFS)."""
    welcome_token: str | None = None
    """In the demonstration: ``/welcome/TOKEN`` signs in for the life of the process."""
