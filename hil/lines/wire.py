"""What a serial wire is to whoever hears it."""

from __future__ import annotations

from typing import Protocol

from emulators.kit.host import SerialSettings


class Wire(Protocol):
    """The wire that leaves one talker, as a tap sees it (attributes as of :class:`hil.lines.serial.SerialLine`)."""

    name: str
    settings: SerialSettings
    arrived: int

    def over_ns(self, count: int) -> int:
        """Return when so many bytes were over, counted since the line was idle [ns]."""
        ...


class Tap(Protocol):
    """Where a talker's bytes come out."""

    def deliver(self, line: Wire, data: bytes) -> None:
        """Take bytes of a line that have arrived by now."""
        ...

    def close(self) -> None:
        """Close the pty; may be called twice."""
        ...
