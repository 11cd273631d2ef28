"""Reading the fields of a JSON payload: the first thing that is wrong gets the field's path and what would be right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from emulators.kit.ocpp.wire.timestamps import parse_utc

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
_INTEGER_BITS: Final = 31
_SHOWN: Final = 40
LARGEST_RATE: Final = 1_000_000_000


class Violation(StrEnum):
    """How a payload is wrong: the error codes of OCPP-J 1.6 (chapter 4.2.3, spelt as there)."""

    FORMATION = "FormationViolation"
    OCCURRENCE = "OccurenceConstraintViolation"
    TYPE = "TypeConstraintViolation"
    PROPERTY = "PropertyConstraintViolation"


class PayloadError(ValueError):
    """A payload is wrong.

    Attributes:
        violation: The error code that answers it.
        field: Path of the field, ``csChargingProfiles.chargingSchedule.chargingSchedulePeriod[2].limit``; may be empty
            for the payload itself.
        message: What is wrong.
        allowed: What would be right.
    """

    def __init__(self, violation: Violation, field: str, message: str, allowed: str) -> None:
        self.violation, self.field, self.message, self.allowed = violation, field, message, allowed
        super().__init__(f"{field or 'payload'}: {message} {allowed}".rstrip())

    def inside(self, outer: str) -> PayloadError:
        """Return the same error, seen from the object that has the field ``outer``."""
        joint = "." if self.field and not self.field.startswith("[") else ""
        return PayloadError(self.violation, f"{outer}{joint}{self.field}", self.message, self.allowed)


def shown(value: object) -> str:
    """Return a short picture of any JSON value; the inside of a container is not looked at."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() if value.bit_length() > 64:
            return f"a number of {value.bit_length()} bits"
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def must(holds: bool, field: str, message: str, allowed: str) -> None:
    """Check what a field's value has to keep to.

    Raises:
        PayloadError: It does not hold; a property constraint.
    """
    if not holds:
        raise PayloadError(Violation.PROPERTY, field, message, allowed)


def present(value: object, field: str, why: str) -> None:
    """Check that a field is there.

    Raises:
        PayloadError: It is None; an occurrence constraint.
    """
    if value is None:
        raise PayloadError(Violation.OCCURRENCE, field, "is missing.", why)


def _wrong_type(value: object, allowed: str) -> PayloadError:
    return PayloadError(Violation.TYPE, "", f"{shown(value)} has the wrong type.", f"Allowed: {allowed}.")


def integer(value: object) -> int:
    """Read a whole number of 32 bits with sign."""
    allowed = "a whole number of 32 bits"
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(value, allowed)
    must(-(2**_INTEGER_BITS) <= value < 2**_INTEGER_BITS, "", f"{shown(value)} is too large.", f"Allowed: {allowed}.")
    return value


def rate(value: object) -> float:
    """Read a current [A] or a power [W]: not negative, with one decimal at most (OCPP 1.6, 7.12 and 7.14).

    What a sender's own arithmetic left behind (9.700000000000001) is taken off.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, "a number")
    allowed = f"Allowed: 0 to {LARGEST_RATE} with one decimal at most."
    must(0 <= value <= LARGEST_RATE, "", f"{shown(value)} is out of range.", allowed)
    must(math.isclose(value * 10, round(value * 10), abs_tol=1e-6), "", f"{shown(value)} is too fine.", allowed)
    return round(float(value), 1)


def timestamp(value: object) -> int:
    """Read a time stamp as nanoseconds since 1970 (UTC)."""
    allowed = "a time of RFC 3339 with a zone, as 2024-01-31T12:00:00Z"
    if not isinstance(value, str):
        raise _wrong_type(value, allowed)
    try:
        return parse_utc(value)
    except ValueError:
        raise PayloadError(Violation.TYPE, "", f"{shown(value)} is no time.", f"Allowed: {allowed}.") from None


def one_of(kind: type[E]) -> Callable[[object], E]:
    """Return a reader of an enumeration's texts."""

    def read(value: object) -> E:
        allowed = ", ".join(kind)
        if not isinstance(value, str):
            raise _wrong_type(value, allowed)
        must(value in list(kind), "", f"{shown(value)} is not known.", f"Allowed: {allowed}.")
        return kind(value)

    return read


def array_of(reader: Callable[[object], T], *, at_least: int) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of an array with a smallest number of elements."""

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise _wrong_type(value, "an array")
        if len(value) < at_least:
            raise PayloadError(Violation.OCCURRENCE, "", "is too short.", f"Allowed: {at_least} or more elements.")
        return tuple(_read(f"[{index}]", reader, one) for index, one in enumerate(value))

    return read


def _read(field: str, reader: Callable[[object], T], value: object) -> T:
    try:
        return reader(value)
    except PayloadError as error:
        raise error.inside(field) from None


class Fields:
    """The fields of one JSON object.

    Args:
        value: What stands where the object should be.
        known: Every field that the object may have.

    Raises:
        PayloadError: It is no object, or has a field more.
    """

    def __init__(self, value: object, known: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, "an object")
        for name in value:
            if name not in known:
                allowed = f"Allowed: {', '.join(known)}."
                raise PayloadError(Violation.FORMATION, "", f"{shown(name)} is no field of it.", allowed)
        self._fields: Mapping[str, object] = value

    def required(self, name: str, reader: Callable[[object], T]) -> T:
        """Read a field that has to be there."""
        if name not in self._fields:
            raise PayloadError(Violation.OCCURRENCE, name, "is missing.", "It is required.")
        return _read(name, reader, self._fields[name])

    def optional(self, name: str, reader: Callable[[object], T]) -> T | None:
        """Read a field that may be absent."""
        return _read(name, reader, self._fields[name]) if name in self._fields else None
