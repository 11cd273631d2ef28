"""What can go wrong in a device, as its family declares it: names, arguments, effects, sources.

A fault is planted by its name, or by name and argument: ``frozen``, ``nan:L2``, ``clock:7200``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FROZEN: Final = "frozen"
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What follows a fault's name.

    Attributes:
        name: What it is, in capitals: ``SECONDS``.
        unit: Unit of a number, empty for one of the allowed words.
        minimum: Lowest number.
        maximum: Highest number.
        allowed: The words, empty for a number.
    """

    name: str
    unit: str = ""
    minimum: float = -math.inf
    maximum: float = math.inf
    allowed: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """Return what it may be, for people."""
        if self.allowed:
            return ", ".join(self.allowed)
        return f"{self.minimum:.15g} to {self.maximum:.15g} {self.unit}".rstrip()

    def takes(self, text: str) -> bool:
        """Return whether a text is one of the allowed words, or a number in the range."""
        if self.allowed:
            return text in self.allowed
        return _DECIMAL.fullmatch(text) is not None and self.minimum <= float(text) <= self.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a family.

    Attributes:
        name: As a test writes it.
        argument: What follows the name after a colon, None for nothing.
        effect: What the device does then.
        source: Where it is known from that devices do this.
    """

    name: str
    argument: Argument | None = None
    effect: str
    source: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """Return how it is written: with each allowed word, or with its argument's name."""
        if self.argument is None:
            return (self.name,)
        return tuple(f"{self.name}:{word}" for word in self.argument.allowed or (self.argument.name,))


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault that a device has.

    Attributes:
        name: Of the fault.
        argument: Its argument as it was written, empty for one that has none.
    """

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @property
    def number(self) -> float:
        """Return the argument of a fault that takes a number."""
        return float(self.argument)


class FaultTable:
    """The faults of a family.

    Args:
        faults: Each once.
        otherwise: What a person does for what is no fault of the device itself: 'cut its link or stop it'.
    """

    def __init__(self, *faults: Fault, otherwise: str = "") -> None:
        self._faults = {one.name: one for one in faults}
        self._otherwise = otherwise

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __len__(self) -> int:
        return len(self._faults)

    def with_more(self, *faults: Fault) -> FaultTable:
        """Return these faults and more."""
        return FaultTable(*self, *faults, otherwise=self._otherwise)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Return how each of them is written."""
        return tuple(text for one in self for text in one.spellings)

    def parse(self, device: str, kind: str) -> Planted:
        """Return the fault that somebody asks for.

        Args:
            device: Name of the device that is to have it.
            kind: Its name, or name and argument.

        Raises:
            ValueError: There is no such fault, or its argument is wrong; the message says what there is.
        """
        name, _, argument = kind.partition(":")
        fault = self._faults.get(name)
        if fault is not None and fault.argument is None and name == kind:
            return Planted(name)
        if fault is not None and fault.argument is not None:
            if fault.argument.takes(argument):
                return Planted(name, argument)
            if not fault.argument.allowed:
                wanted = f"{name}:{fault.argument.name} with {fault.argument.name} from {fault.argument.range}"
                raise ValueError(f"{device}: the fault {kind!r} is not possible. Allowed: {wanted}.")
        raise self.unknown(device, kind)

    def unknown(self, device: str, kind: str) -> ValueError:
        """Return what to say of a fault that a device does not have."""
        has = f"It has: {', '.join(self.spellings)}" if self._faults else "It has none of its own"
        ending = f"{'; for all else' if self._faults else ':'} {self._otherwise}" if self._otherwise else ""
        return ValueError(f"{device} has no fault {kind!r}. {has}{ending}.")


#: Of every meter with a Modbus server.
MODBUS_METER: Final = FaultTable(
    Fault(
        name="exceptions",
        effect="answers every request with exception 4 (server device failure)",
        source="Modbus application protocol specification V1.1b3 7",
    ),
    Fault(name="timeouts", effect="takes requests and does not answer", source="what a hung device does"),
    Fault(
        name="closed_port",
        effect="closes its port and every connection",
        source="a device without power, or in its boot",
    ),
    Fault(name=FROZEN, effect="keeps its values, and answers on", source="a measuring chip that has stopped"),
)

NO_FAULTS: Final = FaultTable()
