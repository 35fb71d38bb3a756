"""Stand-ins for what the page and the API are built on, simple enough to be seen through."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from appliance import event_codes
from appliance.errors import SettingError, WaitingImageError
from appliance.events import Event, EventBus
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.settings.declaration import DECLARED, Settings
from appliance.web.access import Access
from appliance.web.services import LivePicture, Services

TARGET = "rtmp://live.example/app/***"


class FakeOperations:
    """Remembers what it was asked, and moves the state as the real one would when all goes well."""

    def __init__(self, events: EventBus) -> None:
        self.events = events
        self.calls: list[tuple[Operation, dict[str, Any], str, float]] = []
        self.answers: dict[Operation, Answer] = {}
        """What to answer instead."""
        self.hold = threading.Event()
        self.hold.set()
        """While cleared, ``start`` waits."""
        self.state = "IDLE"
        self.since = time.time()
        self.muted = self.preview = self.background = False
        self.position = "front"
        self.errors: list[str] = []
        self.frames = 0

    def perform(
        self, operation: Operation, parameters: Mapping[str, Any] | None = None, *, by: str, timeout_s: float = 10.0
    ) -> Answer:
        self.calls.append((operation, dict(parameters or {}), by, timeout_s))
        if operation is Operation.START and not self.hold.wait(timeout_s):
            return Answer(operation, False, f"no outcome within {timeout_s:g} s", failure=Failure.TIMEOUT)
        if operation in self.answers:
            return self.answers[operation]
        result: dict[str, Any] = {}
        match operation:
            case Operation.START:
                self.to("PUSHING")
                self.events.emit(event_codes.CONNECT_SUCC, server="live.example:1935")
                self.events.emit(event_codes.PUSH_BEGIN)
            case Operation.STOP:
                self.to("IDLE")
                self.events.emit(event_codes.PUSH_STOPPED, reason=f"by {by}")
            case Operation.PAUSE:
                self.to("PAUSED")
                self.events.emit(event_codes.PAUSED, by=by)
            case Operation.RESUME:
                self.to("PUSHING")
                self.events.emit(event_codes.RESUMED, by=by)
            case Operation.MUTE | Operation.UNMUTE:
                self.muted = operation is Operation.MUTE
            case Operation.START_PREVIEW | Operation.STOP_PREVIEW:
                self.preview = operation is Operation.START_PREVIEW
            case Operation.SWITCH_CAMERA:
                self.position = "back" if self.position == "front" else "front"
                result = {"camera": self.position}
            case Operation.SNAPSHOT:
                result = {
                    "tempImagePath": "/state/snapshots/a.jpg", "width": 640, "height": 360,
                    "href": "/api/v1/snapshots/a.jpg",
                }  # fmt: skip
                self.events.emit(event_codes.SNAPSHOT_TAKEN, name="a.jpg")
        return Answer(operation, True, result={"state": self.state, **result})

    def to(self, state: str) -> None:
        self.state, self.since = state, time.time()

    def status(self) -> dict[str, Any]:
        live = self.state in ("PUSHING", "PAUSED")
        return {
            "state": self.state, "since": self.since, "url": TARGET, "muted": self.muted, "preview": self.preview,
            "camera": {"position": self.position, "name": f"test camera {self.position}"},
            "paused": self.state == "PAUSED", "background": self.background,
            "reconnect": {"attempt": 0, "nameInUse": False, "nextInSeconds": None}, "errors": self.errors,
            "net": {
                "videoBitrate": 812 if live else 0, "audioBitrate": 48 if live else 0, "targetBitrate": 850,
                "videoFPS": 29.7 if live else 0, "videoGOP": 2.0, "videoWidth": 960, "videoHeight": 540,
                "netSpeed": 861 if live else 0, "netJitter": 3, "netQualityLevel": 5, "videoCache": 1, "audioCache": 2,
                "queueDelay": 84 if live else 0, "rtt": 23, "droppedFrames": 0, "encoder": "libx264",
            },
        }  # fmt: skip


class FakeSettings:
    """Two settings can be refused: ``max-bitrate`` above 20000, and a name that is none."""

    def __init__(self) -> None:
        self.current = Settings(url="rtmp://live.example/app/secret-stream-name", device_name="Booth 3")
        self.applied = self.current
        self.changes: list[tuple[dict[str, object], str]] = []

    def describe(self) -> dict[str, Any]:
        described = {}
        for name, declared in DECLARED.items():
            value, applied = (getattr(s, declared.attribute) for s in (self.current, self.applied))
            described[name] = {
                "value": _mask(value) if declared.secret else value,
                "default": declared.default,
                "applied": _mask(applied) if declared.secret else applied,
                "allowed": declared.kind.allowed().removeprefix("allowed: "), "schema": declared.kind.schema(),
                "help": declared.help, "applies": declared.applies.value, "group": declared.group.value,
                "unit": declared.unit, "secret": declared.secret, "available": declared.available,
                "source": "default" if value == declared.default else "file",
            }  # fmt: skip
            if declared.secret:
                described[name]["set"] = bool(value)
        row = {"mode": "HD", "min-bitrate": 600, "max-bitrate": 1200, "audio-quality": "high"}
        scenarios = [{"id": "hd-live", "name": "HD live", "help": "Ordinary live streams", "settings": row}]
        return {"settings": described, "scenarios": scenarios}

    def change(self, changes: Mapping[str, object], *, by: str) -> list[str]:
        self.changes.append((dict(changes), by))
        problems, values = {}, {}
        for name, value in changes.items():
            if name not in DECLARED:
                problems[name] = "is no setting"
                continue
            try:
                values[DECLARED[name].attribute] = DECLARED[name].kind.check(value)
            except ValueError as error:
                problems[name] = f"given {value!r}; {error}"
        if problems:
            raise SettingError(problems)
        self.current = replace(self.current, **values)  # type: ignore[arg-type]
        now = [n for n in changes if DECLARED[n].applies.value == "now"]
        self.applied = replace(self.applied, **{DECLARED[n].attribute: values[DECLARED[n].attribute] for n in now})  # type: ignore[arg-type]
        return list(changes)

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": {n: d.kind.schema() for n, d in DECLARED.items()}}


def _mask(value: object) -> str:
    return "***" if value else ""


class FakeLog:
    """Events in a list."""

    def __init__(self, bus: EventBus) -> None:
        self.records: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        bus.subscribe(self._take)

    @property
    def last_id(self) -> int:
        return len(self.records)

    def _take(self, event: Event) -> None:
        with self._changed:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event.time)) + ".000+00:00"
            self.records.append({
                "id": len(self.records) + 1, "code": event.code, "name": event.name, "severity": event.severity.value,
                "text": event.text, "time": stamp, "synchronised": event.synchronised, "monotonic": event.monotonic,
                "details": dict(event.details),
            })  # fmt: skip
            self._changed.notify_all()

    def query(
        self,
        *,
        codes: Collection[int] = (),
        severity: Collection[str] | None = None,
        since: float | str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[list[dict[str, Any]], int | None]:
        found = [
            record
            for record in reversed(self.records)
            if (not codes or record["code"] in codes)
            and (not severity or record["severity"] in severity)
            and (before is None or record["id"] < before)
            and (record["time"] >= since if isinstance(since, str) else record["id"] > (since or 0))
        ]
        return found[:limit], found[limit - 1]["id"] if len(found) > limit else None

    def wait_after(self, id: int, timeout_s: float) -> list[dict[str, Any]]:
        with self._changed:
            self._changed.wait_for(lambda: len(self.records) > id, timeout_s)
            return self.records[id : id + 100]


def picture(text: str, size: tuple[int, int] = (640, 360), colour: str = "#2f5d50") -> bytes:
    """A JPEG with words in it."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    for step in range(0, size[0], 40):
        draw.line((step, 0, step + 80, size[1]), fill="#ffffff", width=1)
    draw.text((24, 24), text, fill="#ffffff", font_size=40)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


