"""The composition root: the only place that names concrete classes and wires them (SPEC 9, 11)."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from appliance import __version__
from appliance import event_codes as codes
from appliance.clock import SystemClock
from appliance.demo.receiver import Receiver
from appliance.engine.engine import Engine
from appliance.errors import LinkBroken, LivePusherError, SettingError
from appliance.event_log.log import EventLog
from appliance.events import EventBus
from appliance.hardware.board import Board, make_board
from appliance.hardware.inputs import camera_for, microphone_for
from appliance.hardware.panel import Panel
from appliance.media.snapshots import SnapshotFolder
from appliance.media.sources import Camera, Microphone
from appliance.media.waiting_image import WaitingImages
from appliance.pusher.operations import Operations
from appliance.pusher.states import Context, Happening, Input, State
from appliance.settings.declaration import Settings
from appliance.settings.store import SettingsStore
from appliance.system import notify
from appliance.system.box import BoxWatch
from appliance.system.health import Health
from appliance.system.instance import StateDirectory
from appliance.system.network_watch import NetworkWatch
from appliance.threads import Collector
from appliance.web.access import Access
from appliance.web.app import create_app
from appliance.web.server import ControlServer, WebServer
from appliance.web.services import Services
from appliance.webhook.callback import Callback
from appliance.webhook.webhook import Webhook

log = logging.getLogger(__name__)

EXIT_WITHIN_S = 2.8
"""A service that is told to stop has ended by then, whatever hangs."""

CRASHED = 70  # EX_SOFTWARE of sysexits.h: systemd starts the service again
UNUSABLE = 1


class BoardInputs:
    """The board's cameras and microphones under the settings."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.hardware_encoder = board.hardware_encoder
        self.encoder_present = board.encoder_present

    def camera(self, settings: Settings, position: str) -> Camera:
        return camera_for(self._board, settings, position)

    def microphone(self, settings: Settings, position: str) -> Microphone | None:
        return microphone_for(self._board, settings, position)


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration adds: a receiver of its own, and a link that signs in."""

    receiver: Receiver
    welcome_token: str


class Appliance:
    """The whole box. ``start()`` and ``stop()`` from one thread; :attr:`operations` is for library users."""

    def __init__(
        self,
        state_dir: Path,
        *,
        board: str,
        listen: tuple[str, int] | None,
        overrides: Sequence[tuple[str, str]] = (),
        demonstration: Demonstration | None = None,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        """Takes possession of the state directory and opens the event log; raises LivePusherError in clear words. With
        ``listen`` None there is no page, only the control socket."""
        with ExitStack() as undo:
            self._directory = StateDirectory(state_dir)
            self._directory.claim()
            undo.callback(self._directory.release)
            self.events = EventBus()
            self.log = EventLog(state_dir / "events.sqlite", self.events)
            undo.callback(self.log.close)
            undo.callback(self._end_callbacks)
            self.webhook = Webhook(self.log, state_dir / "webhook.json", SystemClock())
            self._callbacks: list[Callback] = []
            if self._directory.trouble:
                self.events.emit(codes.STORAGE_FAILED, path=str(state_dir), reason=self._directory.trouble)
            self.settings = SettingsStore(state_dir / "settings.toml", overrides=overrides, events=self.events)
            self.settings.subscribe(lambda old, new, names: self._keep_log(new))
            self._keep_log(self.settings.current)
            self.settings.subscribe(lambda old, new, names: self._follow_webhook(new))
            self._follow_webhook(self.settings.current)
            self.board = make_board(board)
            undo.callback(self.board.close)
            settings = self.settings.current
            self.snapshots = SnapshotFolder(self._snapshot_folder(settings))
            self.settings.subscribe(lambda old, new, names: self._move_snapshots(new))
            self.engine = Engine(
                self.settings, BoardInputs(self.board), self.events, self.snapshots, on_crash=on_crash
            )  # fmt: skip
            self.waiting_image = WaitingImages(
                state_dir, self.events, self.engine.video.set_waiting_image, on_crash=on_crash
            )
            self._follow_waiting_image(settings)
            self.settings.subscribe(lambda old, new, names: self._follow_waiting_image(new))
            self.panel = Panel(settings, self.board.pin_factory, self.engine.pusher, self.events)
            self.board.attach_panel(self.panel)
            self._torch = False
            self.engine.adjustments.toggle_torch = self._toggle_torch if settings.torch_pin else None
            self.health = Health(self.engine.workers, events=self.events)
            self._collector = Collector(on_crash=on_crash)
            self._box = BoxWatch(self.events, SystemClock(), state_dir)
            link, report = self.engine.link, self.engine.pusher.report
            self._network = NetworkWatch(
                in_use=lambda: link.local_address,
                on_back=lambda: report(Happening(Input.NETWORK_BACK)),
                on_gone=lambda address: link.lose(LinkBroken(f"the network address {address} is gone")),
            )
            self.web: WebServer | None = None
            app = create_app(self._services(state_dir, demonstration))
            control = self._directory.runtime_dir() / "control.sock"
            self.control = ControlServer(app, control, on_crash=on_crash)
            if listen is not None:
                self.web = WebServer(app, *listen, on_crash=on_crash)
            self._undo = undo.pop_all()

    @property
    def operations(self) -> Operations:
        """start, stop, pause, resume, switchCamera, snapshot and the rest, for Python."""
        return self.engine.pusher

    def on_event(self, handler: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """``bindstatechange`` for Python: have ``handler(record)`` called for every event from now on; the answer ends it.

        A record is a dict as ``GET /api/v1/events`` gives it (``code``, ``name``, ``severity``, ``text``, ``time``,
        ``details``, …). Events come in order, one at a time, in a thread of the handler's own: it may take its time, and what
        it raises is logged.
        """
        callback = Callback(self.log, handler)
        self._callbacks.append(callback)

        def end() -> None:
            callback.end()
            with suppress(ValueError):
                self._callbacks.remove(callback)

        return end

    def start(self) -> None:
        """Start everything. Raises ListenError when the page's address is taken."""
        with ExitStack() as undo:
            self.webhook.start()
            undo.callback(self.webhook.stop, 0.4)
            if self.web is not None:
                self.web.start()
                undo.callback(self.web.stop)
            self.control.start()
            undo.callback(self.control.stop)
            self.events.emit(codes.SERVICE_STARTED, version=__version__, board=self.board.name)
            for lack in self.board.missing():
                self.events.emit(codes.HARDWARE_MISSING, reason=lack.reason)
            self.waiting_image.start()
            undo.callback(self.waiting_image.close)
            self.engine.start()
            undo.callback(self.engine.close)
            self.panel.start()
            undo.callback(self.panel.stop)
            self.engine.pusher.watch(self._show)
            servers = [self.control] if self.web is None else [self.control, self.web]
            self._network.start()
            undo.callback(self._network.stop, 0.2)
            watched = [
                *self.panel.workers(),
                self.log.worker,
                self.webhook.worker,
                self._network.worker,
                self._collector.worker,
                *(server.worker for server in servers),
            ]
            for worker in watched:
                self.health.add(worker)
            self._box.start()
            undo.callback(self._box.stop, 0.2)
            self.health.start()
            undo.callback(self.health.stop, 0.2)
            self._undo.callback(undo.pop_all().close)
        self._collector.start()
        self._undo.callback(self._collector.stop)
        notify.ready()

    def stop(self, reason: str) -> None:
        """End the push, announced to the server, then everything else."""
        notify.stopping()
        self.events.emit(codes.SERVICE_STOPPED, reason=reason)
        self._undo.close()

    def _keep_log(self, settings: Settings) -> None:
        self.log.limit, self.log.zone = settings.event_log_limit, ZoneInfo(settings.time_zone)

    def _follow_webhook(self, settings: Settings) -> None:
        self.webhook.follow(
            settings.bindstatechange, secret=settings.bindstatechange_secret, device=settings.device_name
        )  # fmt: skip

    def _end_callbacks(self) -> None:
        for callback in tuple(self._callbacks):
            callback.end(0.3)

    def _follow_waiting_image(self, settings: Settings) -> None:
        self.waiting_image.want(settings.waiting_image, settings.waiting_image_hash)

    def _snapshot_folder(self, settings: Settings) -> Path:
        return Path(settings.snapshot_folder) if settings.snapshot_folder else self._directory.snapshots

    def _move_snapshots(self, settings: Settings) -> None:
        """New snapshots go to the folder that is set now; what lies in the one before stays there."""
        self.snapshots.folder = self._snapshot_folder(settings)

    def _toggle_torch(self) -> bool:
        self._torch = not self._torch
        self.panel.set_torch(self._torch)
        return self._torch

    def _show(self, context: Context) -> None:
        on_air = context.state in (State.PUSHING, State.PAUSED)
        self.panel.show(context.state.value, muted=self.engine.adjustments.muted, on_air=on_air)

    def _services(self, state_dir: Path, demonstration: Demonstration | None) -> Services:
        arrived: Mapping[str, Any] = {}
        if demonstration is not None:
            arrived = {
                "arrived": demonstration.receiver.picture,
                "arrived_status": demonstration.receiver.status,
                "welcome_token": demonstration.welcome_token,
            }
        return Services(
            version=__version__,
            board=self.board.name,
            operations=self.engine.pusher,
            settings=self.settings,
            events=self.events,
            log=self.log,
            preview=self.engine.preview,
            snapshots=self.snapshots,
            waiting_image=self.waiting_image,
            access=Access(state_dir / "secrets"),
            healthy=self.health.report,
            webhook_status=self.webhook.status,
            simulated=self.board.simulated,
            **arrived,
        )


