"""Charging profiles as JSON: what is read, what is refused, with which field and which error code."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.ocpp.profiles.engine import ProfileEngine, ProfileKeys
from emulators.kit.ocpp.profiles.profile import (
    ChargingProfile,
    ClearRequest,
    CompositeRequest,
    Kind,
    Period,
    Purpose,
    RateUnit,
    Recurrency,
    SetRequest,
)
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.wire.payload import PayloadError, Violation, shown
from emulators.kit.ocpp.wire.timestamps import format_utc, parse_utc

WEEKLY: dict[str, Any] = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 100,
        "transactionId": 7,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Weekly",
        "validFrom": "2024-01-01T00:00:00Z",
        "validTo": "2025-01-01T00:00:00.5Z",
        "chargingSchedule": {
            "duration": 86400,
            "startSchedule": "2024-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "minChargingRate": 6.5,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 9.7, "numberPhases": 1},
                {"startPeriod": 3600, "limit": 16},
            ],
        },
    },
}
PROFILE = "csChargingProfiles"
SCHEDULE = f"{PROFILE}.chargingSchedule"
PERIOD = f"{SCHEDULE}.chargingSchedulePeriod"
MISSING = object()


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the payload with another value, or nothing, at a path."""
    payload = copy.deepcopy(WEEKLY)
    *outer, last = path.replace("[", ".").replace("]", "").split(".")
    place: Any = payload
    for step in outer:
        place = place[int(step)] if isinstance(place, list) else place[step]
    key = int(last) if isinstance(place, list) else last
    if value is MISSING:
        del place[key]
    else:
        place[key] = value
    return payload


def test_a_profile_is_read_with_all_its_fields() -> None:
    request = SetRequest.from_payload(WEEKLY)
    profile = request.profile
    assert (request.connector, profile.profile_id, profile.transaction_id, profile.stack_level) == (1, 100, 7, 2)
    assert (profile.purpose, profile.kind, profile.recurrency) == (Purpose.TX, Kind.RECURRING, Recurrency.WEEKLY)
    assert profile.valid_to_utc_ns == parse_utc("2025-01-01T00:00:00Z") + 500_000_000
    schedule = profile.schedule
    assert (schedule.unit, schedule.duration_s, schedule.min_charging_rate) == (RateUnit.A, 86400, 6.5)
    assert schedule.periods == (Period(0, 9.7, 1), Period(3600, 16.0))
    assert [period.phases for period in schedule.periods] == [1, 3]  # 3 where nothing is said
    assert json.loads(json.dumps(request.as_payload())) == WEEKLY


def test_what_is_absent_stays_absent() -> None:
    bare = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]},
    }
    assert ChargingProfile.from_payload(bare).as_payload() == bare


