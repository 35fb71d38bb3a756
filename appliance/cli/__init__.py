"""The command line (SPEC 10, 11): runs the service, talks to a running one over its control socket, and looks after a
box.

Exit status: 0 it worked; 1 it did not, and one line on standard error says why; 2 the command was wrong; 3 no appliance
is running there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from appliance.cli.arguments import parse
from appliance.cli.client import NoService
from appliance.errors import LivePusherError, SettingError

FAILED, WRONG, NO_SERVICE = 1, 2, 3
_INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the answer is the exit status."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except SettingError as error:
        return _say("; ".join(f"{name}: {why}" for name, why in error.problems.items()), arguments.when_refused)
    except NoService as error:
        return _say(error.reason, NO_SERVICE)
    except LivePusherError as error:
        return _say(error.reason, FAILED)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _say(text: str, status: int) -> int:
    print(f"live-pusher: {text}", file=sys.stderr)
    return status
