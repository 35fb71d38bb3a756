"""The owner of the state machine: one thread, one inbox, one answer for every caller (SPEC 2).

Callers, workers and timers put things into the inbox; the thread takes them one by one, asks the table, and carries out
what it says through :class:`Effects`, none of which waits. So nothing races, and a hanging network can hold up nobody.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from appliance.errors import LivePusherError, OperationRefused
from appliance.events import EventBus
from appliance.pusher.machine import Instant
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.pusher.states import (
    TIMER_INPUT,
    Action,
    CancelTimer,
    Connect,
    Context,
    Disconnect,
    Emit,
    Happening,
    Hold,
    Input,
    MediaPlan,
    Redial,
    Reply,
    Resolve,
    Rules,
    SetTimer,
    TakeSnapshot,
    Timer,
    Wait,
    plan,
)
from appliance.pusher.table import step
from appliance.threads import Worker

log = logging.getLogger(__name__)

IDLE_WAIT_S = 2.0
"""The thread looks up at least so often, for its heartbeat."""

_INPUT = {
    Operation.START: Input.START,
    Operation.STOP: Input.STOP,
    Operation.PAUSE: Input.PAUSE,
    Operation.RESUME: Input.RESUME,
    Operation.BACKGROUND: Input.BACKGROUND,
    Operation.FOREGROUND: Input.FOREGROUND,
    Operation.SWITCH_CAMERA: Input.SWITCH_CAMERA,
    Operation.START_PREVIEW: Input.START_PREVIEW,
    Operation.STOP_PREVIEW: Input.STOP_PREVIEW,
    Operation.SNAPSHOT: Input.SNAPSHOT,
}


class Effects(Protocol):
    """What the pusher has done by others. Called in the pusher's thread; nothing here waits."""

    def check_start(self) -> LivePusherError | None:
        """Whether a push can be tried at all: an address, and one that makes sense."""
        ...

    def apply(self, media: MediaPlan) -> None:
        """Bring cameras, microphone and encoders to the plan; outcomes are reported to the pusher."""
        ...

    def connect(self) -> None:
        """Open a session, unless one is alive; the outcome is reported."""
        ...

    def redial(self) -> None:
        """Begin the attempt on its way afresh, unless it has reached the server; harmless without one."""
        ...

    def disconnect(self) -> bool:
        """End the session; False when there was none, True when its end will be reported."""
        ...

    def take_snapshot(self, done: Callable[[Mapping[str, Any] | LivePusherError], None]) -> None:
        """Save the present picture; ``done`` is called once, from any thread."""
        ...

    def adjust(self, operation: Operation, parameters: Mapping[str, Any], by: str) -> Mapping[str, Any]:
        """Mute, volume, zoom, lamp: what no state forbids. Raises LivePusherError, or ValueError for a parameter."""
        ...

    def status(self) -> dict[str, Any]:
        """The figures of SPEC 11's status that the pusher does not know."""
        ...


@dataclass(slots=True)
class _Call:
    operation: Operation
    parameters: Mapping[str, Any]
    by: str
    answered: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None

    def resolve(self, answer: Answer) -> None:
        if self.answer is None:
            self.answer = answer
            self.answered.set()


