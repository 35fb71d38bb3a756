"""The one table of event codes (SPEC 3). A number is written here and nowhere else.

Codes below 20000 are the contract of ``<live-pusher>``: their numbers and names never change, the misspelling
``SEVER`` and the doubled name of 3004 and 3005 included. From 20000 on they are the appliance's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much an event matters to the person who looks after the box."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class EventCode:
    """One row: ``text`` is a :meth:`str.format` pattern over the event's details; ``meaning`` is for the docs."""

    code: int
    name: str
    severity: Severity
    text: str
    meaning: str


_ROWS: list[EventCode] = []


def _row(code: int, name: str, severity: Severity, text: str, meaning: str) -> int:
    _ROWS.append(EventCode(code, name, severity, text, meaning))
    return code


_I, _W, _E = Severity.INFO, Severity.WARNING, Severity.ERROR

# -- the contract: ordinary events ---------------------------------------------------------------------------
CONNECT_SUCC = _row(1001, "PUSH_EVT_CONNECT_SUCC", _I, "Connected to {server}", "connected to the server")
PUSH_BEGIN = _row(
    1002, "PUSH_EVT_PUSH_BEGIN", _I, "The server accepted the push; streaming begins",
    "handshake and publish accepted, push begins",
)  # fmt: skip
OPEN_CAMERA_SUCC = _row(
    1003, "PUSH_EVT_OPEN_CAMERA_SUCC", _I, "Camera {camera} delivers pictures", "the camera delivers frames"
)
CHANGE_RESOLUTION = _row(
    1005, "PUSH_EVT_CHANGE_RESOLUTION", _I, "Picture size is now {width}x{height}, was {was_width}x{was_height}",
    "the pushed size changed",
)  # fmt: skip
CHANGE_BITRATE = _row(
    1006, "PUSH_EVT_CHANGE_BITRATE", _I, "Target bitrate is now {kbps} kbit/s",
    "the target bitrate changed (summarised, not one per step)",
)  # fmt: skip
FIRST_FRAME_AVAILABLE = _row(
    1007, "PUSH_EVT_FIRST_FRAME_AVAILABLE", _I, "First picture captured", "first frame captured"
)
START_VIDEO_ENCODER = _row(
    1008, "PUSH_EVT_START_VIDEO_ENCODER", _I,
    "Video encoder started: {encoder}, {width}x{height}, {kbps} kbit/s",
    "encoder started: hardware or software, size, bitrate",
)  # fmt: skip
CAMERA_REMOVED = _row(1009, "PUSH_EVT_CAMERA_REMOVED", _W, "Camera {camera} is gone: {reason}", "a camera vanished")
CAMERA_BACK = _row(1010, "PUSH_EVT_CAMERA_BACK", _I, "Camera {camera} works again", "a camera works again")

# -- the contract: errors ------------------------------------------------------------------------------------
OPEN_CAMERA_FAIL = _row(
    -1301, "PUSH_ERR_OPEN_CAMERA_FAIL", _E, "Camera {camera} could not be opened: {reason}",
    "camera missing, busy, or gives no frame",
)  # fmt: skip
OPEN_MIC_FAIL = _row(
    -1302, "PUSH_ERR_OPEN_MIC_FAIL", _E, "Microphone {microphone} could not be opened, silence is sent: {reason}",
    "microphone missing or busy",
)  # fmt: skip
VIDEO_ENCODE_FAIL = _row(
    -1303, "PUSH_ERR_VIDEO_ENCODE_FAIL", _E, "The video encoder failed and could not be restarted: {reason}",
    "video encoder failed and could not be restarted",
)  # fmt: skip
AUDIO_ENCODE_FAIL = _row(
    -1304, "PUSH_ERR_AUDIO_ENCODE_FAIL", _E, "The audio encoder failed and could not be restarted: {reason}",
    "audio encoder failed and could not be restarted",
)  # fmt: skip
UNSUPPORTED_RESOLUTION = _row(
    -1305, "PUSH_ERR_UNSUPPORTED_RESOLUTION", _E, "The size {width}x{height} is refused: {reason}",
    "the camera or encoder refuses the size",
)  # fmt: skip
UNSUPPORTED_SAMPLERATE = _row(
    -1306, "PUSH_ERR_UNSUPPORTED_SAMPLERATE", _E, "The microphone has no usable sample rate: {reason}",
    "no usable sample rate",
)  # fmt: skip
NET_DISCONNECT = _row(
    -1307, "PUSH_ERR_NET_DISCONNECT", _E, "Disconnected, and {attempts} attempts to reconnect failed; last: {reason}",
    "disconnected, three reconnects failed, given up",
)  # fmt: skip
MIC_SILENT = _row(
    -1311, "PUSH_ERR_MIC_SILENT", _E, "Microphone {microphone} is open but gives no data; silence is sent",
    "microphone opened, no data",
)  # fmt: skip

