"""A stand-in for a running appliance: HTTP on a unix socket, with answers that a test writes down."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import main

Answer = tuple[int, Any]


class Standin:
    """Answers by method and path; a list of answers is used up one by one, its last one stays."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.stream: list[dict[str, Any]] = []
        self.stream_from = ""
        (folder / "run").mkdir(exist_ok=True)
        self.server = _Server(str(folder / "run" / "control.sock"), _handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def answer(self, key: str) -> Answer:
        wanted = self.answers.get(key, (404, {"errMsg": f"there is no {key} here"}))
        if isinstance(wanted, list):
            return wanted.pop(0) if len(wanted) > 1 else wanted[0]
        return wanted

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def _handler(standin: Standin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = f"{self.command} {self.path}"
            standin.asked.append((key, json.loads(body) if body else None))
            if self.path == "/api/v1/events/stream":
                standin.stream_from = self.headers["Last-Event-ID"]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b": alive\n\n")
                for record in standin.stream:
                    self.wfile.write(f"id: {record['id']}\ndata: {json.dumps(record)}\n\n".encode())
                return
            status, answer = standin.answer(key)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = _do

    return Handler


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("appliance.cli.client._SYSTEM_SERVICE", tmp_path / "no-system-service")


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Standin]:
    standin = Standin(tmp_path)
    yield standin
    standin.close()


@pytest.fixture
def run(standin: Standin, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command against the stand-in: exit status, standard output, standard error."""

    def run_one(*words: str) -> tuple[int, str, str]:
        status = main(["--state-dir", str(standin.state_dir), *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_one
