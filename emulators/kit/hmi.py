"""What a person who stands before a device sees, and what its log says.

A tester looks at these as in a lab: the display's text, the LEDs, the lines of the device log. Each change is in the
trace too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from emulators.kit.host import Host

LOG_LINES: Final = 1000  #: A device keeps that many lines; older ones are dropped, as in a ring of flash memory.


class Hmi:
    """Display, LEDs and log of one device.

    Args:
        host: The bench, for time and trace.

    Attributes:
        shown: Told of each change, for whoever looks from another process: ``display``, ``leds``, ``log``.
    """

    def __init__(self, host: Host) -> None:
        self.shown: Callable[..., None] | None = None
        self._host = host
        self._display = ""
        self._leds: dict[str, str] = {}
        self._lines: list[str] = []

    @property
    def display(self) -> str:
        """Return the text on the display, empty when there is none."""
        return self._display

    @property
    def leds(self) -> Mapping[str, str]:
        """Return what each LED shows (colour and manner, such as ``green steady``), by the manual's name of the LED."""
        return MappingProxyType(self._leds)

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Return the device log, oldest line first; each begins with its UTC time."""
        return tuple(self._lines)

    def show(self, text: str) -> None:
        """Change the display's text."""
        if text != self._display:
            self._display = text
            self._host.trace("display", text=text)
            self._tell(display=text)

    def light(self, led: str, state: str) -> None:
        """Change an LED."""
        if self._leds.get(led) != state:
            self._leds[led] = state
            self._host.trace("led", led=led, state=state)
            self._tell(leds={led: state})

    def log(self, text: str) -> None:
        """Write a line to the device log."""
        self._lines.append(f"{self._host.utc():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {text}")
        del self._lines[:-LOG_LINES]
        self._host.trace("log", text=text)
        self._tell(log=[self._lines[-1]])

    @property
    def everything(self) -> Mapping[str, object]:
        """Return all that is shown, as :attr:`shown` is told of changes."""
        return {"display": self._display, "leds": dict(self._leds), "log": list(self._lines)}

    def _tell(self, **what: object) -> None:
        if self.shown is not None:
            self.shown(**what)
