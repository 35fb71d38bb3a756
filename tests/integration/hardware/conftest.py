"""The same media files as the quick tests have."""

from __future__ import annotations

from tests.unit.hardware.conftest import clips

__all__ = ["clips"]
