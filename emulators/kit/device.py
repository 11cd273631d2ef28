"""What a device is to the bench that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from emulators.kit.hmi import Hmi
from emulators.kit.parameters import ParameterStore


class CardReader(Protocol):
    """A device with an RFID reader (its family says so)."""

    def card(self, id_tag: str) -> None:
        """Take a card that is held to the reader."""
        ...


class Device(Protocol):
    """A running device, as the bench handles it.

    ``parameters`` and :meth:`page` stand for the device's web interface until its emulator has one; faults are what a
    person with a screwdriver does.
    """

    name: str
    parameters: ParameterStore
    hmi: Hmi

    async def start(self) -> None:
        """Power up: bind servers, start clients."""
        ...

    async def stop(self) -> None:
        """Power down now: open the contactor, offer nothing, close what was opened; may be called twice."""
        ...

    async def restart(self) -> None:
        """Restart as after *Save, Restart*: unsaved edits are lost, saved parameters act."""
        ...

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        ...

    def page(self) -> Mapping[str, str]:
        """Return what the device shows on its pages or display, as text by field."""
        ...

    def explain(self) -> str:
        """Return in one sentence what the device does now and why."""
        ...

    async def fault(self, kind: str | None) -> None:
        """Plant one of the device's own faults, None to heal it.

        Raises:
            ValueError: The device has no such fault; the message lists what it has.
        """
        ...