def run(state_dir: Path, board: str, listen: tuple[str, int], overrides: Sequence[tuple[str, str]]) -> int:
    """Run the service until a signal ends it; the answer is the exit status."""
    return _serve(state_dir, board, listen, overrides, None)


def demo(listen: tuple[str, int], state_dir: Path | None, overrides: Sequence[tuple[str, str]]) -> int:
    """Run the demonstration: the simulated board pushes to a receiver of its own, and the page shows both ends."""
    receiver = Receiver()
    receiver.start()
    given = {name for name, _ in overrides}
    own = {"url": receiver.url, "autopush": "true", "orientation": "horizontal", "audio-quality": "high"}
    settings = [*((name, text) for name, text in own.items() if name not in given), *overrides]
    try:
        with tempfile.TemporaryDirectory(prefix="live-pusher-demo-") as scratch:
            demonstration = Demonstration(receiver, secrets.token_urlsafe(12))
            return _serve(state_dir or Path(scratch), "simulated", listen, settings, demonstration)
    finally:
        receiver.stop()


def _serve(
    state_dir: Path,
    board: str,
    listen: tuple[str, int],
    overrides: Sequence[tuple[str, str]],
    demonstration: Demonstration | None,
) -> int:
    ended = threading.Event()
    why = ["asked to stop"]
    status = [0]

    def end(reason: str, code: int = 0) -> None:
        if not ended.is_set():
            why[0], status[0] = reason, code
            ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _: end(f"{signal.Signals(signum).name}"))
    try:
        appliance = Appliance(
            state_dir, board=board, listen=listen, overrides=overrides, demonstration=demonstration,
            on_crash=lambda name, error: end(f"thread {name} died: {error}", CRASHED),
        )  # fmt: skip
    except LivePusherError as error:
        print(f"live-pusher: {error.reason}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else UNUSABLE
    try:
        appliance.start()
    except LivePusherError as error:
        print(f"live-pusher: {error.reason}", file=sys.stderr)
        appliance.stop(error.reason)
        return UNUSABLE
    _greet(appliance, demonstration, state_dir)
    while not ended.wait(3600):
        pass
    # Everything that is stopped below has a bound of its own; this one holds if they add up.
    overdue = threading.Timer(EXIT_WITHIN_S, lambda: os._exit(status[0] or CRASHED))
    overdue.daemon = True
    overdue.start()
    appliance.stop(why[0])
    overdue.cancel()
    return status[0]


def _greet(appliance: Appliance, demonstration: Demonstration | None, state_dir: Path) -> None:
    address = appliance.web.url if appliance.web is not None else ""
    if demonstration is None:
        print(f"Live Pusher {__version__} runs on the {appliance.board.name} board.\nPage: {address}", flush=True)
        return
    print(
        f"Live Pusher {__version__}: the demonstration runs. The simulated board's camera is encoded, pushed over\n"
        f"RTMP to a receiver on this machine, and the page shows both ends.\n\n"
        f"  Page, signed in:  {address.rstrip('/')}/welcome/{demonstration.welcome_token}\n"
        f"  Command line:     {sys.argv[0]} --state-dir {state_dir} status\n\n"
        f"Ctrl-C ends it.",
        flush=True,
    )
