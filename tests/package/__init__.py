"""The Debian packages, tried in real systems of both releases: ``python -m tests.package``, as root."""
