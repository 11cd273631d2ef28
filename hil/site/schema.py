"""The JSON schema of a site file, for editors: what ``hil schema`` prints, and what a wheel has as ``schema.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emulators.kit import family as kit
from emulators.kit.parameters import Parameter
from hil.site.model import Site
from hil.site.seats import families_of
from hil.site.vehicles import vehicle_presets


def json_schema() -> dict[str, Any]:
    """Return the schema, with the device types, versions and parameters of every family."""
    schema = Site.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Site"
    schema["properties"]["include"] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    schema["patternProperties"] = {"^x-": {"description": "Holds anchors."}}
    for part, role in (("DeviceSpec", "charger"), ("MeterSpec", "meter"), ("BackendSpec", "backend")):
        types = families_of(role)
        parts[part]["properties"]["type"] = {"enum": types}
        parts[part]["allOf"] = [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"properties": _details(name)},
            }
            for name in types
        ]
    parts["VehicleSpec"]["properties"]["preset"] = {"enum": list(vehicle_presets())}
    schema["properties"]["vehicles"]["additionalProperties"] = {
        "anyOf": [{"enum": list(vehicle_presets())}, {"$ref": "#/$defs/VehicleSpec"}]
    }
    for part in [schema, *parts.values()]:
        part.pop("description", None)  # docstrings speak to programmers
    # An included file may leave to another what a whole site must have.
    schema["anyOf"] = [{"required": ["site"]}, {"required": ["include"]}]
    schema.pop("required", None)
    return schema


def _details(name: str) -> dict[str, Any]:
    family = kit.family(name)
    details: dict[str, Any] = {
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {row.name: _value(row) for row in family.parameters.values()},
        }
    }
    if family.role == "charger":
        counts = [family.sockets_of(variant) for variant in family.variants or ("",)]
        details["sockets"] = {"minItems": min(counts), "maxItems": max(counts)}
    for key, known in (("firmware", family.firmware), ("variant", family.variants)):
        if known:
            details[key] = {"enum": list(known)}
    return details


def _value(row: Parameter) -> Mapping[str, Any]:
    value: dict[str, Any]
    match row.type:
        case "enum":
            value = {"enum": [int(text) if text.isdecimal() else text for text in row.allowed]}
        case "integer" | "decimal":
            value = {"type": "integer" if row.type == "integer" else "number"}
            if row.minimum is not None:
                value["minimum"] = row.minimum
            if row.maximum is not None:
                value["maximum"] = row.maximum
        case "per_phase":
            value = {"type": "string", "pattern": "^[0-9]+/[0-9]+/[0-9]+$"}
        case "switch":
            value = {"enum": ["On", "Off", True, False]}
        case _:
            value = {"type": ["string", "number", "null"]}
    notes = [f"[{row.unit}]" if row.unit else "", row.menu, row.source, row.note]
    return {**value, "description": ". ".join(note for note in notes if note)}


def schema_text() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
