"""The plant: currents, rotation, neutral, energy, opening fuses, judges, and the invariants on any day."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.ev.ramp import Ramp
from emulators.kit.phases import PHASE_ORDERS, PHASES, PerPhase, grid_phases
from hil.errors import BenchError, ScenarioError
from hil.plant import (
    FuseMayOpen,
    FuseOpened,
    FuseSpec,
    LimitExceeded,
    LiveSocketWithoutVehicle,
    Node,
    Plant,
    PlantEvent,
)

S = 1_000_000_000
H = 3600 * S


def car_park(**options: Any) -> Plant:
    """Return supply -> F1 (gG 100) -> F2 (B 16), and one socket and load on each feeder."""
    plant = Plant.build(
        [
            Node(name="F2", parent="F1", fuse=FuseSpec(rating_a=16, type="B")),
            Node(name="F1", fuse=FuseSpec(rating_a=100, trip=options.pop("trip", "earliest"))),
        ],
        main_fuse=FuseSpec(rating_a=400),
        **options,
    )
    for feeder in ("F1", "F2"):
        plant.add_socket(f"CP{feeder[1]}", feeder)
        plant.add_load(f"house{feeder[1]}", feeder)
    plant.add_pv("roof", "F1")
    return plant


def steady(at_ns: int, *currents_a: float) -> Ramp:
    return Ramp.steady(at_ns, PerPhase(*currents_a, *[0.0] * (3 - len(currents_a))))


def charge(plant: Plant, socket: str, draw: Ramp, at_ns: int = 0) -> None:
    plant.set_vehicle_present(at_ns, socket, True)
    plant.set_contactor(at_ns, socket, True)
    plant.set_draw(at_ns, socket, draw)


# --- building -----------------------------------------------------------------------------------------------------


def test_a_ring_of_nodes_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"hang on nothing.*A on B, B on A"):
        Plant.build([Node(name="A", parent="B"), Node(name="B", parent="A")])


def test_wrong_names_are_refused_with_the_nearest() -> None:
    plant = car_park()
    with pytest.raises(ScenarioError, match=r"no node 'F3'\. Did you mean"):
        plant.add_load("x", "F3")
    with pytest.raises(ScenarioError, match=r"no socket 'CP9'\. Did you mean"):
        plant.set_contactor(0, "CP9", True)
    with pytest.raises(ScenarioError, match="there already"):
        plant.add_socket("CP1", "F1")
    with pytest.raises(ScenarioError, match="phase order 'L1L1L3'"):
        plant.add_socket("CP7", "F1", "L1L1L3")
    with pytest.raises(ScenarioError, match="two nodes"):
        Plant.build([Node(name="A"), Node(name="A")])


def test_time_never_runs_backwards() -> None:
    plant = car_park()
    plant.advance_to(5)
    with pytest.raises(BenchError, match="backwards"):
        plant.currents_a("F1", 4)


def test_a_vehicle_cannot_feed_back() -> None:
    with pytest.raises(ScenarioError, match="negative"):
        car_park().set_draw(0, "CP1", steady(0, -1))


# --- currents -----------------------------------------------------------------------------------------------------


def test_currents_add_up_towards_the_supply() -> None:
    plant = car_park()
    charge(plant, "CP2", steady(0, 10))
    charge(plant, "CP1", steady(0, 32, 32, 32))
    plant.set_load(0, "house1", PerPhase(1, 2, 3))
    plant.set_pv(0, "roof", PerPhase(0, 0, 50))
    assert plant.currents_a("F2", 0) == PerPhase(10, 0, 0)
    assert plant.currents_a("F1", 0) == PerPhase(43, 34, -15)
    assert plant.currents_a("supply", 0) == PerPhase(43, 34, -15)
    assert plant.pv_currents_a("roof", 0) == PerPhase(0, 0, 50)


def test_nothing_flows_through_an_open_contactor() -> None:
    plant = car_park()
    plant.set_draw(0, "CP1", steady(0, 16, 16, 16))
    assert plant.currents_a("F1", S) == PerPhase.zero()
    plant.set_contactor(S, "CP1", True)
    assert plant.currents_a("F1", S) == PerPhase.all(16)
    plant.set_contactor(2 * S, "CP1", False)
    assert plant.currents_a("F1", 2 * S) == PerPhase.zero()
    assert plant.socket_energy_wh("CP1", 3 * S).l1 == pytest.approx(16 * 230 / 3600)


@pytest.mark.parametrize("order", PHASE_ORDERS)
def test_a_socket_is_rotated_against_the_grid_and_back(order: str) -> None:
    plant = Plant.build()
    plant.add_socket("CP", "supply", order)
    charge(plant, "CP", Ramp(0, PerPhase(1, 2, 3), 10 * S, PerPhase(11, 12, 13)))
    grid, conductors = plant.currents_a("supply", 5 * S), grid_phases(order)
    for conductor, phase in enumerate(conductors):
        assert grid[phase] == pytest.approx(conductor + 6)
        assert plant.socket_currents_a("CP", 5 * S)[conductor] == pytest.approx(conductor + 6)
        assert plant.socket_energy_wh("CP", 5 * S)[conductor] == pytest.approx((conductor + 3.5) * 5 * 230 / 3600)
    assert sum(grid) == pytest.approx(sum(conductor + 6 for conductor in range(len(conductors))))


def test_three_equal_one_phase_cars_cancel_in_the_neutral_on_three_phases_and_add_on_one() -> None:
    spread, stacked = Plant.build(), Plant.build()
    for plant, orders in ((spread, ("L1L2L3", "L2L3L1", "L3L1L2")), (stacked, ("L1L2L3",) * 3)):
        for number, order in enumerate(orders):
            plant.add_socket(f"CP{number}", "supply", order)
            charge(plant, f"CP{number}", steady(0, 16))
    assert spread.neutral_a("supply", 0) == pytest.approx(0, abs=1e-9)
    assert stacked.neutral_a("supply", 0) == pytest.approx(48)


def test_two_of_three_phases_leave_their_own_current_in_the_neutral() -> None:
    plant = Plant.build()
    plant.add_load("two", "supply")
    plant.set_load(0, "two", PerPhase(16, 16, 0))
    assert plant.neutral_a("supply", 0) == pytest.approx(16)


# --- energy -------------------------------------------------------------------------------------------------------


def test_import_and_export_are_kept_apart_when_a_ramp_crosses_zero() -> None:
    plant = Plant.build()
    plant.add_pv("roof", "supply")
    plant.add_socket("CP", "supply")
    plant.set_pv(0, "roof", PerPhase(10, 0, 0))
    charge(plant, "CP", Ramp(0, PerPhase.zero(), 30 * S, PerPhase(30, 0, 0)))  # net: -10 A to +20 A
    assert plant.export_wh("supply", 30 * S).l1 == pytest.approx(10 * 10 / 2 * 230 / 3600)
    assert plant.import_wh("supply", 30 * S).l1 == pytest.approx(20 * 20 / 2 * 230 / 3600)
    assert plant.socket_energy_wh("CP", 30 * S).l1 == pytest.approx(30 * 30 / 2 * 230 / 3600)


def test_energy_of_an_hour_at_the_plants_voltage() -> None:
    plant = Plant.build(voltage_v=240)
    plant.add_load("house", "supply")
    plant.set_load(0, "house", PerPhase(10, 0, 5))
    assert tuple(plant.import_wh("supply", H)) == pytest.approx((2400, 0, 1200))


# --- fuses --------------------------------------------------------------------------------------------------------


def test_a_gg_fuse_opens_one_phase_at_the_predicted_moment_and_everything_behind_it_is_dead() -> None:
    plant = car_park()
    plant.set_load(0, "house1", PerPhase(290, 50, 50))
    charge(plant, "CP2", steady(0, 10, 10, 10))
    plant.set_load(0, "house1", PerPhase(280, 50, 50))  # with CP2: 290 A on L1
    assert plant.next_deadline_ns() == pytest.approx(10 * S, abs=100)
    events = plant.advance_to(11 * S)
    assert [type(event) for event in events] == [FuseOpened]
    opened = events[0]
    assert isinstance(opened, FuseOpened)
    assert opened.at_ns == pytest.approx(10 * S, abs=100)
    assert (opened.node, opened.phase, opened.opened) == ("F1", "L1", ("L1",))
    for node in ("supply", "F1", "F2"):
        assert plant.currents_a(node, 11 * S).l1 == 0
        assert plant.currents_a(node, 11 * S).l2 > 0
    assert plant.socket_currents_a("CP2", 11 * S) == PerPhase(0, 10, 10)
    assert plant.voltage_v("F2") == PerPhase(0, 230, 230)
    assert plant.socket_voltage_v("CP2") == PerPhase(0, 230, 230)
    assert plant.voltage_v("supply") == PerPhase.all(230)
    plant.set_load(12 * S, "house2", PerPhase.all(1))
    assert plant.load_currents_a("house2", 12 * S) == PerPhase(0, 1, 1)
    assert plant.check(12 * S) == []


def test_a_breaker_opens_all_poles_and_can_be_switched_on_again() -> None:
    plant = car_park()
    charge(plant, "CP2", steady(0, 48))
    plant.set_load(0, "house2", PerPhase(0, 5, 5))
    (event,) = plant.advance_to(S)
    assert isinstance(event, FuseOpened)
    assert event.at_ns == pytest.approx(S // 10, abs=10)
    assert (event.node, event.opened) == ("F2", PHASES)
    assert plant.currents_a("supply", S) == PerPhase.zero()
    plant.set_draw(2 * S, "CP2", steady(2 * S, 10))
    plant.replace_fuse(2 * S, "F2")
    assert plant.currents_a("supply", 2 * S) == PerPhase(10, 5, 5)
    assert plant.fuse("F2", "L1", 2 * S).margin == 1


def test_a_fuse_opens_on_a_ramp() -> None:
    plant = Plant.build([Node(name="F", fuse=FuseSpec(rating_a=16, type="B"))])
    plant.add_socket("CP", "F")
    charge(plant, "CP", Ramp(0, PerPhase.zero(), 100 * S, PerPhase(100, 0, 0)))  # 1 A/s
    events = [event for event in plant.advance_to(100 * S) if isinstance(event, FuseOpened)]
    assert len(events) == 1
    # brute force: damage in steps of 1 ms
    from hil.plant.fuse import curve

    damage, step, line = 0.0, 0, curve("B", 16, "earliest")
    while damage < 1:
        damage += 0.001 / line.trip_s((step + 0.5) / 1000)
        step += 1
    assert events[0].at_ns / S == pytest.approx(step / 1000, abs=0.003)


def test_a_fuse_set_to_open_late_says_when_it_may_have_opened() -> None:
    plant = car_park(trip="latest", allowed_over_limit_s=10_000)
    plant.set_load(0, "house1", PerPhase(580, 0, 0))
    events = plant.advance_to(60 * S)
    fuse_events = [event for event in events if event.node == "F1"]  # type: ignore[union-attr]
    assert [type(event) for event in fuse_events] == [FuseMayOpen, FuseOpened]
    assert fuse_events[0].at_ns < 2 * S
    assert fuse_events[1].at_ns == pytest.approx(5 * S, abs=100)


def test_a_fuse_cools_down_and_remembers_its_worst() -> None:
    plant = car_park()
    plant.set_load(0, "house1", PerPhase(290, 0, 0))
    plant.set_load(5 * S, "house1", PerPhase(90, 0, 0))
    assert plant.fuse("F1", "L1", 5 * S).margin == pytest.approx(0.5)
    reading = plant.fuse("F1", "L1", 605 * S)
    assert reading.damage == pytest.approx(0.5 / math.e)
    assert reading.worst_damage == pytest.approx(0.5)
    assert reading.verdict == "safe"
    plant.set_load(605 * S, "house1", PerPhase(290, 0, 0))
    (event,) = plant.advance_to(620 * S)
    assert event.at_ns == pytest.approx((605 + 10 * (1 - 0.5 / math.e)) * S, abs=1000)
    assert plant.fuse("F1", "L1", 620 * S).verdict == "tripped"


def test_events_that_happened_on_the_way_to_a_question_are_not_lost() -> None:
    plant = car_park()
    plant.set_load(0, "house1", PerPhase(290, 0, 0))
    assert plant.currents_a("F1", 20 * S).l1 == 0
    assert (plant.next_deadline_ns() or 0) <= 20 * S
    assert [type(event) for event in plant.advance_to(20 * S)] == [FuseOpened]
    assert plant.advance_to(20 * S) == []


# --- judges -------------------------------------------------------------------------------------------------------


def over(plant: Plant, until_ns: int) -> list[LimitExceeded]:
    return [event for event in plant.advance_to(until_ns) if isinstance(event, LimitExceeded)]


def test_a_conductor_above_its_limit_is_reported_once_after_the_allowed_time() -> None:
    plant = Plant.build([Node(name="F", cable_a=32)])
    plant.add_load("house", "F")
    plant.set_load(S, "house", PerPhase(0, 40, 0))
    assert plant.over_limit_since("F", "L2") == S
    assert plant.next_deadline_ns() == 66 * S + 1
    assert over(plant, 66 * S) == []
    assert over(plant, 200 * S) == [
        LimitExceeded(at_ns=66 * S + 1, since_ns=S, node="F", phase="L2", current_a=40, limit_a=32)
    ]
    plant.set_load(200 * S, "house", PerPhase(0, 32.5, 0))
    assert plant.over_limit_since("F", "L2") is None
    plant.set_load(201 * S, "house", PerPhase(0, -40, 0))
    assert len(over(plant, 400 * S)) == 1, "export counts as well, and a new time above is a new event"


def test_the_moment_of_a_crossing_is_exact_on_a_ramp() -> None:
    plant = Plant.build([Node(name="F", cable_a=31.5)])
    plant.add_socket("CP", "F")
    charge(plant, "CP", Ramp(0, PerPhase.zero(), 64 * S, PerPhase(64, 0, 0)))
    plant.advance_to(40 * S)
    assert plant.over_limit_since("F", "L1") == 32 * S
    plant.set_draw(50 * S, "CP", Ramp(50 * S, PerPhase(50, 0, 0), 100 * S, PerPhase.zero()))
    plant.advance_to(68 * S - 1)
    assert plant.over_limit_since("F", "L1") == 32 * S
    plant.advance_to(68 * S + 1)
    assert plant.over_limit_since("F", "L1") is None


def test_a_ramp_from_far_export_to_far_import_is_inside_in_between() -> None:
    plant = Plant.build([Node(name="F", cable_a=9.5)])
    plant.add_pv("roof", "F")
    plant.add_socket("CP", "F")
    plant.set_pv(0, "roof", PerPhase(20, 0, 0))
    charge(plant, "CP", Ramp(0, PerPhase.zero(), 40 * S, PerPhase(40, 0, 0)))
    seen = []
    for at_s in (5, 15, 25, 35):
        plant.advance_to(at_s * S)
        seen.append(plant.over_limit_since("F", "L1"))
    assert seen[0] == 0 and seen[1] is None and seen[2] is None
    assert seen[3] == 30 * S


def test_two_cars_that_swap_in_one_instant_leave_no_peak_and_no_gap() -> None:
    plant = Plant.build([Node(name="F", cable_a=10)])
    for name in ("CP1", "CP2"):
        plant.add_socket(name, "F")
        charge(plant, name, steady(0, 0))
    plant.set_draw(0, "CP1", steady(0, 16))
    handle = plant.mark(10 * S)
    plant.set_draw(20 * S, "CP2", steady(20 * S, 16))
    plant.set_draw(20 * S, "CP1", steady(20 * S, 0))
    plant.set_draw(40 * S, "CP2", steady(40 * S, 0))
    plant.set_draw(40 * S, "CP1", steady(40 * S, 16))
    plant.advance_to(50 * S)
    assert plant.peak_a(handle, "F", "L1") == 16
    assert plant.extremes_a(handle, "F", "L1") == (16, 16)
    assert plant.over_limit_since("F", "L1") == 0


def test_a_live_socket_without_a_vehicle_is_reported_after_100_ms() -> None:
    plant = car_park()
    plant.set_vehicle_present(0, "CP1", True)
    plant.set_contactor(0, "CP1", True)
    plant.set_vehicle_present(10 * S, "CP1", False)
    assert plant.advance_to(10 * S + S // 10) == []
    plant.set_contactor(10 * S + S // 10, "CP1", False)
    assert plant.advance_to(20 * S) == [], "opened just in time"
    plant.set_contactor(20 * S, "CP1", True)
    assert plant.next_deadline_ns() == 20 * S + S // 10 + 1
    assert plant.advance_to(30 * S) == [LiveSocketWithoutVehicle(20 * S + S // 10 + 1, "CP1")]


def test_extremes_count_from_their_own_mark() -> None:
    plant = car_park()
    first = plant.mark(0)
    plant.set_load(0, "house1", PerPhase(50, 0, 0))
    plant.set_load(S, "house1", PerPhase(-20, 0, 0))
    second = plant.mark(2 * S)
    charge(plant, "CP1", Ramp(3 * S, PerPhase.zero(), 13 * S, PerPhase(30, 0, 0)), 3 * S)
    plant.set_load(8 * S, "house1", PerPhase.zero())  # the ramp stands at 15 A here
    plant.advance_to(8 * S)
    assert plant.extremes_a(second, "F1", "L1") == (-20, 15)
    assert plant.extremes_a(first, "F1", "L1") == (-20, 50)
    assert plant.peak_a(second, "F1", "L1") == 20


def test_a_peak_keeps_its_moment_and_who_drew_then() -> None:
    plant = car_park()
    plant.set_load(0, "house1", PerPhase(10, 0, 0))
    charge(plant, "CP1", Ramp(3 * S, PerPhase.zero(), 13 * S, PerPhase(30, 0, 0)), 3 * S)
    plant.set_load(8 * S, "house1", PerPhase(30, 0, 0))  # the ramp stands at 15 A here
    plant.set_load(9 * S, "house1", PerPhase(1, 0, 0))  # ... and at 18 A here
    plant.set_draw(9 * S, "CP1", steady(9 * S, 0))
    plant.set_load(20 * S, "house1", PerPhase(2, 0, 0))
    peak = plant.peak("F1", "L1", 30 * S)
    assert (peak.at_ns, peak.current_a) == (9 * S, 48)
    assert dict(peak.drawn_by) == {"house1": 30, "CP1": 18}
    assert plant.peak("supply", "L1", 30 * S).at_ns == 9 * S
    assert plant.peak("F1", "L2", 30 * S).current_a == 0


def test_a_peak_counts_the_present_and_both_directions() -> None:
    plant = Plant.build([Node(name="F")])
    plant.add_pv("roof", "F")
    plant.set_pv(0, "roof", PerPhase(5, 0, 0))
    plant.set_pv(4 * S, "roof", PerPhase(25, 0, 0))
    peak = plant.peak("F", "L1", 4 * S)
    assert (peak.at_ns, peak.current_a, peak.drawn_by) == (4 * S, -25, (("roof", -25.0),))


def test_changes_of_one_instant_leave_no_peak_to_tell() -> None:
    plant = Plant.build([Node(name="F")])
    plant.add_load("house", "F")
    plant.set_load(S, "house", PerPhase(80, 0, 0))
    plant.currents_a("F", S)  # somebody looks in between
    plant.set_load(S, "house", PerPhase(10, 0, 0))
    assert plant.peak("F", "L1", 2 * S).current_a == 10


# --- any day ------------------------------------------------------------------------------------------------------

AMPS = st.sampled_from([0.0, 3.7, 10.0, 16.0, 32.0, 80.0])
CHANGE = st.tuples(
    st.sampled_from([0, S // 3, 2 * S, 47 * S, 600 * S]),
    st.one_of(
        st.tuples(st.just("load"), st.sampled_from(["house1", "house2"]), st.tuples(AMPS, AMPS, AMPS)),
        st.tuples(st.just("pv"), st.just("roof"), st.tuples(AMPS, AMPS, AMPS)),
        st.tuples(st.just("draw"), st.sampled_from(["CP1", "CP2"]), st.tuples(AMPS, AMPS, AMPS, AMPS)),
        st.tuples(st.just("contactor"), st.sampled_from(["CP1", "CP2"]), st.booleans()),
        st.tuples(st.just("fuse"), st.sampled_from(["F1", "F2"]), st.none()),
    ),
)


def apply(plant: Plant, now_ns: int, change: tuple[str, str, Any]) -> None:
    kind, name, value = change
    if kind == "load":
        plant.set_load(now_ns, name, PerPhase(*value))
    elif kind == "pv":
        plant.set_pv(now_ns, name, PerPhase(*value))
    elif kind == "draw":
        a, b, c, lasts = value
        plant.set_draw(now_ns, name, Ramp(now_ns, PerPhase(a, b, a), now_ns + round(lasts * S), PerPhase(c, a, c)))
    elif kind == "contactor":
        plant.set_contactor(now_ns, name, value)
    else:
        plant.replace_fuse(now_ns, name)


@settings(max_examples=100, deadline=None)
@given(st.lists(CHANGE, max_size=25), st.sampled_from(["earliest", "typical", "latest"]))
def test_invariants_hold_on_any_day(changes: list[Any], trip: str) -> None:
    plant, now_ns = car_park(trip=trip), 0
    handle, highest = plant.mark(0), 0.0
    for wait_ns, change in changes:
        for part in range(1, 4):
            at_ns = now_ns + wait_ns * part // 3
            events = plant.advance_to(at_ns)
            assert all(event.at_ns <= at_ns for event in events)
            assert plant.check(at_ns) == []
            if wait_ns:
                highest = max(highest, plant.currents_a("F1", at_ns).l1)
        now_ns += wait_ns
        apply(plant, now_ns, change)
    plant.advance_to(now_ns + 100 * S)
    assert plant.check(now_ns + 100 * S) == []
    assert plant.peak_a(handle, "F1", "L1") >= highest - 1e-9


def brute_wh(plant: Plant, start_ns: int, end_ns: int, steps: int) -> tuple[float, float]:
    forward = backward = 0.0
    for step in range(steps):
        at_ns = start_ns + (end_ns - start_ns) * (2 * step + 1) // (2 * steps)
        part = plant.currents_a("supply", at_ns).l1 * 230 * (end_ns - start_ns) / steps / S / 3600
        forward, backward = forward + max(part, 0), backward - min(part, 0)
    return forward, backward


@settings(max_examples=25, deadline=None)
@given(st.lists(CHANGE, min_size=1, max_size=6))
def test_energy_in_closed_form_equals_the_fine_sum(changes: list[Any]) -> None:
    plant, now_ns, forward, backward = car_park(), 0, 0.0, 0.0
    charge(plant, "CP1", steady(0, 6, 6, 6))
    error_wh = 1e-9
    for _, change in changes:
        apply(plant, now_ns, change)
        before_ns, now_ns = now_ns, now_ns + 20 * S
        a, b = brute_wh(plant, before_ns, now_ns, 400)
        forward, backward = forward + a, backward + b
        error_wh += 500 * 230 * 20 / 400 / 3600  # a jump by 500 A (a fuse, a ramp's end) inside one step
    assert plant.import_wh("supply", now_ns).l1 == pytest.approx(forward, rel=1e-3, abs=error_wh)
    assert plant.export_wh("supply", now_ns).l1 == pytest.approx(backward, rel=1e-3, abs=error_wh)


@settings(max_examples=40, deadline=None)
@given(st.lists(CHANGE, max_size=15), st.integers(2, 9))
def test_looking_often_changes_no_event(changes: list[Any], looks: int) -> None:
    def day(looks: int) -> list[PlantEvent]:
        plant, now_ns, seen = car_park(), 0, []
        for wait_ns, change in changes:
            for look in range(1, looks):
                seen += plant.advance_to(now_ns + wait_ns * look // looks)
                plant.currents_a("F1", now_ns + wait_ns * look // looks)
            now_ns += wait_ns
            apply(plant, now_ns, change)
        return seen + plant.advance_to(now_ns + 2 * H)

    assert day(looks) == day(1)


@settings(max_examples=40, deadline=None)
@given(st.lists(CHANGE, max_size=15))
def test_stepping_by_deadlines_sees_every_event_at_its_moment(changes: list[Any]) -> None:
    plant, now_ns = car_park(), 0
    for wait_ns, change in changes:
        end_ns = now_ns + wait_ns
        for _ in itertools.count():
            due_ns = plant.next_deadline_ns()
            if due_ns is None or due_ns > end_ns:
                break
            assert due_ns >= now_ns
            now_ns = due_ns
            assert all(event.at_ns == due_ns for event in plant.advance_to(due_ns))
        now_ns = end_ns
        apply(plant, now_ns, change)
