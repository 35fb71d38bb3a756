"""What the pure parts raise when the other side breaks the protocol."""

from __future__ import annotations


class ProtocolViolation(ValueError):
    """The peer sent what RTMP does not allow, or more than is taken here. The text says what, in plain words, and
    holds nothing that the peer sent. The session turns it into the error of the phase it is in."""