WRONG = [
    # path, value, error code, path said, words said
    ("connectorId", MISSING, Violation.OCCURRENCE, "connectorId", "is missing"),
    ("connectorId", "1", Violation.TYPE, "connectorId", "'1' has the wrong type. Allowed: a whole number"),
    ("connectorId", True, Violation.TYPE, "connectorId", "true has the wrong type"),
    ("connectorId", 1.0, Violation.TYPE, "connectorId", "1.0 has the wrong type"),
    (PROFILE, None, Violation.TYPE, PROFILE, "null has the wrong type. Allowed: an object"),
    (PROFILE, [WEEKLY], Violation.TYPE, PROFILE, "an array has the wrong type"),
    (f"{PROFILE}.colour", 1, Violation.FORMATION, PROFILE, "'colour' is no field of it. Allowed: chargingProfileId, "),
    (f"{PROFILE}.chargingProfileId", 2**31, Violation.PROPERTY, f"{PROFILE}.chargingProfileId", "is too large"),
    (f"{PROFILE}.chargingProfileId", 10**999, Violation.PROPERTY, f"{PROFILE}.chargingProfileId", "a number of 3319 b"),
    (f"{PROFILE}.stackLevel", -1, Violation.PROPERTY, f"{PROFILE}.stackLevel", "-1 is negative"),
    (
        f"{PROFILE}.chargingProfilePurpose",
        "MaxProfile",
        Violation.PROPERTY,
        f"{PROFILE}.chargingProfilePurpose",
        "'MaxProfile' is not known. Allowed: ChargePointMaxProfile, TxDefaultProfile, TxProfile.",
    ),
    (f"{PROFILE}.chargingProfileKind", 3, Violation.TYPE, f"{PROFILE}.chargingProfileKind", "3 has the wrong type"),
    (f"{PROFILE}.recurrencyKind", "Monthly", Violation.PROPERTY, f"{PROFILE}.recurrencyKind", "Allowed: Daily, Weekly"),
    (f"{PROFILE}.recurrencyKind", MISSING, Violation.OCCURRENCE, f"{PROFILE}.recurrencyKind", "Recurring needs it"),
    (f"{PROFILE}.validFrom", "yesterday", Violation.TYPE, f"{PROFILE}.validFrom", "'yesterday' is no time"),
    (f"{PROFILE}.validFrom", "2024-01-01T00:00:00", Violation.TYPE, f"{PROFILE}.validFrom", "with a zone"),
    (f"{PROFILE}.validFrom", "2024-02-30T00:00:00Z", Violation.TYPE, f"{PROFILE}.validFrom", "is no time"),
    (f"{PROFILE}.validTo", "2024-01-01T00:00:00Z", Violation.PROPERTY, f"{PROFILE}.validTo", "after validFrom"),
    (f"{SCHEDULE}.startSchedule", MISSING, Violation.OCCURRENCE, f"{SCHEDULE}.startSchedule", "Recurring needs it"),
    (f"{SCHEDULE}.duration", 0, Violation.PROPERTY, f"{SCHEDULE}.duration", "1 or more seconds"),
    (f"{SCHEDULE}.chargingRateUnit", "kW", Violation.PROPERTY, f"{SCHEDULE}.chargingRateUnit", "Allowed: A, W"),
    (f"{SCHEDULE}.minChargingRate", -6, Violation.PROPERTY, f"{SCHEDULE}.minChargingRate", "-6 is out of range"),
    (PERIOD, [], Violation.OCCURRENCE, PERIOD, "Allowed: 1 or more elements"),
    (PERIOD, {}, Violation.TYPE, PERIOD, "Allowed: an array"),
    (f"{PERIOD}[0].startPeriod", 1, Violation.PROPERTY, f"{PERIOD}[0].startPeriod", "0 for the first"),
    (f"{PERIOD}[1].startPeriod", 0, Violation.PROPERTY, f"{PERIOD}[1].startPeriod", "more than 0, the one before"),
    (f"{PERIOD}[1].startPeriod", -1, Violation.PROPERTY, f"{PERIOD}[1].startPeriod", "-1 is negative"),
    (f"{PERIOD}[1].limit", MISSING, Violation.OCCURRENCE, f"{PERIOD}[1].limit", "is missing"),
    (f"{PERIOD}[1].limit", -0.1, Violation.PROPERTY, f"{PERIOD}[1].limit", "-0.1 is out of range"),
    (f"{PERIOD}[1].limit", 8.15, Violation.PROPERTY, f"{PERIOD}[1].limit", "one decimal at most"),
    (f"{PERIOD}[1].limit", float("nan"), Violation.PROPERTY, f"{PERIOD}[1].limit", "nan is out of range"),
    (f"{PERIOD}[1].limit", float("inf"), Violation.PROPERTY, f"{PERIOD}[1].limit", "inf is out of range"),
    (f"{PERIOD}[1].limit", 10**400, Violation.PROPERTY, f"{PERIOD}[1].limit", "a number of 1329 bits is out of range"),
    (f"{PERIOD}[1].numberPhases", 4, Violation.PROPERTY, f"{PERIOD}[1].numberPhases", "Allowed: 1, 2, 3"),
    (f"{PERIOD}[1]", "16 A", Violation.TYPE, f"{PERIOD}[1]", "'16 A' has the wrong type"),
]


@pytest.mark.parametrize(("path", "value", "violation", "field", "words"), WRONG)
def test_a_wrong_field_is_named(path: str, value: object, violation: Violation, field: str, words: str) -> None:
    with pytest.raises(PayloadError) as caught:
        SetRequest.from_payload(changed(path, value))
    assert (caught.value.violation, caught.value.field) == (violation, field)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{field}: ")


def test_no_payload_at_all_is_named_too() -> None:
    with pytest.raises(PayloadError, match="payload: null has the wrong type"):
        SetRequest.from_payload(None)


