"""Which tests show what: for each setting, operation and code of the contract, by file and function below ``tests/``."""

from __future__ import annotations

from appliance.pusher.operations import Operation

_CONNECTION = "integration/contract/test_connection.py::"
_RECONNECTING = "integration/contract/test_reconnecting.py::"
_DEVICES = "integration/contract/test_devices.py::"
_ENCODERS = "integration/contract/test_encoders.py::"
_NETWORK = "integration/contract/test_network_change.py::"
_ONE = "integration/contract/test_one_push.py::"
_LADDER = "integration/contract/test_ladder.py::"
_UPLINK = "integration/contract/test_uplink.py::"
_SETTINGS = "integration/contract/test_settings.py::"
_OPERATIONS = "integration/contract/test_operations.py::"
_CHIP = "integration/hardware/test_pi_chip.py::"
_IMAGE = "integration/media/test_waiting_image.py::"
_WEBHOOK = "integration/webhook/"
_PAGE = "integration/web/test_page.py::"

NOT_YET: dict[str, str] = {
    "beauty": "the picture's filters",
    "whiteness": "the picture's filters",
}
"""What no test shows yet, because its part has not been built; whoever builds it takes it out."""

_SIZE = _SETTINGS + "test_mode_orientation_aspect_and_bitrate_make_the_size"

SETTINGS: dict[str, tuple[str, ...]] = {
    "url": (
        _CONNECTION + "test_a_start_in_order",
        _OPERATIONS + "test_without_an_address_a_start_says_what_is_missing",
    ),
    "mode": (_SIZE,),
    "autopush": (
        _RECONNECTING + "test_an_unattended_box_never_gives_up",
        _DEVICES + "test_an_unattended_box_pushes_without_its_camera_until_it_comes",
    ),
    "muted": (_ONE + "test_muted_carries_silence",),
    "enable-camera": (
        _SETTINGS + "test_without_a_camera_from_the_start_it_is_sound_only",
        _ONE + "test_camera_off_shows_the_waiting_picture",
    ),
    "auto-focus": (
        _OPERATIONS + "test_a_lens_without_a_motor_is_said_and_accepted",
        "unit/hardware/test_pi.py::test_zoom_and_focus",
    ),
    "orientation": (_SIZE,),
    "aspect": (_SIZE,),
    "zoom": (_ONE + "test_zoom_magnifies", "unit/hardware/test_pi.py::test_zoom_and_focus"),
    "device-position": (_ONE + "test_the_other_camera",),
    "min-bitrate": (
        _UPLINK + "test_the_target_follows_within_its_bounds",
        "unit/pusher/test_bitrate_links.py::test_the_target_is_within_its_limits_on_any_link",
    ),
    "max-bitrate": (
        _SIZE,
        _ONE + "test_max_bitrate_takes_effect_in_flight",
        _UPLINK + "test_the_target_follows_within_its_bounds",
    ),
    "audio-quality": (_SETTINGS + "test_audio_quality",),
    "waiting-image": (
        "integration/media/test_pause.py::test_the_picture_is_the_waiting_image_letterboxed",
        _IMAGE + "test_it_is_there_after_a_restart_without_a_network",
        _IMAGE + "test_an_upload_is_there_after_a_restart",
    ),
    "waiting-image-hash": ("unit/media/test_waiting_image.py::test_another_md5_refuses_the_picture",),
    "background-mute": (_ONE + "test_held_the_camera_is_shut_and_the_waiting_picture_sent",),
    "bindstatechange": (
        _WEBHOOK + "test_appliance.py::test_a_life_of_the_service_is_told",
        _WEBHOOK + "test_webhook.py::test_a_receiver_that_dies_and_comes_back_misses_nothing",
        _WEBHOOK + "test_callback.py::test_every_event_comes_in_order_as_the_log_has_it",
    ),
    "bindstatechange-secret": (_WEBHOOK + "test_webhook.py::test_what_is_posted_is_signed",),
    "debug": (_PAGE + "test_the_debug_window",),
}

_HOLD = _ONE + "test_held_the_camera_is_shut_and_the_waiting_picture_sent"
_BACK = _ONE + "test_after_a_hold_the_picture_is_back"

