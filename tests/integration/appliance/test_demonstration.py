"""``live-pusher demo``, as a newcomer meets it."""

from __future__ import annotations

import http.cookiejar
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

from tests.servers.appliance import ApplianceProcess

ROOT = Path(__file__).parents[3]


def test_both_ends_are_shown_and_ctrl_c_ends_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "demo", "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        welcome = None
        while welcome is None and (line := process.stdout.readline()):
            welcome = re.search(r"(http://\S+)/welcome/\S+", line)
        assert welcome is not None, "no address was printed"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        page = opener.open(welcome.group(0), timeout=10).read().decode()
        assert "arrived" in page
        base = welcome.group(1)

        def get(path: str) -> Any:
            return opener.open(base + path, timeout=10).read()

        until = time.monotonic() + 30
        while (status := json.loads(get("/api/v1/status")))["arrived"].get("fps", 0) < 20:
            assert time.monotonic() < until, status
            time.sleep(0.3)
        assert status["state"] == "PUSHING"
        for path in ("/api/v1/preview.jpg", "/api/v1/arrived.jpg"):
            picture = Image.open(io.BytesIO(get(path)))
            low, high = picture.convert("L").getextrema()
            assert high - low > 100, f"{path} is blank"  # type: ignore[operator]
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait(5)


def test_snapshots_go_where_the_settings_say_now(tmp_path: Path) -> None:
    with ApplianceProcess(tmp_path / "box") as box:
        box.do("startPreview")
        first = Path(box.do("snapshot")["tempImagePath"])
        assert first.parent == box.state_dir / "snapshots"
        box.patch(snapshot__folder=str(tmp_path / "stick"))
        second = Path(box.do("snapshot")["tempImagePath"])
        assert second.parent == tmp_path / "stick"
        assert first.exists() and second.exists()
        assert [item["name"] for item in box.get("snapshots")["snapshots"]] == [second.name]
