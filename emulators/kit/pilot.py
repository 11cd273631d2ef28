"""The IEC 61851-1 control pilot: states, and the duty cycle that says how much current is offered.

Tables, not formulas in the code: each row has its source. Sans-I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

MINIMUM_OFFER_A: Final = 6.0  #: IEC 61851-1: below this a station has to pause.
OBEY_WITHIN_S: Final = 5.0  #: IEC 61851-1:2017 table A.6: the vehicle follows a new duty within 5 s.


class PilotState(Enum):
    """Control pilot state by the voltage of its high level (IEC 61851-1 annex A)."""

    A = "A"  #: +12 V, no vehicle
    B = "B"  #: +9 V, vehicle there, does not ask
    C = "C"  #: +6 V, vehicle asks for energy
    D = "D"  #: +3 V, as C with ventilation
    E = "E"  #: 0 V, short or no supply
    F = "F"  #: -12 V, station out of service


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the duty-cycle table: current = (duty - offset) * slope between two duties.

    Attributes:
        from_pct: First duty of the row [%].
        to_pct: Last duty of the row [%].
        slope_a_per_pct: Amperes per percent.
        offset_pct: Duty at which the row's line crosses zero [%].
        constant_a: Fixed current of the row instead of the line [A].
    """

    from_pct: float
    to_pct: float
    slope_a_per_pct: float = 0.0
    offset_pct: float = 0.0
    constant_a: float | None = None


# Fluke FEV300 manual p. 11; IEC 61851-1 table A.8.
DUTY_TABLE: Final = (
    Segment(8.0, 10.0, constant_a=6.0),
    Segment(10.0, 85.0, slope_a_per_pct=0.6),
    Segment(85.0, 96.0, slope_a_per_pct=2.5, offset_pct=64.0),
    Segment(96.0, 97.0, constant_a=80.0),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the station says on the pilot.

    Attributes:
        duty_pct: PWM duty [%]; 100 is the steady level (X1): no energy is offered.
        fault: The station holds state F.
    """

    duty_pct: float = 100.0
    fault: bool = False

    @property
    def current_a(self) -> float:
        """Return the current a vehicle may take [A]; 0 when nothing is offered."""
        return 0.0 if self.fault else current_of_duty_a(self.duty_pct)


NO_OFFER: Final = Offer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a charging point does at its terminals.

    Attributes:
        offer: Control pilot.
        contactor: Closed or open.
    """

    offer: Offer
    contactor: bool


def current_of_duty_a(duty_pct: float) -> float:
    """Return the current that a duty cycle offers [A]; 0 for duties that offer nothing (IEC 61851-1 table A.8)."""
    for row in DUTY_TABLE:
        if row.from_pct <= duty_pct <= row.to_pct:
            if row.constant_a is not None:
                return row.constant_a
            return round((duty_pct - row.offset_pct) * row.slope_a_per_pct, 9)
    return 0.0


def offer_of_current(current_a: float) -> Offer:
    """Return the offer that signals a current: I / 0.6 up to 51 A, I / 2.5 + 64 above, at most 80 A.

    Below 6 A nothing can be offered: the result is the steady level.
    """
    if current_a < MINIMUM_OFFER_A:
        return NO_OFFER
    current_a = min(current_a, 80.0)
    return Offer(current_a / 0.6 if current_a <= 51.0 else current_a / 2.5 + 64.0)
