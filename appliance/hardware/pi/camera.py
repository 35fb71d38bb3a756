"""A camera through picamera2.

picamera2 calls back from its camera loop with each completed request; the newest one is kept for :meth:`PiCamera.read`
and the one before goes back to the driver. That needs no job queued per picture (a job that times out stays queued, and
takes a request that nobody gives back), and a slow reader finds the newest picture. Nothing may be raised in the loop:
picamera2's loop thread would end, and pictures with it. Opening and closing are bounded: a driver that hangs costs a thread,
not the pipeline.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import av

from appliance.errors import CameraError, HardwareMissing, UnsupportedResolution, plain
from appliance.hardware.libraries import load
from appliance.hardware.pi.bounded import within
from appliance.hardware.pi.encoder import PiEncoder
from appliance.hardware.pi.frames import PIXEL_FORMATS, monotonic_s, picture_of
from appliance.media.sources import CameraEncoder, Picture, PictureFormat

log = logging.getLogger(__name__)

OPEN_S, CLOSE_S = 4.5, 3.0
GONE_S = 2.0
"""A camera that gives no picture for so long is gone."""
ZOOM = 2
_AF_MANUAL, _AF_CONTINUOUS = 0, 2
"""libcamera's AfModeEnum."""


class PiCamera:
    """See :class:`appliance.media.sources.Camera`; for one thread. ``name`` is libcamera's id, the same across restarts."""

    def __init__(self, name: str, *, hardware_encoder: bool) -> None:
        self.name = name
        self.controls: frozenset[str] = frozenset()
        self._encoder = PiEncoder(lambda: self._camera) if hardware_encoder else None
        self.encoder: CameraEncoder | None = self._encoder
        self._camera: Any = None
        self._newest = _Newest()
        self._wanted: PictureFormat | None = None
        self._rotation, self._mirror, self._zoom, self._auto_focus = 0, False, False, True
        self._zoomed = False
        """Whether the open camera's crop is magnified; a fresh one is not, and its own crop is left alone."""
        self._alive_s = 0.0

    # -- open and close --------------------------------------------------------------------------------------

    def open(self, wanted: PictureFormat) -> PictureFormat:
        if self._camera is not None:
            raise CameraError(f"camera {self.name} is open already")
        if wanted.width % 2 or wanted.height % 2 or min(wanted.width, wanted.height, wanted.fps) < 1:
            raise UnsupportedResolution(
                f"camera {self.name} has no {wanted.width}x{wanted.height} at {wanted.fps}/s; allowed: even sides",
                {"width": wanted.width, "height": wanted.height},
            )
        self._newest = _Newest()
        try:
            camera, answer = within(
                OPEN_S, f"open camera {self.name}", lambda: self._start(wanted), lambda late: _close(late[0])
            )
        except (CameraError, UnsupportedResolution):
            raise
        except Exception as error:
            raise CameraError(f"camera {self.name} cannot be opened: {_root(error)}") from error
        self._camera, self._wanted, self._zoomed = camera, wanted, False
        self._alive_s = time.monotonic()
        self._set_controls()
        return answer

    def _start(self, wanted: PictureFormat) -> tuple[Any, PictureFormat]:
        """Open, configure and start; what was opened is closed again when a later step fails."""
        try:
            picamera2 = load("picamera2").Picamera2
        except HardwareMissing as error:
            raise CameraError(error.reason, error.details) from error
        found = [info["Id"] for info in picamera2.global_camera_info()]
        if self.name not in found:
            raise CameraError(f"camera {self.name} is not there; found: {', '.join(found) or 'none'}")
        camera = picamera2(found.index(self.name))
        try:
            return camera, self._configure(camera, wanted)
        except BaseException:
            _close(camera)
            raise

    def _configure(self, camera: Any, wanted: PictureFormat) -> PictureFormat:
        turned, mirrored = self._rotation == 180, self._mirror and self._rotation in (0, 180)
        transform = load("libcamera").Transform(hflip=int(turned != mirrored), vflip=int(turned))
        # queue=False: the loop holds no request back of its own; the newest is held here
        streams = {"main": {"size": (wanted.width, wanted.height), "format": "YUV420"}}
        if wanted.second is not None and self._encoder is not None:
            streams["lores"] = {"size": wanted.second, "format": "YUV420"}
        try:
            self._configure_streams(camera, streams, transform)
        except RuntimeError as error:
            raise UnsupportedResolution(
                f"camera {self.name} refuses {wanted.width}x{wanted.height}: {_root(error)}",
                {"width": wanted.width, "height": wanted.height},
            ) from error
        main = camera.camera_configuration()["main"]
        if main["format"] not in PIXEL_FORMATS:
            raise CameraError(f"camera {self.name} gives {main['format']}; allowed: {', '.join(PIXEL_FORMATS)}")
        fps = wanted.fps
        if "FrameDurationLimits" in camera.camera_controls:
            shortest, longest, _ = camera.camera_controls["FrameDurationLimits"]
            duration = max(round(1e6 / wanted.fps), int(shortest))
            duration = min(duration, int(longest)) if longest else duration
            camera.set_controls({"FrameDurationLimits": (duration, duration)})
            fps = max(1, min(wanted.fps, round(1e6 / duration)))
        self.controls = self._abilities(camera)
        camera.post_callback = self._newest.offer
        camera.start()
        width, height = main["size"]
        return PictureFormat(width, height, fps)

    def _configure_streams(self, camera: Any, streams: dict[str, Any], transform: Any) -> None:
        try:
            camera.configure(camera.create_video_configuration(**streams, transform=transform, queue=False))
        except RuntimeError as error:
            if "lores" not in streams:
                raise
            # what is smaller than the picture then goes through the software encoder
            log.warning("camera %s gives no second size: %s", self.name, _root(error))
            self._configure_streams(camera, {"main": streams["main"]}, transform)

    def _abilities(self, camera: Any) -> frozenset[str]:
        """A quarter turn is none of the camera's: then the pipeline turns and, after that, mirrors."""
        able = {"camera.rotation", "camera.mirror"} if self._rotation in (0, 180) else set()
        if "AfMode" in camera.camera_controls:
            able.add("auto-focus")
        if "ScalerCrop" in camera.camera_controls:
            able.add("zoom")
        return frozenset(able)

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.stop()
        camera, self._camera = self._camera, None
        self._newest.close()
        if camera is None:
            return
        try:
            within(CLOSE_S, f"close camera {self.name}", lambda: _close(camera))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the pipeline goes on
            log.warning("camera %s does not close: %s", self.name, plain(error))

    # -- pictures --------------------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> Picture | None:
        if self._camera is None:
            raise CameraError(f"camera {self.name} is not open")
        request = self._newest.take(timeout_s)
        now = time.monotonic()
        if request is None:
            if now - self._alive_s > GONE_S:
                raise CameraError(f"camera {self.name} is gone: no picture for {now - self._alive_s:.1f} s")
            return None
        self._alive_s = now
        try:
            return Picture(self._picture(request), monotonic_s(request.get_metadata().get("SensorTimestamp")))
        except Exception as error:
            raise CameraError(f"camera {self.name} gives no usable picture: {plain(error)}") from error
        finally:
            request.release()

    def _picture(self, request: Any) -> av.VideoFrame:
        with load("picamera2").MappedArray(request, "main", reshape=False, write=False) as mapped:
            return picture_of(mapped.array, request.config["main"])

    # -- controls --------------------------------------------------------------------------------------------

    def prepare(self, name: str, value: object) -> None:
        """Say before :meth:`open` what ``camera.rotation`` and ``camera.mirror`` will be: they are part of a camera's
        configuration, and changing them later costs a restart of the camera."""
        if name == "camera.rotation" and isinstance(value, int):
            self._rotation = value
        elif name == "camera.mirror":
            self._mirror = bool(value)

    def set_control(self, name: str, value: object) -> None:
        if self._camera is None:
            raise CameraError(f"camera {self.name} is not open")
        if name not in self.controls:
            raise CameraError(f"camera {self.name} has no control {name}; it has: {', '.join(sorted(self.controls))}")
        if name in ("camera.rotation", "camera.mirror"):
            before = self._rotation, self._mirror
            self.prepare(name, value)
            if before != (self._rotation, self._mirror):
                self._restart()
            return
        if name == "auto-focus":
            self._auto_focus = bool(value)
        else:
            self._zoom = bool(value)
        self._set_controls()

    def _restart(self) -> None:
        """A new configuration for the same pictures; an encoder that ran goes on."""
        wanted = self._wanted
        assert wanted is not None
        encoding = self._encoder.session if self._encoder is not None else None
        self.close()
        self.open(wanted)
        if self._encoder is not None and encoding is not None:
            self._encoder.start(*encoding)

    def _set_controls(self) -> None:
        """Bring focus and zoom to what was asked for; picamera2 delivers them with the next request."""
        values: dict[str, object] = {}
        if "auto-focus" in self.controls:
            values["AfMode"] = _AF_CONTINUOUS if self._auto_focus else _AF_MANUAL
        if "zoom" in self.controls and self._zoom != self._zoomed:
            _, largest, default = self._camera.camera_controls["ScalerCrop"]
            whole = default if default[2] and default[3] else largest
            values["ScalerCrop"] = _middle(whole, ZOOM) if self._zoom else tuple(whole)
            self._zoomed = self._zoom
        if not values:
            return
        try:
            self._camera.set_controls(values)
        except RuntimeError as error:
            raise CameraError(f"camera {self.name} refuses {', '.join(values)}: {_root(error)}") from error


