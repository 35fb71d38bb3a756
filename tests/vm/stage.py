"""What every scene is played on: the board, the server it pushes to, and what is expected of them again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.nginx import Nginx

from . import viewer
from .board import Board, wait_until
from .machine import HOST, BoardFailed, Machine
from .viewer import View

NAME = "board?token=a-long-secret"
STATE_S = 60.0
"""For a push to begin on an emulated processor."""
WAITING_FILE = "/var/lib/live-pusher/waiting-test.png"
SETTINGS: dict[str, object] = {
    "mode": "SD", "orientation": "horizontal", "video.fps": 10, "video.keyframe-interval": 1, "min-bitrate": 100, "max-bitrate": 400,
    "video.resolution-change": "off", "waiting-image": f"file:{WAITING_FILE}",
    "device-name": "virtual booth",
}  # fmt: skip
"""A picture that an emulated processor can encode, and no ladder of sizes: no rates are tried here."""


def need(holds: object, otherwise: str) -> None:
    if not holds:
        raise BoardFailed(otherwise)


@dataclass
class Stage:
    """One evening's stage; the scenes come in order and leave it as they found it, unless they say otherwise."""

    machine: Machine
    board: Board
    server: Nginx
    folder: Path
    booted_s: float = 0.0
    remembered: dict[str, object] = field(default_factory=dict)
    """What a scene leaves for a later one to find again."""

    @property
    def url(self) -> str:
        """The push address as the board has it."""
        return f"rtmp://{HOST}:{self.server.port}/live/{NAME}"

    def watch(self, seconds: float = 5.0) -> View:
        return viewer.watch(f"{self.server.url}/{NAME}", self.folder, seconds=seconds)

    def sees(self, picture: str, *, within_s: float = 45.0) -> View:
        """Watch until the stream shows that picture."""
        return self._watch_until(picture, lambda view: view.picture == picture, within_s)

    def hears(self, hz: float, *, within_s: float = 45.0) -> View:
        """Watch until that tone is heard; 0: silence."""
        return self._watch_until(f"{hz:g} Hz", lambda view: abs(view.tone_hz - hz) < 30, within_s)

    def _watch_until(self, what: str, fits: Callable[[View], bool], within_s: float) -> View:
        """Somebody who looks in between two keyframes, or while a session begins, sees nothing, and looks again."""
        deadline = time.monotonic() + within_s
        while True:
            seen: View | BoardFailed
            try:
                seen = self.watch()
                if fits(seen):
                    return seen
            except BoardFailed as error:
                seen = error
            if time.monotonic() > deadline:
                raise BoardFailed(f"the stream has {seen} instead of {what}; events: {self.board.codes()}")

    def sessions(self) -> int:
        """How many pushes the server has taken."""
        return len(self.server.recorded(NAME.partition("?")[0]))

    def start(self) -> None:
        """Have it push, whatever it did; the events counted from here on."""
        self.board.do("stop")
        self.board.wait_state("IDLE")
        self.board.mark()
        status, answer = self.board.post("start", wait=STATE_S)
        need(status == 200, f"start: {answer}; events: {self.board.codes()}")
        self.board.wait_state("PUSHING", timeout_s=STATE_S)

    def live(self) -> None:
        """Have it push, where a scene before this one has not left it so."""
        if self.board.state != "PUSHING":
            self.start()
        self.board.mark()

    def stop(self) -> None:
        self.board.do("stop")
        self.board.wait_state("IDLE")
        self.wait_closed()

    def wait_closed(self) -> None:
        """Privacy: seen from the system, nobody has a camera open."""
        wait_until("the camera is closed", lambda: not self.board.camera_users(), 15)

    def in_order(self, *codes: int) -> None:
        """These events came since the last mark, in this order, whatever came between them."""
        seen = iter(found := self.board.codes())
        missing = [code for code in codes if code not in seen]
        need(not missing, f"events {found} do not have {list(codes)} in this order: {missing} is missing")
