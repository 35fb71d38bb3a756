"""Mock pins with contacts: gpiozero's own let a pull-up lift a pin that a closed switch holds down."""

from __future__ import annotations

from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin


class ContactPin(MockPin):  # type: ignore[misc]
    """A pin with a contact to ground, as buttons and switches have it: closed, it is low whatever pulls it up."""

    def __init__(self, factory: Any, info: Any) -> None:
        self._closed = False
        super().__init__(factory, info)

    def contact(self, closed: bool) -> None:
        """Close or open the contact; on an output it has no effect."""
        self._closed = closed
        if self.function == "input":
            if closed:
                self.drive_low()
            elif self.pull == "up":
                self.drive_high()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self._closed:
            self.drive_low()


def contact_factory() -> Any:
    """A factory of its own (28 pins of a Pi 3), which no other board shares."""
    return MockFactory(pin_class=ContactPin)
