"""Arguments as QA writes them: ``25 A``, ``60/70/80 A``, ``L1``, ``settles at``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from robot.utils import timestr_to_secs

from emulators.kit.phases import PHASES, PerPhase
from hil.site.ranges import TIME


class PhaseName(Enum):
    """A conductor."""

    L1 = 0
    L2 = 1
    L3 = 2


class Comparison(Enum):
    """How a value is compared with what is expected."""

    IS = "is"
    SETTLES_AT = "settles at"
    STAYS_AT = "stays at"
    SHOULD_NEVER_EXCEED = "should never exceed"
    SHOULD_BE_AT_MOST = "should be at most"

    @property
    def demand(self) -> str:
        """Return it as a failure says what should have been."""
        return {"is": "should be", "settles at": "should settle at", "stays at": "should stay at"}.get(
            self.value, self.value
        )


@dataclass(frozen=True, slots=True)
class Amps:
    """A current [A]."""

    a: float

    def __str__(self) -> str:
        return f"{self.a:g} A"


@dataclass(frozen=True, slots=True)
class Amps3:
    """Three currents [A]; one number means the same on every phase."""

    a: PerPhase

    def __str__(self) -> str:
        return f"{self.a} A"


@dataclass(frozen=True, slots=True)
class Percent:
    """A share [%]."""

    pct: float

    def __str__(self) -> str:
        return f"{self.pct:g} %"


#: MEN catalogue: plant and meter currents within 0.5 A.
PLANT_TOLERANCE: Final = Amps(0.5)

_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"


def to_amps(text: str) -> Amps:
    """Return a current.

    Raises:
        ValueError: It is not a number with the unit A.
    """
    match = re.fullmatch(_NUMBER + r"A?\s*", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a current. Write it as '25 A'.")
    return Amps(float(match[1]))


def to_amps3(text: str) -> Amps3:
    """Return three currents.

    Raises:
        ValueError: It is neither ``40 A`` nor ``40/30/20 A`` (a unit at each number is fine: ``10A/0A/5A``).
    """
    parts = [to_amps(part).a for part in str(text).split("/")]
    if len(parts) not in (1, len(PHASES)):
        raise ValueError(f"{text!r} is not three currents. Write '40/30/20 A' for L1/L2/L3, or '40 A' for all.")
    return Amps3(PerPhase(*parts) if len(parts) > 1 else PerPhase.all(parts[0]))


def to_percent(text: str) -> Percent:
    """Return a share.

    Raises:
        ValueError: It is not a number with the unit %.
    """
    match = re.fullmatch(_NUMBER + r"%\s*", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a share. Write it as '20 %'.")
    return Percent(float(match[1]))


def to_time(given: object) -> timedelta:
    """Return a time.

    Raises:
        ValueError: It is none, or negative, or without an end.
    """
    if isinstance(given, timedelta):
        seconds = given.total_seconds()
    else:
        try:
            seconds = float(timestr_to_secs(str(given)))
        except ValueError:
            seconds = math.nan
    if seconds not in TIME:
        raise ValueError(f"{str(given)!r} is not a time. Write it as '90 s': 0 s or more.")
    return timedelta(seconds=seconds)


def to_verb(text: str) -> Comparison:
    """Return a comparison.

    Raises:
        ValueError: There is none of that name; all are listed.
    """
    try:
        return Comparison(" ".join(str(text).lower().split()))
    except ValueError:
        raise ValueError(
            f"{text!r} is no comparison. Allowed: {', '.join(verb.value for verb in Comparison)}."
        ) from None
