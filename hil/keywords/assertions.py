"""Getters that compare on request: AssertionEngine's operators, with expected values that carry units.

A getter looks at one moment. What takes farm time has words of its own (:mod:`hil.keywords.comparisons`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from assertionengine import AssertionOperator, verify_assertion
from robot.utils import timestr_to_secs

from hil.errors import ScenarioError
from hil.run.session import Session

_ORDER: Final = {AssertionOperator[sign] for sign in ("<", "<=", ">", ">=")}
_NUMERIC: Final = _ORDER | {AssertionOperator["=="], AssertionOperator["!="]}
_EVALUATED: Final = {AssertionOperator["validate"], AssertionOperator["then"]}
WORDS: Final[Mapping[AssertionOperator, str]] = {
    AssertionOperator["=="]: "should be",
    AssertionOperator["!="]: "should not be",
    AssertionOperator["<"]: "should be less than",
    AssertionOperator["<="]: "should be at most",
    AssertionOperator[">"]: "should be more than",
    AssertionOperator[">="]: "should be at least",
    AssertionOperator["contains"]: "should contain",
    AssertionOperator["not contains"]: "should not contain",
    AssertionOperator["starts"]: "should start with",
    AssertionOperator["ends"]: "should end with",
    AssertionOperator["matches"]: "should match",
    AssertionOperator["validate"]: "should validate to true with",
}
#: A getter's operator when none is written: None. The type does not say so, because for a choice that may be None
#: Robot does not list what is allowed when a wrong one is written.
JUST_READ: Final = cast(AssertionOperator, None)

_QUANTITY: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(.*)")
_UNITS: Final[Mapping[str, tuple[str, int]]] = {
    f"{prefix}{base}": (base, power)
    for base in ("A", "V", "W", "Wh", "VA", "VAh", "var", "varh", "Hz", "s", "min", "%", "°C")
    for prefix, power in (("", 0), ("m", -3), ("k", 3), ("M", 6))
}
"""Every unit with the base unit and the power of ten that it stands for."""


def verify(
    session: Session, what: str, value: Any, operator: AssertionOperator | None, expected: Any, *, unit: str = ""
) -> Any:
    """Return a value; with an operator, compare it first.

    A number is compared with a number that may carry the value's unit, also with another prefix (``16 A`` for a value
    in mA). A text is compared as text, without a unit that it leaves out; *less* and *more* need a number in it.

    Args:
        session: The running farm, for the message.
        what: What is read, as the message says it.
        value: What was read.
        operator: AssertionEngine's operator, None to return the value only.
        expected: What it is compared with.
        unit: The value's documented unit, empty for none.

    Raises:
        AssertionError: The comparison does not hold.
        ScenarioError: Value and operator do not fit, or the expected value is none of this kind.
    """
    if operator is None:
        if expected is not None:
            raise ScenarioError(f"{what}: {expected!r} needs an operator before it, such as '=='.")
        return value
    if expected is None:
        raise ScenarioError(f"{what}: the operator {operator.value!r} needs an expected value after it.")
    unit = unit if unit in _UNITS else ""
    compared = value
    if operator in _EVALUATED:
        expected = str(expected)
    elif _is_number(value):
        if operator not in _NUMERIC:
            raise ScenarioError(f"{what} is a number. Allowed: ==, !=, <, <=, >, >=, validate, then.")
        expected = _number(what, expected, unit)
    elif operator in _ORDER:
        unit = unit or _unit_of(str(value))
        compared, expected = _number(what, value, unit), _number(what, expected, unit)
    else:
        compared, expected = str(value), str(expected)
        if operator in _NUMERIC and unit and not compared.endswith(unit):
            expected = expected.removesuffix(unit).rstrip()
    try:
        answer = verify_assertion(compared, operator, expected)
    except re.error as error:
        raise ScenarioError(f"{what}: {expected!r} is no regular expression: {error}.") from None
    except RuntimeError as error:  # of an expression that cannot be evaluated
        raise ScenarioError(f"{what}: {error}") from None
    except AssertionError:
        raise AssertionError(
            f"{what} {WORDS[operator]} {_shown(expected, unit)}: was {_shown(compared, unit)} "
            f"at {session.moment()}.\n{session.why()}"
        ) from None
    return value if answer is compared else answer


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(what: str, given: Any, unit: str) -> float:
    """Return a number in ``unit``.

    Raises:
        ScenarioError: It is no number, or its unit is another one.
    """
    if _is_number(given):
        return float(given)
    text = str(given).strip()
    match = _QUANTITY.fullmatch(text)
    if match is not None and match[2] in ("", unit):
        return float(match[1])
    if match is not None and match[2] in _UNITS and unit in _UNITS:
        (given_base, given_power), (base, power) = _UNITS[match[2]], _UNITS[unit]
        if given_base == base:
            return float(Decimal(match[1]).scaleb(given_power - power))
    if unit == "s":
        try:
            return float(timestr_to_secs(text))
        except ValueError:
            pass
    raise ScenarioError(f"{what}: {text!r} is not a number" + (f" in {unit}." if unit else " without a unit."))


def _unit_of(text: str) -> str:
    match = _QUANTITY.fullmatch(text.strip())
    return match[2] if match is not None and match[2] in _UNITS else ""


def _shown(value: Any, unit: str) -> str:
    if not _is_number(value):
        return repr(value)
    text = str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    return f"{text} {unit}".rstrip()