# -- the contract: warnings ----------------------------------------------------------------------------------
NET_BUSY = _row(
    1101, "PUSH_WARNING_NET_BUSY", _W, "The uplink ({measured_kbps} kbit/s) is too small for the lowest bitrate",
    "uplink too small for min-bitrate",
)  # fmt: skip
RECONNECT = _row(
    1102, "PUSH_WARNING_RECONNECT", _W, "Disconnected; reconnecting in {delay_s} s ({turn})",
    "disconnected, reconnecting (attempt n of 3, or waiting for a name that is in use)",
)  # fmt: skip
HW_ACCELERATION_FAIL = _row(
    1103, "PUSH_WARNING_HW_ACCELERATION_FAIL", _W, "No hardware encoder, encoding in software: {reason}",
    "hardware encoder failed or absent, software encoder in use",
)  # fmt: skip
SWITCH_SWENC = _row(
    1107, "PUSH_WARNING_SWITCH_SWENC", _W, "The {was} encoder cannot keep up; switched to {now}",
    "the encoder in use cannot keep up; switched to the other kind (the details say which way)",
)  # fmt: skip
DNS_FAIL = _row(
    3001,
    "PUSH_WARNING_DNS_FAIL",
    _W,
    "The server's name could not be resolved: {reason}",
    "name not resolved, retrying",
)
SEVER_CONN_FAIL = _row(
    3002, "PUSH_WARNING_SEVER_CONN_FAIL", _W, "The connection to the server failed: {reason}",
    "TCP or TLS connection failed, retrying",
)  # fmt: skip
SHAKE_FAIL = _row(
    3003, "PUSH_WARNING_SHAKE_FAIL", _W, "The RTMP handshake failed: {reason}",
    "RTMP handshake failed or timed out, retrying",
)  # fmt: skip
SERVER_DISCONNECT = _row(
    3004, "PUSH_WARNING_SERVER_DISCONNECT", _W,
    "The server refused or closed the push: {reason}. To check: is the secret in the address wrong or expired, is "
    "the stream name in use by somebody else, is the stream banned?",
    "the server refused or closed; the server's own code and description are in the details",
)  # fmt: skip
SOCKET_BROKEN = _row(
    3005, "PUSH_WARNING_SERVER_DISCONNECT", _W, "The connection broke: {reason}",
    "the socket broke: reset, timeout, no progress",
)  # fmt: skip
HANDUP_STOP = _row(
    5000, "PUSH_WARNING_HANDUP_STOP", _W, "Put in the background by {by}: the camera is released",
    "the appliance was put in the background",
)  # fmt: skip
WAITING_IMAGE_FAIL = _row(
    10004, "PUSH_WARNING_WAITING_IMAGE_FAIL", _W, "The waiting image is not used: {reason}",
    "the waiting image could not be fetched, read, or its md5 differs",
)  # fmt: skip

