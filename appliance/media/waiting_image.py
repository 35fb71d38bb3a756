"""The waiting image: where it comes from, whether it is the right one, and where it is kept (SPEC 1 and 4).

One thread fetches what ``waiting-image`` names, once, holds its md5 against ``waiting-image-hash``, decodes it and keeps the
outcome in the state directory, so that it is there after a restart without a network. A changed setting fetches anew;
until that is done the picture before it stays in use. What cannot be had is told (10004) and the neutral picture takes its
place; where the network was the reason it is tried again, and the same reason is told once only.

On disk lie ``waiting-image.fetched.jpg`` and ``waiting-image.upload.jpg`` (:mod:`appliance.media.kept_image`).
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from appliance import event_codes as codes
from appliance.errors import StateDirectoryError, WaitingImageError, WaitingImageUnreachable
from appliance.events import EventBus
from appliance.media import kept_image
from appliance.media.image_decoding import decode
from appliance.media.image_fetching import Fetch
from appliance.media.kept_image import Held, key_of
from appliance.threads import Worker

UPLOAD = "upload"
"""The value of ``waiting-image`` that means the uploaded picture."""

FIRST_RETRY_S, LONGEST_RETRY_S = 30.0, 600.0
"""Doubling in between."""

_PREFIX = "waiting-image"


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: str
    md5: str
    turn: int

    def check(self, md5: str, what: str) -> None:
        if self.md5 and md5 != self.md5:
            raise WaitingImageError(
                f"{what} has the md5 {md5}, and waiting-image-hash asks for {self.md5}", {"md5": md5}
            )


class WaitingImages:
    """Which waiting image is in use. All methods may be called from any thread; none waits for the network.

    ``show`` is given every picture that comes into use, None for the neutral one.
    """

    def __init__(
        self,
        folder: Path,
        events: EventBus,
        show: Callable[[Image.Image | None], None],
        *,
        on_crash: Callable[[str, BaseException], None] | None = None,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._folder = folder
        self._events = events
        self._show = show
        self._first_retry_s = first_retry_s
        self._changed = threading.Condition()
        self._decoding = threading.Lock()
        """One at a time, for the memory it takes."""
        self._wanted = _Wanted("", "", 0)
        self._due = math.inf
        self._retry_s = first_retry_s
        self._told: set[str] = set()
        self._fetch: Fetch | None = None
        self._held: Held | None = None
        self._fresh: Held | None = None
        self._reason = ""
        # A name server may take its time, and a file system that sleeps too; neither is a stall of the service.
        self.worker = Worker("waiting image", self._run, on_crash=on_crash, stall_s=None)

    def start(self) -> None:
        self.worker.start()

    def close(self, timeout_s: float = 0.3) -> None:
        """End a fetch under way, and the thread."""
        self.worker.request_stop()
        with self._changed:
            self._abort()
            self._changed.notify_all()
        self.worker.stop(timeout_s)

    def want(self, source: str, md5: str) -> None:
        """The settings say so from here on: ``source`` as ``waiting-image``, ``md5`` as ``waiting-image-hash``."""
        with self._changed:
            before, md5 = self._wanted, md5.lower()
            if before.turn and (source, md5) == (before.source, before.md5):
                return
            self._wanted = _Wanted(source, md5, before.turn + 1)
            self._abort()
            self._retry_s, self._due = self._first_retry_s, math.inf
            self._told.clear()
            held, self._fresh = self._fresh or self._held, None
            if not source:
                self._use(None, "")
            elif held is not None and held.key == key_of(source) and md5 in ("", held.md5):
                self._use(held, "")
            else:
                self._reason = "it is being fetched"
                self._due = 0.0
                self._changed.notify_all()

    def upload(self, data: bytes) -> dict[str, object]:
        """Check, decode and keep an uploaded picture; the answer has ``width`` and ``height`` as kept and ``md5``. It comes
        into use once ``waiting-image`` is ``upload``. Raises WaitingImageError or StateDirectoryError; then nothing
        has changed."""
        md5 = _md5(data)
        self._wanted.check(md5, "the picture")
        with self._decoding:
            held = Held(decode(data), md5, key_of(UPLOAD))
            self._keep(held)
        with self._changed:
            self._fresh = held
            if self._wanted.source == UPLOAD:
                self._fresh = None
                self._use(held, "")
        return {"width": held.image.width, "height": held.image.height, "md5": md5}

    def remove(self) -> None:
        """Forget what was kept, the uploaded picture included. Raises StateDirectoryError."""
        with self._changed:
            self._fresh = None
        try:
            for name in (UPLOAD, "fetched"):
                self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def jpeg(self) -> bytes | None:
        """The picture in use, None for the neutral one."""
        held = self._held
        return None if held is None else kept_image.jpeg(held.image)

    @property
    def reason(self) -> str:
        """Why there is none, when one is wanted; empty when all is well."""
        return self._reason

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        while (wanted := self._next(worker)) is not None:
            try:
                held = self._kept(wanted) or self._fetched(wanted)
            except WaitingImageError as error:
                self._failed(wanted, error)
            else:
                with self._changed:
                    if wanted is self._wanted:
                        self._use(held, "")

    def _next(self, worker: Worker) -> _Wanted | None:
        """What is to be fetched, as soon as something is; None when the thread is to end."""
        with self._changed:
            while not worker.stopping:
                wait_s = self._due - time.monotonic()
                if wait_s <= 0:
                    self._due = math.inf
                    return self._wanted
                self._changed.wait(None if wait_s == math.inf else wait_s)
        return None

    def _kept(self, wanted: _Wanted) -> Held | None:
        """What lies on disk, where that counts: an uploaded picture always, a fetched one when the service starts."""
        upload = wanted.source == UPLOAD
        if not upload and wanted.turn > 1:
            return None
        held = kept_image.load(self._path(UPLOAD if upload else "fetched"))
        if upload:
            if held is None:
                raise WaitingImageError("no picture was uploaded")
            wanted.check(held.md5, "the uploaded picture")
            return held
        return held if held is not None and held.key == key_of(wanted.source) and wanted.md5 in ("", held.md5) else None

    def _fetched(self, wanted: _Wanted) -> Held:
        fetch = Fetch(wanted.source)
        with self._changed:
            if wanted is not self._wanted or self.worker.stopping:
                raise WaitingImageError("not wanted any more")
            self._fetch = fetch
        try:
            data = fetch.run()
        finally:
            with self._changed:
                self._fetch = None
        md5 = _md5(data)
        wanted.check(md5, "what was fetched")
        with self._decoding:
            held = Held(decode(data), md5, key_of(wanted.source))
            with suppress(StateDirectoryError):  # it is told, and the picture is used from memory
                self._keep(held)
        return held

    def _failed(self, wanted: _Wanted, error: WaitingImageError) -> None:
        with self._changed:
            if wanted is not self._wanted or self.worker.stopping:
                return
            self._use(None, error.reason)
            if isinstance(error, WaitingImageUnreachable):
                self._due = time.monotonic() + self._retry_s
                self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
            news = error.reason not in self._told
            self._told.add(error.reason)
        if news:
            self._events.emit_error(error)

    # -- inside --------------------------------------------------------------------------------------------

    def _use(self, held: Held | None, reason: str) -> None:
        self._held, self._reason = held, reason
        self._show(None if held is None else held.image)

    def _abort(self) -> None:
        if self._fetch is not None:
            self._fetch.abort()

    def _path(self, name: str) -> Path:
        return self._folder / f"{_PREFIX}.{name}.jpg"

    def _keep(self, held: Held) -> None:
        """Raises StateDirectoryError, after telling of it."""
        path = self._path(UPLOAD if held.key == key_of(UPLOAD) else "fetched")
        try:
            kept_image.save(path, held)
        except OSError as error:
            failure = _unusable(self._folder, error)
            self._events.emit(codes.STORAGE_FAILED, path=str(self._folder), reason=failure.reason)
            raise failure from error


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _unusable(folder: Path, error: OSError) -> StateDirectoryError:
    why = (error.strerror or str(error)).lower()
    return StateDirectoryError(f"the waiting image cannot be kept in {folder}: {why}", {"path": str(folder)})
