"""Buttons and lights (SPEC 7)."""

from appliance.hardware.panel.panel import Panel

__all__ = ["Panel"]
