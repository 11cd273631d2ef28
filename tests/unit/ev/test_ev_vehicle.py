"""The vehicle: its state table, its reaction times, its taper, its moods."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.ev.model import (
    TRANSITIONS,
    Battery,
    DrawChanged,
    Event,
    ImpossibleEventError,
    PilotChanged,
    State,
    Vehicle,
    VehicleEvent,
    VehicleTraits,
    WakeRule,
)
from emulators.ev.ramp import Ramp
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, PilotState, offer_of_current

S = 1_000_000_000


def vehicle(**traits: Any) -> Vehicle:
    return Vehicle(VehicleTraits(**traits), random.Random(1))


def charging(offer_a: float = 32.0, **traits: Any) -> Vehicle:
    """Return a vehicle that charges at a steady current; 20 s have passed."""
    car = vehicle(**traits)
    car.plug(0)
    car.offer(0, offer_of_current(offer_a))
    car.advance_to(6 * S)
    car.contactor(6 * S, True)
    car.advance_to(20 * S)
    assert car.state is State.CHARGING
    return car


def pilots(events: list[VehicleEvent]) -> list[tuple[float, PilotState]]:
    return [(event.at_ns / S, event.pilot) for event in events if isinstance(event, PilotChanged)]


# --- table --------------------------------------------------------------------------------------------------------

EXPECTED_MOVES = {
    (State.UNPLUGGED, Event.PLUG): State.IDLE,
    (State.IDLE, Event.START): State.ASKING,
    (State.IDLE, Event.SLEEP): State.ASLEEP,
    (State.IDLE, Event.REFUSE): State.REFUSING,
    (State.ASKING, Event.STOP): State.IDLE,
    (State.ASKING, Event.CLOSE): State.CHARGING,
    (State.CHARGING, Event.STOP): State.STOPPING,
    (State.CHARGING, Event.OPEN): State.ASKING,
    (State.STOPPING, Event.START): State.CHARGING,
    (State.STOPPING, Event.OPEN): State.IDLE,
    (State.STOPPING, Event.STOPPED): State.IDLE,
    (State.ASLEEP, Event.WAKE): State.IDLE,
} | {(state, Event.UNPLUG): State.UNPLUGGED for state in State if state is not State.UNPLUGGED}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)), ids=lambda one: one.name)
def test_every_pair_of_state_and_event_moves_as_listed_or_not_at_all(state: State, event: Event) -> None:
    if (state, event) in EXPECTED_MOVES:
        assert TRANSITIONS[state, event] is EXPECTED_MOVES[state, event]
    elif event in (Event.CLOSE, Event.OPEN):
        assert TRANSITIONS[state, event] is state, "a contactor may do anything at any time"
    else:
        assert TRANSITIONS[state, event] is None


def test_plugging_in_twice_and_unplugging_nothing_are_errors() -> None:
    car = vehicle()
    with pytest.raises(ImpossibleEventError, match="not plugged in"):
        car.unplug(0)
    car.plug(0)
    with pytest.raises(ImpossibleEventError, match="cannot be 'plugged in'"):
        car.plug(1)


def test_time_never_runs_backwards() -> None:
    car = vehicle()
    car.plug(5)
    with pytest.raises(ValueError, match="backwards"):
        car.advance_to(4)


@pytest.mark.parametrize(
    ("traits", "field"),
    [
        ({"phases": 4}, "phases"),
        ({"reaction_s": 5.1}, "reaction_s"),
        ({"max_current_a": 0}, "max_current_a"),
        ({"ramp_up_a_per_s": 0}, "ramp_up_a_per_s"),
        ({"overshoot_pct": -1}, "overshoot_pct"),
    ],
)
def test_wrong_traits_name_the_field(traits: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}:"):
        VehicleTraits(**traits)


# --- pilot and current --------------------------------------------------------------------------------------------


def test_a_session_from_plug_to_unplug() -> None:
    car = vehicle(phases=1, reaction_s=2.0)
    assert pilots(car.plug(0)) == [(0, PilotState.B)]
    assert car.next_deadline_ns() is None, "it stays in B while nothing is offered"
    car.offer(S, offer_of_current(16))
    assert pilots(car.advance_to(10 * S)) == [(3, PilotState.C)]
    assert car.currents_a(10 * S) == PerPhase.zero()
    (draw,) = car.contactor(10 * S, True)
    assert draw == DrawChanged(10 * S, Ramp(10 * S, PerPhase.zero(), 12 * S, PerPhase(16, 0, 0)))
    car.advance_to(11 * S)
    assert car.currents_a(11 * S) == PerPhase(8, 0, 0)
    car.advance_to(20 * S)
    events = car.unplug(20 * S)
    assert pilots(events) == [(20, PilotState.A)]
    assert car.currents_a(20 * S) == PerPhase.zero()
    assert events[-1] == DrawChanged(20 * S, Ramp.steady(20 * S, PerPhase.zero()))


@pytest.mark.parametrize(("phases", "expected"), [(1, (16, 0, 0)), (2, (16, 16, 0)), (3, (16, 16, 16))])
def test_phases_use_the_first_conductors_of_the_socket(phases: int, expected: tuple[float, ...]) -> None:
    assert tuple(charging(16, phases=phases).currents_a(20 * S)) == expected


def test_it_stays_in_b_below_its_minimum_to_start_and_goes_on_below_it() -> None:
    car = vehicle(min_start_a=10, min_hold_a=6)
    car.plug(0)
    car.offer(0, offer_of_current(9))
    car.advance_to(60 * S)
    assert car.pilot is PilotState.B
    car = charging(16, min_start_a=10, min_hold_a=6)
    car.offer(20 * S, offer_of_current(9))
    car.advance_to(60 * S)
    assert car.pilot is PilotState.C
    assert car.currents_a(60 * S).l1 == pytest.approx(9)


def test_below_its_minimum_to_hold_it_ramps_to_zero_and_goes_to_b() -> None:
    car = charging(32, min_start_a=13, min_hold_a=13, reaction_s=2.0, ramp_down_a_per_s=16)
    car.offer(20 * S, offer_of_current(12))
    events = car.advance_to(40 * S)
    assert pilots(events) == [(24, PilotState.B)]
    ramp = events[0]
    assert isinstance(ramp, DrawChanged)
    assert (ramp.at_ns, ramp.draw.until_ns, ramp.draw.to_a) == (22 * S, 24 * S, PerPhase.zero())


@pytest.mark.parametrize("reaction_s", [0, 2, 5])
@pytest.mark.parametrize("rate_a_per_s", [1, 16, math.inf])
def test_a_withdrawn_offer_is_obeyed_within_five_seconds(reaction_s: float, rate_a_per_s: float) -> None:
    car = charging(32, reaction_s=reaction_s, ramp_down_a_per_s=rate_a_per_s)
    car.offer(20 * S, NO_OFFER)
    events = car.advance_to(25 * S)
    assert car.pilot is PilotState.B
    assert car.currents_a(25 * S) == PerPhase.zero()
    assert pilots(events)[0][0] <= 25


@pytest.mark.parametrize(("quantum_a", "expected"), [(0, 9.97), (0.1, 9.9), (1, 9)])
def test_it_follows_an_offer_in_its_steps(quantum_a: float, expected: float) -> None:
    assert charging(9.97, quantum_a=quantum_a).currents_a(20 * S).l1 == pytest.approx(expected)


def test_a_whole_ampere_offer_is_not_rounded_down_by_float_noise() -> None:
    for current_a in range(6, 33):
        assert charging(current_a, quantum_a=1).currents_a(20 * S).l1 == current_a


def test_cable_maximum_and_wish_limit_the_current() -> None:
    assert charging(32, cable_a=20).currents_a(20 * S).l1 == 20
    assert charging(32, max_current_a=16).currents_a(20 * S).l1 == 16
    car = charging(32)
    car.ask_for(20 * S, 4.0)
    car.advance_to(30 * S)
    assert car.currents_a(30 * S).l1 == 4
    car.ask_for(30 * S, None)
    car.advance_to(40 * S)
    assert car.currents_a(40 * S).l1 == 32
    car.ask_for(40 * S, 0)
    assert pilots(car.advance_to(50 * S)) == [(42, PilotState.B)]


def test_an_opened_contactor_cuts_at_once_and_the_vehicle_goes_on_asking() -> None:
    car = charging(16)
    events = car.contactor(20 * S, False)
    assert events == [DrawChanged(20 * S, Ramp.steady(20 * S, PerPhase.zero()))]
    assert car.pilot is PilotState.C
    car.contactor(21 * S, True)
    car.advance_to(30 * S)
    assert car.currents_a(30 * S).l1 == 16


def test_it_pauses_and_resumes_on_its_own() -> None:
    car = charging(16)
    car.pause(20 * S)
    assert pilots(car.advance_to(30 * S)) == [(21, PilotState.B)]
    assert pilots(car.resume(30 * S)) == [(30, PilotState.C)]


def test_a_returning_offer_while_it_stops_lets_it_go_on() -> None:
    car = charging(32, reaction_s=0.5, ramp_down_a_per_s=8)
    car.offer(20 * S, NO_OFFER)
    car.offer(22 * S, offer_of_current(16))
    events = car.advance_to(40 * S)
    assert pilots(events) == []
    assert car.state is State.CHARGING
    assert car.currents_a(40 * S).l1 == 16


def test_changing_offers_faster_than_it_reacts_does_not_starve_the_reaction() -> None:
    car = charging(32, reaction_s=2)
    for step in range(1, 40):
        car.offer(20 * S + step * S // 4, offer_of_current(10 + step % 2 / 10))
    assert car.currents_a(20 * S + 39 * S // 4).l1 <= 10.1


def test_it_ignores_a_new_duty_for_the_time_of_the_fault() -> None:
    car = charging(16, ignores_duty_for_s=6)  # its first duty came at 0 s
    car.offer(20 * S, offer_of_current(6))
    car.advance_to(20 * S + 6 * S - 1)
    assert car.currents_a(26 * S - 1).l1 == 16
    car.advance_to(30 * S)
    assert car.currents_a(30 * S).l1 == 6


def test_overshoot_takes_more_than_offered() -> None:
    assert charging(16, overshoot_pct=25).currents_a(20 * S).l1 == pytest.approx(20)
    assert charging(32, overshoot_pct=10).currents_a(20 * S).l1 == pytest.approx(35.2)


def test_jitter_comes_from_the_handed_in_generator() -> None:
    def asks_at(seed: int) -> float:
        car = Vehicle(VehicleTraits(reaction_jitter_s=1.0), random.Random(seed))
        car.plug(0)
        car.offer(0, offer_of_current(16))
        return pilots(car.advance_to(10 * S))[0][0]

    assert asks_at(1) == asks_at(1) != asks_at(2)
    assert 1 <= asks_at(1) <= 3


# --- long pauses --------------------------------------------------------------------------------------------------


def test_it_refuses_to_resume_until_it_is_plugged_in_again() -> None:
    car = charging(16, refuse_to_resume=True)
    car.offer(20 * S, NO_OFFER)
    car.advance_to(30 * S)
    car.contactor(30 * S, False)
    car.offer(30 * S, offer_of_current(16))
    car.advance_to(1000 * S)
    assert car.state is State.REFUSING
    car.unplug(1000 * S)
    car.plug(1001 * S)
    car.advance_to(1010 * S)
    assert car.pilot is PilotState.C


def test_a_pause_of_its_own_is_no_reason_to_refuse() -> None:
    car = charging(16, refuse_to_resume=True)
    car.pause(20 * S)
    car.advance_to(30 * S)
    car.resume(30 * S)
    assert car.pilot is PilotState.C


@pytest.mark.parametrize(
    ("wake", "after_new_duty", "after_edge"),
    [(WakeRule.NEW_DUTY, True, True), (WakeRule.EDGE, False, True), (WakeRule.UNPLUG, False, False)],
)
def test_a_sleeper_wakes_by_its_rule(wake: WakeRule, after_new_duty: bool, after_edge: bool) -> None:
    def asleep() -> Vehicle:
        car = charging(16, min_start_a=13, min_hold_a=13, sleep_after_pause_s=3600, wake=wake)
        car.offer(20 * S, offer_of_current(7))
        car.advance_to(4000 * S)
        assert (car.state, car.pilot) == (State.ASLEEP, PilotState.B)
        return car

    car = asleep()
    car.offer(4000 * S, offer_of_current(16))
    car.advance_to(4010 * S)
    assert (car.pilot is PilotState.C) is after_new_duty
    car = asleep()
    car.offer(4000 * S, NO_OFFER)
    car.offer(4003 * S, offer_of_current(16))
    car.advance_to(4010 * S)
    assert (car.pilot is PilotState.C) is after_edge
    if not after_edge:
        car.unplug(4010 * S)
        car.plug(4011 * S)
        car.advance_to(4020 * S)
        assert car.pilot is PilotState.C


def test_a_pause_shorter_than_the_sleep_time_is_harmless() -> None:
    car = charging(16, sleep_after_pause_s=90, wake=WakeRule.UNPLUG)
    car.offer(20 * S, NO_OFFER)  # in B from 23 s
    car.offer(23 * S + 89 * S, offer_of_current(16))
    car.advance_to(200 * S)
    assert car.pilot is PilotState.C


# --- battery ------------------------------------------------------------------------------------------------------


def test_taper_takes_exactly_the_energy_that_was_missing() -> None:
    battery = Battery(capacity_kwh=40, soc_pct=50, full_below_a=1.6)
    car = vehicle(max_current_a=16, ramp_up_a_per_s=math.inf, battery=battery, reaction_s=0)
    car.plug(0)
    car.offer(0, offer_of_current(16))
    car.contactor(0, True)
    car.advance_to(24 * 3600 * S)
    full_share = 1 - 0.2 * 1.6 / 16
    assert car.soc_pct(24 * 3600 * S) == pytest.approx(100 * full_share, abs=1e-3)
    assert car.energy_wh(24 * 3600 * S) == pytest.approx(40_000 * (full_share - 0.5), rel=1e-4)
    assert car.pilot is PilotState.B


def test_taper_follows_the_exponential_of_the_two_stage_battery() -> None:
    # 1 - SoC decays with Pmax / (C (1 - k)): plant reference section 2.
    battery = Battery(capacity_kwh=40, soc_pct=80)
    car = vehicle(max_current_a=16, ramp_up_a_per_s=math.inf, battery=battery, reaction_s=0)
    car.plug(0)
    car.offer(0, offer_of_current(16))
    car.contactor(0, True)
    tau_s = 40_000 * 3600 * 0.2 / (16 * 3 * 230)
    for share in (0.25, 0.5, 1.0, 1.5):
        now_ns = round(share * tau_s * S)
        car.advance_to(now_ns)
        assert car.currents_a(now_ns).l1 == pytest.approx(16 * math.exp(-share), rel=1e-3)
        assert 1 - (car.soc_pct(now_ns) or 0) / 100 == pytest.approx(0.2 * math.exp(-share), rel=1e-3)


def test_a_low_offer_delays_the_taper_until_the_ceiling_meets_it() -> None:
    car = vehicle(max_current_a=32, battery=Battery(capacity_kwh=20, soc_pct=79))
    car.plug(0)
    car.offer(0, offer_of_current(8))
    car.contactor(0, True)
    seen = {}
    now_ns = 0
    while (due_ns := car.next_deadline_ns()) is not None:
        now_ns = due_ns
        car.advance_to(now_ns)
        seen[round(car.soc_pct(now_ns) or 0, 3)] = car.currents_a(now_ns).l1
    assert max(seen.values()) == 8
    assert seen[95.0] == pytest.approx(8), "ceiling of 32 A at 80 % is 8 A at 95 %"
    assert all(current < 8 for soc, current in seen.items() if soc > 95.01)


def test_a_full_vehicle_asks_for_nothing() -> None:
    car = vehicle(battery=Battery(capacity_kwh=20, soc_pct=100))
    car.plug(0)
    car.offer(0, offer_of_current(16))
    car.advance_to(100 * S)
    assert car.pilot is PilotState.B


# --- properties ---------------------------------------------------------------------------------------------------

STEP = st.tuples(
    st.integers(0, 8 * S),
    st.one_of(
        st.tuples(st.just("offer"), st.sampled_from([0.0, 6.0, 9.5, 16.0, 32.0])),
        st.tuples(st.just("contactor"), st.booleans()),
        st.tuples(st.just("ask"), st.sampled_from([None, 0.0, 3.0, 10.0])),
        st.tuples(st.just("mood"), st.sampled_from(["pause", "resume"])),
        st.tuples(st.just("plug"), st.none()),
        st.tuples(st.just("wait"), st.none()),
    ),
)
TRAITS = st.builds(
    VehicleTraits,
    phases=st.sampled_from([1, 2, 3]),
    max_current_a=st.sampled_from([10.0, 16.0, 32.0]),
    min_start_a=st.sampled_from([6.0, 8.0]),
    quantum_a=st.sampled_from([0.0, 0.1, 1.0]),
    reaction_s=st.sampled_from([0.0, 0.5, 2.0, 5.0]),
    reaction_jitter_s=st.sampled_from([0.0, 1.0]),
    ramp_up_a_per_s=st.sampled_from([1.0, 8.0, math.inf]),
    ramp_down_a_per_s=st.sampled_from([0.5, 16.0, math.inf]),
    battery=st.sampled_from([None, Battery(capacity_kwh=0.3, soc_pct=75), Battery(capacity_kwh=0.2, soc_pct=90)]),
    refuse_to_resume=st.booleans(),
    sleep_after_pause_s=st.sampled_from([None, 5.0]),
    wake=st.sampled_from(WakeRule),
)


@settings(max_examples=150, deadline=None)
@given(TRAITS, st.lists(STEP, max_size=30))
def test_invariants_hold_on_any_day(traits: VehicleTraits, steps: list[tuple[int, tuple[str, Any]]]) -> None:
    car = Vehicle(traits, random.Random(3))
    now_ns, contactor, ramp, wh, last_ns, pilot = 0, False, Ramp.steady(0, PerPhase.zero()), 0.0, 0, PilotState.A
    offers: list[tuple[int, float]] = [(0, 0.0)]

    def offered_within_5_s(at_ns: int) -> float:
        before = [amps for when_ns, amps in offers if when_ns <= at_ns - 5 * S][-1:]
        return max([amps for when_ns, amps in offers if at_ns - 5 * S < when_ns <= at_ns] + (before or [0.0]))

    def charge_wh(until_ns: int) -> float:
        cuts = sorted({last_ns, until_ns, *(t for t in (ramp.at_ns, ramp.until_ns) if last_ns < t < until_ns)})
        return sum(
            sum(ramp.current_a(a) + ramp.current_a(b)) / 2 * 230 * (b - a) / S / 3600
            for a, b in itertools.pairwise(cuts)
        )

    def take(events: list[VehicleEvent]) -> None:
        nonlocal ramp, wh, last_ns, pilot
        for event in events:
            if isinstance(event, PilotChanged):
                if event.pilot is PilotState.C:
                    assert offered_within_5_s(event.at_ns) >= traits.min_start_a - 1e-6
                pilot = event.pilot
            else:
                wh += charge_wh(event.at_ns)
                last_ns, ramp = event.at_ns, event.draw
            for when_ns, current_a in ((event.at_ns, ramp.current_a(event.at_ns)), (ramp.until_ns, ramp.to_a)):
                assert min(current_a) >= 0
                assert max(current_a) <= traits.max_current_a + 1e-6
                if when_ns == event.at_ns:
                    assert max(current_a) <= offered_within_5_s(when_ns) + 1e-5
            if pilot is not PilotState.C and isinstance(event, DrawChanged):
                assert ramp.to_a == PerPhase.zero()

    for wait_ns, (kind, value) in steps:
        for _ in range(4):
            now_ns += wait_ns // 4
            take(car.advance_to(now_ns))
            assert max(car.currents_a(now_ns)) <= offered_within_5_s(now_ns) + 1e-5
            if car.pilot is not PilotState.C or not contactor:
                assert car.currents_a(now_ns) == PerPhase.zero()
        if kind == "offer":
            offers.append((now_ns, value))
            take(car.offer(now_ns, offer_of_current(value)))
        elif kind == "contactor":
            contactor = value
            take(car.contactor(now_ns, value))
        elif kind == "ask":
            take(car.ask_for(now_ns, value))
        elif kind == "mood":
            take(car.pause(now_ns) if value == "pause" else car.resume(now_ns))
        elif kind == "plug":
            take(car.plug(now_ns) if car.state is State.UNPLUGGED else car.unplug(now_ns))
        assert car.pilot is pilot
    take(car.advance_to(now_ns + 30 * S))
    wh += charge_wh(now_ns + 30 * S)
    assert car.energy_wh(now_ns + 30 * S) == pytest.approx(wh, rel=1e-7, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(TRAITS, st.lists(STEP, max_size=15), st.integers(1, 5))
def test_looking_often_changes_nothing(traits: VehicleTraits, steps: list[Any], looks: int) -> None:
    def day(extra: int) -> list[VehicleEvent]:
        car, now_ns, seen = Vehicle(traits, random.Random(3)), 0, []
        seen += car.plug(0)
        for wait_ns, (kind, value) in steps:
            for look in range(1, extra + 1):
                seen += car.advance_to(now_ns + wait_ns * look // (extra + 1))
            now_ns += wait_ns
            if kind == "offer":
                seen += car.offer(now_ns, offer_of_current(value))
            elif kind == "contactor":
                seen += car.contactor(now_ns, value)
        return seen + car.advance_to(now_ns + 20 * S)

    assert day(looks) == day(0)
