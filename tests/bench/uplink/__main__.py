"""``python -m tests.bench.uplink``: the product over links that change, beside the rules of others.

Each run is the product as a user runs it, in a network namespace behind a router that is as fast as the link at each moment;
needs root and iproute2. ``--simulate`` runs the same links and rules without the network, in seconds.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory

from appliance.engine.rate_control import rule_for
from tests.bench.uplink import links, rules
from tests.bench.uplink.links import Link
from tests.bench.uplink.measured import Setup, measure
from tests.bench.uplink.picture import make_clip
from tests.bench.uplink.report import LEGEND, Row, table
from tests.bench.uplink.score import Frame, score
from tests.bench.uplink.throughput import ROOMY_BYTES, arrivals, wire_share
from tests.servers.namespaces import CANNOT

AUDIO_KBPS = 64
PRODUCT = "product"
OTHERS = {
    "fixed": rules.FixedRate.__name__,
    "obs": rules.ObsDynamicBitrate.__name__,
    "belacoder": rules.Belacoder.__name__,
}
AROUND_S = 7
"""What a run takes besides the link's duration."""
CHECKED_KBPS = (600, 2500)
CHECK_S = 9.0

Run = Callable[[Link, str, Setup], Sequence[Frame]]
"""Sends over a link by a rule."""


def main() -> None:
    options = _arguments()
    chosen = _links(options)
    if not options.simulate and CANNOT:
        sys.exit(f"Nothing can be measured here: {CANNOT}. --simulate needs neither.")
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(TemporaryDirectory(prefix="live-pusher-uplink-")))
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            sys.exit(f"--keep: {folder} is not empty")
        if options.check:
            _check(folder, options.congestion)
            return
        setup = Setup(
            clip=folder / "clip.mp4", mode="RTC" if options.mode == "RTC" else "FHD", ceiling_kbps=options.ceiling,
            min_kbps=options.floor, congestion=options.congestion,
        )  # fmt: skip
        if not options.simulate:
            make_clip(setup.clip)
            left_s = len(options.rules) * sum(link.duration_s + AROUND_S for link in chosen)
            print(f"{len(chosen)} links, {len(options.rules)} rules: about {left_s / 60:.0f} minutes", flush=True)
        run = _simulated if options.simulate else _Measured(folder, watch=options.keep is not None)
        rows, failed = _all(chosen, options.rules, run, setup, verbose=not options.simulate)
    if rows:
        print(f"\n{table(rows)}\n\n{LEGEND}")
    if failed:
        sys.exit(f"{failed} runs could not be measured")


def _all(
    chosen: Sequence[Link], of_rules: Sequence[str], run: Run, setup: Setup, *, verbose: bool
) -> tuple[list[Row], int]:
    """A row for each run, and how many failed; interrupted, those there are."""
    rows: list[Row] = []
    failed = 0
    try:
        for link, rule in itertools.product(chosen, of_rules):
            try:
                frames = run(link, rule, setup)
            except (OSError, ValueError, RuntimeError, AssertionError, SubprocessError) as error:
                print(f"{link.name}, {rule}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                failed += 1
                continue
            judged = score(
                frames, link, ceiling_kbps=setup.ceiling_kbps, audio_kbps=AUDIO_KBPS, min_kbps=setup.min_kbps
            )
            rows.append(Row(link, rule, judged))
            if verbose:
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    except KeyboardInterrupt:
        print()
    return rows, failed


class _Measured:
    """Runs over the network; what was recorded goes into a folder for each."""

    def __init__(self, folder: Path, *, watch: bool) -> None:
        self._folder = folder
        self._watch = watch
        self._numbers = itertools.count(1)

    def __call__(self, link: Link, rule: str, setup: Setup) -> Sequence[Frame]:
        name = re.sub(r"[^\w.-]+", "-", f"{next(self._numbers):02d} {link.name} {rule}")
        run = measure(link, setup, self._folder / name, rule=OTHERS.get(rule), watch=self._watch)
        if run.reconnects:
            print(f"{link.name}, {rule}: {run.reconnects} reconnects", flush=True)
        return run.frames


def _simulated(link: Link, rule: str, setup: Setup) -> Sequence[Frame]:
    from tests.bench.uplink.simulation import simulate  # only here: the other way needs nothing of it

    if rule == PRODUCT:
        made = rule_for(setup.mode, min_kbps=setup.min_kbps, max_kbps=setup.ceiling_kbps)
    else:
        made = getattr(rules, OTHERS[rule])()
    return simulate(
        link, made, ceiling_kbps=setup.ceiling_kbps, min_kbps=setup.min_kbps, audio_kbps=AUDIO_KBPS,
        rtc=setup.mode == "RTC",
    )  # fmt: skip


def _check(folder: Path, congestion: str) -> None:
    """What a plain TCP connection gets through links that stay, and through one that changes often."""
    for link in (*map(links.constant, CHECKED_KBPS), links.sawtooth(2500, 600, period_s=3)):
        link = replace(link, duration_s=CHECK_S, buffer_bytes=ROOMY_BYTES)
        share = wire_share(arrivals(folder, link, congestion=congestion), link)
        print(
            f"{link.name}: {link.mean_kbps():.0f} kbit/s on the wire asked for, "
            f"{share * link.mean_kbps():.0f} taken ({share - 1:+.1%})", flush=True,
        )  # fmt: skip


def _links(options: argparse.Namespace) -> list[Link]:
    traces = [links.mahimahi(path) for path in options.trace]
    known = links.tuning_links() if options.tuning else links.report_links()
    found = [link for link in known if not options.links or any(link.name.startswith(name) for name in options.links)]
    if options.trace and not options.links:
        found = []
    if not found + traces:
        sys.exit(f"No such link. There are: {', '.join(link.name for link in known)}")
    if options.seconds is None:
        return found + traces
    return [replace(link, duration_s=min(link.duration_s, options.seconds)) for link in found + traces]


def _arguments() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(",") if name.strip()]

    def known_rules(text: str) -> list[str]:
        if unknown := set(names(text)) - {PRODUCT, *OTHERS}:
            raise argparse.ArgumentTypeError(f"no such rule: {', '.join(sorted(unknown))}")
        return names(text)

    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="tests.bench.uplink", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--simulate", action="store_true", help="without the network: seconds instead of minutes")
    add("--links", type=names, default=[], metavar="NAME,…", help="those whose names begin so (default: all)")
    add("--tuning", action="store_true", help="take the links that numbers are chosen on, not those to report on")
    add("--trace", type=Path, nargs="+", default=[], metavar="FILE", help="recorded links in Mahimahi's format")
    add(
        "--rules", type=known_rules, default=[PRODUCT, *OTHERS], metavar="NAME,…",
        help=f"of {', '.join([PRODUCT, *OTHERS])} (default: all)",
    )  # fmt: skip
    add("--mode", choices=("live", "RTC"), default="live")
    add("--seconds", type=float, metavar="N", help="end each link after that time")
    add("--ceiling", type=int, default=2500, metavar="KBPS", help="max-bitrate (default 2500)")
    add("--floor", type=int, default=200, metavar="KBPS", help="min-bitrate (default 200)")
    add("--congestion", choices=("cubic", "bbr"), default="cubic", help="the pusher's TCP (default cubic)")
    add("--keep", type=Path, metavar="DIR", help="keep what was recorded, and the product's own figures, there")
    add("--check", action="store_true", help="only measure the shaping, with a plain TCP connection")
    options = parser.parse_args()
    if options.seconds is not None and options.seconds <= 0:
        parser.error("--seconds: more than 0")
    return options


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, RuntimeError, SubprocessError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