# -- the appliance's own -------------------------------------------------------------------------------------
SERVICE_STARTED = _row(
    20000, "SERVICE_STARTED", _I, "Live Pusher {version} started on the {board} board", "the service started"
)
SERVICE_STOPPED = _row(20001, "SERVICE_STOPPED", _I, "The service stopped: {reason}", "the service stopped in order")
PUSH_STOPPED = _row(20002, "PUSH_STOPPED", _I, "Push stopped: {reason}", "a push ended")
PAUSED = _row(20003, "PUSH_PAUSED", _I, "Paused by {by}: the camera is released", "paused by an operator")
RESUMED = _row(20004, "PUSH_RESUMED", _I, "Resumed by {by}", "the picture is back after a pause or the background")
CAMERA_SWITCHED = _row(
    20005, "CAMERA_SWITCHED", _I, "Switched to the {position} camera ({camera})", "the other camera is in use"
)
SNAPSHOT_TAKEN = _row(20006, "SNAPSHOT_TAKEN", _I, "Snapshot saved: {name}", "a snapshot was saved")
MUTED = _row(20007, "MUTED", _I, "Muted by {by}", "the sound is silence from here on")
UNMUTED = _row(20008, "UNMUTED", _I, "Unmuted by {by}", "the sound is back")
BUTTON_PRESSED = _row(20009, "BUTTON_PRESSED", _I, "Button {button}: {gesture}", "a button was pressed or held")
SETTINGS_CHANGED = _row(20010, "SETTINGS_CHANGED", _I, "Settings changed: {names}", "settings were changed")
SETTINGS_REFUSED = _row(
    20011, "SETTINGS_REFUSED", _W, "Settings in the file are not used: {reason}",
    "the settings file holds something unreadable or not allowed",
)  # fmt: skip
SIGNED_IN = _row(20012, "SIGNED_IN", _I, "Signed in from {address}", "somebody signed in on the page")
SIGN_IN_REFUSED = _row(20013, "SIGN_IN_REFUSED", _W, "Sign-in refused from {address}", "a wrong password")
UNDER_VOLTAGE = _row(20014, "UNDER_VOLTAGE", _W, "Under-voltage: check the power supply", "the supply is too weak")
THROTTLED = _row(20015, "THROTTLED", _W, "The processor is throttled ({reason})", "heat or supply slows the board")
DISK_LOW = _row(20016, "DISK_LOW", _W, "Only {free_mb} MB of storage left", "storage runs out")
CLOCK_SYNCHRONISED = _row(
    20017, "CLOCK_SYNCHRONISED", _I, "The clock is synchronised", "the wall clock can be believed from here on"
)
WATCHDOG = _row(20018, "WATCHDOG", _E, "Worker {worker} makes no progress", "a worker hangs; systemd will restart")
UPDATED = _row(20019, "UPDATED", _I, "Updated from {old} to {new}", "another version runs")
STORAGE_FAILED = _row(
    20020, "STORAGE_FAILED", _E, "Cannot write to {path}: {reason}",
    "the state directory is full or read-only; events are kept in memory meanwhile",
)  # fmt: skip
MIC_BACK = _row(20021, "MIC_BACK", _I, "Microphone {microphone} works", "the microphone opened, at start or again")
PANEL_FAILED = _row(
    20022, "PANEL_FAILED", _W, "Buttons and lights do not work: {reason}", "no GPIO chip; the push is not affected"
)
NO_EFFECT = _row(
    20023, "SETTING_WITHOUT_EFFECT", _W, "{name} has no effect: {reason}",
    "the camera or board lacks what the setting needs",
)  # fmt: skip
NET_RECOVERED = _row(
    20024, "NET_RECOVERED", _I, "The uplink carries the lowest bitrate again", "the congestion of a 1101 is over"
)
PREVIEW_STARTED = _row(20025, "PREVIEW_STARTED", _I, "Preview started", "the page's live picture is on")
PREVIEW_STOPPED = _row(20026, "PREVIEW_STOPPED", _I, "Preview stopped", "the page's live picture is off")
PASSWORD_SET = _row(20027, "PASSWORD_SET", _I, "The page's password was set from {address}", "first use, or a change")
TORCH = _row(20028, "TORCH", _I, "Lamp {state}", "the lamp was switched")
PAUSE_LIMIT = _row(
    20029, "PAUSE_LIMIT", _W, "Paused for longer than {limit_s} s: the push ends", "the limit of a pause ran out"
)
URL_EXPIRES_SOON = _row(
    20030, "URL_EXPIRES_SOON", _W, "The push address expires in {minutes} min ({expires}): get a new one",
    "the txTime of the push address is less than an hour away, and again at five minutes",
)  # fmt: skip
URL_EXPIRED = _row(
    20031, "URL_EXPIRED", _W, "The push address has expired ({expires}): a connection will be refused; get a new one",
    "the txTime of the push address has passed",
)  # fmt: skip
CLOCK_NOT_SYNCHRONISED = _row(
    20032, "CLOCK_NOT_SYNCHRONISED", _W, "Not connected: {reason}",
    "the push address cannot be signed while the clock may be wrong; retrying",
)  # fmt: skip
NETWORK_BACK = _row(
    20036, "NETWORK_BACK", _I, "The network is back: connecting at once",
    "an address or a route appeared while a push waited for its next attempt",
)  # fmt: skip
HARDWARE_MISSING = _row(
    20037, "HARDWARE_MISSING", _W, "The board lacks something: {reason}",
    "a library that the board's devices need is not installed; the service runs without",
)  # fmt: skip

TABLE: dict[int, EventCode] = {row.code: row for row in _ROWS}
"""Every code, in the order above."""

if len(TABLE) != len(_ROWS):
    raise AssertionError("a code stands twice in the table")
