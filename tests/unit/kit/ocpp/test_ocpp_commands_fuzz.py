"""Any payload that keeps to its schema is answered, whatever the charge point is doing, and it goes on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.ocpp.wire.rpc import ERROR_CODES, CallError
from emulators.kit.ocpp.wire.schemas import FOLDER, validator
from emulators.kit.pilot import PilotState

ACTIONS = (
    *("CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache"),
    *("ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule"),
    *("GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog"),
    *("InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "SendLocalList"),
    *("SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector", "UpdateFirmware"),
)
KEYS = ["HeartbeatInterval", "MeterValueSampleInterval", "ClockAlignedDataInterval", "ConnectionTimeOut", "Nonsense"]
TIMES = ["2026-06-01T06:00:30Z", "2026-06-01T05:00:00+02:00", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon"]
TEXTS = st.sampled_from(["T1", "0", "60", "-1", "true", "ftp://files/", *KEYS]) | st.text(max_size=20)


def of_schema(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that keep to a schema, small numbers and times that matter before others."""
    if "$ref" in schema:
        return of_schema(definitions[schema["$ref"].removeprefix("#/definitions/")], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "string" if schema.get("format") == "date-time":
            return st.sampled_from(TIMES)
        case "string":
            return TEXTS.map(lambda text: text[: schema.get("maxLength", 100)])
        case "integer":
            return st.integers(-1, 3) | st.sampled_from([60, 101, 102, 2**31 - 1, -(2**31)])
        case "number":
            return st.sampled_from([0, 6, 9.7, 16, -1, 1e9])
        case "boolean":
            return st.booleans()
        case "array":
            items = of_schema(schema["items"], definitions)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=3)
    required = schema.get("required", [])
    fields = {name: of_schema(one, definitions) for name, one in schema.get("properties", {}).items()}
    optional = {name: one for name, one in fields.items() if name not in required}
    return st.fixed_dictionaries({name: fields[name] for name in required}, optional=optional)


def call(action: str) -> st.SearchStrategy[tuple[str, Any]]:
    schema = json.loads((FOLDER / f"{action}.json").read_text(encoding="utf-8-sig"))
    return st.tuples(st.just(action), of_schema(schema, schema.get("definitions", {})))


EVENTS = (
    st.one_of([call(action) for action in ACTIONS])
    | st.tuples(st.just("pilot"), st.sampled_from("ABC"))
    | st.tuples(st.just("card"), st.sampled_from(["T1", "0"]))
    | st.tuples(st.just("wait"), st.sampled_from([1, 61, 4000]))
    | st.just(("restart", None))
)


@settings(max_examples=400)
@given(st.lists(EVENTS, max_size=12))
def test_any_command_is_answered(make_desk: Any, events: list[tuple[str, Any]]) -> None:
    one = make_desk(connectors=2).connect()
    for what, value in events:
        match what:
            case "pilot":
                one.point.pilot_changed(1, PilotState(value), one.now_ns)
            case "card":
                one.card(value)
            case "wait":
                one.wait(value)
            case "restart":
                one.restart()
                one.connect()
            case _:
                try:
                    answer = one.point.called(what, value, one.now_ns)
                except CallError as error:
                    assert error.code in ERROR_CODES
                else:
                    validator(what, "confirmation")(answer)
        one.settle()
        one.offer(16 if one.point.may_charge(1) else 0)
    json.dumps(one.point.as_json())
