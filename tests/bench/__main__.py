"""``python -m tests.bench [--seconds N]``: what a push costs, beside the ffmpeg command line in the same run.

1. capture, encode, push of 720p30 with the same libx264 settings, both from the same file into the same nginx-rtmp;
2. push of packets that are encoded already, against ``ffmpeg -re -c copy``;
3. from ``start`` to the first keyframe acknowledged, on loopback with the camera open.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from appliance.media.encoders import BUFFER_S, PRESET
from tests.bench.measure import Cost, end, watch
from tests.bench.start import first_keyframe_s
from tests.servers.nginx import Nginx

KBPS = 2000
SETTLE_S = 4.0


def make_clip(path: Path) -> None:
    """Ten seconds of a moving picture with noise, 720p30, and a tone."""
    subprocess.run(
        [
            "ffmpeg", "-y", "-loglevel", "error",
            "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-t", "10", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
            "-b:v", f"{KBPS}k", "-maxrate", f"{KBPS}k", "-bufsize", f"{KBPS}k", "-g", "60",
            "-c:a", "aac", "-b:a", "64k", "-ac", "1", str(path),
        ],
        check=True,
    )  # fmt: skip


def ffmpeg_encoding(clip: Path, url: str) -> list[str]:
    return [
        "ffmpeg", "-nostdin", "-loglevel", "error", "-stream_loop", "-1", "-re", "-i", str(clip),
        "-c:v", "libx264", "-preset", PRESET, "-tune", "zerolatency", "-b:v", f"{KBPS}k", "-maxrate", f"{KBPS}k",
        "-bufsize", f"{round(KBPS * BUFFER_S)}k", "-g", "60", "-sc_threshold", "0", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "1", "-f", "flv", url,
    ]  # fmt: skip


def appliance_encoding(clip: Path, url: str, state: Path) -> list[str]:
    settings = {
        "url": url, "autopush": "true", "camera.front": f"file:{clip}", "mode": "FHD", "orientation": "horizontal",
        "max-bitrate": str(KBPS), "audio-quality": "high",
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "appliance", "run", "--state-dir", str(state), "--board", "simulated"]
    return [*command, "--listen", "127.0.0.1:0", *options]


def cost_of(command: list[str], seconds: float) -> Cost:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        return watch(process, settle_s=SETTLE_S, seconds=seconds)
    finally:
        end(process)


def compare(title: str, ours: list[Cost], theirs: list[Cost], aim: float, aim_mb: float | None = None) -> None:
    cpu, reference = (statistics.median(c.cpu_s for c in costs) for costs in (ours, theirs))
    peak, reference_peak = (max(c.peak_mb for c in costs) for costs in (ours, theirs))
    print(f"\n{title}")
    print(f"  appliance {cpu:6.2f} s CPU, {peak:5.0f} MB peak" + (f" (aim {aim_mb:.0f} MB)" if aim_mb else ""))
    print(f"  ffmpeg    {reference:6.2f} s CPU, {reference_peak:5.0f} MB peak")
    print(f"  ratio     {cpu / reference:6.2f}x (aim {aim:.2f}x)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20, help="length of each measurement (default 20)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is repeated (default 3)")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="live-pusher-bench-") as scratch:
        folder = Path(scratch)
        clip = folder / "clip.mp4"
        make_clip(clip)
        long = folder / "long.mp4"
        loops = round((options.seconds + SETTLE_S) / 10) + 2
        subprocess.run(
            ["ffmpeg", "-y", "-loglevel", "error", "-stream_loop", str(loops), "-i", clip, "-c", "copy", long],
            check=True,
        )
        with Nginx(folder / "nginx") as server:
            ours, theirs = [], []
            for turn in range(options.rounds):
                ours.append(
                    cost_of(appliance_encoding(clip, server.url + "/ours", folder / f"state{turn}"), options.seconds)
                )
                theirs.append(cost_of(ffmpeg_encoding(clip, server.url + "/theirs"), options.seconds))
            compare(f"capture, encode, push: 720p30, {options.seconds:g} s", ours, theirs, 1.05)
            ours, theirs = [], []
            copy = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(long), "-c", "copy", "-f", "flv"]
            for _ in range(options.rounds):
                push = [sys.executable, "-m", "tests.bench.copy_push", str(long), server.url + "/ours"]
                ours.append(cost_of(push, options.seconds))
                theirs.append(cost_of([*copy, server.url + "/theirs"], options.seconds))
            compare(f"push of encoded packets: {options.seconds:g} s", ours, theirs, 1.2, 60)
            starts = [first_keyframe_s(server.url + "/start", folder / f"start{turn}") for turn in range(5)]
        print("\nstart to first keyframe acknowledged, camera open")
        print(f"  median {statistics.median(starts):.3f} s, worst {max(starts):.3f} s of {len(starts)} (aim 0.3 s)")
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
