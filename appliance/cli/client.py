"""The JSON API over a running appliance's control socket (SPEC 11)."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.errors import LivePusherError, plain
from appliance.system.instance import recorded_runtime_dir, runtime_dir_of

CONNECT_S = 3.0
ANSWER_S = 30.0
"""The service answers within ten seconds or says why not; this is for a board that is very busy."""
QUIET_S = 60.0
"""The live stream of events says something every ten seconds."""

_SYSTEM_SERVICE = Path("/run/live-pusher")
_LONGEST_ADDRESS = 100  # sun_path has 108 bytes, unix(7)


class NoService(LivePusherError, ConnectionError):
    """No appliance is running with that state directory."""


class ServiceFailed(LivePusherError, RuntimeError):
    """The appliance answered that it could not, or not at all. ``status`` is HTTP's, 0 for no answer."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, answer_s: float) -> None:
        super().__init__("localhost", timeout=answer_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_S)
        if len(os.fsencode(self._path)) < _LONGEST_ADDRESS:
            self.sock.connect(str(self._path))
        else:
            # The kernel takes no longer address, but a way through the open directory is short.
            directory = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")
            finally:
                os.close(directory)
        self.sock.settimeout(self.timeout)


class Client:
    """One appliance, found by its state directory."""

    def __init__(self, state_dir: Path, *, explicit: bool = True) -> None:
        """With ``explicit`` false, the state directory is only the default, and the system's service is meant too."""
        self._state_dir = state_dir
        places = [runtime_dir_of(state_dir), recorded_runtime_dir(state_dir), state_dir / "run"]
        if not explicit:
            places.append(_SYSTEM_SERVICE)
        self._sockets = [place / "control.sock" for place in dict.fromkeys(places) if place is not None]

    def get(self, path: str) -> dict[str, Any]:
        """Raises :class:`NoService` or :class:`ServiceFailed`."""
        return self._request("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises :class:`NoService` or :class:`ServiceFailed`."""
        return self._request("POST", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises :class:`NoService` or :class:`ServiceFailed`."""
        return self._request("PATCH", path, body)

    def events(self, last_id: int) -> Iterator[dict[str, Any]]:
        """Events behind ``last_id`` as they happen; ends when the service does. Raises like the others."""
        headers = {"Last-Event-ID": str(last_id), "Accept": "text/event-stream"}
        connection, response = self._open("GET", "/api/v1/events/stream", None, headers, QUIET_S)
        try:
            if response.status != 200:
                raise ServiceFailed(f"the appliance answered {response.status} {response.reason}", response.status)
            for line in response:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
        except (OSError, http.client.HTTPException) as error:
            raise ServiceFailed(f"the connection to the appliance broke: {plain(error)}") from error
        finally:
            connection.close()

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        connection, response = self._open(method, path, body, {"Accept": "application/json"}, ANSWER_S)
        try:
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ServiceFailed(f"the appliance broke off its answer: {plain(error)}") from error
        except ValueError:
            answer = None
        finally:
            connection.close()
        if not isinstance(answer, dict):
            raise ServiceFailed(f"the appliance answered {response.status} {response.reason}", response.status)
        if response.status >= 400:
            raise ServiceFailed(str(answer.get("errMsg") or response.reason), response.status)
        return answer

    def _open(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str], answer_s: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        text = None if body is None else json.dumps(body)
        if text is not None:
            headers = {**headers, "Content-Type": "application/json"}
        for place in self._sockets:
            connection = _Connection(place, answer_s)
            try:
                connection.connect()
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
                connection.close()
                continue
            except PermissionError:
                raise ServiceFailed(
                    f"permission denied on {place}; be of the socket's group (for the service: sudo adduser $USER "
                    f"live-pusher, then sign in anew), or use sudo"
                ) from None
            except OSError as error:
                connection.close()
                raise ServiceFailed(f"{place} cannot be connected to: {plain(error)}") from error
            try:
                connection.request(method, path, text, headers)
                return connection, connection.getresponse()
            except TimeoutError:
                connection.close()
                raise ServiceFailed(f"the appliance gave no answer within {answer_s:g} s") from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise ServiceFailed(f"the appliance gave no answer: {plain(error)}") from error
        raise NoService(
            f"no appliance is running with state directory {self._state_dir}; start one with: live-pusher run"
        )


def client_of(arguments: argparse.Namespace) -> Client:
    """The appliance that the arguments mean."""
    return Client(arguments.state_dir, explicit=arguments.explicit_state_dir)
