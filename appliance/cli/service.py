"""``run`` and ``demo``: the service in this process."""

from __future__ import annotations

import argparse

from appliance.settings.validate import parse_texts
from appliance.system.logs import setup_logging


def run(arguments: argparse.Namespace) -> int:
    """The appliance on the board that was named, until a signal ends it."""
    _prepare(arguments)
    from appliance import app

    return app.run(arguments.state_dir, arguments.board, arguments.listen, arguments.overrides)


def demo(arguments: argparse.Namespace) -> int:
    """The demonstration; it keeps nothing unless it is given a state directory."""
    _prepare(arguments)
    from appliance import app

    return app.demo(
        arguments.listen, arguments.state_dir if arguments.explicit_state_dir else None, arguments.overrides
    )


def _prepare(arguments: argparse.Namespace) -> None:
    parse_texts(arguments.overrides)  # a wrong one is told before anything is opened
    setup_logging(arguments.debug)
