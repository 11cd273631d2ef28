"""Each rule of smart charging once, with the examples of the specification, the compliance tests and the manuals."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.profiles.engine import LONGEST_FORECAST_S, ProfileEngine, ProfileKeys
from emulators.kit.ocpp.profiles.profile import (
    ChargingProfile,
    ChargingSchedule,
    ClearRequest,
    Kind,
    Period,
    Purpose,
    RateUnit,
    Recurrency,
    SetRequest,
)
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.wire.payload import PayloadError, Violation
from emulators.kit.ocpp.wire.timestamps import parse_utc
from emulators.kit.phases import PerPhase

NOW = parse_utc("2024-01-31T12:00:00Z")  # a Wednesday
ROOMY = ProfileKeys(max_stack_level=20, rate_units=frozenset(RateUnit), max_periods=500, max_installed=100)
#: As printed in the smart charging guide, 7.2.
ALFEN = ProfileKeys.from_texts(
    {
        "ChargeProfileMaxStackLevel": "15",
        "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargingScheduleMaxPeriods": "100",
        "MaxChargingProfilesInstalled": "45",
        "OCPPStackVersion": "4.7.0",
    }
)
HOUR_S, DAY_S = 3600, 86_400


def after(seconds: float) -> int:
    return NOW + round(seconds * NS_PER_S)


def station(connectors: int = 1, keys: ProfileKeys = ROOMY, *, running: bool = True, **more: Any) -> ProfileEngine:
    """Return a station; with transactions 71, 72, ... on its connectors since now."""
    engine = ProfileEngine(connectors=connectors, keys=keys, supply=more.pop("supply", StationSupply()), **more)
    for connector in range(1, connectors + 1 if running else 1):
        engine.begin_transaction(connector, NOW, 70 + connector)
    return engine


class Ids:
    """The next free profile id."""

    last = 0

    @classmethod
    def next(cls) -> int:
        cls.last += 1
        return cls.last


def profile(purpose: Purpose, *periods: tuple[int, float], **more: Any) -> ChargingProfile:
    """Return a profile of kind Absolute since now; periods are seconds and limit."""
    unit = more.pop("unit", RateUnit.A)
    phases = more.pop("phases", None)
    schedule = ChargingSchedule(
        unit=unit,
        periods=tuple(Period(start, limit, phases) for start, limit in periods),
        duration_s=more.pop("duration_s", None),
        start_utc_ns=more.pop("start", NOW),
    )
    more.setdefault("kind", Kind.ABSOLUTE)
    more.setdefault("stack_level", 0)
    more.setdefault("profile_id", Ids.next())
    return ChargingProfile(purpose=purpose, schedule=schedule, **more)


def put(engine: ProfileEngine, connector: int, purpose: Purpose, *periods: tuple[int, float], **more: Any) -> None:
    verdict = engine.install(SetRequest(connector, profile(purpose, *periods, **more)))
    assert verdict.accepted, verdict.reason


def refused(engine: ProfileEngine, connector: int, purpose: Purpose, *periods: tuple[int, float], **more: Any) -> str:
    before = engine.installed
    verdict = engine.install(SetRequest(connector, profile(purpose, *(periods or ((0, 10),)), **more)))
    assert verdict.status == "Rejected"
    assert engine.installed == before
    return verdict.reason


def steps(engine: ProfileEngine, duration_s: int, connector: int = 1, start: int = NOW) -> str:
    """Return a composite in the notation of the worked examples: seconds:amperes, - for no limit."""
    return " ".join(
        f"{(one.start_utc_ns - start) / NS_PER_S:g}:{'-' if one.limit is None else f'{one.limit.current_a:g}'}"
        for one in engine.composite(connector, start, duration_s)
    )


def amps(engine: ProfileEngine, at_s: float, connector: int = 1) -> float | None:
    limit = engine.limit(connector, after(at_s))
    return None if limit is None else limit.current_a


MAX, DEFAULT, TX = Purpose.CHARGE_POINT_MAX, Purpose.TX_DEFAULT, Purpose.TX


# --- worked examples


def test_compliance_case_066_three_purposes() -> None:
    engine = station()
    put(engine, 0, MAX, (0, 10), duration_s=86_400)
    put(engine, 1, DEFAULT, (0, 6), (60, 10), (120, 8), (180, 25), (260, 8), duration_s=300)
    put(engine, 1, TX, (0, 8), (50, 11), (140, 16), (200, 6), (240, 12), duration_s=260, transaction_id=71)
    assert steps(engine, 400) == "0:8 50:10 200:6 240:10 260:8 300:10"


def test_compliance_case_072_stacking() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6), (50, 5), (100, 8), (200, 10), duration_s=400)
    put(engine, 1, DEFAULT, (0, 7), (100, 9), duration_s=150, stack_level=1)
    assert steps(engine, 350) == "0:7 100:9 150:8 200:10"


@pytest.mark.parametrize("unit", RateUnit)
def test_compliance_case_056_a_default_is_read_back_also_without_a_transaction(unit: RateUnit) -> None:
    engine = station(running=False)
    factor = 1 if unit is RateUnit.A else 1000
    periods = ((0, 6 * factor), (60, 10 * factor), (120, 8 * factor))
    put(engine, 1, DEFAULT, *periods, duration_s=300, unit=unit)
    schedule = engine.composite_schedule(1, NOW, 300, unit, 63)
    assert schedule == ChargingSchedule(
        unit=unit, duration_s=300, periods=tuple(Period(start, limit, 3) for start, limit in periods)
    )


def test_compliance_case_082_a_default_takes_hold_of_a_running_transaction() -> None:
    engine = station()
    assert amps(engine, 30) is None
    put(engine, 1, DEFAULT, (0, 6))
    assert amps(engine, 30) == 6
    engine.clear(ClearRequest())
    assert amps(engine, 30) is None


def test_the_specification_s_calendar_of_weekdays_nights_and_a_holiday() -> None:
    """3.13.2: full current on weekdays from 23:00 to 06:00 and at weekends; a holiday is an exception on top."""
    engine = station(start := 1)
    monday = parse_utc("2024-01-01T00:00:00Z")
    week: list[tuple[int, float]] = [(0, 32)]
    for day in range(5):
        week += [(day * DAY_S + 6 * HOUR_S, 10), (day * DAY_S + 23 * HOUR_S, 32)]
    put(
        engine, 0, DEFAULT, *week, kind=Kind.RECURRING, recurrency=Recurrency.WEEKLY, start=monday, duration_s=7 * DAY_S
    )
    holiday = parse_utc("2024-03-29T00:00:00Z")  # a Friday
    put(engine, 0, DEFAULT, (0, 32), start=holiday, duration_s=DAY_S, stack_level=1)

    def at(text: str) -> float | None:
        limit = engine.limit(start, parse_utc(text))
        return limit and limit.current_a

    assert at("2024-03-27T22:59:59.999999999Z") == 10
    assert at("2024-03-27T23:00:00Z") == 32
    assert at("2024-03-28T06:00:00Z") == 10
    assert at("2024-03-29T12:00:00Z") == 32  # the holiday
    assert at("2024-03-31T12:00:00Z") == 32  # Sunday
    assert at("2024-04-01T12:00:00Z") == 10
    assert at("2023-12-31T12:00:00Z") is None  # before the first Monday
    assert engine.next_change_after(parse_utc("2024-03-29T23:00:00Z")) == parse_utc("2024-04-01T06:00:00Z")


def test_alfen_blocks_of_current() -> None:
    """ALF-OCPP-014, ALF-M3-029: blocks one after the other; 0 A is a limit too."""
    engine = station(keys=ALFEN)
    put(engine, 1, TX, (0, 16), (60, 10), (120, 6), (180, 0), (240, 16), transaction_id=71)
    assert steps(engine, 300) == "0:16 60:10 120:6 180:0 240:16"
    assert [amps(engine, at) for at in (0, 59.999999999, 60, 239, 240, 10_000)] == [16, 16, 10, 0, 16, 16]


def test_webasto_a_limit_in_watts() -> None:
    """WEB-OCPP-004: 5000 W on three phases of 230 V."""
    engine = station()
    put(engine, 1, TX, (0, 5000), unit=RateUnit.W, transaction_id=71)
    assert amps(engine, 1) == pytest.approx(7.246, abs=0.001)
    assert engine.composite_schedule(1, NOW, 60, RateUnit.W, 32).periods == (Period(0, 5000, 3),)
    assert engine.composite_schedule(1, NOW, 60, RateUnit.A, 32).periods == (Period(0, 7.2, 3),)  # down


# --- purposes


def test_a_tx_profile_needs_its_transaction() -> None:
    engine = station(2, running=False)
    engine.begin_transaction(2, NOW, 72)
    assert refused(engine, 1, TX) == "No transaction runs on connector 1."  # TC_058_1
    assert refused(engine, 2, TX, transaction_id=71) == "Transaction 71 does not run on connector 2."  # TC_058_2
    assert refused(engine, 0, TX, transaction_id=72) == "A TxProfile belongs to one connector, not to 0."
    put(engine, 2, TX, (0, 10), transaction_id=72)
    put(engine, 2, TX, (0, 9), stack_level=1)  # without an id: of the one that runs
    assert amps(engine, 1, connector=2) == 9
    assert amps(engine, 1, connector=1) is None


def test_a_station_may_want_the_id_of_the_transaction() -> None:
    engine = station(transaction_id_needed=True)
    assert refused(engine, 1, TX) == "A TxProfile has to name its transaction."
    put(engine, 1, TX, (0, 10), transaction_id=71)


def test_the_end_of_a_transaction_drops_its_profiles_only() -> None:
    engine = station(2)
    for connector in (1, 2):
        put(engine, connector, TX, (0, 8))
        put(engine, connector, DEFAULT, (0, 16))
    engine.end_transaction(1)
    assert [(one.connector, one.profile.purpose) for one in engine.installed] == [(1, DEFAULT), (2, TX), (2, DEFAULT)]
    engine.begin_transaction(1, after(100), 73)
    assert [amps(engine, 101, connector) for connector in (1, 2)] == [16, 8]


def test_the_id_of_a_transaction_begun_offline_arrives_later() -> None:
    engine = station(running=False)
    engine.begin_transaction(1, NOW)
    put(engine, 1, TX, (0, 10), (60, 6), kind=Kind.RELATIVE, start=None)
    assert "does not run" in refused(engine, 1, TX, transaction_id=71)
    engine.name_transaction(1, 71)
    put(engine, 1, TX, (0, 20), (50, 16), kind=Kind.RELATIVE, start=None, transaction_id=71, stack_level=1)
    assert steps(engine, 100) == "0:20 50:16"


def test_the_charge_point_s_profile_belongs_to_connector_0() -> None:
    engine = station()
    assert "belongs to connector 0, not to 1" in refused(engine, 1, MAX)
    assert "no transaction" in refused(engine, 0, MAX, kind=Kind.RELATIVE, start=None)
    assert "no transaction" in refused(engine, 0, MAX, start=None)
    assert "Only a TxProfile names a transaction" in refused(engine, 0, MAX, transaction_id=71)
    assert "Only a TxProfile names a transaction" in refused(engine, 1, DEFAULT, transaction_id=71)


@pytest.mark.parametrize("connector", [-1, 3])
def test_an_unknown_connector_is_a_property_constraint(connector: int) -> None:
    engine = station(2)
    with pytest.raises(PayloadError, match=f"connectorId: {connector} is not here. Allowed: 0 to 2.") as caught:
        engine.install(SetRequest(connector, profile(DEFAULT, (0, 10))))
    assert caught.value.violation is Violation.PROPERTY
    with pytest.raises(PayloadError):
        engine.composite_schedule(connector, NOW, 60, RateUnit.A, 32)


def test_a_default_of_a_connector_takes_the_place_of_that_of_all() -> None:
    engine = station(2)
    put(engine, 0, DEFAULT, (0, 16), stack_level=5)
    put(engine, 1, DEFAULT, (0, 8), stack_level=0, duration_s=60)
    assert steps(engine, 100, connector=1) == "0:8 60:16"  # levels of the two do not compete
    assert steps(engine, 100, connector=2) == "0:16"


def test_the_station_s_limit_is_told_apart_and_shared_by_all() -> None:
    engine = station(2)
    put(engine, 0, MAX, (0, 32))
    put(engine, 0, DEFAULT, (0, 10))
    limits = [engine.charge_point_limit(NOW), engine.transaction_limit(1, NOW), engine.limit(1, NOW)]
    assert [limit and limit.current_a for limit in limits] == [32, 10, 10]
    assert steps(engine, 60, connector=0) == "0:20"  # both connectors together
    put(engine, 0, MAX, (0, 15))
    assert steps(engine, 60, connector=0) == "0:15"
    engine.clear(ClearRequest(purpose=DEFAULT))
    assert steps(engine, 60, connector=0) == "0:15"


def test_a_gap_of_a_tx_profile_falls_to_the_default() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 16))
    put(engine, 1, TX, (0, 20), start=after(10), duration_s=20)
    assert steps(engine, 60) == "0:16 10:20 30:16"


# --- stack levels, validity, kinds


def test_the_highest_level_that_has_something_to_say_leads() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6))
    put(engine, 1, DEFAULT, (0, 20), stack_level=3, valid_from_utc_ns=after(10), valid_to_utc_ns=after(50))
    put(engine, 1, DEFAULT, (0, 13), (5, 14), stack_level=7, start=after(20), duration_s=10)
    assert steps(engine, 60) == "0:6 10:20 20:13 25:14 30:20 50:6"


def test_valid_from_counts_and_valid_to_does_not() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 20), valid_from_utc_ns=after(10), valid_to_utc_ns=after(50))
    assert [amps(engine, at) for at in (9.999999999, 10, 49.999999999, 50)] == [None, 20, 20, None]
    assert engine.next_change_after(NOW) == after(10)
    assert engine.next_change_after(after(10)) == after(50)
    assert engine.next_change_after(after(50)) is None


def test_duration_cuts_periods_off() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6), (10, 8), (20, 10), (30, 12), duration_s=20)
    assert steps(engine, 60) == "0:6 10:8 20:-"


def test_a_daily_schedule_shorter_than_a_day_leaves_the_rest_to_lower_levels() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6))
    daily = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}
    put(engine, 1, DEFAULT, (0, 16), (60, 20), stack_level=1, start=after(-3 * DAY_S - 10), duration_s=100, **daily)
    assert steps(engine, DAY_S + 100) == f"0:16 50:20 90:6 {DAY_S - 10}:16 {DAY_S + 50}:20 {DAY_S + 90}:6"


def test_what_runs_beyond_the_recurrence_is_not_executed() -> None:
    engine = station()
    daily = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}
    put(engine, 1, DEFAULT, (0, 16), (DAY_S + 5, 8), start=NOW, duration_s=2 * DAY_S, **daily)
    assert steps(engine, 3 * DAY_S) == "0:16"
    assert engine.next_change_after(NOW) is None  # begins again each day and says the same


def test_a_recurring_schedule_does_not_act_before_its_start() -> None:
    engine = station()
    daily = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}
    put(engine, 1, DEFAULT, (0, 16), start=after(100), **daily)
    assert steps(engine, 200) == "0:- 100:16"


@pytest.mark.parametrize(
    "more", [{"kind": Kind.RELATIVE, "start": None}, {"kind": Kind.RELATIVE}, {"kind": Kind.ABSOLUTE, "start": None}]
)
def test_a_schedule_without_its_own_start_begins_with_the_transaction(more: dict[str, Any]) -> None:
    engine = station(running=False)
    put(engine, 1, DEFAULT, (0, 10), (60, 6), **more)
    assert steps(engine, 100, start=after(500)) == "0:10 60:6"  # as if one began
    assert engine.next_change_after(after(500)) is None
    engine.begin_transaction(1, after(470.25), 71)
    assert steps(engine, 100, start=after(500)) == "0:10 30.25:6"
    assert engine.next_change_after(after(500)) == after(530.25)


def test_a_schedule_in_whole_seconds_shows_the_lower_of_a_second_with_two_limits() -> None:
    engine = station(running=False)
    engine.begin_transaction(1, after(-0.75), 71)
    put(engine, 1, TX, (0, 10), (5, 6), (10, 16), kind=Kind.RELATIVE, start=None)
    assert steps(engine, 20) == "0:10 4.25:6 9.25:16"
    schedule = engine.composite_schedule(1, NOW, 20, RateUnit.A, 32)
    assert [(one.start_s, one.limit) for one in schedule.periods] == [(0, 10), (4, 6), (10, 16)]
    assert schedule.start_utc_ns is None


def test_changes_within_one_second_are_one_second_of_the_schedule() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 12))
    for level, (begin, end, limit) in enumerate([(4.1, 4.3, 9), (4.5, 4.6, 7), (4.9, 5.2, 10)], start=1):
        put(
            engine,
            1,
            DEFAULT,
            (0, limit),
            stack_level=level,
            valid_from_utc_ns=after(begin),
            valid_to_utc_ns=after(end),
        )
    schedule = engine.composite_schedule(1, NOW, 20, RateUnit.A, 32)
    assert [(one.start_s, one.limit) for one in schedule.periods] == [(0, 12), (4, 7), (5, 10), (6, 12)]


# --- rates


def test_watts_are_shared_by_the_phases_of_the_period() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6900), unit=RateUnit.W)
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase.all(10)
    put(engine, 1, DEFAULT, (0, 3680), unit=RateUnit.W, phases=1)
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase(16, 0, 0)
    assert limit.number_phases == 1


def test_a_single_phase_station_keeps_the_current_of_a_phase() -> None:
    """Erratum 3.69: more phases than there are change nothing about the current."""
    engine = station(supply=StationSupply(phases=1))
    put(engine, 1, DEFAULT, (0, 13))
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase(13, 0, 0)
    put(engine, 1, DEFAULT, (0, 6900), unit=RateUnit.W)  # 3 phases are meant where nothing is said
    assert engine.composite_schedule(1, NOW, 9, RateUnit.A, 32).periods == (Period(0, 10, 1),)
    assert engine.composite_schedule(1, NOW, 9, RateUnit.W, 32).periods == (Period(0, 2300, 1),)


def test_a_station_that_cannot_switch_feeds_every_phase_whatever_a_period_says() -> None:
    engine = station(supply=StationSupply(switches=False))
    put(engine, 1, DEFAULT, (0, 16), phases=1)
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase.all(16)
    assert engine.composite_schedule(1, NOW, 9, RateUnit.A, 32).periods == (Period(0, 16, 3),)
    put(engine, 1, DEFAULT, (0, 6900), unit=RateUnit.W, phases=1)  # never more power than it was told
    assert engine.composite_schedule(1, NOW, 9, RateUnit.A, 32).periods == (Period(0, 10, 3),)
    single = station(supply=StationSupply(phases=1, switches=False))
    put(single, 1, DEFAULT, (0, 6900), unit=RateUnit.W)
    assert single.composite_schedule(1, NOW, 9, RateUnit.A, 32).periods == (Period(0, 10, 1),)


def test_voltages_are_the_caller_s() -> None:
    engine = station(supply=StationSupply(voltage_v=PerPhase(120, 120, 110)))
    put(engine, 1, DEFAULT, (0, 3500), unit=RateUnit.W)
    assert amps(engine, 0) == 10
    put(engine, 1, DEFAULT, (0, 2400), unit=RateUnit.W, phases=2)
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase(10, 10, 0)


def test_amperes_and_watts_meet_in_amperes_and_in_phases() -> None:
    engine = station()
    put(engine, 0, MAX, (0, 3450), unit=RateUnit.W, phases=1)  # 15 A on one phase
    put(engine, 1, DEFAULT, (0, 12))
    assert (limit := engine.limit(1, NOW)) and limit.per_phase_a == PerPhase(12, 0, 0)
    assert engine.composite_schedule(1, NOW, 9, RateUnit.W, 32).periods == (Period(0, 2760, 1),)


def test_what_the_station_can_do_stands_where_nothing_limits() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 40), (10, 8), duration_s=20)
    schedule = engine.composite_schedule(1, NOW, 30, RateUnit.A, 31.5)
    assert [(one.start_s, one.limit) for one in schedule.periods] == [(0, 31.5), (10, 8), (20, 31.5)]


# --- replacing, clearing, limits of the station


def test_the_same_level_of_purpose_and_connector_is_replaced() -> None:
    engine = station(2)
    put(engine, 1, DEFAULT, (0, 6), profile_id=501)
    put(engine, 2, DEFAULT, (0, 7), profile_id=502)
    put(engine, 1, DEFAULT, (0, 8), profile_id=503)
    put(engine, 1, DEFAULT, (0, 9), profile_id=504, stack_level=1)
    put(engine, 1, TX, (0, 10), profile_id=505)
    assert [one.profile.profile_id for one in engine.installed] == [502, 503, 504, 505]


def test_the_same_id_is_replaced_wherever_it_is() -> None:
    engine = station(2)
    put(engine, 1, DEFAULT, (0, 6), profile_id=501)
    put(engine, 2, DEFAULT, (0, 7), profile_id=502)
    put(engine, 2, DEFAULT, (0, 8), profile_id=501)  # takes both places
    assert [(one.connector, one.profile.profile_id) for one in engine.installed] == [(2, 501)]


def test_a_replacement_that_acts_later_removes_at_once() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6))
    put(engine, 1, DEFAULT, (0, 8), valid_from_utc_ns=after(60))
    assert steps(engine, 100) == "0:- 60:8"


def test_a_refused_profile_replaces_nothing() -> None:
    engine = station()
    put(engine, 1, DEFAULT, (0, 6), profile_id=501)
    refused(engine, 1, MAX, (0, 9), profile_id=501)
    assert amps(engine, 0) == 6


@pytest.mark.parametrize(
    ("request_", "gone"),
    [
        (ClearRequest(), {1, 2, 3, 4, 5}),
        (ClearRequest(profile_id=2), {2}),
        (ClearRequest(profile_id=2, connector=0, purpose=TX, stack_level=9), {2}),  # an id alone decides
        (ClearRequest(profile_id=9), set()),
        (ClearRequest(connector=0), {1, 2}),  # what is set on connector 0, not everything
        (ClearRequest(connector=1), {3, 4}),
        (ClearRequest(purpose=DEFAULT), {2, 3, 5}),
        (ClearRequest(stack_level=1), {3, 4}),
        (ClearRequest(purpose=DEFAULT, stack_level=1), {3}),
        (ClearRequest(connector=2, stack_level=1), set()),
        (ClearRequest(connector=1, purpose=TX, stack_level=1), {4}),
        (ClearRequest(connector=7), set()),
    ],
)
def test_clearing(request_: ClearRequest, gone: set[int]) -> None:
    engine = station(2)
    put(engine, 0, MAX, (0, 32), profile_id=1)
    put(engine, 0, DEFAULT, (0, 16), profile_id=2)
    put(engine, 1, DEFAULT, (0, 10), profile_id=3, stack_level=1)
    put(engine, 1, TX, (0, 8), profile_id=4, stack_level=1)
    put(engine, 2, DEFAULT, (0, 9), profile_id=5)
    assert engine.clear(request_) == bool(gone)
    assert {one.profile.profile_id for one in engine.installed} == {1, 2, 3, 4, 5} - gone
    if not gone:
        assert not engine.clear(request_)


def test_alfen_levels_periods_and_units() -> None:
    """ALF-OCPP-007 to -009, -013."""
    engine = station(keys=ALFEN)
    put(engine, 1, DEFAULT, (0, 10), stack_level=14)
    put(engine, 1, DEFAULT, (0, 10), stack_level=15)
    assert refused(engine, 1, DEFAULT, stack_level=16) == "Stack level 16 is above 15 (ChargeProfileMaxStackLevel)."
    put(engine, 1, DEFAULT, *((second, 6 + second % 2) for second in range(100)))
    reason = refused(engine, 1, DEFAULT, *((second, 10) for second in range(101)))
    assert reason == "101 periods are more than 100 (ChargingScheduleMaxPeriods)."
    reason = refused(engine, 1, DEFAULT, (0, 2300), unit=RateUnit.W)
    assert reason == "Unit W is not taken (ChargingScheduleAllowedChargingRateUnit)."


def test_alfen_45_profiles() -> None:
    """ALF-OCPP-010, -012: all purposes at each level, of which 45 are taken; a place that is taken can be replaced."""
    engine = station(keys=ALFEN)
    places = [
        (connector, purpose, level) for level in range(16) for connector, purpose in ((0, MAX), (1, DEFAULT), (1, TX))
    ]
    for connector, purpose, level in places[:45]:
        put(engine, connector, purpose, (0, 10), stack_level=level)
    connector, purpose, level = places[45]
    reason = refused(engine, connector, purpose, stack_level=level)
    assert reason == "45 profiles are installed (MaxChargingProfilesInstalled)."
    put(engine, 0, MAX, (0, 9), stack_level=14)
    assert engine.clear(ClearRequest(connector=0, stack_level=0))
    put(engine, connector, purpose, (0, 10), stack_level=level)


def test_keys_of_a_device_are_read() -> None:
    assert (ALFEN.max_stack_level, ALFEN.max_periods, ALFEN.max_installed) == (15, 100, 45)
    assert ALFEN.rate_units == {RateUnit.A}
    both = {
        "ChargeProfileMaxStackLevel": "8",
        "ChargingScheduleAllowedChargingRateUnit": "Current, Power",
        "ChargingScheduleMaxPeriods": "24",
        "MaxChargingProfilesInstalled": "10",
    }
    assert ProfileKeys.from_texts(both).rate_units == set(RateUnit)
    with pytest.raises(KeyError, match="Amps"):
        ProfileKeys.from_texts(both | {"ChargingScheduleAllowedChargingRateUnit": "Amps"})


# --- remote start


def test_a_remote_start_brings_a_tx_profile_without_a_transaction() -> None:
    """TC_059, TC_060; erratum 3.42: a later profile of the same level replaces it."""
    engine = station(running=False, keys=ALFEN)
    good = profile(TX, (0, 8), (60, 6), kind=Kind.RELATIVE, start=None)
    assert engine.fits_remote_start(good).status == "Accepted"
    assert engine.begin_transaction(1, after(5), profile=good).accepted
    assert steps(engine, 100, start=after(5)) == "0:8 60:6"
    engine.name_transaction(1, 71)
    put(engine, 1, TX, (0, 12), transaction_id=71)
    assert steps(engine, 100, start=after(5)) == "0:12"
    assert "takes a TxProfile" in engine.fits_remote_start(profile(DEFAULT, (0, 8))).reason
    assert "cannot name" in engine.fits_remote_start(profile(TX, (0, 8), transaction_id=5)).reason
    assert "above 15" in engine.fits_remote_start(profile(TX, (0, 8), stack_level=16)).reason


def test_transactions_begin_where_none_runs() -> None:
    engine = station()
    for connector in (0, 1, 2):
        with pytest.raises(ValueError, match=f"no transaction can begin on connector {connector}"):
            engine.begin_transaction(connector, NOW, 5)


# --- long intervals


def test_more_periods_than_there_may_be_are_left_out_and_the_duration_says_so() -> None:
    engine = station(keys=ALFEN)
    daily = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}
    put(engine, 1, DEFAULT, *((60 * number, 6 + number % 2) for number in range(60)), **daily)
    schedule = engine.composite_schedule(1, NOW, 7 * DAY_S, RateUnit.A, 32)
    assert len(schedule.periods) == 100
    assert schedule.duration_s == DAY_S + 40 * 60


def test_a_forecast_has_an_end() -> None:
    engine = station()
    schedule = engine.composite_schedule(1, NOW, 2**31 - 1, RateUnit.A, 32)
    assert (schedule.duration_s, len(schedule.periods)) == (LONGEST_FORECAST_S, 1)


def test_a_composite_has_a_duration() -> None:
    with pytest.raises(PayloadError, match="duration: 0 leaves no time"):
        station().composite_schedule(1, NOW, 0, RateUnit.A, 32)


# --- over a restart


def test_what_is_kept_over_a_restart() -> None:
    engine = station(2)
    put(engine, 0, MAX, (0, 32), valid_to_utc_ns=after(1000))
    put(engine, 1, DEFAULT, (0, 9.7), phases=1)
    put(engine, 1, TX, (0, 6))
    kept = engine.as_json()
    again = station(2, running=False)
    again.restore(kept)
    assert again.installed == engine.installed[:2]
    assert again.as_json() == kept
    again.restore({"profiles": []})
    assert again.as_json() == kept


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ([], "payload: an array has the wrong type. Allowed: an object."),
        ({}, "profiles: is missing."),
        ({"profiles": [{"connectorId": 1}]}, r"profiles\[0\].csChargingProfiles: is missing."),
        (
            {"profiles": [SetRequest(1, profile(TX, (0, 6))).as_payload()]},
            r"profiles\[0\]: No transaction runs on connector 1.",
        ),
    ],
)
def test_a_wrong_file_of_profiles_is_named(kept: object, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        station(running=False).restore(kept)
