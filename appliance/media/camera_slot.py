"""Which camera is open: opening, switching, losing and getting back (SPEC 2 and 3)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import CameraError, LivePusherError, UnsupportedResolution
from appliance.media.hands import Hands, Job
from appliance.media.sources import Camera, Picture, PictureFormat

log = logging.getLogger(__name__)

FIRST_PICTURE_S = 5.0
"""A camera that opened and delivers nothing for so long gives no frame."""

SILENCE_S = 3.0
"""A camera that delivered and then stands still for so long is lost."""

RETRY_S = 2.0
"""A missing camera is looked for again after so long."""


@dataclass(frozen=True, slots=True)
class CameraWish:
    """A camera by position, what is plugged in there (the setting's value), and the format asked of it."""

    position: str
    source: str
    format: PictureFormat


class CameraReports(Protocol):
    """What happened to cameras; called in the pipeline's thread, returns at once."""

    def camera_ready(self, position: str, name: str, again: bool) -> None:
        """The camera delivers; ``again`` after it was lost or missing."""
        ...

    def camera_failed(self, position: str, error: LivePusherError) -> None:
        """The camera could not be opened; once until it works again."""
        ...

    def camera_lost(self, position: str, name: str, error: LivePusherError) -> None:
        """The camera in use is gone."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    camera: Camera
    first: Picture
    format: PictureFormat


class CameraSlot:
    """Holds the open camera, and goes after the wished one. All methods belong to the pipeline's thread.

    The camera in use goes on until the wished one has delivered its first picture; the same position in another format
    is shut first, since a device cannot be opened twice.
    """

    def __init__(
        self,
        open_camera: Callable[[CameraWish], Camera],
        reports: CameraReports,
        hands: Hands,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = open_camera
        self._reports = reports
        self._hands = hands
        self._now = now
        self._wish: CameraWish | None = None
        self._opening: tuple[CameraWish, Job[_Opened]] | None = None
        self._failed: CameraWish | None = None
        self._retry_at = 0.0
        self._last_picture = 0.0
        self.camera: Camera | None = None
        self.position: str | None = None
        self._open_wish: CameraWish | None = None

    @property
    def missing(self) -> bool:
        """Whether the wished camera could not be opened, or was lost, and is not back yet."""
        return self._failed is not None and self._failed == self._wish

    def want(self, wish: CameraWish | None) -> None:
        """Set the wish; :meth:`poll` brings it about."""
        if wish == self._wish:
            return
        self._wish = wish
        self._retry_at = 0.0
        self._failed = None
        current = self._open_wish
        if wish is None or (current is not None and wish != current and wish.position == current.position):
            self.shut()

    def restate(self) -> None:
        """A push begins now: report how the wished camera stands, and try a missing one at once, for it may have come since
        it was last looked for."""
        if self._wish is None:
            return
        if self.camera is not None and self._open_wish == self._wish:
            self._reports.camera_ready(self._wish.position, self.camera.name, False)
        else:
            self._failed, self._retry_at = None, 0.0

    def shut(self) -> None:
        """Release the camera in use."""
        camera, self.camera, self.position, self._open_wish = self.camera, None, None, None
        if camera is not None:
            if camera.encoder is not None:
                camera.encoder.stop()
            self._hands.do(camera.close)

    def poll(self) -> Picture | None:
        """Go on with opening; the first picture of a camera that has just taken over."""
        if self._opening is not None and self._opening[1].done:
            opened_for, job = self._opening
            self._opening = None
            if job.result is not None and opened_for == self._wish:
                return self._take_over(opened_for, job.result)
            if job.result is not None:
                self._hands.do(job.result.camera.close)
            elif opened_for == self._wish:
                self._open_failed(opened_for, job.error)
        wish = self._wish
        if wish is not None and wish != self._open_wish and self._opening is None and self._now() >= self._retry_at:
            self._opening = (wish, self._hands.do(lambda: self._open(wish)))
        return None

    def read(self, timeout_s: float) -> Picture | None:
        """The next picture of the camera in use; None when none came in time, or the camera was just lost."""
        camera = self.camera
        if camera is None:
            return None
        try:
            picture = camera.read(timeout_s)
            if picture is not None:
                self._last_picture = self._now()
                return picture
            if self._now() - self._last_picture > SILENCE_S:
                raise CameraError(f"no picture for {SILENCE_S:g} s")
        except LivePusherError as error:
            self._lose(error)
        except Exception as error:
            log.exception("camera %s failed", camera.name)
            self._lose(CameraError(f"the driver failed: {type(error).__name__}: {error}"))
        return None

    # -- inside --------------------------------------------------------------------------------------------

    def _open(self, wish: CameraWish) -> _Opened:
        camera = self._make(wish)
        try:
            coming = camera.open(wish.format)
            first = None
            deadline = self._now() + FIRST_PICTURE_S
            while first is None:
                if self._now() >= deadline:
                    raise CameraError(f"opened, but gave no picture within {FIRST_PICTURE_S:g} s")
                first = camera.read(0.5)
            return _Opened(camera, first, coming)
        except BaseException:
            camera.close()
            raise

    def _take_over(self, wish: CameraWish, opened: _Opened) -> Picture:
        again = self._failed is not None
        self._failed = None
        self.shut()
        self.camera, self.position, self._open_wish = opened.camera, wish.position, wish
        self._last_picture = self._now()
        self._reports.camera_ready(wish.position, opened.camera.name, again)
        return opened.first

    def _open_failed(self, wish: CameraWish, error: Exception | None) -> None:
        self._retry_at = self._now() + RETRY_S
        if self._failed is None:
            if not isinstance(error, CameraError | UnsupportedResolution):
                error = CameraError(f"the driver failed: {type(error).__name__}: {error}")
            self._failed = wish
            self._reports.camera_failed(wish.position, error)

    def _lose(self, error: LivePusherError) -> None:
        name, position = (self.camera.name if self.camera else "?"), self.position or "?"
        lost = self._open_wish
        self.shut()
        self._retry_at = self._now() + 1.0
        if lost is not None and lost == self._wish:
            self._failed = lost
        self._reports.camera_lost(position, name, error)