class _Newest:
    """The newest completed request, between picamera2's loop and the reader."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._request: Any = None
        self._closed = False

    def offer(self, request: Any) -> None:
        """Called by picamera2's loop for each request; never raises, never waits."""
        try:
            with self._changed:
                if self._closed:
                    return
                request.acquire()
                older, self._request = self._request, request
                self._changed.notify()
            if older is not None:
                older.release()
        except Exception:
            log.exception("a picture was lost")

    def take(self, timeout_s: float) -> Any:
        """The newest request, which the caller releases; None when none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._request is not None, timeout_s)
            request, self._request = self._request, None
            return request

    def close(self) -> None:
        with self._changed:
            self._closed = True
            request, self._request = self._request, None
        if request is not None:
            request.release()


def _close(camera: Any) -> None:
    camera.close()


def _middle(rectangle: tuple[int, int, int, int], times: int) -> tuple[int, int, int, int]:
    """The part of ``rectangle`` (x, y, width, height) that fills the picture when magnified ``times``."""
    x, y, width, height = rectangle
    return x + (width - width // times) // 2, y + (height - height // times) // 2, width // times, height // times


def _root(error: BaseException) -> str:
    """picamera2 wraps what libcamera says in sentences of its own; the innermost one tells."""
    while error.__cause__ is not None:
        error = error.__cause__
    return plain(error)
