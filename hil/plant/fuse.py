"""Over-current protection: when a fuse or breaker may open, and when it must have opened.

Two curves a device, *earliest* (nothing may trip before) and *latest* (everything has tripped by then), from
``fuses.csv``. The judge of "may trip" is *earliest*. Where one process decides (a melting wire, a bimetal: a fuse
everywhere, a breaker up to 2.55 In), they are interpolated log-log between the standards' points. Above 2.55 In a
breaker's magnetic release may or may not take over, and nothing but the standard's own bounds is known: up to the lower
magnetic limit it may trip after 0.1 s, and up to the upper one it need not before 60 or 120 s.

Damage ``D`` grows by ``dt / t_trip(I)`` on and above a curve's first point and decays below it with the time constant
:data:`COOLING_S`; at ``D = 1`` the curve is reached. Proposal of the plant reference, section 3.3: one I²t constant
cannot meet both 1.45 and 2.55 In.

Between two points the curve is a power law, and a current is a straight line, so the damage has a closed form: no
time step, no quadrature. The one exception is a nearly flat ramp, where the difference of powers would cancel: there
Simpson's rule is used, its relative error is below 1e-9 (:data:`FLAT`).

Own assumptions: a gG fuse melts phase by phase, a breaker opens all poles; above the last point the curve goes on
adiabatically (I²t constant), but for the latest curve of a breaker, which stays at 0.1 s; *typical* is the geometric
mean of both curves' points, interpolated everywhere, and bounds nothing; ratings between the table's rows are
interpolated log-log; temperature other than the reference 30 °C is not modelled.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from hil.errors import ScenarioError
from hil.plant.line import NS_PER_S, Line

Trip = Literal["earliest", "latest", "typical"]

TABLE: Final = Path(__file__).with_name("fuses.csv")
COOLING_S: Final = 600.0  #: Time constant of the cooling [s]; the reference calls 5 to 15 min usable.
REACHED: Final = 1 - 1e-9  #: Damage that counts as 1: rounding must not keep a fuse alive.
FLAT: Final = 1e-4  #: Relative change of a current below which Simpson's rule replaces the difference of powers.


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseSpec:
    """One over-current device.

    Attributes:
        rating_a: Rated current In [A].
        type: ``gG`` (fuse, IEC 60269) or ``B``, ``C``, ``D`` (breaker, IEC 60898).
        trip: Which curve it opens by.
    """

    rating_a: float
    type: str = "gG"
    trip: Trip = "earliest"

    def __post_init__(self) -> None:
        if self.trip not in ("earliest", "latest", "typical"):
            raise ScenarioError(f"fuse trip {self.trip!r} is none of earliest, latest, typical")
        curve(self.type, self.rating_a, self.trip)

    @property
    def opens_all_poles(self) -> bool:
        """Return whether one phase takes the others with it."""
        return self.type != "gG"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table: for ratings in (above_a, to_a], or with ``above_a`` None a point at the rating ``to_a``."""

    type: str
    above_a: float | None
    to_a: float
    curve: str
    current: float
    unit: str
    time_s: float
    then: str


@dataclass(frozen=True, slots=True, order=True)
class _Point:
    """A point of a curve; ``then`` is how it goes on: ``law`` (log-log to the next) or ``bound``."""

    current_a: float
    time_s: float
    then: str = "law"


@cache
def _table() -> tuple[_Row, ...]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            _Row(
                row["type"],
                float(row["above_a"]) if row["above_a"] else None,
                float(row["to_a"]),
                row["curve"],
                float(row["current"]),
                row["unit"],
                float(row["time_s"]),
                row["then"],
            )
            for row in csv.DictReader(file)
        )


def _log_log(x: float, x0: float, y0: float, x1: float, y1: float) -> float:
    return y0 if x1 == x0 else y0 * (y1 / y0) ** (math.log(x / x0) / math.log(x1 / x0))