class FakePicture:
    """A live picture: a new number, and a new JPEG, whenever somebody waits."""

    def __init__(self, text: str, *, colour: str = "#2f5d50", fps: float = 15) -> None:
        self.on = True
        self.made = 0
        self._text, self._colour, self._fps = text, colour, fps
        self._frames = [picture(f"{text} {n}", colour=colour) for n in range(4)]

    def jpeg(self) -> bytes | None:
        return self._frames[0] if self.on else None

    def wait_jpeg(self, after: int, timeout_s: float) -> tuple[int, bytes] | None:
        if not self.on:
            time.sleep(timeout_s)
            return None
        time.sleep(1 / self._fps)
        self.made += 1
        return after + 1, self._frames[after % len(self._frames)]


class FakeSnapshots:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str) -> None:
        (self.folder / name).write_bytes(picture(name, (320, 180), "#5b4a8a"))

    def list(self) -> list[dict[str, Any]]:
        files = sorted(self.folder.glob("*.jpg"), reverse=True)
        return [{"name": f.name, "time": f.stat().st_mtime, "width": 320, "height": 180, "bytes": f.stat().st_size}
                for f in files]  # fmt: skip

    def path(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.parent == self.folder and path.suffix == ".jpg" else None


class FakeWaitingImage:
    """Takes whatever begins like a JPEG."""

    def __init__(self) -> None:
        self.picture: bytes | None = None
        self.reason = ""

    def upload(self, data: bytes) -> dict[str, object]:
        if not data.startswith(b"\xff\xd8"):
            raise WaitingImageError("it is no picture of a known format")
        self.picture = data
        with Image.open(io.BytesIO(data)) as image:
            return {"width": image.width, "height": image.height, "md5": hashlib.md5(data).hexdigest()}

    def remove(self) -> None:
        self.picture = None

    def jpeg(self) -> bytes | None:
        return self.picture


class FakeHands:
    """The hands on the simulated board."""

    def __init__(self) -> None:
        self.buttons = {"start-stop": 17, "pause": 27, "camera": 22}
        self.devices = {"front": True, "back": True, "microphone": True}
        self.done: list[tuple[Any, ...]] = []

    def press(self, button: str) -> None:
        self._check(button)
        self.done.append(("press", button))

    def hold(self, button: str, seconds: float) -> None:
        self._check(button)
        self.done.append(("hold", button, seconds))

    def unplug(self, device: str) -> None:
        self._set(device, False)

    def plug(self, device: str) -> None:
        self._set(device, True)

    def state(self) -> dict[str, Any]:
        lit = time.monotonic() % 1 < 0.5
        return {"buttons": self.buttons, "lights": {"status": lit, "on-air": True}, "devices": dict(self.devices)}

    def _check(self, button: str) -> None:
        if button not in self.buttons and button not in map(str, self.buttons.values()):
            raise ValueError(f"there is no button {button!r}; allowed: {', '.join(self.buttons)}")

    def _set(self, device: str, plugged: bool) -> None:
        if device not in self.devices:
            raise ValueError(f"there is no device {device!r}; allowed: {', '.join(self.devices)}")
        self.devices[device] = plugged


class Fakes:
    """All of them, and the services made of them."""

    def __init__(self, folder: Path, *, simulated: bool = False, welcome: str | None = None) -> None:
        self.events = EventBus()
        self.log = FakeLog(self.events)
        self.operations = FakeOperations(self.events)
        self.settings = FakeSettings()
        self.preview: LivePicture | FakePicture = FakePicture("camera")
        self.arrived = FakePicture("arrived", colour="#274b72")
        self.snapshots = FakeSnapshots(folder / "snapshots")
        self.waiting_image = FakeWaitingImage()
        self.hands = FakeHands()
        self.access = Access(folder / "secrets")
        self.healthy = True
        self.services = Services(
            version="1.2.3", board="simulated" if simulated else "pi", operations=self.operations,
            settings=self.settings, events=self.events, log=self.log, preview=self.preview, snapshots=self.snapshots,
            waiting_image=self.waiting_image, access=self.access, healthy=lambda: (self.healthy, {"pusher": "ok" if self.healthy else "stalled"}),
            simulated=self.hands if simulated else None, arrived=self.arrived if simulated else None,
            arrived_status=self._arrived if simulated else None, welcome_token=welcome,
        )  # fmt: skip

    def _arrived(self) -> dict[str, Any]:
        return {"connected": self.operations.state in ("PUSHING", "PAUSED"), "videoKbps": 805.2, "audioKbps": 47.9,
                "fps": 29.9, "width": 960, "height": 540, "soundLevel": -18.4}  # fmt: skip