OPERATIONS: dict[Operation, tuple[str, tuple[str, ...]]] = {
    Operation.START: (
        "Opens camera and microphone, then calls the server; answered when the server has accepted the push",
        (_CONNECTION + "test_a_start_in_order", _DEVICES + "test_a_camera_that_is_missing_fails_a_commanded_start"),
    ),
    Operation.STOP: (
        "Ends the push, announced to the server, and cancels connecting and every retry, within 1 s in every phase",
        (
            _RECONNECTING + "test_stop_of_a_push_frees_the_name",
            _RECONNECTING + "test_stop_at_a_server_that_says_nothing",
            _RECONNECTING + "test_stop_at_a_machine_that_answers_nothing",
            _RECONNECTING + "test_stop_while_waiting_for_the_next_attempt",
        ),
    ),
    Operation.PAUSE: (
        "Releases the camera and sends the waiting image on the same session; ends the push after `pause-limit`",
        (_HOLD, "integration/media/test_pause.py::test_below_50_kbps_of_video",
         _OPERATIONS + "test_a_pause_that_is_too_long_ends_the_push"),
    ),
    Operation.RESUME: ("Brings the camera's picture back on the same session", (_BACK,)),
    Operation.SWITCH_CAMERA: (
        "Swaps front and back on the same session; if the new one fails, the old one goes on",
        (_ONE + "test_the_other_camera", _ONE + "test_a_switch_that_fails_leaves_the_old_camera"),
    ),
    Operation.SNAPSHOT: (
        "Saves the picture being pushed as JPEG, at the size being pushed",
        (_OPERATIONS + "test_a_snapshot_is_the_picture_at_the_size_being_pushed",),
    ),
    Operation.MUTE: ("Silence instead of sound from here on; the track stays", (_OPERATIONS + "test_mute_zoom_and_volume",)),
    Operation.UNMUTE: ("Sound again", (_OPERATIONS + "test_mute_zoom_and_volume",)),
    Operation.START_PREVIEW: (
        "Opens the camera for the page's live picture, without a push",
        (_OPERATIONS + "test_a_preview_opens_the_camera_before_any_push",),
    ),
    Operation.STOP_PREVIEW: (
        "Closes it again, unless a push needs it",
        (_OPERATIONS + "test_a_preview_opens_the_camera_before_any_push",),
    ),
    Operation.BACKGROUND: (
        "As a pause, but entered by the box: the privacy switch, or the system being suspended",
        (_HOLD, _OPERATIONS + "test_only_the_foreground_ends_the_background"),
    ),
    Operation.FOREGROUND: ("Ends the background; nothing else does", (
        _BACK, _OPERATIONS + "test_only_the_foreground_ends_the_background",
    )),
    Operation.SET_MIC_VOLUME: ("Sets the microphone's volume, 0 to 1", (_OPERATIONS + "test_mute_zoom_and_volume",)),
    Operation.SET_ZOOM: ("Magnifies the middle of the picture, 2x", (_OPERATIONS + "test_mute_zoom_and_volume",)),
    Operation.TOGGLE_TORCH: ("Switches the lamp on `torch.pin`", (_OPERATIONS + "test_the_lamp",)),
}  # fmt: skip

_START = _CONNECTION + "test_a_start_in_order"

