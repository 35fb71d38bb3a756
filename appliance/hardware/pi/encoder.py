"""The V4L2 H.264 encoder of the Pi 4, Zero 2 W and older, behind an open picamera2 camera.

picamera2 feeds it from the camera loop and calls the output from the encoder's poll thread: nothing there may block, and
nothing may be raised there, or pictures stop for good (:mod:`appliance.hardware.pi.guarded`). On boards without the
hardware its ``H264Encoder`` is silently another class, libx264: that one is never used here.

What picamera2 0.3.38 sets, all before the first picture: bitrate, picture formats, keyframe interval, the parameter sets
with each keyframe, level 4.0 (4.2 where the size and rate need it), and, if asked, the frame rate. It is asked here: the
firmware counts the bits of a second by that rate, and takes 30 where nothing is said. In flight only bitrate and keyframes
are set, here. Profile (high) and rate control (variable) are left as the driver has them: the firmware knows no constant rate
together with CABAC, and refuses to start or stalls with it. Its "variable" keeps to the bitrate all the same, by leaving
pictures out when the bits have run out.

It takes a stream of the camera as it is. So that the size can change in a push without a picture missing, the camera delivers
two of them, ``main`` and the smaller ``lores``, both scaled by the ISP: the encoder of the new size starts beside the old
one, and takes its place with its first picture. Any other size would need a new configuration of the camera, for which
it has to stop, and then to find its exposure again: a second of standing picture.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.errors import HardwareEncoderError, HardwareMissing, plain
from appliance.hardware.libraries import load
from appliance.hardware.pi import v4l2
from appliance.hardware.pi.bounded import within
from appliance.hardware.pi.frames import monotonic_s
from appliance.hardware.pi.guarded import guarded
from appliance.media.sources import EncodedPicture, VideoSpec

log = logging.getLogger(__name__)

CODEC_DEVICE = Path("/dev/video11")
"""Where picamera2 opens the encoder; fixed by the Pi's kernel."""
START_S = 3.0
STOP_S = 3.0
FIRST_S = 0.5
"""An encoder that takes over gives its first picture within some frames; the one before it waits no longer for that."""

_STREAMS = ("main", "lores")

_SPS, _PPS, _IDR = 7, 8, 5
_START_CODE = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)


def hardware_encoder_present() -> bool:
    """Whether this board has the V4L2 encoder and picamera2 uses it."""
    if not CODEC_DEVICE.exists():
        return False
    try:
        encoders = load("picamera2.encoders")
        v4l2_encoder = load("picamera2.encoders.v4l2_encoder").V4L2Encoder
    except HardwareMissing:
        return False
    return isinstance(encoders.H264Encoder, type) and issubclass(encoders.H264Encoder, v4l2_encoder)


def bitrate_limits() -> v4l2.Limits | None:
    """The bitrates that the encoder takes, in bit/s; None where it does not say."""
    try:
        with v4l2.open_device(CODEC_DEVICE) as device:
            return v4l2.limits(device, v4l2.BITRATE)
    except OSError as error:
        log.debug("%s does not tell its limits: %s", CODEC_DEVICE, plain(error))
        return None


