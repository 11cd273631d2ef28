"""What watches one conductor: its limit, how long it is above it, and its extremes since a mark."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hil.plant.line import NS_PER_S, Line


@dataclass(slots=True)
class LimitWatch:
    """Since when a conductor is above its limit plus a tolerance, without a break.

    Whether it is above is state, flipped at the predicted moment of the crossing: comparing a rounded current with
    the threshold there could go either way.

    Attributes:
        limit_a: What the conductor carries for good [A].
        threshold_a: The limit plus the tolerance [A]; above means strictly above.
        allowed_ns: How long it may be above [ns].
        since_ns: Since when it is above, None when it is not [ns].
        reported: Whether this time above has been reported.
    """

    limit_a: float
    threshold_a: float
    allowed_ns: int
    since_ns: int | None = None
    reported: bool = False

    def judge(self, line: Line, now_ns: int) -> None:
        """Look at a new line."""
        self._become(abs(line.at(now_ns)) > self.threshold_a, now_ns)

    def flip(self, now_ns: int) -> None:
        """Cross the threshold, as :meth:`crosses_ns` said."""
        self._become(self.since_ns is None, now_ns)

    def crosses_ns(self, line: Line, now_ns: int) -> int | None:
        """Return when the line next crosses the threshold, outwards when inside and inwards when outside [ns]."""
        if line.slope_a_per_s == 0 or line.until_ns is None:
            return None
        outwards_a = math.copysign(self.threshold_a, line.slope_a_per_s)
        level_a = outwards_a if self.since_ns is None else -outwards_a
        if self.since_ns is not None and level_a * line.at(now_ns) < 0:
            return None  # outside and moving further out
        cross_ns = max(now_ns, line.t0_ns + math.ceil((level_a - line.a) / line.slope_a_per_s * NS_PER_S))
        return cross_ns if cross_ns <= line.until_ns else None

    def expires_ns(self) -> int | None:
        """Return the first moment at which it has been above for longer than allowed [ns]."""
        return None if self.since_ns is None or self.reported else self.since_ns + self.allowed_ns + 1

    def _become(self, above: bool, now_ns: int) -> None:
        if not above:
            self.since_ns, self.reported = None, False
        elif self.since_ns is None:
            self.since_ns = now_ns


@dataclass(slots=True)
class Extremes:
    """Lowest and highest current of a conductor, in stretches between marks.

    A value counts only if it lasted: several changes in one instant leave no false peak.
    """

    stretches: list[tuple[float, float]] = field(default_factory=lambda: [(math.inf, -math.inf)])

    def book(self, line: Line, from_ns: int, to_ns: int) -> None:
        """Take over a straight stretch; its extremes are at its ends."""
        self.stretches[-1] = self._with(self.stretches[-1], line, from_ns, to_ns)

    def mark(self) -> None:
        """Start a new stretch."""
        self.stretches.append((math.inf, -math.inf))

    def since(self, handle: int, line: Line, from_ns: int, to_ns: int) -> tuple[float, float]:
        """Return lowest and highest since a mark, with the unbooked rest and the current at this moment."""
        lows, highs = zip(*self.stretches[handle:], strict=True)
        low, high = self._with((min(lows), max(highs)), line, from_ns, to_ns)
        now_a = line.at(to_ns)
        return min(low, now_a), max(high, now_a)

    @staticmethod
    def _with(known: tuple[float, float], line: Line, from_ns: int, to_ns: int) -> tuple[float, float]:
        if to_ns <= from_ns:
            return known
        start_a, end_a = line.at(from_ns), line.at(to_ns)
        return min(known[0], start_a, end_a), max(known[1], start_a, end_a)
