"""What the quantities in keywords may be: one table, looked at before any keyword runs.

A quantity is an argument whose type is in :data:`QUANTITIES`. Its range is that of the site file where the site file
has such a field. An argument's name means the same in every keyword; where it does not, the key is
``keyword.argument``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from hil.errors import ScenarioError
from hil.keywords.values import Amps, Amps3, Percent
from hil.site import VehicleSpec
from hil.site.ranges import ANY, PERIOD, SOURCE_CURRENT, TIME, Range, of_field

QUANTITIES: Final = (Amps, Amps3, Percent, timedelta, int, float)
_COUNT: Final = Range(0)
_PHASES: Final = of_field(VehicleSpec, "phases")

RANGES: Final[Mapping[str, Range]] = {
    # currents
    "current": SOURCE_CURRENT,
    "max_load": SOURCE_CURRENT,
    "max_current": of_field(VehicleSpec, "max_current_a", "A"),
    "asks_for": of_field(VehicleSpec, "asks_for_a", "A"),
    "vehicle_takes.current": of_field(VehicleSpec, "asks_for_a", "A"),
    "expected": Range(0, unit="A"),
    "meter_current.expected": ANY,  # a returned current is negative
    "tolerance": Range(0, unit="A"),
    # times
    "within": TIME,
    "duration": TIME,
    "delay": TIME,
    "jitter": TIME,
    "time": TIME,
    "every": PERIOD,
    "period": PERIOD,
    "retry_interval": PERIOD,
    # shares
    "loss": Range(0, 100, "%", without_least=True, without_most=True),
    "deviation_pct": Range(0, unit="%"),
    # numbers
    "phases": _PHASES,
    "count": _COUNT,
    "times": _COUNT,
    "connector": _COUNT,  # as OCPP has it, like the next two; `Backend Sends` sends any
    "level": _COUNT,
    "profile_id": ANY,
    "code": Range(1000, 4999),  # RFC 6455, 7.4.2
    "value": ANY,  # the register's own type says it
}


def range_of(keyword: str, argument: str) -> Range | None:
    """Return what an argument may be, None when the table does not say it."""
    return RANGES.get(f"{_plain(keyword)}.{argument}", RANGES.get(argument))


def quantities_of(method: Callable[..., Any]) -> list[str]:
    """Return which arguments of a keyword are quantities."""
    hints = typing.get_type_hints(method)
    kinds = {name: {hint, *typing.get_args(hint)} for name, hint in hints.items()}
    return [name for name in inspect.signature(method).parameters if kinds.get(name, set()) & {*QUANTITIES}]


def check_ranges(keyword: str, method: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Refuse what is out of range.

    Args:
        keyword: The keyword's name.
        method: What runs it.
        args: Its arguments, of the types that it has.
        named: Those given by name.

    Raises:
        ScenarioError: It names every argument that is, with what is allowed.
    """
    given = inspect.signature(method).bind(*args, **named).arguments
    wrong = []
    for name in quantities_of(method):
        found = range_of(keyword, name) or ANY
        for value in given.get(name, ()) if isinstance(given.get(name), tuple) else [given.get(name)]:
            numbers = list(_numbers(value))
            if found != ANY and not all(number in found for number in numbers):
                is_negative = found.least == 0 and not found.without_least and min(numbers) < 0
                what = "is negative" if is_negative else "is out of range"
                wrong.append(f"{name}={_text(value)} {what}. Allowed: {found.allowed}.")
    if wrong:
        raise ScenarioError(" ".join(wrong))


def _numbers(value: object) -> Iterator[float]:
    match value:
        case Amps(a):
            yield a
        case Amps3(a):
            yield from a
        case Percent(pct):
            yield pct
        case timedelta():
            yield value.total_seconds()
        case bool():
            return
        case int() | float():
            yield value


def _text(value: object) -> str:
    """Return a quantity as people write it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(keyword: str) -> str:
    return keyword.lower().replace(" ", "_")
