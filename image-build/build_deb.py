#!/usr/bin/env python3
"""Makes the Debian packages: ``build_deb.py [--release NAME] [--arch NAME]``; without, all of them, into dist/.

It needs pip for its Python, dpkg-deb, mmdebstrap, swig and C compilers for both architectures, and a network the first time. It need
not be root.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import package
from fetching import BuildError
from releases import ARCHITECTURES, RELEASES


def main() -> int:
    arguments = _arguments()
    upstream, epoch = arguments.version or _version(), _epoch()
    for name in arguments.release or RELEASES:
        for architecture in arguments.arch or ARCHITECTURES:
            with tempfile.TemporaryDirectory(prefix="live-pusher-deb-") as scratch:
                try:
                    made = package.build(
                        RELEASES[name], architecture, upstream=upstream, epoch=epoch, level=arguments.level,
                        scratch=Path(scratch), out=arguments.out,
                    )  # fmt: skip
                except BuildError as error:
                    print(f"error: {name} {architecture}: {error}", file=sys.stderr)
                    return 1
            print(made, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make Debian packages of the appliance.")
    parser.add_argument("--release", action="append", choices=RELEASES, help="for this release; may be given again")
    parser.add_argument("--arch", action="append", choices=ARCHITECTURES, help="for this machine; may be given again")
    parser.add_argument("--version", help="instead of the version in appliance/__init__.py")
    parser.add_argument("--level", type=int, choices=range(10), default=6, help="of compression (default: 6)")
    parser.add_argument("--out", type=Path, default=package.ROOT / "dist", help="where to (default: dist/)")
    return parser.parse_args()


def _version() -> str:
    declared = (package.ROOT / "appliance" / "__init__.py").read_text()
    found = re.search(r'(?m)^__version__ = "([^"]+)"$', declared)
    if found is None:
        raise SystemExit("appliance/__init__.py declares no __version__")
    return found[1]


def _epoch() -> int:
    """The time that the package claims to be from: SOURCE_DATE_EPOCH, else the last commit's, else the change log's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(package.ROOT), "log", "-1", "--format=%ct"]
    try:
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return int((package.ROOT / "CHANGELOG.md").stat().st_mtime)


if __name__ == "__main__":
    sys.exit(main())