def _points(kind: str, rating_a: float, name: str) -> list[_Point]:
    """Return the points of a curve by rising current."""
    rows = [row for row in _table() if row.type == kind and row.curve == name]
    points = [
        _Point(row.current * (rating_a if row.unit == "In" else 1.0), row.time_s, row.then)
        for row in rows
        if row.above_a is not None and row.above_a < rating_a <= row.to_a
    ]
    gates = [row for row in rows if row.above_a is None]
    for time_s in sorted({row.time_s for row in gates}):
        known = sorted((row.to_a, row.current) for row in gates if row.time_s == time_s)
        for (low_a, low), (high_a, high) in pairwise(known):
            if low_a <= rating_a <= high_a:
                points.append(_Point(_log_log(rating_a, low_a, low, high_a, high), time_s))
                break
    return sorted(points)


@dataclass(frozen=True, slots=True)
class Curve:
    """Time to trip over current: pieces of power laws.

    Attributes:
        knots_a: Currents at which the pieces start, rising [A].
        times_s: Time to trip at each knot [s].
        exponents: Each piece is ``times_s * (I / knots_a) ** -exponent``.
    """

    knots_a: tuple[float, ...]
    times_s: tuple[float, ...]
    exponents: tuple[float, ...]

    @property
    def asymptote_a(self) -> float:
        """Return the current below which it never trips [A]."""
        return self.knots_a[0]

    @classmethod
    def through(cls, points: list[_Point], *, lower: bool = False) -> Curve:
        """Return the curve through points of rising current and falling time.

        More current never trips later. So where only bounds are known, the time at a point bounds those of all higher
        currents from above, up to the next point; and that of the next point bounds those of all lower currents from
        below, down to this point.

        Args:
            points: The points.
            lower: It bounds from below.
        """
        pieces: list[tuple[float, float, float]] = []
        for here, there in zip(points, (*points[1:], None), strict=True):
            if there is None:
                pieces.append((here.current_a, here.time_s, 0.0 if here.then == "bound" else 2.0))
            elif here.then == "law":
                power = math.log(here.time_s / there.time_s) / math.log(there.current_a / here.current_a)
                pieces.append((here.current_a, here.time_s, power))
            else:
                pieces.append((here.current_a, here.time_s, 0.0))
                if lower:
                    pieces.append((math.nextafter(here.current_a, math.inf), there.time_s, 0.0))
        knots_a, times_s, exponents = zip(*pieces, strict=True)
        return cls(knots_a, times_s, exponents)

    def piece(self, current_a: float) -> int:
        """Return the index of the piece a magnitude of current lies in, -1 below the asymptote."""
        index = len(self.knots_a) - 1
        while index >= 0 and current_a < self.knots_a[index]:
            index -= 1
        return index

    def trip_s(self, current_a: float) -> float:
        """Return the time to trip at a constant current [s]; infinite below the asymptote."""
        index = self.piece(current_a)
        return math.inf if index < 0 else self._law(index, current_a)

    def _law(self, index: int, current_a: float) -> float:
        return float(self.times_s[index] * (current_a / self.knots_a[index]) ** -self.exponents[index])

    def gained(self, index: int, from_a: float, to_a: float, lasts_s: float) -> float:
        """Return the damage of a straight ramp inside one piece."""
        if abs(to_a - from_a) <= FLAT * from_a:
            middle_a = (from_a + to_a) / 2
            rates = (1 / self._law(index, from_a), 4 / self._law(index, middle_a), 1 / self._law(index, to_a))
            return lasts_s * sum(rates) / 6
        knot_a, power = self.knots_a[index], self.exponents[index] + 1
        grown = (to_a / knot_a) ** power - (from_a / knot_a) ** power
        return float(lasts_s * knot_a * grown / (power * (to_a - from_a) * self.times_s[index]))


@cache
def curve(kind: str, rating_a: float, name: Trip) -> Curve:
    """Return a device's curve.

    Raises:
        ScenarioError: No such type, or no such rating in its table.
    """
    kinds = sorted({row.type for row in _table()})
    if kind not in kinds:
        raise ScenarioError(f"fuse type {kind!r} is none of {', '.join(kinds)}")
    names = ("earliest", "latest") if name == "typical" else (name,)
    every = [_points(kind, rating_a, one) for one in names]
    if any(len(points) != 3 for points in every):
        low_a, high_a = rating_range_a(kind)
        span = f"{low_a:g} to {high_a:g} A" if low_a else f"above 0 to {high_a:g} A"
        raise ScenarioError(f"fuse rating {rating_a:g} A is not in the table of {kind}: {span}")
    if name == "typical":
        middle = [
            _Point(math.sqrt(one.current_a * other.current_a), math.sqrt(one.time_s * other.time_s))
            for one, other in zip(*every, strict=True)
        ]
        return Curve.through(middle)
    return Curve.through(every[0], lower=name == "earliest")


