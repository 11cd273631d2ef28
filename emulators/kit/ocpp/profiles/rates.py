"""Amperes and watts of a limit, exactly: three phases are three numbers.

OCPP 1.6 (7.12): ``A`` is the current of each phase, ``W`` the power of all phases together, and the current of a phase
is that power divided by the nominal voltage and the number of phases *of the period*. A period for n phases concerns
the first n of the station; the others get nothing. No limit at all is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from emulators.kit.ocpp.profiles.profile import Period, RateUnit
from emulators.kit.phases import PerPhase

NOMINAL_V: Final = PerPhase.all(230)  #: In Europe [V].
_NOTHING: Final = Fraction(0)


@lru_cache(maxsize=64)
def _exact(decimal: float) -> Fraction:
    return Fraction(str(decimal))


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be drawn on each phase.

    Attributes:
        phases_a: L1, L2, L3 of the station [A].
        number_phases: How many of them may be used, 1 to 3.
    """

    phases_a: tuple[Fraction, Fraction, Fraction]
    number_phases: int

    @property
    def current_a(self) -> float:
        """Return the current of a phase, of the highest where they differ [A]."""
        return float(max(self.phases_a))

    @property
    def per_phase_a(self) -> PerPhase:
        """Return the current of each phase [A]."""
        return PerPhase(*map(float, self.phases_a))


def lowest(*limits: Limit | None) -> Limit | None:
    """Return what keeps to every one of some limits."""
    there = [limit for limit in limits if limit is not None]
    if not there:
        return None
    l1, l2, l3 = (min(limit.phases_a[phase] for limit in there) for phase in range(3))
    return Limit((l1, l2, l3), min(limit.number_phases for limit in there))


def total(limits: Iterable[Limit | None]) -> Limit | None:
    """Return what several connectors may draw together: no limit as soon as one of them has none."""
    there = []
    for limit in limits:
        if limit is None:
            return None
        there.append(limit)
    l1, l2, l3 = (sum((limit.phases_a[phase] for limit in there), _NOTHING) for phase in range(3))
    return Limit((l1, l2, l3), max(limit.number_phases for limit in there))


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSupply:
    """What a station hangs on.

    Attributes:
        voltage_v: Nominal voltage of each phase against neutral, never the measured one [V].
        phases: How many of them the station has: 1 to 3.
        switches: Whether it can leave phases out. One that cannot feeds all of them, whatever a period says.
    """

    voltage_v: PerPhase = NOMINAL_V
    phases: int = 3
    switches: bool = True

    def limit(self, period: Period, unit: RateUnit) -> Limit:
        """Return what a period allows.

        More phases than the station has leave the current of each as it stands (errata 3.69). Fewer are heard by a
        station that can switch; another one shares the power out among all that it has.
        """
        number = Fraction(round(period.limit * 10), 10)
        phases = period.phases if self.switches else max(period.phases, self.phases)
        current_a = number if unit is RateUnit.A else number / self._voltage_of(phases)
        return self.all(current_a, phases=min(phases, self.phases))

    def all(self, current_a: Fraction, *, phases: int) -> Limit:
        """Return the same current on the first phases, nothing on the others."""
        l1, l2, l3 = (current_a if phase < phases else _NOTHING for phase in range(3))
        return Limit((l1, l2, l3), phases)

    def rate(self, limit: Limit, unit: RateUnit) -> float:
        """Return a limit as it is written: in amperes of a phase or watts of all, down to one decimal."""
        if unit is RateUnit.A:
            exact = max(limit.phases_a)
        else:
            exact = sum((i * u for i, u in zip(limit.phases_a, self._voltages(), strict=True)), _NOTHING)
        return math.floor(exact * 10) / 10

    def _voltages(self) -> list[Fraction]:
        return [_exact(voltage) for voltage in self.voltage_v]

    def _voltage_of(self, phases: int) -> Fraction:
        return sum(self._voltages()[:phases], _NOTHING)
