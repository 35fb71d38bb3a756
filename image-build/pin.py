#!/usr/bin/env python3
"""Writes a release's list of wheels anew: ``pin.py RELEASE NAME[==VERSION]…``; without names, those pinned now, at their newest.

Both architectures get the same versions, or it fails. Try the packages afterwards: ``make test-deb``.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from fetching import HERE, BuildError, download
from releases import ARCHITECTURES, RELEASES


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in RELEASES:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    release, names = RELEASES[sys.argv[1]], sys.argv[2:]
    pins = HERE / f"wheels-{release.name}.txt"
    names = names or re.findall(r"(?m)^([a-z0-9-]+)==", pins.read_text())
    hashes: dict[str, set[str]] = defaultdict(set)
    try:
        for architecture in ARCHITECTURES:
            with tempfile.TemporaryDirectory(prefix="live-pusher-pin-") as scratch:
                download(release, architecture, Path(scratch), *names)
                for wheel in Path(scratch).iterdir():
                    name, version = wheel.name.split("-")[:2]
                    pin = f"{name.lower().replace('_', '-')}=={version}"
                    hashes[pin].add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if len(hashes) != len(names):
        print(f"error: the architectures differ: {', '.join(sorted(hashes))}", file=sys.stderr)
        return 1
    lines = [f"# What {release.name}'s package carries; pin.py writes it."]
    lines += [" \\\n    --hash=sha256:".join([pin, *sorted(found)]) for pin, found in sorted(hashes.items())]
    pins.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
