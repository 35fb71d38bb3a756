"""A board: the cameras, microphones and pins that belong together, chosen by name and never by falling back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from appliance.errors import HardwareMissing
from appliance.media.sources import Camera, Microphone

if TYPE_CHECKING:
    from appliance.hardware.simulated.hands import SimulatedHands

BOARDS = ("pi", "simulated")


class PanelNames(Protocol):
    """What a simulated board needs of the panel to be driven by names."""

    def buttons(self) -> dict[str, int]: ...

    def lights(self) -> dict[str, int]: ...

    def lit(self, name: str) -> bool: ...


class Board(Protocol):
    """One board. The methods may be called from any thread; what they return belongs to one thread each."""

    name: str

    hardware_encoder: bool
    """Whether the board has a hardware H.264 encoder. A camera without one behind it is then told of (1103)."""

    encoder_present: bool
    """Whether it is there: what libx264 has to do instead has its own limits."""

    @property
    def simulated(self) -> SimulatedHands | None:
        """The hands on the simulated board, None on a real one."""
        ...

    def camera(self, position: str, input: str, *, other: str = "auto") -> Camera:
        """The camera for ``position`` (``front`` or ``back``), not yet open. ``input`` is the setting's value: ``auto``
        or a device's stable name; ``other`` is that of the other position, so that ``auto`` leaves alone what is
        named there. Raises CameraError when there is no such camera."""
        ...

    def microphone(self, input: str) -> Microphone:
        """The microphone that the setting's value ``input`` names (``auto``: the best there is), not yet open. Raises
        MicrophoneError when there is none."""
        ...

    def missing(self) -> list[HardwareMissing]:
        """The libraries that the board's cameras and microphones need and that are not there, each with what to do."""
        ...

    def cameras(self) -> list[str]:
        """The stable names of the cameras found now."""
        ...

    def microphones(self) -> list[str]:
        """The stable names of the microphones found now."""
        ...

    def pin_factory(self) -> Any:
        """The gpiozero factory of the board's pins; the same one each time. Raises HardwareMissing."""
        ...

    def attach_panel(self, panel: PanelNames) -> None:
        """Tell the board which of its pins carry which button and light; only a simulated one listens."""
        ...

    def close(self) -> None:
        """Give back everything the board itself holds; cameras and microphones are closed by who opened them."""
        ...


def make_board(name: str) -> Board:
    """The board called ``name``. It can be made where its libraries are absent, and then says what is missing
    (:meth:`Board.missing`). Raises ValueError for a name that is none."""
    if name == "simulated":
        from appliance.hardware.simulated.board import SimulatedBoard

        return SimulatedBoard()
    if name == "pi":
        from appliance.hardware.pi.board import PiBoard

        return PiBoard()
    raise ValueError(f"there is no board {name!r}; allowed: {', '.join(BOARDS)}")
