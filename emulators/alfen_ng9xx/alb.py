"""Active Load Balancing: what a meter's reading leaves to the station, phase by phase. Sans-I/O.

Guide: Alfen smart charging implementation guide 5.1.4.3 (feed-in counts as negative), 5.3.3.1 steps 6 and 8, 5.3.4.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from emulators.kit.phases import PerPhase

#: Most that the own current may differ from a second ago while a reading still counts as one of a steady vehicle [A].
STEADY_A: Final = 0.5


def available(meter_a: PerPhase, own_a: PerPhase, maximum_a: float, *, includes_ev: bool) -> PerPhase:
    """Return what the station may draw on each grid phase [A]; negative when the others take too much already.

    A returned current is negative and so raises it above the maximum (guide 5.1.4.3).

    Args:
        meter_a: What the meter reads, per grid phase; negative is returned to the grid [A].
        own_a: What the station drew when the meter measured, per grid phase [A].
        maximum_a: Maximum smart meter current [A].
        includes_ev: The meter measures the station too (Received Measurements: Include charging EV).
    """
    others_a = meter_a - own_a if includes_ev else meter_a
    return PerPhase.all(maximum_a) - others_a


class Balancer:
    """Keeps what the last readings left over.

    A reading that was taken while the vehicle's current moved is a little out of step with the own current: it may
    lower what is available, and not raise it.

    Args:
        maximum_a: Maximum smart meter current [A].
        includes_ev: As for :func:`available`.

    Attributes:
        meter_a: The last reading, None before the first and after a loss [A].
        available_a: What may be drawn on each grid phase, None without a reading [A].
    """

    def __init__(self, maximum_a: float, *, includes_ev: bool) -> None:
        self.maximum_a, self.includes_ev = maximum_a, includes_ev
        self.meter_a: PerPhase | None = None
        self.available_a: PerPhase | None = None

    def take(self, meter_a: PerPhase, own_a: PerPhase, *, steady: bool) -> None:
        """Take a reading; the arguments are those of :func:`available`."""
        fresh_a = available(meter_a, own_a, self.maximum_a, includes_ev=self.includes_ev)
        self.meter_a = meter_a
        if steady or self.available_a is None:
            self.available_a = fresh_a
        else:
            self.available_a = fresh_a.combine(self.available_a, min)

    def forget(self) -> None:
        """Drop what was read: the meter is lost."""
        self.meter_a = self.available_a = None

    def limit_a(self, phases: Iterable[int]) -> float | None:
        """Return what a vehicle on these grid phases (0, 1, 2) may draw on each of them [A], None without a reading.

        The phase with the least decides. Below 0 counts as 0.
        """
        left_a = self.available_a
        return None if left_a is None else max(0.0, min(left_a[phase] for phase in phases))
