"""A moving picture that needs every bitrate that the bench allows: the simulated board's own is too easy to compress."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_clip(path: Path, *, seconds: int = 10) -> None:
    """1280x720, 30 frames a second: texture that drifts and grain that changes with every picture, and a tone."""
    subprocess.run(
        [
            "ffmpeg", "-y", "-loglevel", "error",
            "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-t", str(seconds), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "fastdecode",
            "-b:v", "8M", "-g", "60", "-c:a", "aac", "-b:a", "64k", "-ac", "1", str(path),
        ],
        check=True,
    )  # fmt: skip
