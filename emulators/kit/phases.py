"""Three phases are three numbers, always: values per conductor, and how a socket is rotated against the grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

PHASES: Final = ("L1", "L2", "L3")
THREE_PHASE_ORDERS: Final = ("L1L2L3", "L2L3L1", "L3L1L2", "L1L3L2", "L2L1L3", "L3L2L1")
SINGLE_PHASE_ORDERS: Final = PHASES
PHASE_ORDERS: Final = THREE_PHASE_ORDERS + SINGLE_PHASE_ORDERS


@dataclass(frozen=True, slots=True)
class PerPhase:
    """One number for each of L1, L2, L3, all in the same unit.

    >>> PerPhase(1, 2, 3) + PerPhase.all(10)
    PerPhase(l1=11, l2=12, l3=13)
    """

    l1: float
    l2: float
    l3: float

    @classmethod
    def all(cls, value: float) -> PerPhase:
        """Return the same value on every phase."""
        return cls(value, value, value)

    @classmethod
    def zero(cls) -> PerPhase:
        """Return nothing on every phase."""
        return cls(0.0, 0.0, 0.0)

    def __iter__(self) -> Iterator[float]:
        yield self.l1
        yield self.l2
        yield self.l3

    def __getitem__(self, phase: str | int) -> float:
        index = PHASES.index(phase) if isinstance(phase, str) else phase
        return (self.l1, self.l2, self.l3)[index]

    def __add__(self, other: PerPhase) -> PerPhase:
        return PerPhase(self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3)

    def __sub__(self, other: PerPhase) -> PerPhase:
        return PerPhase(self.l1 - other.l1, self.l2 - other.l2, self.l3 - other.l3)

    def __mul__(self, factor: float) -> PerPhase:
        return PerPhase(self.l1 * factor, self.l2 * factor, self.l3 * factor)

    def map(self, function: Callable[[float], float]) -> PerPhase:
        """Return ``function`` of each phase."""
        return PerPhase(function(self.l1), function(self.l2), function(self.l3))

    def combine(self, other: PerPhase, function: Callable[[float, float], float]) -> PerPhase:
        """Return ``function`` of this and the other value, phase by phase."""
        return PerPhase(function(self.l1, other.l1), function(self.l2, other.l2), function(self.l3, other.l3))

    def __str__(self) -> str:
        return "/".join(f"{value:g}" for value in self)


@cache
def grid_phases(order: str) -> tuple[int, ...]:
    """Return, for each live conductor of a socket, the index of the grid phase that feeds it.

    ``L2L3L1`` gives ``(1, 2, 0)``: the socket's L1 hangs on the grid's L2. ``L3`` gives ``(2,)``: a
    single-phase socket on L3.

    Raises:
        ValueError: The order is none of :data:`PHASE_ORDERS`.
    """
    if order not in PHASE_ORDERS:
        raise ValueError(f"phase order {order!r} is none of {', '.join(PHASE_ORDERS)}")
    return tuple(PHASES.index(order[i : i + 2]) for i in range(0, len(order), 2))


def to_grid(socket_side: PerPhase, order: str) -> PerPhase:
    """Return what a socket's conductors mean for the grid's phases (conductors that are not there carry nothing)."""
    grid = [0.0, 0.0, 0.0]
    for conductor, phase in enumerate(grid_phases(order)):
        grid[phase] += socket_side[conductor]
    return PerPhase(*grid)


def line_to_line_v(one_v: float, other_v: float) -> float:
    """Return the voltage between two phases that are 120 degrees apart, from their voltages L-N [V]."""
    return math.sqrt(one_v * one_v + other_v * other_v + one_v * other_v)