class PiEncoder:
    """See :class:`appliance.media.sources.CameraEncoder`. ``camera()`` gives the open Picamera2, or None."""

    name = "V4L2 H.264"

    def __init__(self, camera: Callable[[], Any | None]) -> None:
        self._camera = camera
        self._encoder: Any = None
        self._limits: v4l2.Limits | None = None
        self._bitrate = 0
        self._told = False
        self._turn = _Turn()
        self.session: tuple[VideoSpec, Callable[[EncodedPicture], None]] | None = None
        """What it was started with, while it runs."""

    def start(self, spec: VideoSpec, on_picture: Callable[[EncodedPicture], None]) -> None:
        if self.session == (spec, on_picture):
            raise HardwareEncoderError("the hardware encoder runs already")
        camera = self._camera()
        if camera is None:
            raise HardwareEncoderError("the hardware encoder needs an open camera")
        stream = _stream(camera, spec)
        before, first = self._encoder, threading.Event()
        on_unit = self._turn.next(on_picture, first)
        self._limits = bitrate_limits()
        self._bitrate = self._taken(spec.bitrate_kbps)

        def begin() -> Any:
            encoder = guarded(load("picamera2.encoders").H264Encoder)(
                bitrate=self._bitrate,
                repeat=True,
                iperiod=max(1, round(spec.fps * spec.keyframe_interval_s)),
                framerate=spec.fps,
                enable_sps_framerate=True,
            )
            camera.start_encoder(encoder, _output(encoder, on_unit), name=stream)
            return encoder

        try:
            self._encoder = within(START_S, "start of the hardware encoder", begin, camera.stop_encoder)
        except Exception as error:
            raise HardwareEncoderError(f"the hardware encoder does not start: {plain(error)}") from error
        self.session = spec, on_picture
        if before is not None:
            first.wait(FIRST_S)
            self._end(before)

    def set_bitrate(self, kbps: int) -> None:
        encoder, bits = self._running(), self._taken(kbps)
        if self.session is not None:
            spec, on_picture = self.session
            self.session = replace(spec, bitrate_kbps=kbps), on_picture
        if bits == self._bitrate:
            return
        try:
            v4l2.put(encoder.vd, v4l2.BITRATE, bits)
        except (OSError, ValueError) as error:
            raise HardwareEncoderError(f"the hardware encoder refuses {kbps} kbit/s: {plain(error)}") from error
        self._bitrate = bits

    def force_keyframe(self) -> None:
        # not through picamera2, which asks for it in the camera loop, where a refusal would end that
        encoder = self._running()
        try:
            v4l2.put(encoder.vd, v4l2.FORCE_KEY_FRAME, 1)
        except (OSError, ValueError) as error:
            raise HardwareEncoderError(f"the driver refused a keyframe: {plain(error)}") from error

    def progress(self) -> int:
        watch = self._running().watch
        watch.look()
        if watch.failure is not None:
            raise HardwareEncoderError(f"the hardware encoder failed: {plain(watch.failure)}")
        return int(watch.done)

    def _taken(self, kbps: int) -> int:
        """The bitrate, in bit/s, that the encoder is set to when asked for ``kbps``."""
        wanted = kbps * 1000
        if self._limits is None:
            return wanted
        if not self._limits.minimum <= wanted <= self._limits.maximum and not self._told:
            self._told = True
            log.warning(
                "the hardware encoder takes %d to %d kbit/s; %d kbit/s is asked for",
                self._limits.minimum // 1000, self._limits.maximum // 1000, kbps,
            )  # fmt: skip
        return self._limits.within(wanted)

    def _running(self) -> Any:
        if self._encoder is None:
            raise HardwareEncoderError("the hardware encoder does not run")
        return self._encoder

    def stop(self) -> None:
        encoder, self._encoder, self.session = self._encoder, None, None
        if encoder is not None:
            self._end(encoder)

    def _end(self, encoder: Any) -> None:
        camera = self._camera()
        if camera is None:
            return
        try:
            within(STOP_S, "stop of the hardware encoder", lambda: camera.stop_encoder(encoder))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the pipeline goes on
            log.warning("the hardware encoder does not stop: %s", plain(error))


def _stream(camera: Any, spec: VideoSpec) -> str:
    """The camera's stream that has the size of ``spec``. Raises HardwareEncoderError."""
    streams = camera.camera_configuration()
    sizes = {name: tuple(streams[name]["size"]) for name in _STREAMS if streams.get(name)}
    for name, size in sizes.items():
        if size == (spec.width, spec.height):
            return name
    has = " or ".join(f"{width}x{height}" for width, height in sizes.values())
    raise HardwareEncoderError(
        f"the hardware encoder takes the camera's {has} as it is, not {spec.width}x{spec.height}"
    )


class _Turn:
    """Whose pictures count, while one encoder takes another's place: those of the newest that has given one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given = self._newest = 0

    def next(
        self, on_picture: Callable[[EncodedPicture], None], first: threading.Event
    ) -> Callable[[EncodedPicture], None]:
        """For the pictures of an encoder that comes after all others; ``first`` is set by the first of them."""
        self._given += 1
        number = self._given

        def pass_on(picture: EncodedPicture) -> None:
            with self._lock:
                if number < self._newest:
                    return
                self._newest = number
                first.set()
                on_picture(picture)

        return pass_on


def _output(encoder: Any, on_picture: Callable[[EncodedPicture], None]) -> Any:
    """A picamera2 output that hands each access unit on and returns."""
    base: Any = load("picamera2.outputs").Output
    parameter_sets = ParameterSets()

    class HandOver(base):  # type: ignore[misc]
        def outputframe(
            self,
            frame: Any,
            keyframe: bool = True,
            timestamp: int | None = None,
            packet: Any = None,
            audio: bool = False,
        ) -> None:
            try:
                if audio or frame is None:
                    return
                encoder.watch.delivered()
                # in microseconds after the sensor's time of the first picture
                first = encoder.firsttimestamp
                time_s = monotonic_s(None if first is None else (first + (timestamp or 0)) * 1000)
                on_picture(EncodedPicture(parameter_sets.complete(bytes(frame), keyframe), time_s, bool(keyframe)))
            except Exception:
                log.exception("an encoded picture was lost")

    return HandOver()


class ParameterSets:
    """Puts SPS and PPS in front of a keyframe that comes without them: at low bitrates picamera2 drops the buffer that
    bears them alone."""

    def __init__(self) -> None:
        self._last = b""

    def complete(self, unit: bytes, keyframe: bool) -> bytes:
        """``unit``, an Annex B access unit, as it is to be sent."""
        if not keyframe:
            return unit
        begin = -1
        for match in _START_CODE.finditer(unit):
            kind = match[1][0] & 0x1F
            if kind in (_SPS, _PPS) and begin < 0:
                begin = match.start()
            elif kind == _IDR:
                if begin >= 0:
                    self._last = unit[begin : match.start()].rstrip(b"\x00")
                    return unit
                return b"\x00" + self._last + unit if self._last else unit
        return unit
