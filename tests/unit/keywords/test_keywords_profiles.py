"""Charging profiles as QA writes them, and what OCPP gets of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.kit.ocpp.wire.schemas import validator
from hil.errors import ScenarioError
from hil.keywords.charging_profiles import compact, profile, schedule_text, steps
from hil.probes.ocpp import typed

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10 A", ("A", [(0, 10.0)])),
        ("0 s: 10 A, 60 s: 7.5 A", ("A", [(0, 10.0), (60, 7.5)])),
        ("0s:10A,2 minutes:0 A", ("A", [(0, 10.0), (120, 0.0)])),
        ("0 s: 4140 W, 1 h: 2300 W", ("W", [(0, 4140.0), (3600, 2300.0)])),
        ("0 s: -1 A", ("A", [(0, -1.0)])),  # a test may send what no station takes
    ],
)
def test_steps(text: str, found: tuple[str, list[tuple[int, float]]]) -> None:
    assert steps(text) == found


@pytest.mark.parametrize("text", ["", "10", "10 V", "0 s: 10 A; 60 s: 8 A", "soon: 10 A", "0 s: 10 A, 60 s: 8 W"])
def test_what_is_no_schedule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"'0 s: 10 A, 60 s: 8 A'|mixes A and W|Invalid time string"):
        steps(text)


def of(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "profile_id": 3, "purpose": "TxProfile", "level": 2, "kind": "Absolute", "start": START,
        "limits": "0 s: 10 A, 60 s: 8 A", "duration": timedelta(minutes=5), "phases": 3, "transaction": 7, "more": {},
    }  # fmt: skip
    return profile(**(usual | changes))


def test_a_profile_is_what_the_schema_wants() -> None:
    found = of(more={"validTo": "2026-06-02T00:00:00Z"})
    validator("SetChargingProfile", "request")({"connectorId": 1, "csChargingProfiles": found})
    assert found["chargingSchedule"] == {
        "chargingRateUnit": "A",
        "startSchedule": "2026-06-01T06:00:00Z",
        "duration": 300,
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 10.0, "numberPhases": 3},
            {"startPeriod": 60, "limit": 8.0, "numberPhases": 3},
        ],
    }
    assert (found["transactionId"], found["validTo"], found["stackLevel"]) == (7, "2026-06-02T00:00:00Z", 2)


def test_what_is_not_said_is_not_sent() -> None:
    found = of(start=None, duration=None, phases=None, transaction=None, kind="Relative")
    assert set(found["chargingSchedule"]) == {"chargingRateUnit", "chargingSchedulePeriod"}
    assert "transactionId" not in found


def test_a_schedule_reads_as_it_was_written_and_equal_neighbours_are_one() -> None:
    periods = [{"startPeriod": at, "limit": limit} for at, limit in ((0, 10), (50, 10.0), (60, 7.5))]
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    assert schedule_text(schedule) == "0 s: 10 A, 60 s: 7.5 A" == compact("0 s: 10 A, 1 minute: 7.5 A")
    assert schedule_text(None) == "no limit" == compact("no limit")


def test_fields_of_a_command_get_the_types_of_its_schema() -> None:
    fields = {"idTag": "123", "connectorId": "1"}
    assert typed("RemoteStartTransaction", fields) == {"idTag": "123", "connectorId": 1}
    assert typed("GetConfiguration", {"key": '["A"]'}) == {"key": ["A"]}
    assert typed("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})["value"] == "60"


def test_fields_of_an_answer_get_the_types_of_its_schema_or_those_that_they_look_like() -> None:
    fields = {"idTagInfo": '{"status": "Blocked"}', "transactionId": "7"}
    found = {"idTagInfo": {"status": "Blocked"}, "transactionId": 7}
    assert typed("StartTransaction", fields, kind="confirmation") == found
    with pytest.raises(ScenarioError, match="no field of the answer to StartTransaction 'idTag'"):
        typed("StartTransaction", {"idTag": "1"}, kind="confirmation")
    assert typed("Nonsense", {"a": "5", "b": "x", "c": "NaN"}, is_checked=False) == {"a": 5, "b": "x", "c": "NaN"}


@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("RemoteStart", {}, "Did you mean 'RemoteSt"),
        ("RemoteStartTransaction", {"idtag": "1"}, "Did you mean 'idTag'"),
        ("RemoteStartTransaction", {"connectorId": "one"}, "connectorId of RemoteStartTransaction is integer in JSON"),
    ],
)
def test_a_command_that_cannot_be_is_refused(action: str, fields: dict[str, str], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        typed(action, fields)
