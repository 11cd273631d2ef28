"""The JSON schemas of OCPP 1.6 (those of the library ``ocpp``), compiled to plain functions: a payload is checked in a
few microseconds, and the first thing that is wrong is told with its path.

What the schemas get wrong is put right here: the unit is spelt ``Celcius`` and ``Celsius`` in the standard, ``Hertz``
came by an erratum, ``multipleOf: 0.1`` means one decimal, whatever binary fractions make of it, and a whole number has
32 bits. Formats (``date-time``, ``uri``) are not checked: what reads the text does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import ocpp.v16

from emulators.kit.ocpp.wire.payload import LARGEST_RATE, PayloadError, Violation, shown

FOLDER: Final = Path(ocpp.v16.__file__).parent / "schemas"
#: Every action of OCPP 1.6 and of its security extension that has schemas.
ACTIONS: Final = frozenset(
    file.name.removesuffix("Response.json") for file in FOLDER.iterdir() if file.name.endswith("Response.json")
)
Kind = Literal["request", "confirmation"]
Check = Callable[[object], None]  #: Raises :class:`PayloadError` for a value that is wrong.

_UNITS: Final = frozenset({"Celcius", "Celsius", "Hertz"})
_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "string": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "array": ((list,), "an array"),
    "object": ((dict,), "an object"),
}
_ANNOTATIONS: Final = frozenset(
    ["$schema", "$id", "title", "javaType", "definitions", "format", "additionalItems", "type", "additionalProperties"]
)


@cache
def validator(action: str, kind: Kind) -> Check:
    """Return what checks the payload of an action's request or confirmation.

    Raises:
        KeyError: OCPP 1.6 has no such action.
    """
    schema = _schema(action, kind)
    return _compiled(schema, schema.get("definitions", {}))


@cache
def part_validator(action: str, kind: Kind) -> Check:
    """Return what checks some of a payload's fields; those that are missing come from elsewhere.

    Raises:
        KeyError: OCPP 1.6 has no such action.
    """
    schema = _schema(action, kind)
    return _compiled({**schema, "required": []}, schema.get("definitions", {}))


@cache
def field_types(action: str, kind: Kind) -> Mapping[str, str]:
    """Return the JSON type of each field of an action's request or confirmation.

    Raises:
        KeyError: OCPP 1.6 has no such action.
    """
    fields = _schema(action, kind).get("properties", {})
    return {name: str(one.get("type", "object")) for name, one in fields.items()}


@cache
def _schema(action: str, kind: Kind) -> Mapping[str, Any]:
    if action not in ACTIONS:
        raise KeyError(action)
    file = FOLDER / f"{action}{'Response' if kind == 'confirmation' else ''}.json"
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8-sig"))
    return found


def _compiled(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    if "$ref" in schema:
        return _compiled(definitions[schema["$ref"].removeprefix("#/definitions/")], definitions)
    known = _ANNOTATIONS | {"enum", "maxLength", "properties", "required", "items", "minItems", "multipleOf"}
    if unknown := schema.keys() - known:
        raise NotImplementedError(f"keywords of JSON schema: {', '.join(sorted(unknown))}")
    match schema["type"]:
        case "object":
            return _object(schema, definitions)
        case "array":
            return _array(_compiled(schema["items"], definitions), schema.get("minItems", 0))
        case "string":
            return _text(schema.get("enum"), schema.get("maxLength", math.inf))
        case kind:
            return _plain(kind, one_decimal="multipleOf" in schema)


def _wrong_type(value: object, kind: str) -> PayloadError:
    allowed = f"Allowed: {_TYPES[kind][1]}."
    return PayloadError(Violation.TYPE, "", f"{shown(value)} has the wrong type.", allowed)


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    fields = {name: _compiled(one, definitions) for name, one in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    is_closed = schema.get("additionalProperties") is False

    def check(value: object) -> None:
        if type(value) is not dict:
            raise _wrong_type(value, "object")
        for name, one in value.items():
            field = fields.get(name)
            if field is not None:
                try:
                    field(one)
                except PayloadError as error:
                    raise error.inside(name) from None
            elif is_closed:
                allowed = f"Allowed: {', '.join(fields) or 'nothing'}."
                raise PayloadError(Violation.FORMATION, "", f"{shown(name)} is no field of it.", allowed)
        if not required <= value.keys():
            missing = min(required - value.keys())
            raise PayloadError(Violation.OCCURRENCE, missing, "is missing.", "It is required.")

    return check


def _array(element: Check, at_least: int) -> Check:
    def check(value: object) -> None:
        if type(value) is not list:
            raise _wrong_type(value, "array")
        if len(value) < at_least:
            allowed = f"Allowed: {at_least} or more elements."
            raise PayloadError(Violation.OCCURRENCE, "", "is too short.", allowed)
        for index, one in enumerate(value):
            try:
                element(one)
            except PayloadError as error:
                raise error.inside(f"[{index}]") from None

    return check


def _text(words: list[str] | None, longest: float) -> Check:
    allowed = frozenset(words or ())
    if allowed & _UNITS:
        allowed |= _UNITS

    def check(value: object) -> None:
        if type(value) is not str:
            raise _wrong_type(value, "string")
        if allowed and value not in allowed:
            text = f"Allowed: {', '.join(sorted(allowed))}."
            raise PayloadError(Violation.PROPERTY, "", f"{shown(value)} is not known.", text)
        if len(value) > longest:
            raise PayloadError(Violation.TYPE, "", f"{shown(value)} is too long.", f"Allowed: {longest} characters.")

    return check


def _plain(kind: str, *, one_decimal: bool) -> Check:
    types = _TYPES[kind][0]
    low, high = (-(2**31), 2**31 - 1) if kind == "integer" else (-LARGEST_RATE, LARGEST_RATE)

    def check(value: object) -> None:
        if type(value) not in types:  # a bool is an int to Python, not to JSON
            raise _wrong_type(value, kind)
        if kind != "boolean" and not low <= value <= high:  # type: ignore[operator]
            raise PayloadError(Violation.PROPERTY, "", f"{shown(value)} is out of range.", f"Allowed: {low} to {high}.")
        if one_decimal and not math.isclose(value * 10, round(value * 10), abs_tol=1e-6):  # type: ignore[operator]
            raise PayloadError(Violation.PROPERTY, "", f"{shown(value)} is too fine.", "Allowed: one decimal at most.")

    return check
