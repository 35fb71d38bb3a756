"""The servers under the Flask application: waitress, on the network and on the control socket.

What waitress does not do by itself, and is done here:

- A stream's chunks go out at once (waitress sends in the writing thread), and a client that is slow shows as bytes
  pending instead of seconds of old pictures in the kernel: ``TCP_NOTSENT_LOWAT`` keeps that part short.
- Dead clients: ``channel_request_lookahead`` keeps a connection readable while it is being answered, so that its end is
  seen; keep-alive and ``TCP_USER_TIMEOUT`` end the ones that vanished without a word.
- The end: :meth:`stop` returns in time whatever the clients do.

The loop runs in one thread, requests in a fixed number of others. ``start`` and ``stop`` are called by one thread.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import logging
import os
import socket
import stat
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, WSGITask

from appliance.errors import ListenError
from appliance.threads import Worker
from appliance.web.requests import LONGEST_PICTURE_BODY, WAITING_IMAGE_PATH
from appliance.web.streams import ENVIRON_KEY, Slots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOCAL_KEY = "live_pusher.local"
"""In the environment of requests that came over the control socket."""

_KEEP_IDLE_S, _KEEP_INTERVAL_S, _KEEP_PROBES = 15, 5, 3
_UNTAKEN_MS = 20_000
_NOT_SENT_BYTES = 64 * 1024
_OUTBUF_BYTES = 256 * 1024
"""What is kept for one slow client; waitress also gives memory of a long answer back in steps of this."""
_BODY_BYTES = 1024 * 1024
"""Read before the application's own, smaller limit answers: it can only answer whom it has listened to."""
_PICTURE_BYTES = LONGEST_PICTURE_BODY + 1024 * 1024
_PICTURES = 3
"""Bodies with a picture at a time: they are read before anybody knows who sends them, and take memory or disk."""
_HEADER_BYTES = 32 * 1024
_CONNECTIONS = 200
_IDLE_S = 60

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOT_SENT_BYTES),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_IDLE_S),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_INTERVAL_S),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEP_PROBES),
]

# To waitress every page that is closed is worth a line, and every request that waits for a free thread a warning: on a
# page that loads ten files at once that is the rule.
logging.getLogger("waitress").setLevel(logging.WARNING)
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class _Way:
    """:class:`appliance.web.streams.Connection` over one waitress channel."""

    def __init__(self, channel: HTTPChannel, server: _Server) -> None:
        self.slots = server.slots
        self._channel = channel
        self._closing = server.closing

    def alive(self) -> bool:
        return bool(self._channel.connected) and not self._closing.is_set()

    def pending(self) -> int:
        return int(self._channel.total_outbufs_len)


class _Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        ours: _Server = self.channel.server.ours
        environ[ENVIRON_KEY] = _Way(self.channel, ours)
        if ours.local:
            environ[LOCAL_KEY] = True
        return environ


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """What waitress refuses by itself (malformed, too large) is answered in the API's form."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        body = json.dumps({"errMsg": f"{error.reason}: {error.body}"}).encode()
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Takes a longer body where a picture may be uploaded."""

    adj: Any

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.path == WAITING_IMAGE_PATH and self.command == "POST":
            reading: weakref.WeakSet[_Parser] = self.adj.pictures
            if len(reading) < _PICTURES:
                reading.add(self)
                self.adj = copy.copy(self.adj)
                self.adj.max_request_body_size = _PICTURE_BYTES


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
    task_class = _Task
    error_task_class = _ErrorTask


