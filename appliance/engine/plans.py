"""From the pusher's plan and the settings to what the pipelines are told. Pure."""

from __future__ import annotations

from dataclasses import replace

from appliance import __version__
from appliance.engine.picture_size import Sizes
from appliance.media.audio import SoundPlan
from appliance.media.camera_slot import CameraWish
from appliance.media.encoders import BUFFER_S, RTC_BUFFER_S
from appliance.media.formatter import Shape
from appliance.media.sources import PictureFormat, SoundFormat, VideoSpec
from appliance.media.video import VideoPlan
from appliance.pusher.states import MediaPlan, Rules
from appliance.settings.declaration import DECLARED, Applies, Settings

AUDIO_KBPS = {("low", 1): 32, ("high", 1): 64, ("high", 2): 128}
"""AAC-LC bitrate by audio-quality and channels."""


def rules_of(settings: Settings) -> Rules:
    """What the state machine decides by."""
    return Rules(
        autopush=settings.autopush,
        enable_camera=settings.enable_camera,
        background_mute=settings.background_mute,
        pause_limit_s=settings.pause_limit,
    )


def taken_over(before: Settings, current: Settings, *when: Applies) -> Settings:
    """``before``, with those settings as they are in ``current`` that apply at one of these times."""
    changed = {row.attribute: getattr(current, row.attribute) for row in DECLARED.values() if row.applies in when}
    return replace(before, **changed)


def sound_format(settings: Settings) -> SoundFormat:
    """low: 16 kHz mono; high: 48 kHz, mono or stereo (SPEC 4)."""
    if settings.audio_quality == "low":
        return SoundFormat(16000, 1)
    return SoundFormat(48000, 2 if settings.audio_channels == "stereo" else 1)


def video_plan(
    media: MediaPlan, settings: Settings, *, epoch_s: float, zoom: bool, hardware: bool, sizes: Sizes
) -> VideoPlan:
    """``hardware``: whether the board should have hardware encoders."""
    wish = None
    if media.camera is not None:
        source = settings.camera_front if media.camera == "front" else settings.camera_back
        # a camera that is mounted on its side is asked for what is upright once it has been turned
        on_its_side = settings.camera_rotation in (90, 270)
        (width, height), second = sizes.camera, sizes.second
        if on_its_side:
            width, height, second = height, width, (second[1], second[0]) if second is not None else None
        wish = CameraWish(media.camera, source, PictureFormat(width, height, settings.fps, second))
    width, height = sizes.picture
    spec = None
    if media.encode and media.video:
        spec = VideoSpec(
            width=width,
            height=height,
            fps=settings.fps,
            bitrate_kbps=settings.max_bitrate,
            ceiling_kbps=settings.max_bitrate,
            keyframe_interval_s=settings.keyframe_interval,
            buffer_s=RTC_BUFFER_S if settings.mode == "RTC" else BUFFER_S,
        )
    shape = Shape(width, height, settings.camera_rotation, settings.camera_mirror, zoom)
    return VideoPlan(
        shape=shape,
        camera=wish,
        spec=spec,
        every=sizes.every,
        epoch_s=epoch_s,
        hardware=settings.encoder != "software",
        expect_hardware=settings.encoder == "hardware" or hardware,
        auto_focus=settings.auto_focus,
        preview_turn=media.preview_turn,
    )


def sound_plan(
    media: MediaPlan, settings: Settings, *, position: str, epoch_s: float, muted: bool, gain_db: float
) -> SoundPlan:
    """``position`` tells which camera's media file an ``auto`` microphone goes with."""
    if not media.encode:
        return SoundPlan()
    sound = sound_format(settings)
    camera = settings.camera_front if position == "front" else settings.camera_back
    goes_with = settings.microphone in ("", "auto") and camera.startswith("file:")
    source = (settings.microphone, position, camera) if goes_with else (settings.microphone,)
    return SoundPlan(
        format=sound,
        bitrate_kbps=AUDIO_KBPS[settings.audio_quality, sound.channels],
        source=source if media.sound else None,
        epoch_s=epoch_s,
        muted=muted,
        gain_db=gain_db,
    )


def stream_metadata(settings: Settings, size: tuple[int, int] | None) -> dict[str, object]:
    """onMetaData of a push (Adobe FLV 10.1, E.5) with pictures of this ``size``; None: without pictures."""
    sound = sound_format(settings)
    data: dict[str, object] = {
        "audiocodecid": 10.0,
        "audiodatarate": float(AUDIO_KBPS[settings.audio_quality, sound.channels]),
        "audiosamplerate": float(sound.rate),
        "audiosamplesize": 16.0,
        "stereo": sound.channels == 2,
        "encoder": f"Live Pusher {__version__}",
    }
    if size is not None:
        width, height = size
        data |= {
            "videocodecid": 7.0, "width": float(width), "height": float(height),
            "framerate": float(settings.fps), "videodatarate": float(settings.max_bitrate),
        }  # fmt: skip
    return data
