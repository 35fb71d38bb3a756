"""The one tree of errors. Every leaf carries the event code that tells people about it.

An error's text is shown on the page, in the log and in answers of the API: it says in plain words what was
wrong, and never holds a push key, a password or a token (redact before raising, see
:func:`appliance.rtmp.url.redact`). HTTP status codes are given to errors in ``web/`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class LivePusherError(Exception):
    """Anything the appliance reports by itself.

    ``code`` is a number of :mod:`appliance.event_codes`; ``details`` is shown as key and value beside it.
    """

    code: ClassVar[int] = 0

    def __init__(self, reason: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details: dict[str, object] = dict(details or {})


# -- what somebody asked for -----------------------------------------------------------------------------


class SettingError(LivePusherError, ValueError):
    """Refused settings. ``problems`` maps each refused key to what was given and what is allowed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {why}" for key, why in problems.items()))
        self.problems = dict(problems)


class OperationRefused(LivePusherError, RuntimeError):
    """An operation that makes no sense in the present state; nothing was changed."""


class OperationTimeout(LivePusherError, TimeoutError):
    """An operation did not end within its bound; what it asked for may still happen."""


class StateDirectoryError(LivePusherError, OSError):
    """The state directory cannot be used: missing, read-only, full, or in use by another instance."""


class ListenError(LivePusherError, OSError):
    """The page's address cannot be listened on."""


class HardwareMissing(LivePusherError, ImportError):
    """A library or a device that the chosen board needs is absent; the text says what to install."""


# -- devices and encoders (SPEC 3, -13xx) ------------------------------------------------------------------


class CameraError(LivePusherError, OSError):
    """A camera is missing, busy, gone, or gives no frame."""

    code = -1301


class MicrophoneError(LivePusherError, OSError):
    """A microphone is missing, busy or gone."""

    code = -1302


class MicrophoneSilent(MicrophoneError):
    """A microphone opened but delivers no data."""

    code = -1311


class VideoEncodeError(LivePusherError, RuntimeError):
    """The video encoder failed and could not be restarted."""

    code = -1303


class AudioEncodeError(LivePusherError, RuntimeError):
    """The audio encoder failed and could not be restarted."""

    code = -1304


class UnsupportedResolution(LivePusherError, ValueError):
    """The camera or the encoder refuses the size."""

    code = -1305


class UnsupportedSampleRate(LivePusherError, ValueError):
    """The microphone has no usable sample rate."""

    code = -1306


class HardwareEncoderError(LivePusherError, RuntimeError):
    """The hardware encoder is absent or failed: the software encoder takes its place."""

    code = 1103


class WaitingImageError(LivePusherError, ValueError):
    """The waiting image could not be fetched or read, or its md5 differs."""

    code = 10004


class WaitingImageUnreachable(WaitingImageError):
    """The network or the server failed; a later try may do better."""


# -- the network (SPEC 3, 30xx; deadlines in SPEC 5) --------------------------------------------------------


class NetworkError(LivePusherError, ConnectionError):
    """A push could not begin, or broke. The leaf says in which phase."""


class ClockNotSynchronised(NetworkError):
    """The push address has to be signed with the time, and the clock may be wrong."""

    code = 20032


class NameNotResolved(NetworkError):
    """The server's name has no address, or the resolver gave no answer in time."""

    code = 3001


class ConnectFailed(NetworkError):
    """No address of the server took the TCP connection, or TLS failed."""

    code = 3002


class HandshakeFailed(NetworkError):
    """The RTMP handshake failed or timed out."""

    code = 3003


class ServerRefused(NetworkError):
    """The server rejected the connection or the publication, or closed it.

    ``status`` is the server's own code (``NetStream.Publish.BadName``, ``NetConnection.Connect.Rejected``…),
    empty where it gave none; ``description`` is its own text.
    """

    code = 3004

    def __init__(self, reason: str, status: str = "", description: str = "") -> None:
        details = {k: v for k, v in (("status", status), ("description", description)) if v}
        super().__init__(reason, details)
        self.status = status
        self.description = description

    @property
    def name_in_use(self) -> bool:
        """Whether the stream name is still held, perhaps by our own dead session (SPEC 6)."""
        return self.status == "NetStream.Publish.BadName"


class LinkBroken(NetworkError):
    """The socket broke: reset, timeout, no progress."""

    code = 3005


class GivenUp(NetworkError):
    """Disconnected, and the reconnects that the contract allows have failed."""

    code = -1307


def plain(error: BaseException) -> str:
    """An error as one line for people: the reason of ours, the type and text of anybody else's."""
    if isinstance(error, LivePusherError):
        return error.reason
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
