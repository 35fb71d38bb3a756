"""The service's log on standard error: plain lines for a terminal, with priorities for systemd's journal.

Secrets are redacted where a text is made; what slips through somebody else's library is caught here once more, because
a log is what people paste into a forum.
"""

from __future__ import annotations

import logging
import os
import re
import sys

from appliance.settings.push_address import redact

_ADDRESS = re.compile(r"rtmps?://[^\s'\"<>]+", re.IGNORECASE)
# sd-daemon(3): a line that begins <N> has the priority N of syslog(3).
_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
_QUIET = {"waitress.queue": logging.ERROR, "PIL": logging.INFO, "werkzeug": logging.WARNING, "libav": logging.ERROR}


def setup_logging(debug: bool = False) -> None:
    """Have everything that is logged written to standard error; ``debug`` adds the details. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JournalFormatter() if _is_journal(sys.stderr.fileno()) else PlainFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)


class PlainFormatter(logging.Formatter):
    """``14:03:07 warning: text``; the traceback, where there is one, in the lines below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(level_word)s%(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.level_word = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return redact_text(super().format(record))


class JournalFormatter(logging.Formatter):
    """``<4>text``, every line of it: the journal adds the time, and takes each line for an entry."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        level = max((known for known in _PRIORITY if known <= record.levelno), default=logging.DEBUG)
        lines = redact_text(super().format(record)).splitlines() or [""]
        return "\n".join(f"<{_PRIORITY[level]}>{line}" for line in lines)


def redact_text(text: str) -> str:
    """``text`` with every push address in it redacted."""
    return _ADDRESS.sub(lambda match: redact(match.group()), text)


def _is_journal(descriptor: int) -> bool:
    """Whether the stream is the journal's own, as ``JOURNAL_STREAM`` says (systemd.exec(5)): a shell below the service
    inherits the variable, but may have another stream."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(descriptor)
        return (int(device), int(inode)) == (status.st_dev, status.st_ino)
    except (OSError, ValueError):
        return False
