"""Calls into drivers that may never return."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    def __init__(self, action: Callable[[], T], too_late: Callable[[T], None]) -> None:
        self._action, self._too_late = action, too_late
        self._lock = threading.Lock()
        self._abandoned = False
        self.results: list[T] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        try:
            result = self._action()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.errors.append(error)
            return
        with self._lock:
            if not self._abandoned:
                self.results.append(result)
                return
        self._too_late(result)

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True


def within(timeout_s: float, what: str, action: Callable[[], T], too_late: Callable[[T], None] = lambda _: None) -> T:
    """``action()`` in a thread of its own. Raises what it raises, and TimeoutError when it has not returned within
    ``timeout_s``; should it return after that, its result goes to ``too_late``, which cleans up."""
    call = _Call(action, too_late)
    thread = threading.Thread(target=call.run, name=what, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        call.abandon()
    if call.results:
        return call.results[0]
    if call.errors:
        raise call.errors[0]
    raise TimeoutError(f"{what}: no answer from the driver within {timeout_s:g} s")
