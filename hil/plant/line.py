"""A current that moves along a straight line, and the exact integrals of it. No plant, no fuse, no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One conductor's current: a straight line through ``(t0_ns, a)``, good until ``until_ns``.

    Attributes:
        t0_ns: Where the line is anchored [ns].
        a: Signed current there [A].
        slope_a_per_s: Its slope [A/s].
        until_ns: Where it ends, because some ramp behind it ends; None: never [ns].
    """

    t0_ns: int
    a: float
    slope_a_per_s: float = 0.0
    until_ns: int | None = None

    def at(self, now_ns: int) -> float:
        """Return the current at a moment [A]."""
        return self.a + self.slope_a_per_s * ((now_ns - self.t0_ns) / NS_PER_S)

    def leaves_ns(self, low_a: float, high_a: float, now_ns: int) -> int | None:
        """Return the first whole nanosecond from now on at which it is outside a band, None if it never is [ns]."""
        if not low_a <= self.at(now_ns) <= high_a:
            return now_ns
        if self.slope_a_per_s == 0 or self.until_ns is None:
            return None
        edge_a = high_a if self.slope_a_per_s > 0 else low_a
        if math.isinf(edge_a):
            return None
        leaves_ns = self.t0_ns + math.floor((edge_a - self.a) / self.slope_a_per_s * NS_PER_S) + 1
        return leaves_ns if leaves_ns <= self.until_ns else None

    def charge_as(self, from_ns: int, to_ns: int) -> tuple[float, float]:
        """Return what flows forwards and what flows backwards between two moments, both positive [As].

        A sign change inside is split at the exact zero: no forward charge is lost against backward charge.
        """
        lasts_s = (to_ns - from_ns) / NS_PER_S
        if self.slope_a_per_s == 0:
            charge = self.a * lasts_s
            return (charge, 0.0) if charge >= 0 else (0.0, -charge)
        start_a, end_a = self.at(from_ns), self.at(to_ns)
        if start_a * end_a >= 0:
            charge = (start_a + end_a) / 2 * lasts_s
            return (charge, 0.0) if charge >= 0 else (0.0, -charge)
        zero_s = lasts_s * start_a / (start_a - end_a)
        before, after = start_a * zero_s / 2, end_a * (lasts_s - zero_s) / 2
        return (before, -after) if start_a > 0 else (after, -before)


NOTHING: Final = Line(0, 0.0)
