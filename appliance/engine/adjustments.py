"""What is turned while a push runs and is no part of its plan: mute, gain, zoom, the lamp (SPEC 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from appliance import event_codes as codes
from appliance.errors import OperationRefused
from appliance.events import EventBus
from appliance.pusher.operations import Operation
from appliance.settings.declaration import Settings

SILENT = 1e-6
"""A volume so low is none (-120 dB): the logarithm of 0 is no number."""


class Adjustments:
    """The present ones begin as the settings say and change by operation, or when their setting is changed. Written by the
    pusher's thread; anybody may read."""

    def __init__(self, settings: Settings, events: EventBus) -> None:
        self._events = events
        self.muted = settings.muted
        self.zoom = settings.zoom
        self.gain_db = settings.microphone_gain
        self.toggle_torch: Callable[[], bool] | None = None
        """Switches the lamp, and tells whether it is on now; None: there is none."""

    def settings_changed(self, settings: Settings, names: frozenset[str]) -> None:
        """Of these ``names`` the settings count from here on; what was turned by an operation stays otherwise."""
        self.muted = settings.muted if "muted" in names else self.muted
        self.zoom = settings.zoom if "zoom" in names else self.zoom
        self.gain_db = settings.microphone_gain if "microphone.gain" in names else self.gain_db

    def adjust(self, operation: Operation, parameters: Mapping[str, Any], by: str) -> Mapping[str, Any]:
        """Do it; the answer is the caller's. Raises ValueError naming the parameter, or OperationRefused."""
        match operation:
            case Operation.MUTE | Operation.UNMUTE:
                muted = operation is Operation.MUTE
                if muted != self.muted:
                    self.muted = muted
                    self._events.emit(codes.MUTED if muted else codes.UNMUTED, by=by)
                return {"muted": muted}
            case Operation.SET_MIC_VOLUME:
                volume = parameters.get("volume")
                if isinstance(volume, bool) or not isinstance(volume, int | float) or not 0 <= volume <= 1:
                    raise ValueError(f"volume: given {volume!r}; allowed: a number from 0 to 1")
                self.gain_db = 20 * math.log10(max(volume, SILENT))
                return {"volume": volume}
            case Operation.SET_ZOOM:
                zoom = parameters.get("zoom")
                if not isinstance(zoom, bool):
                    raise ValueError(f"zoom: given {zoom!r}; allowed: true or false")
                self.zoom = zoom
                return {"zoom": zoom}
            case Operation.TOGGLE_TORCH:
                if self.toggle_torch is None:
                    raise OperationRefused("there is no lamp; set torch.pin in the settings")
                lit = self.toggle_torch()
                self._events.emit(codes.TORCH, state="on" if lit else "off", by=by)
                return {"torch": lit}
        raise AssertionError(f"{operation} is no adjustment")
