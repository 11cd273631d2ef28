"""Meters that a charger can read over Modbus, as a table of the charger's family: which registers, and what they mean.

The table is a CSV file with these columns:

``meter,unit,first,words,quantity,l1,l2,l3,format,order,scale,absent,source``

Each row is one quantity of one meter: ``current`` [A], and ``active power`` [W] where the currents take their sign from
it; the current stands first. ``first`` and ``words`` are the request that fetches it; rows with the same request share
it. ``l1``, ``l2``, ``l3`` are the registers of the phases, ``order`` is the order of bytes (``ABCD`` high word and high
byte first, ``CDAB`` low word first, ``BADC`` and ``DCBA`` the same with the bytes of each word swapped), ``absent`` the
value that means *not available*. ``unit`` may be empty where a parameter says it.
"""

from __future__ import annotations

import csv
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from emulators.kit.phases import PerPhase

FORMATS: Final[Mapping[str, str]] = {
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "float32": "f",
    "uint64": "Q",
    "int64": "q",
    "float64": "d",
}
#: Whether the low word comes first, and the format of one word.
ORDERS: Final[Mapping[str, tuple[bool, str]]] = {
    "ABCD": (False, ">"),
    "CDAB": (True, ">"),
    "BADC": (False, "<"),
    "DCBA": (True, "<"),
}
QUANTITIES: Final = ("current", "active power")


@dataclass(frozen=True, slots=True)
class PhaseRegisters:
    """Where one quantity of the three phases stands (columns as in the module docstring)."""

    addresses: tuple[int, int, int]
    format: str
    order: str = "ABCD"
    scale: float = 1
    absent: int | None = None

    @property
    def words(self) -> int:
        """Return how many words a value has."""
        return struct.calcsize(FORMATS[self.format]) // 2

    def values(self, read: Callable[[int, int], Sequence[int]]) -> tuple[float, ...] | None:
        """Return the values of the phases, None when one is absent or no number.

        Args:
            read: Returns so many words from an address on.
        """
        raw = [self._value(read(address, self.words)) for address in self.addresses]
        if not all(map(math.isfinite, raw)) or self.absent in raw:
            return None
        return tuple(value * self.scale for value in raw)

    def _value(self, words: Sequence[int]) -> float:
        is_low_first, byte_order = ORDERS[self.order]
        ordered = words[::-1] if is_low_first else words
        data = struct.pack(f"{byte_order}{len(words)}H", *ordered)
        value: float = struct.unpack(">" + FORMATS[self.format], data)[0]
        return value


@dataclass(frozen=True, slots=True)
class ReadableMeter:
    """How a meter is read.

    Attributes:
        unit: Its Modbus unit.
        requests: First register and number of words of each request.
        currents: Its currents [A].
        powers: Its active powers [W], whose sign the currents take; None for currents with a sign of their own.
    """

    unit: int
    requests: tuple[tuple[int, int], ...]
    currents: PhaseRegisters
    powers: PhaseRegisters | None = None

    @classmethod
    def load(cls, path: Path) -> dict[str, ReadableMeter]:
        """Return the meters of a family's table by name.

        Raises:
            ValueError: A row is wrong; the message has file and line.
        """
        with path.open(encoding="utf-8", newline="") as file:
            found: dict[str, ReadableMeter] = {}
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    found[row["meter"]] = _with_row(found.get(row["meter"]), row)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number}: {error}") from error
        return found

    def currents_a(self, answers: Sequence[Sequence[int]]) -> PerPhase | None:
        """Return the signed currents in the words of the answers [A], None when one is absent or no number."""

        def read(address: int, count: int) -> Sequence[int]:
            """Return words of the one answer that has them all: two answers are of two moments."""
            return next(
                answer[address - first :][:count]
                for (first, words), answer in zip(self.requests, answers, strict=True)
                if first <= address and address + count <= first + words
            )

        currents = self.currents.values(read)
        signs = currents if self.powers is None else self.powers.values(read)
        if currents is None or signs is None:
            return None
        if self.powers is None:
            return PerPhase(*currents)
        return PerPhase(*(math.copysign(i, p) for i, p in zip(currents, signs, strict=True)))


def _with_row(meter: ReadableMeter | None, row: Mapping[str, str]) -> ReadableMeter:
    """Return a meter with one more row of its table (raises ValueError)."""
    for column, known in (("format", FORMATS), ("order", ORDERS), ("quantity", QUANTITIES)):
        if row[column] not in known:
            raise ValueError(f"{column} {row[column]!r} is none of {', '.join(known)}")
    addresses = int(row["l1"]), int(row["l2"]), int(row["l3"])
    absent = int(row["absent"], 0) if row["absent"] else None
    registers = PhaseRegisters(addresses, row["format"], row["order"], float(row["scale"]), absent)
    first, words = int(row["first"]), int(row["words"])
    if min(addresses) < first or max(addresses) + registers.words > first + words:
        raise ValueError(f"{row['l1']}, {row['l2']}, {row['l3']} are not all among the {words} words from {first}")
    if row["quantity"] == "current":
        if meter is not None:
            raise ValueError(f"the currents of {row['meter']} stand there twice")
        return ReadableMeter(int(row["unit"] or 0), ((first, words),), registers)
    if meter is None:
        raise ValueError(f"the powers of {row['meter']} stand before its currents")
    requests = tuple(dict.fromkeys([*meter.requests, (first, words)]))
    return replace(meter, requests=requests, powers=registers)
