"""``doctor``: looks at everything the appliance needs, and says what to do about what is not right (SPEC 10).

It only looks: nothing is published, opened for capture, or changed, so it may run beside the service. No secret is
printed, so the whole output, which begins and ends with a line of its own, can be handed on.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import tomlkit.exceptions

from appliance import __version__
from appliance.cli.checks import Grade, Result
from appliance.cli.checks_box import check_clock, check_storage, check_supply
from appliance.cli.checks_network import check_server
from appliance.cli.checks_pi import check_pi
from appliance.cli.client import NoService, ServiceFailed, client_of
from appliance.errors import CameraError, HardwareMissing, MicrophoneError, plain
from appliance.hardware.board import Board, make_board
from appliance.hardware.pi.encoder import hardware_encoder_present
from appliance.settings import file
from appliance.settings.declaration import Settings
from appliance.settings.validate import examine

_RULE = "----"

LIBRARIES = ("av", "numpy", "flask", "waitress", "gpiozero", "tomlkit", "pillow")


def doctor(arguments: argparse.Namespace) -> int:
    """Every check, one line each; exit status 1 when one failed."""
    counts = dict.fromkeys(Grade, 0)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"{_RULE} Live Pusher {__version__}, doctor, {arguments.board} board, {now} {_RULE}", flush=True)
    for result in _results(arguments):
        print(result.line(), flush=True)
        counts[result.grade] += 1
    told = ", ".join(f"{count} {grade.name.lower()}" for grade, count in counts.items())
    print(f"{_RULE} {told}; no secret is in these lines {_RULE}")
    return 1 if counts[Grade.FAIL] else 0


def cameras(arguments: argparse.Namespace) -> int:
    """The cameras of a board, one a line; exit status 1 when there is none."""
    board = make_board(arguments.board)
    try:
        found = board.cameras()
        lacks = board.missing()
    finally:
        board.close()
    for lack in lacks:
        print(lack.reason, file=sys.stderr)
    for name in found:
        print(name)
    if not found:
        print(f"no camera is connected to the {arguments.board} board", file=sys.stderr)
    return 0 if found else 1


def _results(arguments: argparse.Namespace) -> Iterable[Result]:
    yield check_python()
    settings, result = read_settings(arguments.state_dir)
    yield result
    yield _check_service(arguments)
    if arguments.board == "pi":
        yield from check_pi()
    yield from _check_board(arguments.board, settings)
    yield check_clock()
    yield from check_server(settings)
    yield check_storage(arguments.state_dir)
    supply = check_supply()
    if supply is not None:
        yield supply


def check_python() -> Result:
    """The interpreter and the libraries that pip installs."""
    missing = []
    for library in LIBRARIES:
        try:
            metadata.version(library)
        except metadata.PackageNotFoundError:
            missing.append(library)
    versions = f"Live Pusher {__version__}, Python {platform.python_version()}, PyAV {_version('av')}"
    if missing:
        return Result("software", Grade.FAIL, f"{versions}; missing: {', '.join(missing)}", "run: make setup")
    return Result("software", Grade.OK, versions)


def read_settings(state_dir: Path) -> tuple[Settings, Result]:
    """The stored settings, read without touching the file."""
    path = state_dir / "settings.toml"
    try:
        settings, problems = examine(file.flatten(file.parse(path.read_text("utf-8"))))
    except FileNotFoundError:
        return Settings(), Result("settings", Grade.OK, f"none stored in {state_dir}: the defaults count")
    except (OSError, ValueError, tomlkit.exceptions.TOMLKitError) as error:
        advice = (
            "run this as the service's user or with sudo, or mend the file; 'settings.toml.bak' is the last good one"
        )
        return Settings(), Result("settings", Grade.FAIL, f"{path}: {plain(error)}", advice)
    if problems:
        told = "; ".join(f"{name} {why}" for name, why in problems.items())
        return settings, Result("settings", Grade.WARN, f"not used: {told}", f"change them on the page or in {path}")
    return settings, Result("settings", Grade.OK, str(path))


def _check_service(arguments: argparse.Namespace) -> Result:
    try:
        status = client_of(arguments).get("/api/v1/status")
    except NoService as error:
        return Result("service", Grade.WARN, "no appliance is running", error.reason.rpartition("; ")[2])
    except ServiceFailed as error:
        return Result("service", Grade.WARN, error.reason, "look at its log: journalctl -u live-pusher")
    return Result("service", Grade.OK, f"running, {status.get('state')}")


def _check_board(name: str, settings: Settings) -> Iterable[Result]:
    board = make_board(name)
    try:
        for lack in board.missing():
            what, _, advice = lack.reason.partition("; to install it: ")
            yield Result("board", Grade.FAIL, what, advice)
        yield from _check_cameras(board, settings)
        yield _check_encoder(board)
        yield _check_microphone(board, settings)
        yield _check_pins(board)
    finally:
        board.close()


def _check_cameras(board: Board, settings: Settings) -> Iterable[Result]:
    found = board.cameras()
    names = ", ".join(found) or "none"
    advice = "check the ribbon cable with the power off, then: rpicam-hello --list-cameras"
    both = {"front": settings.camera_front, "back": settings.camera_back}
    for position, wanted in both.items():
        other = both["back" if position == "front" else "front"]
        if wanted.startswith("file:"):
            yield _check_media_file(f"{position} camera", wanted[5:])
            continue
        try:
            camera = board.camera(position, wanted, other=other)
        except CameraError as error:
            # One camera is the usual case; that it is the one in use matters.
            grade = Grade.FAIL if position == settings.device_position or not found else Grade.WARN
            yield Result(f"{position} camera", grade, f"{error.reason} (found: {names})", advice)
        else:
            yield Result(f"{position} camera", Grade.OK, camera.name)


def _check_media_file(what: str, path: str) -> Result:
    if Path(path).is_file():
        return Result(what, Grade.OK, f"plays {path}")
    return Result(what, Grade.FAIL, f"there is no file {path}", "give the absolute path of a media file")


def _check_encoder(board: Board) -> Result:
    if board.hardware_encoder and (board.name != "pi" or hardware_encoder_present()):
        return Result("video encoder", Grade.OK, "hardware H.264")
    try:
        import av

        av.codec.Codec("libx264", "w")
    except (ImportError, ValueError) as error:
        return Result("video encoder", Grade.FAIL, f"no libx264: {plain(error)}", "run: make setup")
    if board.hardware_encoder:
        advice = "sudo modprobe bcm2835-codec, and look at: sudo dmesg | grep codec"
        return Result("video encoder", Grade.WARN, "libx264 in software; this Pi's own encoder is not there", advice)
    return Result("video encoder", Grade.OK, "libx264 in software; the board has no H.264 encoder in hardware")


def _check_microphone(board: Board, settings: Settings) -> Result:
    wanted = settings.microphone
    if wanted == "none":
        return Result("microphone", Grade.OK, "none wanted: silence is sent")
    if wanted.startswith("file:"):
        return _check_media_file("microphone", wanted[5:])
    try:
        return Result("microphone", Grade.OK, board.microphone(wanted).name)
    except MicrophoneError as error:
        advice = "without one silence is sent; plug it in and look for it with: arecord -l"
        return Result("microphone", Grade.WARN, error.reason, advice)


def _check_pins(board: Board) -> Result:
    try:
        board.pin_factory()
    except HardwareMissing as error:
        what, _, advice = error.reason.partition("; to install it: ")
        return Result("pins", Grade.WARN, what, advice or "buttons and lights will not work; the push is not affected")
    return Result("pins", Grade.OK, "buttons and lights can be used")


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "missing"
