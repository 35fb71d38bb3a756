"""The real appliance as a process of its own, driven over its control socket as any other program would."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

START_S = 20.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, resource: str, body: object = None, *, timeout_s: float = 30) -> tuple[int, Any]:
    """Status and JSON of one request over the control socket at ``path``. Raises OSError."""
    connection = _Connection(path, timeout_s)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, f"/api/v1/{resource}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


class Driven:
    """A running appliance as other programs drive it: :meth:`ask` says how it is reached, here is what is asked."""

    _mark = 0

    def ask(self, method: str, resource: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        raise NotImplementedError

    # -- asking --------------------------------------------------------------------------------------------

    def get(self, resource: str) -> Any:
        """The JSON of a GET that succeeds."""
        status, answer = self.ask("GET", resource)
        assert status == 200, (resource, status, answer)
        return answer

    def post(self, operation: str, body: object = None, *, wait: float | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer of an operation."""
        query = "" if wait is None else f"?wait={wait}"
        return self.ask("POST", f"{operation}{query}", {} if body is None else body)

    def do(self, operation: str, body: object = None) -> dict[str, Any]:
        """The answer of an operation that succeeds."""
        status, answer = self.post(operation, body)
        assert status == 200, (operation, status, answer)
        return answer

    def patch(self, **settings: object) -> None:
        """Change settings; ``__`` in a name is a dot, ``_`` a hyphen."""
        changes = {name.replace("__", ".").replace("_", "-"): value for name, value in settings.items()}
        status, answer = self.ask("PATCH", "settings", changes)
        assert status == 200, (changes, answer)

    def unplug(self, device: str) -> None:
        assert self.post("simulated/unplug", {"device": device})[0] == 200

    def plug(self, device: str) -> None:
        assert self.post("simulated/plug", {"device": device})[0] == 200

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("status")
        return answer

    @property
    def state(self) -> str:
        return str(self.status()["state"])

    # -- events --------------------------------------------------------------------------------------------

    def all_events(self) -> list[dict[str, Any]]:
        """Every event in the log, oldest first."""
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            page = self.get(f"events?limit=1000{before}")
            found = [*reversed(page["events"]), *found]
            if page["next"] is None:
                return found
            before = f"&before={page['next']}"

    def mark(self) -> None:
        """:meth:`events` and :meth:`wait_for` look at what comes from here on."""
        newest = self.get("events?limit=1")["events"]
        self._mark = newest[0]["id"] if newest else 0

    def events(self, *codes: int) -> list[dict[str, Any]]:
        """Events since the last :meth:`mark`, oldest first; of those codes only, if any are given."""
        query = f"&code={','.join(map(str, codes))}" if codes else ""
        found = [event for event in self.get(f"events?limit=1000{query}")["events"] if event["id"] > self._mark]
        return found[::-1]

    def codes(self) -> list[int]:
        """Their codes."""
        return [event["code"] for event in self.events()]

    def wait_for(self, code: int, timeout_s: float = 10, *, count: int = 1) -> dict[str, Any]:
        """The ``count``th event of that code since the last mark."""
        found = self._until(lambda: self.events(code), lambda events: len(events) >= count, timeout_s)
        assert len(found) >= count, f"no {code} (number {count}) within {timeout_s:g} s; events: {self.codes()}"
        event: dict[str, Any] = found[count - 1]
        return event

    def wait_state(self, *states: str, timeout_s: float = 10) -> str:
        """Wait until it is in one of those states."""
        state = self._until(lambda: self.state, lambda state: state in states, timeout_s)
        assert isinstance(state, str)
        assert state in states, f"{state} instead of {states} after {timeout_s:g} s; events: {self.codes()}"
        return state

    @staticmethod
    def _until(look: Callable[[], Any], fits: Callable[[Any], bool], timeout_s: float) -> Any:
        end = time.monotonic() + timeout_s
        while True:
            seen = look()
            if fits(seen) or time.monotonic() > end:
                return seen
            time.sleep(0.05)


class ApplianceProcess(Driven):
    """``python -m appliance run`` on the simulated board. Started by ``with`` or :meth:`start`; ``settings`` are given
    as ``--set``, ``prefix`` is a command to run it under (``ip netns exec …``), ``module`` another one that takes the
    same arguments."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object] | None = None,
        *,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        module: str = "appliance",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state_dir = folder / "state"
        self.control = self.state_dir / "run" / "control.sock"
        self._log = folder / "appliance.log"
        self._command = [
            *prefix, sys.executable, "-m", module, "run", "--state-dir", str(self.state_dir),
            "--board", "simulated", "--listen", "127.0.0.1:0",
        ]  # fmt: skip
        for name, value in (settings or {}).items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self._command += ["--set", f"{name}={text}"]
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._environment.pop("RUNTIME_DIRECTORY", None)
        self._process: subprocess.Popen[bytes] | None = None

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start, and wait until the control socket answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if ask(self.control, "GET", "status", timeout_s=2)[0] == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        log_text = self.log()[-3000:]
        self.stop()
        raise RuntimeError(f"the appliance does not start: {log_text}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """End it as systemd does; its exit status, which is -9 when it had to be killed."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(6)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self) -> str:
        """What it has written to its standard outputs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def ask(self, method: str, resource: str, body: object = None) -> tuple[int, Any]:
        return ask(self.control, method, resource, body)
