"""Every setting, declared once (SPEC 1).

The settings file, the page's form, the JSON API, the command line, the JSON Schema and the reference in the docs
are made from this declaration. In Python a setting is an attribute with underscores (``device_position``,
``camera_front``); everywhere else it has the contract's spelling (``device-position``, ``camera.front``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from appliance.settings.checks import (
    PICTURE_SOURCES,
    absolute_folder,
    media_input,
    picture_source,
    time_zone,
    webhook_url,
)
from appliance.settings.kinds import Bool, Choice, Integer, Kind, Number, Text
from appliance.settings.push_address import check_key, check_url

T = TypeVar("T")


class Applies(StrEnum):
    """When a changed value takes effect."""

    NOW = "now"
    NEXT_START = "next start"
    RESTART = "service restart"


class Group(StrEnum):
    """Where a setting stands on the page and in the reference."""

    CONTRACT = "live-pusher"
    PUSH = "push"
    INPUTS = "inputs"
    PANEL = "buttons and lights"
    BOX = "box"


@dataclass(frozen=True)
class Declared:
    """One setting: what the type of its attribute cannot say."""

    name: str
    attribute: str
    kind: Kind
    default: Any
    help: str
    applies: Applies
    group: Group
    unit: str
    secret: bool
    available: bool


def _setting(
    default: T,
    kind: Kind,
    help: str,
    *,
    applies: Applies = Applies.NOW,
    group: Group = Group.CONTRACT,
    name: str = "",
    unit: str = "",
    secret: bool = False,
    available: bool = True,
) -> T:
    """``available=False``: declared, but its effect has not been built yet; only the default is taken."""
    meta = {
        "kind": kind, "help": help, "applies": applies, "group": group, "name": name, "unit": unit,
        "secret": secret, "available": available,
    }  # fmt: skip
    declared: T = field(default=default, metadata=meta)
    return declared


_START = Applies.NEXT_START
_RESTART = Applies.RESTART
_WEB = r"[Hh][Tt][Tt][Pp][Ss]?://\S+"
_PICTURE = rf"{_WEB}|file:/.*|upload"
_PIN = Integer(0, 27, "BCM number; 0: not connected")
_GESTURE = Choice(
    ("none", "start", "stop", "pause", "resume", "toggle-pause", "switchCamera", "snapshot", "toggle-mute",
     "toggleTorch", "shutdown")
)  # fmt: skip


def _pin(default: int, what: str, name: str) -> int:
    return _setting(default, _PIN, what, applies=_RESTART, group=Group.PANEL, name=name)


def _gesture(default: str, what: str, name: str) -> str:
    return _setting(default, _GESTURE, what, applies=_RESTART, group=Group.PANEL, name=name)


@dataclass(frozen=True)
class Settings:
    """One consistent set of values; immutable, so any thread may hold it."""

    # -- the contract, in the source's order ---------------------------------------------------------------
    url: str = _setting(
        "", Text(4096, also=check_url, words="an rtmp:// or rtmps:// address", pattern=r"[Rr][Tt][Mm][Pp][Ss]?://\S+"),
        "Push address: rtmp://server/app/stream or rtmps://…; a query string belongs to the stream name. With a "
        "stream key set, only the server's part: rtmp://server/app",
        applies=_START, secret=True,
    )  # fmt: skip
    mode: str = _setting(
        "RTC", Choice(("SD", "HD", "FHD", "RTC")),
        "Highest picture size: SD 640x360, HD 960x540, FHD 1280x720 (1920x1080 from 2500 kbit/s with a hardware "
        "encoder); RTC: up to 960x540, tuned for little delay", applies=_START,
    )  # fmt: skip
    autopush: bool = _setting(False, Bool(), "Start pushing when the service starts, and keep the push alive for ever")
    muted: bool = _setting(False, Bool(), "Send silence instead of sound")
    enable_camera: bool = _setting(
        True,
        Bool(),
        "Off from the start: audio only, no camera is opened. Off during a push: the waiting image is sent",
    )
    auto_focus: bool = _setting(True, Bool(), "Continuous autofocus; off holds the lens where it is")
    orientation: str = _setting("vertical", Choice(("vertical", "horizontal")), "Portrait or landscape", applies=_START)
    beauty: int = _setting(0, Integer(0, 9), "Skin smoothing, stronger with the number", available=False)
    whiteness: int = _setting(0, Integer(0, 9), "Skin brightening, stronger with the number", available=False)
    aspect: str = _setting(
        "9:16", Choice(("9:16", "3:4")), "Shape of the picture; horizontal makes them 16:9 and 4:3", applies=_START
    )
    zoom: bool = _setting(False, Bool(), "Magnify the middle of the picture, 2x")
    device_position: str = _setting("front", Choice(("front", "back")), "Which of the two cameras")
    min_bitrate: int = _setting(
        200, Integer(50, 20000, "kbit/s"), "Lower bound of the video bitrate", unit="kbit/s", applies=_START
    )
    max_bitrate: int = _setting(1000, Integer(50, 20000, "kbit/s"), "Upper bound of the video bitrate", unit="kbit/s")
    audio_quality: str = _setting(
        "low", Choice(("low", "high")), "low: 16 kHz mono, for voice; high: 48 kHz", applies=_START
    )
    waiting_image: str = _setting(
        "", Text(2048, also=picture_source, words=PICTURE_SOURCES, pattern=_PICTURE),
        "Picture shown while paused or in the background: its address, file:/PATH, or upload for the one that was uploaded "
        "to the box; JPEG, PNG, WebP, GIF or BMP",
    )  # fmt: skip
    waiting_image_hash: str = _setting(
        "", Text(32, words="an md5 as 32 hexadecimal digits", pattern="[0-9A-Fa-f]{32}"),
        "md5 of the waiting image; one that differs is not used",
    )  # fmt: skip
    background_mute: bool = _setting(False, Bool(), "Send silence while paused or in the background")
    bindstatechange: str = _setting(
        "", Text(2048, also=webhook_url, words="an http:// or https:// address", pattern=_WEB),
        "Address every event is posted to as JSON", secret=True,
    )  # fmt: skip
    bindstatechange_secret: str = _setting(
        "", Text(256, words="a secret of your own"),
        "Secret that signs what is posted: X-Live-Pusher-Signature is sha256= and the HMAC of timestamp, dot and body",
        secret=True,
    )  # fmt: skip
    debug: bool = _setting(False, Bool(), "Log window with audio and video figures over the preview")

    # -- push ----------------------------------------------------------------------------------------------
    stream_key: str = _setting(
        "", Text(4096, also=check_key, words="a stream key without spaces", pattern=r"\S+"),
        "Stream key, where the server gives address and key apart", name="stream-key", applies=_START,
        group=Group.PUSH, secret=True,
    )  # fmt: skip
    push_key: str = _setting(
        "", Text(256, words="a signing key without spaces", pattern=r"\S+"),
        "Key that signs the push address (Tencent: txSecret, txTime): with it the box signs afresh at each connect, once "
        "its clock is synchronised", name="push-key", applies=_START, group=Group.PUSH, secret=True,
    )  # fmt: skip
    push_key_validity: int = _setting(
        86400, Integer(60, 31536000, "s"), "How long an address that is signed with push-key may be used",
        name="push-key-validity", unit="s", applies=_START, group=Group.PUSH,
    )  # fmt: skip
    keyframe_interval: float = _setting(
        2.0, Number(0.5, 10, "s"), "Time from one keyframe to the next", name="video.keyframe-interval", unit="s",
        applies=_START, group=Group.PUSH,
    )  # fmt: skip
    fps: int = _setting(
        30, Integer(1, 30, "frames/s"), "Pictures per second", name="video.fps", unit="frames/s", applies=_START,
        group=Group.PUSH,
    )  # fmt: skip
    encoder: str = _setting(
        "auto", Choice(("auto", "hardware", "software")),
        "auto: the board's hardware encoder where it has one, libx264 elsewhere", name="video.encoder",
        applies=_START, group=Group.PUSH,
    )  # fmt: skip
    resolution_change: str = _setting(
        "live", Choice(("live", "on-reconnect", "off")),
        "When the picture size may follow the bitrate; some platforms dislike a size that changes in mid-stream. live: at "
        "any time, without a gap; on-reconnect: only with a new connection; off: never in a push. With a hardware encoder a "
        "push has two sizes, that for max-bitrate and about half of it",
        name="video.resolution-change", applies=_START, group=Group.PUSH,
    )  # fmt: skip
    audio_channels: str = _setting(
        "mono", Choice(("mono", "stereo")), "With audio-quality high; low is always mono", name="audio.channels",
        applies=_START, group=Group.PUSH,
    )  # fmt: skip
    pause_limit: int = _setting(
        180, Integer(0, 86400, "s"), "A pause or background longer than this ends the push; 0: no limit",
        name="pause-limit", unit="s", group=Group.PUSH,
    )  # fmt: skip

    # -- inputs --------------------------------------------------------------------------------------------
    camera_front: str = _setting(
        "auto", Text(1024, also=media_input, words="auto, a camera's name, or file:PATH"),
        "The front camera: auto, the stable name of a camera, or file:PATH to play a media file in a loop",
        name="camera.front", applies=_START, group=Group.INPUTS,
    )  # fmt: skip
    camera_back: str = _setting(
        "auto", Text(1024, also=media_input, words="auto, a camera's name, or file:PATH"),
        "The back camera, likewise", name="camera.back", applies=_START, group=Group.INPUTS,
    )  # fmt: skip
    camera_rotation: int = _setting(
        0, Choice((0, 90, 180, 270)), "How the camera is mounted: degrees to turn its picture clockwise",
        name="camera.rotation", unit="degrees", applies=_START, group=Group.INPUTS,
    )  # fmt: skip
    camera_mirror: bool = _setting(
        False, Bool(), "Mirror the picture left to right", name="camera.mirror", applies=_START, group=Group.INPUTS
    )
    microphone: str = _setting(
        "auto", Text(1024, also=media_input, words="auto, none, a sound device's name, or file:PATH"),
        "auto: the board's microphone, or the sound of the camera's media file; none: silence; an ALSA device; "
        "or file:PATH to play a media file in a loop",
        name="microphone.input", applies=_START, group=Group.INPUTS,
    )  # fmt: skip
    microphone_gain: float = _setting(
        0.0, Number(-40, 20, "dB"), "Gain on the microphone's sound", name="microphone.gain", unit="dB",
        group=Group.INPUTS,
    )  # fmt: skip

    # -- buttons and lights --------------------------------------------------------------------------------
    button_start_stop_pin: int = _pin(17, "Pin of the start/stop button", "button.start-stop.pin")
    button_start_stop_press: str = _gesture("start", "What a press of it does", "button.start-stop.press")
    button_start_stop_hold: str = _gesture("stop", "What holding it does", "button.start-stop.hold")
    button_pause_pin: int = _pin(27, "Pin of the pause button", "button.pause.pin")
    button_pause_press: str = _gesture("toggle-pause", "What a press of it does", "button.pause.press")
    button_pause_hold: str = _gesture("none", "What holding it does", "button.pause.hold")
    button_camera_pin: int = _pin(22, "Pin of the camera button", "button.camera.pin")
    button_camera_press: str = _gesture("switchCamera", "What a press of it does", "button.camera.press")
    button_camera_hold: str = _gesture("none", "What holding it does", "button.camera.hold")
    button_mute_pin: int = _pin(0, "Pin of the mute button", "button.mute.pin")
    button_mute_press: str = _gesture("toggle-mute", "What a press of it does", "button.mute.press")
    button_snapshot_pin: int = _pin(0, "Pin of the snapshot button", "button.snapshot.pin")
    button_snapshot_press: str = _gesture("snapshot", "What a press of it does", "button.snapshot.press")
    button_shutdown_pin: int = _pin(0, "Pin of the shutdown button (5 s hold)", "button.shutdown.pin")
    button_hold_time: float = _setting(
        1.5, Number(0.3, 10, "s"), "How long a button is held before its hold gesture counts", name="button.hold-time",
        unit="s", applies=_RESTART, group=Group.PANEL,
    )  # fmt: skip
    privacy_switch_pin: int = _pin(0, "Pin of a latching privacy switch (closed: background)", "switch.privacy.pin")
    light_status_pin: int = _pin(23, "Pin of the status light", "light.status.pin")
    light_on_air_pin: int = _pin(24, "Pin of the on-air light", "light.on-air.pin")
    light_red_pin: int = _pin(0, "Red pin of an RGB status light", "light.red.pin")
    light_green_pin: int = _pin(0, "Green pin of an RGB status light", "light.green.pin")
    light_blue_pin: int = _pin(0, "Blue pin of an RGB status light", "light.blue.pin")
    torch_pin: int = _pin(0, "Pin of a lamp", "torch.pin")

    # -- box -----------------------------------------------------------------------------------------------
    device_name: str = _setting(
        "Live Pusher", Text(64), "Name of the box on its page", name="device-name", group=Group.BOX
    )
    time_zone: str = _setting(
        "UTC", Text(64, also=time_zone, words="a time zone like Europe/Zurich"), "Time zone of times shown to people",
        name="time-zone", group=Group.BOX,
    )  # fmt: skip
    snapshot_folder: str = _setting(
        "", Text(1024, also=absolute_folder, words="an absolute folder, or empty"),
        "Where snapshots are kept; empty: snapshots/ in the state directory", name="snapshot.folder", group=Group.BOX,
    )  # fmt: skip
    snapshot_limit: int = _setting(
        200,
        Integer(1, 10000),
        "How many snapshots are kept; the oldest go first",
        name="snapshot.limit",
        group=Group.BOX,
    )
    event_log_limit: int = _setting(
        100000, Integer(1000, 1000000), "How many events are kept; the oldest go first", name="event-log.limit",
        group=Group.BOX,
    )  # fmt: skip


def _declared() -> dict[str, Declared]:
    table: dict[str, Declared] = {}
    for item in fields(Settings):
        meta = dict(item.metadata)
        name = meta.pop("name") or item.name.replace("_", "-")
        table[name] = Declared(name=name, attribute=item.name, default=item.default, **meta)
    return table


DECLARED: dict[str, Declared] = _declared()
"""Every setting by its name, in the order of the declaration."""

ALIASES: dict[str, str] = {"microphone": "microphone.input"}
"""Other names that are taken wherever a setting is named, and never given out."""