@cache
def rating_range_a(kind: str) -> tuple[float, float]:
    """Return the lowest and the highest rating in a type's table [A]; a lowest of 0 is itself not in it."""
    rows = [row for row in _table() if row.type == kind]
    gates = [row.to_a for row in rows if row.above_a is None]
    return (min(gates), max(gates)) if gates else (0.0, max(row.to_a for row in rows))


@dataclass(slots=True)
class Damage:
    """How far one pole has come on one curve.

    Attributes:
        curve: The curve.
        value: Damage at the last booking.
        worst: Highest damage so far.
    """

    curve: Curve
    value: float = 0.0
    worst: float = 0.0

    def after(self, line: Line, from_ns: int, to_ns: int) -> tuple[float, float]:
        """Return damage at the end and the highest on the way, booked at ``from_ns`` and following ``line`` since."""
        if line.slope_a_per_s == 0:
            value = self._piece(self.value, line, from_ns, to_ns)
            return value, max(self.worst, value)
        value, worst = self.value, self.worst
        for start_ns, end_ns in self._pieces(line, from_ns, to_ns):
            value = self._piece(value, line, start_ns, end_ns)
            worst = max(worst, value)
        return value, worst

    def book(self, line: Line, from_ns: int, to_ns: int) -> None:
        """Take over the damage of a stretch of line."""
        self.value, self.worst = self.after(line, from_ns, to_ns)

    def reaches_one_ns(self, line: Line, from_ns: int) -> int | None:
        """Return the first moment at which the damage is 1 if ``line`` goes on; None if it never is [ns].

        Closed form on a constant current; on a ramp the closed-form damage is bisected to the nanosecond.
        """
        if self.value >= REACHED:
            return from_ns
        if line.slope_a_per_s == 0:
            trip_s = self.curve.trip_s(abs(line.a))
            return None if trip_s == math.inf else from_ns + math.ceil((1 - self.value) * trip_s * NS_PER_S)
        if line.until_ns is None:
            raise ValueError("a ramp without an end")
        value = self.value
        for start_ns, end_ns in self._pieces(line, from_ns, line.until_ns):
            after = self._piece(value, line, start_ns, end_ns)
            if after >= REACHED:
                low_ns, high_ns = start_ns, end_ns
                while high_ns - low_ns > 1:
                    middle_ns = (low_ns + high_ns) // 2
                    if self._piece(value, line, start_ns, middle_ns) >= REACHED:
                        high_ns = middle_ns
                    else:
                        low_ns = middle_ns
                return high_ns
            value = after
        return None

    def _pieces(self, line: Line, from_ns: int, to_ns: int) -> Iterator[tuple[int, int]]:
        """Split a ramp where its magnitude crosses a knot of the curve or zero."""
        cuts = {from_ns, to_ns}
        peak_a = max(abs(line.at(from_ns)), abs(line.at(to_ns)))
        if peak_a >= self.curve.asymptote_a:
            for knot_a in (0.0, *self.curve.knots_a):
                for level_a in (knot_a, -knot_a):
                    cut_ns = line.t0_ns + round((level_a - line.a) / line.slope_a_per_s * NS_PER_S)
                    if from_ns < cut_ns < to_ns:
                        cuts.add(cut_ns)
        return pairwise(sorted(cuts))

    def _piece(self, value: float, line: Line, from_ns: int, to_ns: int) -> float:
        """Return the damage after a stretch that lies in one piece of the curve (its middle says which)."""
        from_a, to_a, lasts_s = abs(line.at(from_ns)), abs(line.at(to_ns)), (to_ns - from_ns) / NS_PER_S
        index = self.curve.piece((from_a + to_a) / 2)
        if index < 0:
            return value * math.exp(-lasts_s / COOLING_S)
        return value + self.curve.gained(index, from_a, to_a, lasts_s)
