"""What a meter is without its port: what it measures, what its registers read, what a client may write. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from emulators.kit.faults import FROZEN, Planted
from emulators.kit.registers import DEVICE_FAILURE, RegisterTable, Value, WriteRefused
from emulators.kit.terminals import Reading


@dataclass(frozen=True, slots=True)
class Moment:
    """What a meter finds when it measures.

    Attributes:
        now_ns: Farm time [ns].
        utc_s: UTC as unix time [s].
        reading: What is at its terminals.
        contact: Returns whether a contact that is wired to it is closed, by the contact's name.
    """

    now_ns: int
    utc_s: int
    reading: Reading
    contact: Callable[[str], bool]


class MeterModel(Protocol):
    """A family's meter, as the device on the host has it (:class:`emulators.kit.modbus.meter.MeterDevice`)."""

    def power_up(self, now_ns: int) -> None:
        """Begin anew; what is counted is kept."""
        ...

    def measure(self, moment: Moment) -> None:
        """Measure and count; called at each sample, also while a fault is planted."""
        ...

    def plant(self, fault: Planted | None) -> None:
        """Take a fault in place of the one before, None for none; those of its port have acted already."""
        ...

    def value(self, register: str) -> Value:
        """Return what a register reads."""
        ...

    def write(self, register: str, value: Value) -> None:
        """Take a written value.

        Raises:
            WriteRefused: It cannot be written.
        """
        ...

    def page(self) -> Mapping[str, str]:
        """Return what the display shows beside registers, as text by field."""
        ...


class Measured:
    """The model of a meter whose registers read what a function makes of its terminals, and take nothing.

    Args:
        registers: Its table; what is not measured reads 0, or as a text nothing.
        values: Returns what the registers read now, by name.
        settings: Registers that read a parameter, by name.
    """

    def __init__(
        self,
        registers: RegisterTable,
        values: Callable[[Reading], Mapping[str, Value]],
        settings: Mapping[str, Callable[[], Value]],
    ) -> None:
        self._registers, self._values_of, self._settings = registers, values, settings
        self._values: Mapping[str, Value] = {}
        self._is_frozen = False

    def power_up(self, now_ns: int) -> None:
        """Begin anew: nothing of it remains to be forgotten."""

    def measure(self, moment: Moment) -> None:
        """Measure, unless it is frozen."""
        if not self._is_frozen:
            self._values = self._values_of(moment.reading)

    def plant(self, fault: Planted | None) -> None:
        """Take a fault: ``frozen`` keeps the values."""
        self._is_frozen = fault is not None and fault.name == FROZEN

    def value(self, register: str) -> Value:
        """Return what a register reads."""
        if register in self._settings:
            return self._settings[register]()
        return self._values.get(register, "" if self._registers.named(register).type == "ascii" else 0)

    def write(self, register: str, _value: Value) -> None:
        """Refuse.

        Raises:
            WriteRefused: Always, with exception 4.
        """
        raise WriteRefused(DEVICE_FAILURE, f"{register} is not emulated for writing")

    def page(self) -> Mapping[str, str]:
        """Return nothing: the display shows registers."""
        return {}
