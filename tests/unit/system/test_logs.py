"""What the log looks like, and what it never says."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.system.logs import JournalFormatter, PlainFormatter, redact_text

_SCRIPT = (
    "import logging; from appliance.system.logs import setup_logging; setup_logging(); logging.warning('two\\nlines')"
)


def record(level: int, text: str, *, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("test", level, __file__, 1, text, None, info)


@pytest.mark.parametrize(
    ("level", "prefix"),
    [(logging.DEBUG, "<7>"), (logging.INFO, "<6>"), (logging.WARNING, "<4>"), (logging.ERROR, "<3>")],
)
def test_the_journal_gets_priorities_on_every_line(level: int, prefix: str) -> None:
    try:
        raise ValueError("deep")
    except ValueError as error:
        text = JournalFormatter().format(record(level, "it went wrong", error=error))
    assert len(text.splitlines()) > 2
    assert all(line.startswith(prefix) for line in text.splitlines())


def test_a_terminal_gets_words() -> None:
    assert PlainFormatter().format(record(logging.INFO, "fine"))[8:] == " fine"
    assert PlainFormatter().format(record(logging.WARNING, "look"))[8:] == " warning: look"


@pytest.mark.parametrize("formatter", [PlainFormatter(), JournalFormatter()])
def test_an_address_in_a_message_or_a_traceback_is_redacted(formatter: logging.Formatter) -> None:
    try:
        raise OSError("cannot open 'rtmp://h/app/SECRET?txSecret=TOKEN'")
    except OSError as error:
        text = formatter.format(record(logging.ERROR, "pushing to RTMPS://h/app/SECRET failed", error=error))
    assert "SECRET" not in text
    assert "TOKEN" not in text
    assert "rtmp://h:1935/app/***" in text


def test_other_text_stays() -> None:
    assert redact_text("http://h/x and rtmp alone") == "http://h/x and rtmp alone"


@pytest.mark.parametrize("journal", [True, False])
def test_the_journal_is_recognised_by_its_stream(tmp_path: Path, journal: bool) -> None:
    with (tmp_path / "stderr").open("w+b") as stream:
        status = os.fstat(stream.fileno())
        inode = status.st_ino if journal else status.st_ino + 1
        subprocess.run(
            [sys.executable, "-c", _SCRIPT], stderr=stream, check=True, timeout=30,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{inode}"},
        )  # fmt: skip
        stream.seek(0)
        text = io.TextIOWrapper(stream).read()
    assert text.startswith("<4>two\n<4>lines") == journal
    assert "two\n" in text
