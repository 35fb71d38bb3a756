"""What gestures do: operations asked for in threads of their own, so that neither buttons nor lights ever wait."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable

from appliance.pusher.operations import Answer, Failure, Operation, Operations
from appliance.threads import Worker

log = logging.getLogger(__name__)

AT_ONCE = 4
"""As many operations may be under way: a stop must not queue up behind a start that still connects. What comes beyond
is dropped, as nobody presses five buttons at once."""
RETRY_S = 2.0
"""A privacy switch is obeyed in the end, whatever stood in the way at first."""

_GESTURES: dict[str, Operation] = {
    "start": Operation.START,
    "stop": Operation.STOP,
    "pause": Operation.PAUSE,
    "resume": Operation.RESUME,
    "switchCamera": Operation.SWITCH_CAMERA,
    "snapshot": Operation.SNAPSHOT,
    "toggleTorch": Operation.TOGGLE_TORCH,
}


def power_off() -> None:
    """Shut the box down in order."""
    subprocess.run(["systemctl", "poweroff"], check=True, timeout=30, capture_output=True)


class Actions:
    """Carries out gestures. :meth:`do` and :meth:`background` return at once."""

    def __init__(self, operations: Operations, shutdown: Callable[[], None]) -> None:
        self._operations = operations
        self._shutdown = shutdown
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._stopped = threading.Event()
        self._wanted_background = threading.Condition()
        self._background: bool | None = None
        self._obeyed: bool | None = None
        self._privacy: Worker | None = None

    def do(self, gesture: str, button: str) -> None:
        """Start what ``gesture`` (a value of the settings) means, asked for by ``button``."""
        if gesture == "none" or self._stopped.is_set():
            return
        if not self._free.acquire(blocking=False):
            log.warning("button %s: %s is dropped, %d operations are under way", button, gesture, AT_ONCE)
            return
        Worker(f"button {button}", lambda _: self._carry_out(gesture, button), stall_s=None).start()

    def _carry_out(self, gesture: str, button: str) -> None:
        try:
            if gesture == "shutdown":
                self._shutdown()
                return
            answer = self._perform(self._meaning(gesture), button)
            log.log(logging.INFO if answer.ok else logging.WARNING, "button %s: %s", button, answer.message)
        except Exception:
            log.exception("button %s: %s failed", button, gesture)
        finally:
            self._free.release()

    def _meaning(self, gesture: str) -> Operation:
        if gesture == "toggle-pause":
            return Operation.RESUME if self._operations.status().get("state") == "PAUSED" else Operation.PAUSE
        if gesture == "toggle-mute":
            return Operation.UNMUTE if self._operations.status().get("muted") else Operation.MUTE
        return _GESTURES[gesture]

    def _perform(self, operation: Operation, button: str) -> Answer:
        return self._operations.perform(operation, by=f"button {button}")

    # -- the privacy switch ----------------------------------------------------------------------------------

    def background(self, wanted: bool, switch: str) -> None:
        """Bring the appliance into the background, or out of it; of several wishes the last one counts, and it is asked
        for again until it is granted or makes no sense."""
        with self._wanted_background:
            self._background = wanted
            self._wanted_background.notify_all()
        if self._privacy is None:
            self._privacy = Worker(f"switch {switch}", lambda w: self._obey(w, switch), stall_s=None).start()

    def _obey(self, worker: Worker, switch: str) -> None:
        while True:
            with self._wanted_background:
                self._wanted_background.wait_for(lambda: self._background is not self._obeyed or self._stopped.is_set())
                wanted = self._background
            if self._stopped.is_set():
                return
            try:
                answer = self._perform(Operation.BACKGROUND if wanted else Operation.FOREGROUND, switch)
                granted = answer.ok or answer.failure in (Failure.REFUSED, Failure.INVALID)
                log.log(logging.INFO if answer.ok else logging.WARNING, "switch %s: %s", switch, answer.message)
            except Exception:
                log.exception("switch %s failed", switch)
                granted = False
            if granted:
                self._obeyed = wanted
            else:
                worker.wait(RETRY_S)

    def stop(self) -> None:
        """Take no more gestures; operations under way get their answers, which nobody waits for."""
        self._stopped.set()
        if self._privacy is not None:
            self._privacy.request_stop()
            with self._wanted_background:
                self._wanted_background.notify_all()
            self._privacy.stop(0.5)
