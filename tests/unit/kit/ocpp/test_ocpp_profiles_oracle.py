"""The charging-profile engine against a slow oracle that goes from tick to tick and reads like the specification.

One example is a station's history (profiles set and cleared, transactions begun and ended) decoded from bytes: one draw
for hypothesis, quick to make and to shrink. A tick is half a second, so moments within a second are seen too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.profiles.engine import ProfileEngine, ProfileKeys
from emulators.kit.ocpp.profiles.profile import ClearRequest, RateUnit, SetRequest
from emulators.kit.ocpp.profiles.rates import Limit, StationSupply
from emulators.kit.ocpp.wire.timestamps import format_utc, parse_utc
from emulators.kit.phases import PerPhase

TICK_NS = NS_PER_S // 2
BASE_NS = parse_utc("2024-02-29T12:00:00Z")
WINDOW_S = 12
TICKS = 2 * WINDOW_S
DAY_TICKS = 2 * 24 * 3600
MAXIMUM_A = 32.0
CONNECTORS = (1, 2)
KEYS = ProfileKeys(max_stack_level=2, rate_units=frozenset(RateUnit), max_periods=500, max_installed=6)
Amps = tuple[Fraction, ...]
Said = dict[str, Any]


def utc_ns(tick: int) -> int:
    return BASE_NS + tick * TICK_NS


# --- what is generated


class Source:
    """Choices out of bytes; all zeros is the simplest history."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, number: int) -> int:
        return next(self._data, 0) % number

    def maybe(self, make: Callable[[], Any]) -> Any:
        return make() if self.below(2) else None

    def tick(self) -> int:
        return self.below(TICKS + 24) - 12

    def of(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]

    def profile(self) -> Said:
        """Return a profile in ticks that a station may take, or now and then one that it refuses."""
        purpose = self.of(("TxDefaultProfile", "TxProfile", "ChargePointMaxProfile", "TxDefaultProfile"))
        connector = {"TxDefaultProfile": self.below(3), "TxProfile": 1 + self.below(2)}.get(purpose, 0)
        kind = self.of(("Absolute", "Recurring", "Relative"))
        if purpose == "ChargePointMaxProfile" and kind == "Relative":
            kind = "Absolute"
        every = self.of((1, 7)) * DAY_TICKS if kind == "Recurring" else None
        start = self.below(TICKS + 16) - 16 - self.below(3) * (every or 0)
        has_start = kind == "Recurring" or purpose == "ChargePointMaxProfile" or self.below(4) > 0
        unit = self.of("AW")
        starts = [0]
        for _ in range(self.below(4)):
            starts.append(starts[-1] + 1 + self.below(5))
        durations = [None, 1 + self.below(14)]
        if every and self.below(2):  # near the recurrence's end, and beyond it
            starts.append(every // 2 - 6 + self.below(12))
            durations.append(every // 2 - 6 + self.below(12))
        rates = (0, 6, 8.5, 16, 31.9) if unit == "A" else (0, 1380, 4140.5, 7000, 22080)
        valid_from = self.tick() - 16 if self.below(3) == 1 else None
        valid_to = self.tick() if self.below(3) == 1 else None
        if valid_from is not None and valid_to is not None:
            valid_to = max(valid_to, valid_from + 1)
        said = {
            "connector": connector,
            "id": self.below(16),
            "level": self.below(3),
            "purpose": purpose,
            "kind": kind,
            "every": every,
            "start": start if has_start else None,
            "duration_s": self.of(durations),
            "unit": unit,
            "periods": [(at, self.of(rates), self.of((None, 1, 2, 3))) for at in starts],
            "valid_from": valid_from,
            "valid_to": valid_to,
            "transaction": self.of((None, 10 + connector)) if purpose == "TxProfile" else None,
        }
        wrong = self.of(
            ({"level": 3}, {"transaction": 12}, {"connector": 0}, {"connector": 1}, {"purpose": "TxProfile"})
        )
        return said | (wrong if self.below(12) == 11 else {})


def payload_of(said: Said) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "chargingRateUnit": said["unit"],
        "chargingSchedulePeriod": [
            {"startPeriod": at, "limit": limit} | ({} if phases is None else {"numberPhases": phases})
            for at, limit, phases in said["periods"]
        ],
    }
    profile: dict[str, Any] = {
        "chargingProfileId": said["id"],
        "stackLevel": said["level"],
        "chargingProfilePurpose": said["purpose"],
        "chargingProfileKind": said["kind"],
        "chargingSchedule": schedule,
    }
    if said["duration_s"] is not None:
        schedule["duration"] = said["duration_s"]
    if said["start"] is not None:
        schedule["startSchedule"] = format_utc(utc_ns(said["start"]))
    if said["every"] is not None:
        profile["recurrencyKind"] = "Daily" if said["every"] == DAY_TICKS else "Weekly"
    if said["valid_from"] is not None:
        profile["validFrom"] = format_utc(utc_ns(said["valid_from"]))
    if said["valid_to"] is not None:
        profile["validTo"] = format_utc(utc_ns(said["valid_to"]))
    if said["transaction"] is not None:
        profile["transactionId"] = said["transaction"]
    return {"connectorId": said["connector"], "csChargingProfiles": json.loads(json.dumps(profile))}


# --- the oracle


@cache
def amps(unit: str, rate: float, phases: int, voltage_v: tuple[int, int, int], station_phases: int) -> Amps:
    """Return what a period allows on each phase of a station."""
    exact = Fraction(str(rate))
    current = exact if unit == "A" else exact / sum(voltage_v[:phases])
    return tuple(current if phase < min(phases, station_phases) else Fraction(0) for phase in range(3))


class Oracle:
    """A station as a list of profiles, asked tick by tick."""

    def __init__(self, voltage_v: tuple[int, int, int], phases: int) -> None:
        self.voltage_v, self.phases = voltage_v, phases
        self.profiles: list[Said] = []
        self.running: dict[int, tuple[int, int]] = {}  # connector: first tick, transaction

    def takes(self, said: Said) -> bool:
        """ "TxProfile ... SHALL be ignored/refused unless a transaction runs" and the other refusals, one by one."""
        connector, purpose = said["connector"], said["purpose"]
        if said["level"] > KEYS.max_stack_level:
            return False
        if purpose == "ChargePointMaxProfile" and connector != 0:
            return False
        if purpose == "ChargePointMaxProfile" and (said["kind"] == "Relative" or said["start"] is None):
            return False
        if purpose == "TxProfile":
            if connector not in self.running:
                return False
            if said["transaction"] not in (None, self.running[connector][1]):
                return False
        elif said["transaction"] is not None:
            return False
        return len([one for one in self.profiles if not self.replaced(said, one)]) < KEYS.max_installed

    @staticmethod
    def replaced(new: Said, old: Said) -> bool:
        if new["id"] == old["id"]:
            return True
        return all(new[key] == old[key] for key in ("purpose", "level", "connector"))

    def install(self, said: Said) -> bool:
        if not self.takes(said):
            return False
        self.profiles = [one for one in self.profiles if not self.replaced(said, one)] + [said]
        return True

    def clear(self, criteria: dict[str, Any]) -> bool:
        before = len(self.profiles)
        if "id" in criteria:
            self.profiles = [one for one in self.profiles if one["id"] != criteria["id"]]
        else:
            self.profiles = [one for one in self.profiles if any(one[key] != value for key, value in criteria.items())]
        return len(self.profiles) < before

    def end(self, connector: int) -> None:
        del self.running[connector]
        self.profiles = [one for one in self.profiles if (one["purpose"], one["connector"]) != ("TxProfile", connector)]

    def period(self, said: Said, tick: int, since: int) -> tuple[float, int] | None:
        """Return rate and phases that one profile says at a tick."""
        if said["valid_from"] is not None and tick < said["valid_from"]:
            return None
        if said["valid_to"] is not None and tick >= said["valid_to"]:
            return None
        zero = since if said["kind"] == "Relative" or said["start"] is None else said["start"]
        while said["every"] is not None and zero + said["every"] <= tick:
            zero += said["every"]
        if tick < zero:
            return None
        passed_s = (tick - zero) / 2
        if said["duration_s"] is not None and passed_s >= said["duration_s"]:
            return None
        rate, phases = [(rate, phases) for start, rate, phases in said["periods"] if start <= passed_s][-1]
        return rate, 3 if phases is None else phases

    def leading(self, purpose: str, connector: int, tick: int, since: int) -> Amps | None:
        """Return what the profile with the highest stack level says, of those that say something."""
        best, highest = None, -1
        for said in self.profiles:
            if said["purpose"] == purpose and said["connector"] == connector and said["level"] > highest:
                found = self.period(said, tick, since)
                if found is not None:
                    best, highest = amps(said["unit"], *found, self.voltage_v, self.phases), said["level"]
        return best

    def transaction(self, connector: int, tick: int, begins: int) -> Amps | None:
        since = self.running[connector][0] if connector in self.running else begins
        for purpose, place in (("TxProfile", connector), ("TxDefaultProfile", connector), ("TxDefaultProfile", 0)):
            found = self.leading(purpose, place, tick, since)
            if found is not None:
                return found
        return None

    def station(self, tick: int) -> Amps | None:
        return self.leading("ChargePointMaxProfile", 0, tick, 0)

    def limits(self, tick: int, begins: int) -> list[Amps | None]:
        """Return the lowest of what the purposes allow, for connector 0 (what the others draw together), 1 and 2."""
        each = [self.transaction(one, tick, begins) for one in CONNECTORS]
        together = None if None in each else tuple(map(sum, zip(*each, strict=True)))  # type: ignore[arg-type]
        return [lower(drawn, self.station(tick)) for drawn in (together, *each)]

    def everything(self, tick: int) -> tuple[Amps | None, ...]:
        return (self.station(tick), *(self.transaction(one, tick, tick) for one in CONNECTORS))


def lower(one: Amps | None, other: Amps | None) -> Amps | None:
    if one is None or other is None:
        return one or other
    return tuple(map(min, one, other))


# --- both, side by side


def history(data: bytes) -> tuple[Source, ProfileEngine, Oracle]:
    """Let engine and oracle live through the same history; every answer has to agree."""
    source = Source(data)
    voltage_v: tuple[int, int, int] = source.of(((230, 230, 230), (230, 231, 229)))
    phases = source.of((3, 1))
    oracle = Oracle(voltage_v, phases)
    engine = ProfileEngine(
        connectors=len(CONNECTORS), keys=KEYS, supply=StationSupply(voltage_v=PerPhase(*voltage_v), phases=phases)
    )

    def begin(connector: int) -> None:
        tick = source.tick()
        oracle.running[connector] = tick, 10 + connector
        assert engine.begin_transaction(connector, utc_ns(tick), 10 + connector).accepted

    for connector in CONNECTORS:
        if source.below(4):
            begin(connector)
    for _ in range(1 + source.below(9)):
        match source.below(16):
            case 0:
                criteria = {
                    name: value
                    for name in ("id", "connector", "level", "purpose")
                    if (value := source.maybe(lambda name=name: source.profile()[name])) is not None  # type: ignore[misc]
                }
                request = {
                    {"connector": "connectorId", "level": "stackLevel", "purpose": "chargingProfilePurpose"}.get(
                        name, name
                    ): value
                    for name, value in criteria.items()
                }
                assert engine.clear(ClearRequest.from_payload(request)) == oracle.clear(criteria)
            case 1:
                connector = source.of(CONNECTORS)
                if connector in oracle.running:
                    oracle.end(connector)
                    engine.end_transaction(connector)
                else:
                    begin(connector)
            case _:
                said = source.profile()
                verdict = engine.install(SetRequest.from_payload(payload_of(said)))
                assert verdict.accepted == oracle.install(said), verdict.reason
    return source, engine, oracle


def phases_a(limit: Limit | None) -> Amps | None:
    return None if limit is None else limit.phases_a


def exactly(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )


HISTORIES = st.binary(min_size=200, max_size=200)


@exactly(8_000)
@given(HISTORIES)
def test_composite_is_what_the_specification_says_tick_by_tick(data: bytes) -> None:
    source, engine, oracle = history(data)
    first = source.below(2)
    expected = [oracle.limits(tick, first) for tick in range(first, first + TICKS)]
    for connector in (0, *CONNECTORS):
        pieces = engine.composite(connector, utc_ns(first), WINDOW_S)
        assert all(one.end_utc_ns == following.start_utc_ns for one, following in pairwise(pieces))
        assert all(one.limit != following.limit for one, following in pairwise(pieces))
        assert (pieces[0].start_utc_ns, pieces[-1].end_utc_ns) == (utc_ns(first), utc_ns(first + TICKS))
        said = [phases_a(piece.limit) for piece in pieces for _ in range(piece.start_utc_ns, piece.end_utc_ns, TICK_NS)]
        assert said == [limits[connector] for limits in expected]


@exactly(1_000)
@given(HISTORIES)
def test_the_limit_of_a_moment_is_that_of_the_composite(data: bytes) -> None:
    source, engine, oracle = history(data)
    begins = source.tick()
    for connector in (0, *CONNECTORS):
        for piece in engine.composite(connector, utc_ns(begins), WINDOW_S):
            for moment in (piece.start_utc_ns, piece.end_utc_ns - 1):
                assert engine.limit(connector, moment, utc_ns(begins)) == piece.limit
    for tick in range(0, TICKS, 5):
        assert phases_a(engine.charge_point_limit(utc_ns(tick))) == oracle.station(tick)
        for connector in CONNECTORS:
            assert phases_a(engine.transaction_limit(connector, utc_ns(tick))) == oracle.transaction(
                connector, tick, tick
            )


@exactly(1_000)
@given(HISTORIES)
def test_a_schedule_in_whole_seconds_has_the_lowest_of_each_second(data: bytes) -> None:
    source, engine, oracle = history(data)
    first = source.below(2)
    unit = source.of("AW")
    own = tuple(Fraction(int(MAXIMUM_A)) if phase < oracle.phases else Fraction(0) for phase in range(3))
    for connector in (0, *CONNECTORS):
        schedule = engine.composite_schedule(connector, utc_ns(first), WINDOW_S, RateUnit(unit), MAXIMUM_A)
        assert schedule.duration_s == WINDOW_S
        said = [(period.limit, period.number_phases) for period in schedule.periods]
        assert all(one != next_one for one, next_one in pairwise(said))
        for second in range(WINDOW_S):
            expected = own
            for tick in (first + 2 * second, first + 2 * second + 1):
                expected = lower(expected, oracle.limits(tick, first)[connector]) or own
            exact = (
                max(expected) if unit == "A" else sum(map(Fraction.__mul__, expected, map(Fraction, oracle.voltage_v)))
            )
            acting = [period for period in schedule.periods if period.start_s <= second][-1]
            assert acting.limit == math.floor(exact * 10) / 10


@exactly(1_000)
@given(HISTORIES)
def test_the_next_change_is_the_first_that_is_seen(data: bytes) -> None:
    source, engine, oracle = history(data)
    at = source.tick()
    now = oracle.everything(at)
    seen = next((tick for tick in range(at + 1, at + TICKS) if oracle.everything(tick) != now), None)
    said = engine.next_change_after(utc_ns(at))
    if seen is not None:
        # Fewer phases at 0 A are another limit and the same amperes.
        while said is not None and oracle.everything((said - BASE_NS) // TICK_NS) == now:
            said = engine.next_change_after(said)
        assert said == utc_ns(seen)
    elif said is not None and said < utc_ns(at + TICKS):
        assert oracle.everything((said - BASE_NS) // TICK_NS) == now


@exactly(1_000)
@given(HISTORIES)
def test_profiles_go_through_json_and_a_restart(data: bytes) -> None:
    _, engine, oracle = history(data)
    for one in engine.installed:
        assert SetRequest.from_payload(json.loads(json.dumps(one.as_payload()))) == one
    again = ProfileEngine(connectors=len(CONNECTORS), keys=KEYS, supply=StationSupply())
    again.restore(json.loads(json.dumps(engine.as_json())))
    assert again.installed == tuple(one for one in engine.installed if one.profile.purpose != "TxProfile")
    assert [one.profile.profile_id for one in engine.installed] == [said["id"] for said in oracle.profiles]
