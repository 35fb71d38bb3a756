"""``python -m tests.soak --minutes N [--seed S]``: random operations and faults against the running product.

Exit status 0 when every invariant held. The seed is printed: with it the same operations come again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.servers.appliance import ApplianceProcess, ask
from tests.servers.nginx import Nginx
from tests.soak.checks import Resources, log_problems, recording_problems
from tests.soak.proxy import Proxy

SECRET = "s3cr3t-k3y-0f-th3-s04k"
STATUS_S = 1.0
STOP_S = 1.3
OVERLAP_S = 1.0

OPERATIONS = {
    "start": 10, "stop": 3, "pause": 4, "resume": 6, "switchCamera": 5, "snapshot": 3, "mute": 2, "unmute": 2,
    "background": 2, "foreground": 4, "startPreview": 2, "stopPreview": 2,
}  # fmt: skip
FAULTS = {
    "cut": 4, "reset": 4, "stall": 3, "refuse": 2, "kill server": 2, "freeze server": 2, "unplug front": 2,
    "unplug back": 1, "unplug microphone": 2, "settings": 3,
}  # fmt: skip


class Soak:
    """One run. ``problems`` says what did not hold."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        self.resources = Resources()
        self.slowest_status_s = 0.0
        self.slowest_stop_s = 0.0
        self.server = Nginx(folder / "nginx").start()
        self.proxy = Proxy(self.server.port)
        settings = {
            "url": f"rtmp://127.0.0.1:{self.proxy.port}/live/soak?token={SECRET}", "mode": "SD", "max-bitrate": 400,
            "video.fps": 15, "snapshot.limit": 20, "pause-limit": 20,
        }  # fmt: skip
        self.appliance = ApplianceProcess(folder / "appliance", settings).start()
        self._ended = threading.Event()

    def run(self, minutes: float) -> None:
        """Do things until the time is up, then look at what is left."""
        watching = threading.Thread(target=self._watch, daemon=True)
        watching.start()
        until = time.monotonic() + 60 * minutes
        next_note = time.monotonic() + 60
        while time.monotonic() < until and self.appliance.running:
            self._operate()
            if self.chance.random() < 0.25:
                self._fault()
            time.sleep(self.chance.uniform(0.05, 2.0))
            if time.monotonic() > next_note:
                next_note += 60
                print(f"{(until - time.monotonic()) / 60:4.0f} min left, {self.resources}", flush=True)
        if not self.appliance.running:
            self.problems.append("the appliance ended by itself")
        else:
            self._stop()
        self._ended.set()
        watching.join(5)
        status = self.appliance.stop()
        if status != 0:
            self.problems.append(f"the appliance ended with status {status}")
        self.proxy.close()
        self.server.stop()
        self._look_at_what_is_left()

    def _operate(self) -> None:
        operation = self.chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]
        self.counts[operation] += 1
        if operation == "stop":
            self._stop()
            return
        wait = 0.5 if operation == "start" else None
        with suppress(OSError):
            self.appliance.post(operation, wait=wait)

    def _stop(self) -> None:
        begun = time.monotonic()
        status, answer = self.appliance.post("stop")
        took = time.monotonic() - begun
        self.slowest_stop_s = max(self.slowest_stop_s, took)
        if status != 200 or took > STOP_S:
            self.problems.append(f"stop took {took:.2f} s and answered {answer}")

    def _fault(self) -> None:
        fault = self.chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        self.counts[fault] += 1
        pause_s = self.chance.uniform(0.2, 4.0)
        match fault.split():
            case ["cut"] | ["reset"]:
                self.proxy.cut(reset=fault == "reset")
            case ["stall"]:
                self.proxy.stall(True)
                time.sleep(pause_s)
                self.proxy.stall(False)
            case ["refuse"]:
                self.proxy.refuse(True)
                self.proxy.cut(reset=True)
                time.sleep(pause_s)
                self.proxy.refuse(False)
            case ["kill", _]:
                self.server.stop(kill=True)
                time.sleep(pause_s)
                self.server.start()
            case ["freeze", _]:
                self.server.freeze()
                time.sleep(pause_s)
                self.server.thaw()
            case ["unplug", device]:
                self.appliance.unplug(device)
                time.sleep(pause_s)
                self.appliance.plug(device)
            case ["settings"]:
                self.appliance.patch(
                    muted=self.chance.random() < 0.3, zoom=self.chance.random() < 0.5,
                    enable_camera=self.chance.random() < 0.9, max_bitrate=self.chance.choice([300, 400, 600]),
                    background_mute=self.chance.random() < 0.5,
                )  # fmt: skip

    def _watch(self) -> None:
        """Ask for the status all the time, and sample what the process uses."""
        next_sample = 0.0
        while not self._ended.wait(0.25):
            begun = time.monotonic()
            try:
                ask(self.appliance.control, "GET", "status", timeout_s=5)
            except OSError as error:
                if self.appliance.running and not self._ended.is_set():
                    self.problems.append(f"no status: {error!r}")
                continue
            took = time.monotonic() - begun
            self.slowest_status_s = max(self.slowest_status_s, took)
            if took > STATUS_S:
                self.problems.append(f"a status took {took:.2f} s")
            if begun >= next_sample:
                next_sample = begun + 2
                with suppress(OSError):
                    self.resources.sample(self.appliance.pid)

    def _look_at_what_is_left(self) -> None:
        log = self.appliance.log()
        self.problems += log_problems(log, [SECRET])
        self.problems += self.resources.problems()
        if self.proxy.overlap_s > OVERLAP_S:
            self.problems.append(f"two sessions were open at once for {self.proxy.overlap_s:.1f} s")
        recordings = self.server.recorded("soak")
        for path in recordings:
            self.problems += recording_problems(path)
        size_mb = sum(path.stat().st_size for path in recordings) / 1e6
        print(f"operations and faults: {dict(sorted(self.counts.items()))}")
        print(f"connections: {self.proxy.connections}, overlap {self.proxy.overlap_s:.2f} s")
        print(f"recordings: {len(recordings)}, {size_mb:.0f} MB")
        print(f"slowest status {self.slowest_status_s:.2f} s, slowest stop {self.slowest_stop_s:.2f} s")
        print(f"resources: {self.resources}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"soak of {options.minutes:g} minutes, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="live-pusher-soak-") as folder:
        soak = Soak(Path(folder), options.seed)
        soak.run(options.minutes)
        for problem in soak.problems[:20]:
            print(f"NOT HELD: {problem}")
        if soak.problems:
            print(soak.appliance.log()[-4000:])
    print("every invariant held" if not soak.problems else f"{len(soak.problems)} violations")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