class _Server:
    """Shared by both; a subclass makes the listening socket."""

    local = False

    def __init__(
        self,
        app: WSGIApplication,
        *,
        name: str,
        threads: int,
        streams: int,
        on_crash: Callable[[str, BaseException], None] | None,
    ) -> None:
        self.slots = Slots(streams)
        self.closing = threading.Event()
        self._app = app
        self._threads = threads
        self._map: dict[int, Any] = {}
        self._waitress: Any = None
        self.worker = Worker(name, self._loop, on_crash=on_crash)

    def _listen(self) -> socket.socket:
        raise NotImplementedError

    def start(self) -> None:
        """Listen and answer from now on; once only. Raises ListenError."""
        listening = self._listen()
        self._waitress = create_server(
            self._app,
            map=self._map,
            sockets=[listening],
            threads=self._threads,
            ident=None,
            asyncore_use_poll=True,
            channel_request_lookahead=1,
            outbuf_high_watermark=_OUTBUF_BYTES,
            max_request_body_size=_BODY_BYTES,
            max_request_header_size=_HEADER_BYTES,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_S,
            cleanup_interval=10,
            log_socket_errors=False,
        )
        self._waitress.channel_class = _Channel
        self._waitress.ours = self
        self._waitress.adj.pictures = weakref.WeakSet()
        self._waitress.adj.socket_options = [] if self.local else _SOCKET_OPTIONS
        self.worker.start()

    def _loop(self, worker: Worker) -> None:
        while not worker.stopping:
            wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
            worker.beat()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Take no more connections, end the streams, let running requests finish, and return within ``timeout_s``
        seconds or little more. Harmless when not started, and when called again."""
        if self._waitress is None or self.closing.is_set():
            return
        end = time.monotonic() + timeout_s
        self.closing.set()
        self._in_loop(self._stop_listening)
        dispatcher = self._waitress.task_dispatcher
        dispatcher.shutdown(timeout=timeout_s * 0.7)
        self._in_loop(self._close_channels)  # wakes the threads that wait for a client to take something
        dispatcher.shutdown(timeout=max(0.0, end - time.monotonic()))
        self.worker.request_stop()
        self._waitress.pull_trigger()
        stopped = self.worker.stop(max(0.2, end - time.monotonic()))
        if stopped and not dispatcher.threads:
            # A thread that still runs would write into the trigger's pipe, whose number may then be somebody else's.
            self._waitress.trigger.close()

    def _in_loop(self, action: Callable[[], None]) -> None:
        self._waitress.trigger.pull_trigger(action)

    def _stop_listening(self) -> None:
        wasyncore.dispatcher.close(self._waitress)
        for channel in list(self._waitress.active_channels.values()):
            if not channel.requests:
                channel.will_close = True

    def _close_channels(self) -> None:
        for channel in list(self._waitress.active_channels.values()):
            channel.handle_close()


class WebServer(_Server):
    """The page and the API on the network. ``host`` is an address or a name (its first address, IPv4 preferred); ``::``
    takes IPv4 too. ``port`` 0 takes a free one."""

    def __init__(
        self,
        app: WSGIApplication,
        host: str,
        port: int,
        *,
        threads: int = 24,
        streams: int = 12,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        super().__init__(app, name="web", threads=threads, streams=streams, on_crash=on_crash)
        self.host = host.removeprefix("[").removesuffix("]")
        self.port = port
        """The real one once started."""

    @property
    def url(self) -> str:
        """Where the page is, as far as the listening address tells."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}/"

    def _listen(self) -> socket.socket:
        where = f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        if not 0 <= self.port <= 65535:  # getaddrinfo would take it modulo 65536
            raise ListenError(
                f"{where} cannot be listened on: allowed ports are 0 to 65535. Take one with --listen HOST:PORT"
            )
        try:
            found = socket.getaddrinfo(self.host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError, OverflowError) as error:
            raise ListenError(
                f"{where} cannot be listened on: {self.host!r} is no address of this machine. "
                "Give another with --listen HOST:PORT, for example --listen 0.0.0.0:8080"
            ) from error
        family, _, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        listening = None
        try:
            listening = socket.socket(family, socket.SOCK_STREAM, protocol)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listening.bind(address)
            listening.listen(128)
        except (OSError, OverflowError) as error:
            if listening is not None:
                listening.close()
            raise ListenError(f"{where} cannot be listened on: {_why(error)}") from error
        self.port = int(listening.getsockname()[1])
        return listening


def _why(error: OSError | OverflowError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "another program uses the port. End it, or take another port with --listen HOST:PORT"
    if number == errno.EADDRNOTAVAIL:
        return "this machine does not have that address. Take another with --listen HOST:PORT (0.0.0.0: all it has)"
    if number in (errno.EACCES, errno.EPERM):
        return "ports below 1024 need a privilege. Take another with --listen HOST:PORT, like --listen 0.0.0.0:8080"
    if number == errno.EAFNOSUPPORT:
        return "this machine has no IPv6. Take an IPv4 address with --listen HOST:PORT"
    return f"{getattr(error, 'strerror', None) or error}. Take another address with --listen HOST:PORT"


class ControlServer(_Server):
    """The JSON API on a unix socket, for local users with permission on the file (0660); nobody signs in there."""

    local = True

    def __init__(
        self,
        app: WSGIApplication,
        path: Path,
        *,
        threads: int = 8,
        streams: int = 4,
        on_crash: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        super().__init__(app, name="control-socket", threads=threads, streams=streams, on_crash=on_crash)
        self.path = path

    def _listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_stale()
            # By way of the folder's descriptor, since the address of a unix socket holds 107 bytes only.
            folder = os.open(self.path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                listening.bind(f"/proc/self/fd/{folder}/{self.path.name}")
            finally:
                os.close(folder)
            os.chmod(self.path, 0o660)  # before listen(): until then nobody can connect
            listening.listen(32)
        except ListenError:  # an OSError too, but with its words already
            listening.close()
            raise
        except OSError as error:
            listening.close()
            # a path too long for a socket address carries no errno
            raise ListenError(f"the control socket {self.path} cannot be made: {error.strerror or error}") from error
        return listening

    def _remove_stale(self) -> None:
        try:
            if not stat.S_ISSOCK(self.path.lstat().st_mode):
                raise ListenError(f"the control socket {self.path} cannot be made: something else has that name")
        except FileNotFoundError:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(str(self.path))
            except OSError:
                self.path.unlink(missing_ok=True)
                return
        raise ListenError(f"the control socket {self.path} is in use by another instance")

    def stop(self, timeout_s: float = 1.0) -> None:
        was_open = self._waitress is not None and not self.closing.is_set()
        super().stop(timeout_s)
        if was_open:
            with contextlib.suppress(OSError):
                self.path.unlink()