@pytest.mark.parametrize(("sent", "read"), [(9.700000000000001, 9.7), (0.1 * 97, 9.7), (16, 16.0), (6900.0, 6900.0)])
def test_the_rounding_of_a_sender_does_no_harm(sent: float, read: float) -> None:
    request = SetRequest.from_payload(changed(f"{PERIOD}[0].limit", sent))
    assert request.profile.schedule.periods[0].limit == read


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_a_recurrency_without_a_recurring_schedule_is_kept(kind: str) -> None:
    """Senders do that; it means nothing, and the profile is executed."""
    profile = SetRequest.from_payload(changed(f"{PROFILE}.chargingProfileKind", kind)).profile
    assert profile.as_payload()["recurrencyKind"] == "Weekly"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        ("2024-01-31T13:30:00.250+01:30", "2024-01-31T12:00:00.25Z"),
        ("2024-01-31t12:00:00.000z", "2024-01-31T12:00:00Z"),
        ("2024-01-31T12:00:00.123456789Z", "2024-01-31T12:00:00.123456789Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_times_are_exact(text: str, same: str) -> None:
    assert format_utc(parse_utc(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-31",
        "2024-01-31 12:00:00Z",
        "2024-01-31T24:00:00Z",
        "2024-01-31T12:00:60Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "2024-01-31T12:00:00+25:00",
        "٢٠٢٤-01-31T12:00:00Z",
        "2024-01-31T12:00:00Z\n",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_utc(text)


@given(st.integers(0, 253_402_300_799_999_999_999))
@settings(max_examples=300, derandomize=True)
def test_every_nanosecond_goes_through_text(utc_ns: int) -> None:
    assert parse_utc(format_utc(utc_ns)) == utc_ns


def test_the_other_requests_are_read() -> None:
    assert ClearRequest.from_payload({}) == ClearRequest()
    assert ClearRequest.from_payload(
        {"id": 1, "connectorId": 0, "chargingProfilePurpose": "TxProfile", "stackLevel": 2}
    ) == ClearRequest(profile_id=1, connector=0, purpose=Purpose.TX, stack_level=2)
    assert CompositeRequest.from_payload({"connectorId": 1, "duration": 60}) == CompositeRequest(1, 60)
    with pytest.raises(PayloadError, match=r"chargingRateUnit: 'Power' is not known\. Allowed: A, W\.") as caught:
        CompositeRequest.from_payload({"connectorId": 1, "duration": 60, "chargingRateUnit": "Power"})
    assert caught.value.violation is Violation.PROPERTY  # erratum 3.24
    with pytest.raises(PayloadError, match="duration: 0 leaves no time"):
        CompositeRequest.from_payload({"connectorId": 1, "duration": 0})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=60)
    | st.sampled_from(["TxProfile", "Absolute", "A", "Daily", "2024-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["limit", "startPeriod", "duration", "id", "chargingSchedule", "x"]), inner)
    ),
    max_leaves=6,
)


def paths(value: object, path: str = "") -> list[str]:
    """Return every path into a JSON value."""
    inner: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inner = [(f"{path}.{name}" if path else name, one) for name, one in value.items()]
    elif isinstance(value, list):
        inner = [(f"{path}[{index}]", one) for index, one in enumerate(value)]
    return [path for path, _ in inner] + [deeper for path, one in inner for deeper in paths(one, path)]


READERS: list[Callable[[object], object]] = [
    SetRequest.from_payload,
    ChargingProfile.from_payload,
    ClearRequest.from_payload,
    CompositeRequest.from_payload,
]


@settings(max_examples=1_500, derandomize=True, database=None)
@given(st.sampled_from(paths(WEEKLY)), JSON | st.just(MISSING), JSON)
def test_nothing_but_the_documented_error_comes_out(path: str, value: object, anything: object) -> None:
    """A field of a right payload is replaced or removed, and the whole payload is; what is accepted can be executed."""
    engine = ProfileEngine(
        connectors=1,
        keys=ProfileKeys(max_stack_level=9, rate_units=frozenset(RateUnit), max_periods=9, max_installed=9),
        supply=StationSupply(),
    )
    at = parse_utc("2024-06-01T00:00:00Z")
    engine.begin_transaction(1, at, 7)
    for reader in READERS:
        try:
            reader(anything)
        except PayloadError as error:
            assert error.violation in list(Violation)
    try:
        engine.install(SetRequest.from_payload(changed(path, value)))
        engine.restore(anything)
    except PayloadError as error:
        assert error.message
    engine.next_change_after(at)
    engine.composite_schedule(0, at, 60, RateUnit.W, 32)
    json.dumps([one.as_payload() for one in engine.installed])


def test_a_value_is_shown_without_its_inside() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "an array"
    assert len(shown("x" * 10_000_000)) < 50