class Pusher:
    """The state machine with its thread. :meth:`perform`, :meth:`status`, :meth:`report`: from any thread."""

    def __init__(
        self,
        effects: Effects,
        events: EventBus,
        *,
        rules: Rules | None = None,
        position: str = "front",
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._effects = effects
        self._events = events
        self._now = now
        self._chance = chance
        self._inbox: queue.SimpleQueue[_Call | Happening | Callable[[], None] | None] = queue.SimpleQueue()
        self._timers: dict[Timer, float] = {}
        self._pending: dict[Operation, list[_Call]] = {}
        self._plan: MediaPlan | None = None
        self._context = Context(rules=rules or Rules(), position=position)
        self._since = time.time()
        self._watchers: list[Callable[[Context], None]] = []
        self.worker = Worker("pusher", self._run, on_crash=on_crash)

    # -- for everybody -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the owner thread."""
        self.worker.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """End the thread; calls that still wait are told so."""
        self.worker.request_stop()
        self._inbox.put(None)
        self.worker.stop(timeout_s)

    @property
    def context(self) -> Context:
        """What the machine knows now; immutable."""
        return self._context

    def watch(self, watcher: Callable[[Context], None]) -> None:
        """Have ``watcher`` called, in the pusher's thread, after every change of the context; it must not wait."""
        self._watchers.append(watcher)
        watcher(self._context)

    def perform(
        self, operation: Operation, parameters: Mapping[str, Any] | None = None, *, by: str, timeout_s: float = 10.0
    ) -> Answer:
        """See :class:`appliance.pusher.operations.Operations`. A ``start`` that is still connecting when the time is
        up is answered with failure, which says so: nothing is on air, and the attempts go on."""
        if self.worker.started and not self.worker.alive:
            return Answer(operation, False, "the service is stopping", failure=Failure.REFUSED)
        call = _Call(operation, dict(parameters or {}), by)
        self._inbox.put(call)
        if call.answered.wait(timeout_s) and call.answer is not None:
            return call.answer
        context = self._context
        if operation is Operation.START and context.active:
            why = f"; so far: {context.error}" if context.error else ""
            reason = f"not pushing after {timeout_s:g} s, still {context.state.value.lower()}{why}"
            return Answer(operation, False, reason, context.error_code, Failure.TIMEOUT)
        return Answer(operation, False, f"no outcome within {timeout_s:g} s", failure=Failure.TIMEOUT)

    def report(self, happening: Happening) -> None:
        """Tell the machine what happened; never waits."""
        self._inbox.put(happening)

    def post(self, work: Callable[[], None]) -> None:
        """Have ``work`` done in the pusher's thread, in the order of things; it must not wait."""
        self._inbox.put(work)

    def status(self) -> dict[str, Any]:
        """``GET /api/v1/status`` (SPEC 11)."""
        context = self._context
        retry_due = self._timers.get(Timer.RETRY)
        figures = self._effects.status()
        errors = [context.error] if context.error else []
        return {
            "state": context.state.value,
            "since": self._since,
            "preview": context.preview,
            "paused": Hold.OPERATOR in context.holds,
            "background": Hold.BACKGROUND in context.holds,
            "reconnect": {
                "attempt": context.attempt if context.name_wait is None else context.name_wait.refusals,
                "nameInUse": context.name_wait is not None,
                "nextInSeconds": None if retry_due is None else round(max(0.0, retry_due - self._now()), 1),
            },
            **figures,
            "camera": {"position": context.position, **figures.get("camera", {})},
            "errors": list(dict.fromkeys(errors + list(figures.get("errors", [])))),
        }

    # -- the owner thread ----------------------------------------------------------------------------------

    def _run(self, worker: Worker) -> None:
        while not worker.stopping:
            worker.beat()
            try:
                item = self._inbox.get(timeout=self._wait_s())
            except queue.Empty:
                item = None
            if isinstance(item, _Call):
                self._call(item)
            elif isinstance(item, Happening):
                self._step(item, None)
            elif item is not None:
                item()
            self._run_timers()
        self._end()

    def _wait_s(self) -> float:
        if not self._timers:
            return IDLE_WAIT_S
        return min(IDLE_WAIT_S, max(0.0, min(self._timers.values()) - self._now()))

    def _run_timers(self) -> None:
        now = self._now()
        for timer in [timer for timer, due in self._timers.items() if due <= now]:
            del self._timers[timer]
            self._step(Happening(TIMER_INPUT[timer]), None)

    def _call(self, call: _Call) -> None:
        kind = _INPUT.get(call.operation)
        if kind is None:
            self._adjust(call)
            return
        if call.operation is Operation.START:
            error = None if self._context.active else self._effects.check_start()
            if error is not None:
                call.resolve(Answer(call.operation, False, error.reason, error.code, Failure.INVALID))
                return
        position = str(call.parameters.get("position", ""))
        if position not in ("", "front", "back"):
            reason = f"position: given {position!r}; allowed: front, back"
            call.resolve(Answer(call.operation, False, reason, failure=Failure.INVALID))
            return
        self._step(Happening(kind, by=call.by, position=position), call)

    def _adjust(self, call: _Call) -> None:
        try:
            result = self._effects.adjust(call.operation, call.parameters, call.by)
        except LivePusherError as error:
            failure = Failure.REFUSED if isinstance(error, OperationRefused) else Failure.FAILED
            call.resolve(Answer(call.operation, False, error.reason, error.code, failure))
        except ValueError as error:
            call.resolve(Answer(call.operation, False, str(error), failure=Failure.INVALID))
        else:
            call.resolve(Answer(call.operation, True, result=result))

    def _step(self, happening: Happening, call: _Call | None) -> None:
        was = self._context
        self._context, actions = step(was, happening, Instant(self._now(), self._chance()))
        if self._context.state is not was.state:
            self._since = time.time()
            log.info("%s -> %s (%s)", was.state, self._context.state, happening.input)
        media = plan(self._context)
        if media != self._plan:
            self._plan = media
            self._effects.apply(media)
        for action in actions:
            self._act(action, call)
        if self._context is not was:
            for watcher in self._watchers:
                watcher(self._context)
        if call is not None and call.answer is None and not any(isinstance(a, Wait) for a in actions):
            raise AssertionError(f"{happening.input} in {was.state} answered nobody")

    def _act(self, action: Action, call: _Call | None) -> None:
        match action:
            case Emit(code, details):
                self._events.emit(code, **details)
            case Reply(ok, reason, code, refused, note):
                if call is not None:
                    result = {"state": self._context.state.value, **({"note": note} if note else {})}
                    failure = None if ok else Failure.REFUSED if refused else Failure.FAILED
                    call.resolve(Answer(call.operation, ok, reason, code, failure, result if ok else {}))
            case Resolve(operation, ok, reason, code, result):
                self._resolve(operation, ok, reason, code, result)
            case Wait():
                if call is not None:
                    self._pending.setdefault(call.operation, []).append(call)
            case Connect():
                self._effects.connect()
            case Redial():
                self._effects.redial()
            case Disconnect():
                if not self._effects.disconnect():
                    self._inbox.put(Happening(Input.ENDED))
            case TakeSnapshot():
                self._effects.take_snapshot(lambda outcome: self._inbox.put(lambda: self._snapshot_done(outcome)))
            case SetTimer(timer, delay_s):
                self._timers[timer] = self._now() + delay_s
            case CancelTimer(timer):
                self._timers.pop(timer, None)

    def _resolve(
        self, operation: Operation, ok: bool, reason: str = "", code: int = 0, result: Mapping[str, Any] | None = None
    ) -> None:
        for call in self._pending.pop(operation, []):
            body = {"state": self._context.state.value, **(result or {})} if ok else {}
            call.resolve(Answer(operation, ok, reason, code, None if ok else Failure.FAILED, body))

    def _snapshot_done(self, outcome: Mapping[str, Any] | LivePusherError) -> None:
        if isinstance(outcome, LivePusherError):
            self._resolve(Operation.SNAPSHOT, False, outcome.reason, outcome.code)
        else:
            self._resolve(Operation.SNAPSHOT, True, result=outcome)

    def _end(self) -> None:
        for operation in list(self._pending):
            self._resolve(operation, False, "the service is stopping")
        while not self._inbox.empty():
            item = self._inbox.get()
            if isinstance(item, _Call):
                item.resolve(Answer(item.operation, False, "the service is stopping", failure=Failure.REFUSED))
