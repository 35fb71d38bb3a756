"""What the command line takes, as argparse says it. What a command does is imported when it is run."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from appliance import __version__
from appliance.pusher.operations import Operation

BOARDS = ("pi", "simulated")
# The page is for the LAN; the demonstration is for who sits at the machine.
LISTEN, LISTEN_DEMO = "0.0.0.0:8080", "127.0.0.1:8080"

_OPERATIONS: dict[str, tuple[Operation, str]] = {
    "stop": (Operation.STOP, "end the push"),
    "pause": (Operation.PAUSE, "release the camera and send the waiting image instead"),
    "resume": (Operation.RESUME, "bring the picture back"),
    "switch-camera": (Operation.SWITCH_CAMERA, "change between front and back camera"),
    "mute": (Operation.MUTE, "send silence"),
    "unmute": (Operation.UNMUTE, "send the sound again"),
    "background": (Operation.BACKGROUND, "as the privacy switch does: no camera until 'foreground'"),
    "foreground": (Operation.FOREGROUND, "leave the background"),
    "torch": (Operation.TOGGLE_TORCH, "switch the lamp on or off"),
}

Command = Callable[[argparse.Namespace], int]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, with ``command`` to call; argparse itself ends the process with status 2 for wrong ones."""
    arguments = _parser().parse_args(argv)
    arguments.explicit_state_dir = hasattr(arguments, "state_dir")
    arguments.state_dir = Path(getattr(arguments, "state_dir", None) or default_state_dir())
    return arguments


def default_state_dir() -> Path:
    """``$STATE_DIRECTORY`` as systemd sets it, else below the user's own state."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "live-pusher"


def listen_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, an IPv6 address in brackets; without a host, every address."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535 or any(c.isspace() for c in host):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address to listen on; allowed: HOST:PORT, port 0 to 65535, like {LISTEN} or [::]:8080"
        )
    return host or "0.0.0.0", int(port)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        shown = "this" if "://" in text else repr(text)  # an address pasted without its name may hold a key
        raise argparse.ArgumentTypeError(f"{shown} is no setting; allowed: name=value")
    return name, value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.lstrip("-").isdigit() and len(text) < 12 and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is refused; allowed: a whole number from {low} to {high}")
        return int(text)

    return convert


def _later(module: str, function: str, *bound: Any) -> Command:
    """A command whose module is imported when it is called: the quick ones stay quick on a small board."""

    def command(arguments: argparse.Namespace) -> int:
        status: int = getattr(importlib.import_module(f"appliance.cli.{module}"), function)(arguments, *bound)
        return status

    return command


def _parser() -> argparse.ArgumentParser:
    # Suppressed, so that a subcommand without the option leaves alone what was given before it.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state-dir", metavar="DIR", type=Path, default=argparse.SUPPRESS,
        help="where settings, event log and snapshots lie (default: $STATE_DIRECTORY, else ~/.local/state/live-pusher)",
    )  # fmt: skip
    parser = argparse.ArgumentParser(
        prog="live-pusher", description="A streaming box: camera and microphone over RTMP.", parents=[common],
        epilog="Exit status: 0 done, 1 failed, 2 wrong command, 3 no appliance is running.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"live-pusher {__version__}")
    parser.set_defaults(when_refused=1)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    def add(name: str, help: str, command: Command, **defaults: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", parents=[common])
        added.set_defaults(command=command, **defaults)
        return added

    _add_service(add)
    _add_operations(add)
    _add_views(add)
    _add_care(add)
    return parser


def _add_service(add: Callable[..., argparse.ArgumentParser]) -> None:
    run = add("run", "run the service until it is stopped", _later("service", "run"), when_refused=2)
    run.add_argument("--board", choices=BOARDS, default="pi", help="the hardware (default: %(default)s)")
    demo = add(
        "demo", "run the demonstration: a simulated board, and a receiver on this machine", _later("service", "demo"),
        when_refused=2,
    )  # fmt: skip
    for parser, listen in ((run, LISTEN), (demo, LISTEN_DEMO)):
        parser.add_argument(
            "--listen", metavar="HOST:PORT", type=listen_address, default=listen_address(listen),
            help=f"address of the page (default: {listen})",
        )  # fmt: skip
        parser.add_argument(
            "--set", metavar="NAME=VALUE", dest="overrides", action="append", type=_assignment, default=[],
            help="a setting for this run, which is not stored; may be given several times",
        )  # fmt: skip
        parser.add_argument("--debug", action="store_true", help="log the details")


def _add_operations(add: Callable[..., argparse.ArgumentParser]) -> None:
    start = add("start", "start the push, and wait until it begins or fails", _later("operations", "start"))
    start.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    for name, (operation, help) in _OPERATIONS.items():
        parser = add(name, help, _later("operations", "perform", operation))
        parser.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    snapshot = add("snapshot", "save a picture, and print where", _later("operations", "snapshot"))
    snapshot.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    preview = add("preview", "switch the page's live picture on or off", _later("operations", "preview"))
    preview.add_argument("wanted", choices=("on", "off"))
    preview.add_argument("--json", action="store_true", help="print the service's answer as JSON")


def _add_views(add: Callable[..., argparse.ArgumentParser]) -> None:
    status = add("status", "show what the appliance does", _later("views", "status"))
    status.add_argument("--json", action="store_true", help="print it as JSON")
    events = add("events", "show the event log, the newest last", _later("views", "events"))
    events.add_argument("--follow", "-f", action="store_true", help="go on with what happens from now on")
    events.add_argument("--limit", "-n", type=_whole(0, 1000), default=20, metavar="N", help="how many (default: 20)")
    events.add_argument(
        "--code", type=_whole(-99999, 99999), action="append", default=[], metavar="CODE",
        help="only events of this code; may be given several times",
    )  # fmt: skip
    events.add_argument("--json", action="store_true", help="print one JSON object a line")
    settings = add("settings", "show and change settings", _later("settings", "settings"))
    settings.add_argument(
        "words", nargs="*", metavar="list | get NAME | schema | NAME=VALUE …",
        help="nothing or 'list': all; 'get NAME': one; 'schema': the JSON Schema; NAME=VALUE: change it, all or none "
        "(a secret's value may be '-': it is then read from standard input)",
    )  # fmt: skip
    settings.add_argument("--json", action="store_true", help="print as JSON")


def _add_care(add: Callable[..., argparse.ArgumentParser]) -> None:
    token = add("token", "make and revoke tokens for the JSON API", _later("tokens", "token"))
    token.add_argument("action", choices=("create", "list", "revoke"))
    token.add_argument("name", nargs="?", metavar="NAME", help="what the token is for")
    doctor = add("doctor", "check camera, sound, pins, clock, network and storage", _later("doctor", "doctor"))
    cameras = add("cameras", "list the cameras; exit status 1 when there is none", _later("doctor", "cameras"))
    for parser in (doctor, cameras):
        parser.add_argument("--board", choices=BOARDS, default="pi", help="the hardware (default: %(default)s)")
    add("version", "print the version", _later("views", "version"))
