"""Payloads are judged as the library's own validator judges them, but for what its schemas get wrong."""

from __future__ import annotations

import copy
import json
import math
from decimal import Decimal
from typing import Any

import ocpp.messages
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from emulators.kit.ocpp.wire.payload import PayloadError, Violation
from emulators.kit.ocpp.wire.schemas import ACTIONS, FOLDER, Kind, validator

SECURITY = {
    *("CertificateSigned", "DeleteCertificate", "ExtendedTriggerMessage", "GetInstalledCertificateIds", "GetLog"),
    *("InstallCertificate", "LogStatusNotification", "SecurityEventNotification", "SignCertificate"),
    *("SignedFirmwareStatusNotification", "SignedUpdateFirmware"),
}
BOTH = [(action, kind) for action in sorted(ACTIONS) for kind in ("request", "confirmation")]
DECIMALS = {"SetChargingProfile", "RemoteStartTransaction", "GetCompositeSchedule"}


def oracle(action: str, kind: Kind) -> Draft4Validator:
    """Return the validator of the library; numbers are decimals where it has to see one decimal."""
    parse = Decimal if action in DECIMALS else float
    ocpp.messages._validators.clear()
    return ocpp.messages.get_validator(3 if kind == "confirmation" else 2, action, "1.6", parse)


def schema_of(action: str, kind: Kind) -> dict[str, Any]:
    file = FOLDER / f"{action}{'Response' if kind == 'confirmation' else ''}.json"
    return json.loads(file.read_text(encoding="utf-8-sig"))


def payloads(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return payloads that keep a schema."""
    if "$ref" in schema:
        return payloads(definitions[schema["$ref"].removeprefix("#/definitions/")], definitions)
    match schema["type"]:
        case "object":
            fields = {name: payloads(one, definitions) for name, one in schema.get("properties", {}).items()}
            required = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {name: one for name, one in fields.items() if name in required},
                optional={name: one for name, one in fields.items() if name not in required},
            )
        case "array":
            return st.lists(payloads(schema["items"], definitions), min_size=schema.get("minItems", 0), max_size=2)
        case "string" if "enum" in schema:
            return st.sampled_from(schema["enum"])
        case "string":
            return st.text(max_size=min(schema.get("maxLength", 9), 9))
        case "integer":
            return st.integers(-(2**31), 2**31 - 1)
        case "number":
            return st.integers(0, 10_000).map(lambda tenths: tenths / 10)
    return st.booleans()


def spoilt(payload: Any, pick: st.DataObject) -> Any:
    """Return a payload with one thing changed: a field gone, one more, another value."""
    payload = copy.deepcopy(payload)
    places: list[tuple[Any, Any]] = []
    stack = [payload]
    while stack:
        one = stack.pop()
        for key, value in one.items() if isinstance(one, dict) else enumerate(one):
            places.append((one, key))
            if isinstance(value, dict | list):
                stack.append(value)
    if not places or pick.draw(st.integers(0, 4)) == 0:
        payload["unheard"] = 1
        return payload
    holder, key = pick.draw(st.sampled_from(places))
    other = pick.draw(st.sampled_from([None, True, 7, 7.25, -1, "x", "x" * 600, "", [], {}, [1], {"a": 1}]))
    if pick.draw(st.booleans()):
        holder[key] = other
    else:
        del holder[key]
    return payload


def judged(action: str, kind: Kind, payload: object) -> bool:
    try:
        validator(action, kind)(payload)
    except PayloadError:
        return False
    return True


def as_decimals(action: str, payload: object) -> object:
    return json.loads(json.dumps(payload), parse_float=Decimal) if action in DECIMALS else payload


def test_the_security_extension_has_its_messages() -> None:
    assert SECURITY < ACTIONS
    assert len(ACTIONS) == 28 + len(SECURITY)


@pytest.mark.parametrize(("action", "kind"), BOTH)
def test_payloads_are_judged_as_the_library_does(action: str, kind: Kind) -> None:
    schema, library = schema_of(action, kind), oracle(action, kind)
    good = payloads(schema, schema.get("definitions", {}))

    @settings(max_examples=25)
    @given(good, st.data())
    def check(payload: Any, pick: st.DataObject) -> None:
        assert judged(action, kind, payload)
        assert library.is_valid(as_decimals(action, payload))
        wrong = spoilt(payload, pick)
        assert judged(action, kind, wrong) == library.is_valid(as_decimals(action, wrong)), wrong

    check()


@pytest.mark.parametrize("unit", ["Celsius", "Celcius", "Hertz"])
@pytest.mark.parametrize("action", ["MeterValues", "StopTransaction"])
def test_units_in_each_spelling(action: str, unit: str) -> None:
    sample = [{"timestamp": "2026-06-01T06:00:00Z", "sampledValue": [{"value": "50", "unit": unit}]}]
    if action == "MeterValues":
        validator(action, "request")({"connectorId": 1, "meterValue": sample})
    else:
        stop = {"transactionId": 1, "meterStop": 0, "timestamp": "2026-06-01T06:00:00Z", "transactionData": sample}
        validator(action, "request")(stop)


def profile(limit: float) -> dict[str, Any]:
    periods = [{"startPeriod": 0, "limit": limit}]
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
        },
    }


def test_one_decimal_is_one_decimal() -> None:
    check = validator("SetChargingProfile", "request")
    for tenths in range(0, 20_000):
        check(profile(tenths / 10))
        check(profile(tenths * 0.1))  # 0.30000000000000004
    with pytest.raises(PayloadError, match=r"chargingSchedulePeriod\[0\]\.limit: 9\.75 is too fine"):
        check(profile(9.75))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400])
def test_what_is_no_number_of_json_is_refused(value: float) -> None:
    with pytest.raises(PayloadError, match="limit"):
        validator("SetChargingProfile", "request")(profile(value))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**400])
def test_a_whole_number_has_32_bits(value: int) -> None:
    check = validator("MeterValues", "request")
    sample = [{"timestamp": "2026-06-01T06:00:00Z", "sampledValue": [{"value": "50"}]}]
    check({"connectorId": 2**31 - 1, "meterValue": sample})
    with pytest.raises(PayloadError, match=r"connectorId: .* is out of range"):
        check({"connectorId": value, "meterValue": sample})


@pytest.mark.parametrize(
    ("payload", "violation", "text"),
    [
        ({"chargePointModel": "m"}, Violation.OCCURRENCE, "chargePointVendor: is missing"),
        ({"chargePointModel": "m", "chargePointVendor": 5}, Violation.TYPE, "chargePointVendor: 5 has the wrong type"),
        ({"chargePointModel": "m", "chargePointVendor": "v" * 21}, Violation.TYPE, "is too long. Allowed: 20"),
        ({"chargePointModel": "m", "chargePointVendor": "v", "x": 1}, Violation.FORMATION, "'x' is no field of it"),
    ],
)
def test_each_kind_of_error_has_its_code(payload: dict[str, Any], violation: Violation, text: str) -> None:
    with pytest.raises(PayloadError, match=text) as error:
        validator("BootNotification", "request")(payload)
    assert error.value.violation is violation


def test_an_unknown_action_has_no_schema() -> None:
    with pytest.raises(KeyError, match="BootNotificationResponse"):
        validator("BootNotificationResponse", "request")
