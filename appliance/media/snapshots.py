"""The folder of snapshots: JPEG files of the picture being pushed (SPEC 2)."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
from PIL import Image

from appliance.errors import StateDirectoryError
from appliance.files import write_whole
from appliance.media.live_picture import jpeg_of

log = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}(-[0-9]+)?\.jpg")


class SnapshotFolder:
    """Any thread. A snapshot is written whole or not at all; beyond the limit the oldest go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, frame: av.VideoFrame, *, limit: int, time_zone: str, wall_s: float) -> dict[str, Any]:
        """Save one picture; the answer has ``name``, ``path``, ``width``, ``height``. Raises StateDirectoryError."""
        stamp = datetime.fromtimestamp(wall_s, ZoneInfo(time_zone))
        base = stamp.strftime("%Y%m%d-%H%M%S-") + f"{stamp.microsecond // 1000:03d}"
        data = jpeg_of(frame, quality=90)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            name, turn = f"{base}.jpg", 1
            while (self.folder / name).exists():
                turn += 1
                name = f"{base}-{turn}.jpg"
            target = self.folder / name
            write_whole(target, data)
        except OSError as error:
            reason = f"cannot save a snapshot in {self.folder}: {error.strerror or error}"
            raise StateDirectoryError(reason, {"path": str(self.folder)}) from error
        self._remove_oldest(limit)
        return {"name": name, "path": str(target), "width": frame.width, "height": frame.height}

    def list(self) -> list[dict[str, Any]]:
        """Newest first: ``name``, ``time`` (seconds since 1970), ``width``, ``height``, ``bytes``."""
        found = []
        for path in self._paths():
            try:
                status = path.stat()
                with Image.open(path) as image:
                    width, height = image.size
            except OSError:
                continue  # removed just now, or no picture of ours
            found.append(
                {"name": path.name, "time": status.st_mtime, "width": width, "height": height, "bytes": status.st_size}
            )
        return found

    def path(self, name: str) -> Path | None:
        """The file of one snapshot, None for a name that is none."""
        if not _NAME.fullmatch(name):
            return None
        path = self.folder / name
        return path if path.is_file() else None

    def _paths(self) -> Sequence[Path]:
        try:
            return sorted(
                (p for p in self.folder.iterdir() if _NAME.fullmatch(p.name)), key=lambda p: p.name, reverse=True
            )
        except OSError:
            return []

    def _remove_oldest(self, limit: int) -> None:
        for path in self._paths()[limit:]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("cannot remove the old snapshot %s: %s", path.name, error.strerror)
