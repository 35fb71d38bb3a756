"""picamera2's V4L2 encoder, kept from taking the camera down with it.

picamera2 0.3.38 runs its encoder in two of its own threads. The *camera loop* gives it each picture, the *poll thread*
takes back what the driver is through with. Nothing catches what goes wrong in either:

- an ioctl that fails ends the poll thread, and with it every encoded picture; the camera's buffers that the encoder
  holds never come back, so the camera stands still as well;
- an ioctl that fails in the camera loop ends that: no picture of any kind until the camera is opened anew;
- a driver that reports an error has the poll thread spin, and stopping the encoder waits for it without a limit;
- stopping an encoder holds a lock for up to 0.4 s that the camera loop waits for with its next picture;
- an encoder that is too slow takes all of the camera's buffers, and the camera slows down to its pace unseen;
- a start that fails half-way leaves the poll thread and the device behind.

Here each of these ends in :attr:`Watch.failure`, or a picture left out, and everything is given back.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from appliance.errors import plain

log = logging.getLogger(__name__)

IN_FLIGHT = 3
"""Pictures that the encoder may hold, a tenth of a second at 30/s: the camera has six buffers, and needs some itself."""
SILENT_S, SILENT_PICTURES = 3.0, 5
"""An encoder that was given so many pictures in so long a time and returned no encoded one has failed."""
LAST_PICTURES_S = 0.8
"""picamera2's poll thread ends 0.4 s after the last picture when all is well."""


class Watch:
    """How an encoder fares. Written by picamera2's threads, read by any."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """What went wrong first; the encoder gives no more pictures."""
        self.done = 0
        """Pictures that it is through with, encoded or left out."""
        self._delivered_s = time.monotonic()
        self._unanswered = 0

    def offered(self) -> None:
        """The camera had one more picture."""
        self._unanswered += 1

    def finished(self) -> None:
        """The driver gave a picture of the camera's back."""
        self.done += 1

    def delivered(self) -> None:
        """An encoded picture came out."""
        self._delivered_s, self._unanswered = time.monotonic(), 0

    def look(self) -> None:
        """Tell a driver that swallows everything and fails at nothing."""
        silent_s = time.monotonic() - self._delivered_s
        if silent_s > SILENT_S and self._unanswered >= SILENT_PICTURES:
            self.fail(TimeoutError(f"no picture for {silent_s:.1f} s"))

    def fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
            log.warning("the hardware encoder failed: %s", plain(error))


class _Held:
    """A camera's request on its way through the encoder; knows whether it has to be given back."""

    def __init__(self, request: Any, finished: Callable[[], None]) -> None:
        self._request = request
        self._finished = finished
        self._acquired = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    def acquire(self) -> None:
        self._request.acquire()
        self._acquired = True

    def release(self) -> None:
        if self._acquired:
            self._acquired = False
            self._request.release()
            self._finished()


@functools.cache
def guarded(base: Any) -> Any:
    """A class like ``base``, picamera2's V4L2 ``H264Encoder``, whose instances have a ``watch`` (:class:`Watch`)."""

    class GuardedEncoder(base):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.watch = Watch()
            self._poll_ended = threading.Event()
            self._stopping = self._shut = False

        # -- in the camera loop ------------------------------------------------------------------------------

        def encode(self, stream: Any, request: Any) -> None:
            if not self._stopping:
                super().encode(stream, request)

        def _encode(self, stream: Any, request: Any) -> None:
            self.watch.offered()
            if self.watch.failure is not None or self.buf_frame.qsize() >= IN_FLIGHT:
                return
            held = _Held(request, self.watch.finished)
            try:
                super()._encode(stream, held)
            except Exception as error:  # noqa: BLE001 - whatever it is, the camera goes on
                self.watch.fail(error)
                held.release()
            if self._poll_ended.is_set():
                self._give_back()

        # -- the poll thread ---------------------------------------------------------------------------------

        def thread_poll(self, buf_available: Any) -> None:
            try:
                super().thread_poll(buf_available)
            except Exception as error:  # noqa: BLE001 - told by the watch, to the thread that can do something
                if not self._shut:
                    self.watch.fail(error)
            finally:
                self._poll_ended.set()
                self._give_back()

        # -- in the thread of who starts and stops -------------------------------------------------------------

        def _start(self) -> None:
            try:
                super()._start()
            except BaseException:
                self._running = False
                self._release()
                raise

        def stop(self) -> None:
            self._stopping = True
            super().stop()

        def _stop(self) -> None:
            if self.watch.failure is None:
                self.thread.join(LAST_PICTURES_S)
            if self.thread.is_alive():
                self._shut = True
                self.vd.close()  # which ends the poll thread, whatever it waits for
            try:
                super()._stop()
            except Exception as error:  # noqa: BLE001 - the device is shut all the same
                log.debug("the hardware encoder does not stop in order: %s", plain(error))
            finally:
                self._release()

        def _release(self) -> None:
            """Shut the device and its memory, in whatever state they are."""
            self._shut = True
            if self.vd is not None:
                self.vd.close()
            thread = getattr(self, "thread", None)
            if thread is not None and thread.is_alive():
                thread.join(LAST_PICTURES_S)
            for memory, _ in self.bufs.values():
                memory.close()
            self.bufs.clear()

        def _give_back(self) -> None:
            """Pictures that the driver will not give back any more, back to the camera."""
            with contextlib.suppress(queue.Empty):
                while True:
                    self.buf_frame.get_nowait().release()

    return GuardedEncoder