CODES: dict[str, tuple[str, ...]] = {
    "1001": (_START,),
    "1002": (_START,),
    "1003": (_START,),
    "1005": (
        _LADDER + "test_the_events_and_the_status_say_the_size",
        _LADDER + "test_on_reconnect_means_then_alone",
    ),
    "1006": (
        _ONE + "test_max_bitrate_takes_effect_in_flight",
        _UPLINK + "test_what_changed_is_told_summarised",
    ),
    "1007": (_START,),
    "1008": (_START,),
    "1009": (
        _DEVICES + "test_a_camera_that_vanishes_and_comes_back",
        _DEVICES + "test_a_camera_that_stands_still_is_lost",
        _ONE + "test_without_a_camera_the_waiting_picture_is_sent",
    ),
    "1010": (
        _DEVICES + "test_a_camera_that_vanishes_and_comes_back",
        _ONE + "test_without_a_camera_the_waiting_picture_is_sent",
    ),
    "-1301": (
        _DEVICES + "test_a_camera_that_is_missing_fails_a_commanded_start",
        _DEVICES + "test_a_camera_that_is_busy",
        _DEVICES + "test_a_camera_that_gives_no_frame",
        _DEVICES + "test_an_unattended_box_pushes_without_its_camera_until_it_comes",
        _ONE + "test_a_switch_that_fails_leaves_the_old_camera",
    ),
    "-1302": (
        _DEVICES + "test_a_microphone_that_is_missing_does_not_stop_a_start",
        _DEVICES + "test_a_microphone_that_vanishes_becomes_silence_and_returns",
        _ONE + "test_without_a_microphone_there_is_silence",
    ),
    "-1303": (_ENCODERS + "test_a_video_encoder_that_cannot_be_restarted",),
    "-1304": (_ENCODERS + "test_a_sound_encoder_that_cannot_be_restarted",),
    "-1305": (_DEVICES + "test_a_camera_that_refuses_the_size",),
    "-1306": (_DEVICES + "test_a_microphone_without_a_usable_rate",),
    "-1307": (
        _RECONNECTING + "test_three_attempts_then_given_up",
        _RECONNECTING + "test_an_unattended_box_never_gives_up",
        _NETWORK + "test_an_unattended_box_that_failed_starts_again_at_once",
    ),
    "-1311": (_DEVICES + "test_a_microphone_that_says_nothing",),
    "1101": (
        _UPLINK + "test_a_link_too_small_is_told_once_with_what_it_carries_and_so_is_its_end",
        _UPLINK + "test_pictures_are_dropped_up_to_the_next_keyframe",
        _UPLINK + "test_the_sound_is_complete",
    ),
    "1102": (
        _RECONNECTING + "test_three_attempts_then_given_up",
        _RECONNECTING + "test_a_server_that_comes_back_is_pushed_to_again",
    ),
    "1103": (
        _DEVICES + "test_hardware_that_is_asked_for_and_absent",
        _CHIP + "test_an_encoder_that_fails_in_flight",
        _CHIP + "test_an_encoder_that_swallows_every_picture",
    ),
    "1107": (_CHIP + "test_an_encoder_that_is_too_slow",),
    "3001": (
        _CONNECTION + "test_a_name_that_does_not_exist",
        _CONNECTION + "test_name_servers_that_fail",
    ),
    "3002": (
        _CONNECTION + "test_a_refused_connection",
        _CONNECTION + "test_a_connection_nobody_answers",
        _CONNECTION + "test_a_certificate_of_nobody_known",
    ),
    "3003": (_CONNECTION + "test_a_handshake_that_fails",),
    "3004": (
        _CONNECTION + "test_a_refusal_keeps_the_servers_words",
        _CONNECTION + "test_a_push_that_is_forbidden",
        _CONNECTION + "test_a_server_that_ends_the_push",
        _RECONNECTING + "test_a_name_in_use_is_waited_out",
    ),
    "3005": (
        _CONNECTION + "test_a_reset",
        _RECONNECTING + "test_no_progress",
        _RECONNECTING + "test_a_publish_that_is_not_answered",
        _NETWORK + "test_a_frozen_server_makes_no_progress",
        _NETWORK + "test_an_address_that_is_gone_ends_the_session_and_is_missed_no_longer_than_it_is",
    ),
    "5000": (
        _BACK,
        _OPERATIONS + "test_a_pause_that_is_too_long_ends_the_push",
    ),
    "10004": (
        _IMAGE + "test_every_failure_is_told_without_the_secret",
        "unit/media/test_waiting_image.py::test_another_md5_refuses_the_picture",
        "integration/media/test_image_fetching.py::test_refused_for_good",
    ),
}

STAND_INS: dict[str, str] = {
    "-1304": "nothing that reaches FFmpeg's AAC encoder makes it refuse: the test spoils what it is handed, and the "
    "refusal is real",
    "1103": "absent for real; in flight by a device that fails at its ioctls, under the real picamera2",
    "1107": "by a device that is slow, under the real picamera2",
}
"""Where a test cannot have the real cause: what takes its place."""
