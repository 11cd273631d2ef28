"""The ranges of what people give: the same in a site file, a keyword, a command and an HTTP body."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Range:
    """What a quantity may be.

    Attributes:
        least: Lowest value.
        most: Highest value, infinity for none; infinity itself is never one.
        unit: Its unit, empty for a plain number.
        without_least: ``least`` itself is not allowed.
        without_most: ``most`` itself is not allowed.
    """

    least: float = -math.inf
    most: float = math.inf
    unit: str = ""
    without_least: bool = False
    without_most: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.least if self.without_least else value >= self.least
        below = value < self.most if self.without_most else value <= self.most
        return above and below and math.isfinite(value)

    @property
    def allowed(self) -> str:
        """Return it as an error says it.

        >>> Range(0, 80, "A", without_least=True).allowed
        'above 0 A up to 80 A'
        >>> Range(0, unit="s").allowed
        '0 s or more'
        >>> Range(1, 3).allowed
        '1 to 3'
        """
        low, high = self._text(self.least), self._text(self.most)
        if not (self.without_least or self.without_most or math.inf in (-self.least, self.most)):
            return f"{self.least:.10g} to {high}"
        if self.least == -math.inf:
            return "any number"
        if self.most == math.inf:
            return f"above {low}" if self.without_least else f"{low} or more"
        return f"{'above ' if self.without_least else ''}{low} {'and below' if self.without_most else 'up to'} {high}"

    @property
    def plain(self) -> str:
        """Return it without its unit.

        >>> Range(0, 80, "A", without_least=True).plain
        'above 0 up to 80'
        """
        return replace(self, unit="").allowed

    def _text(self, value: float) -> str:
        return f"{value:.10g} {self.unit}".rstrip()


ANY: Final = Range()
SOURCE_CURRENT: Final = Range(0, 10_000, "A")  #: What a load draws, or a PV system feeds in; more is a slip of the pen.
LONGEST_S: Final = 1e9  #: Some 30 years: what is longer is a slip of the pen [s].
TIME: Final = Range(0, LONGEST_S, "s")
PERIOD: Final = Range(0, LONGEST_S, "s", without_least=True)  #: Of something that is done again and again.
PORT: Final = Range(0, 65535)


def of_field(model: type[BaseModel], name: str, unit: str = "") -> Range:
    """Return the range that a field of a site file has.

    >>> from hil.site.vehicles import VehicleSpec
    >>> of_field(VehicleSpec, "max_current_a", "A").allowed
    'above 0 A up to 80 A'
    """
    marks = model.model_fields[name].metadata

    def limit(word: str) -> float | None:
        return next((float(getattr(mark, word)) for mark in marks if hasattr(mark, word)), None)

    above, least, below, most = map(limit, ("gt", "ge", "lt", "le"))
    low, high = (least if above is None else above), (most if below is None else below)
    return Range(
        -math.inf if low is None else low, math.inf if high is None else high, unit,
        without_least=above is not None, without_most=below is not None,
    )  # fmt: skip
