"""The DLM master in time: averages, unused shares, cuts before raises, newcomers, lost slaves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.host import NS_PER_S
from emulators.kit.phases import PerPhase, grid_phases, to_grid
from emulators.mennekes_ecu.dlm import (
    RAISE_AFTER_S,
    REOFFER_S,
    SILENT_S,
    Demand,
    Limits,
    Master,
    Mean,
    MemberReport,
    Slave,
)


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def report(name: str = "CP1", **values: object) -> MemberReport:
    base: dict[str, object] = {
        "name": name,
        "connected": True,
        "charging": True,
        "cap_a": 32,
        "offered_a": 0,
        "disconnected_a": 0,
        "order": "L1L2L3",
        "currents_a": PerPhase.zero(),
    }
    return MemberReport(**base | values)  # type: ignore[arg-type]


def flat(amperes: float) -> Limits:
    return Limits(evse_a=PerPhase.all(amperes), operator_a=PerPhase.all(9999))


# --- Mean


def test_a_mean_is_of_the_window_alone() -> None:
    mean = Mean()
    assert mean.over(s(0), 10) is None
    for second, value in enumerate([90.0, 10.0, 20.0, 30.0]):
        mean.add(s(second), PerPhase(value, 2 * value, 0))
    assert mean.over(s(3), 3) == PerPhase(20, 40, 0)
    assert mean.over(s(12.9), 10) == PerPhase(30, 60, 0)
    assert mean.over(s(13), 10) is None


def test_a_mean_forgets() -> None:
    mean = Mean()
    mean.add(s(1), PerPhase.all(5))
    mean.clear()
    assert mean.over(s(1), 10) is None


# --- Demand


def watch(demand: Demand, start: int, end: int, what: MemberReport) -> None:
    for second in range(start, end):
        demand.observe(s(second), what)


def test_a_slow_vehicle_claims_what_it_takes_rounded_up() -> None:
    demand, slow = Demand(), report(offered_a=32, currents_a=PerPhase(15.4, 15.4, 15.4))
    watch(demand, 0, 10, slow)
    assert demand.seen_a is None, "judged before the offer stood for 10 s"
    watch(demand, 10, 12, slow)
    assert demand.seen_a == 16


@pytest.mark.parametrize(("taken_a", "seen_a"), [(31.5, None), (31.0, 31), (16.04, 16), (16.06, 17), (2.0, 6)])
def test_an_unused_step_is_seen(taken_a: float, seen_a: int | None) -> None:
    demand = Demand()
    watch(demand, 0, 15, report(offered_a=32, currents_a=PerPhase(taken_a, 0, 0)))
    assert demand.seen_a == seen_a


def test_a_changed_offer_is_judged_anew_and_keeps_what_was_seen() -> None:
    demand = Demand()
    watch(demand, 0, 15, report(offered_a=32, currents_a=PerPhase.all(16)))
    watch(demand, 15, 24, report(offered_a=16, currents_a=PerPhase.all(8)))
    assert demand.seen_a == 16
    watch(demand, 24, 26, report(offered_a=16, currents_a=PerPhase.all(8)))
    assert demand.seen_a == 8


def test_a_sleeping_vehicle_keeps_the_minimum_after_half_a_minute() -> None:
    demand, asleep = Demand(), report(charging=False, offered_a=20)
    watch(demand, 0, 30, report(charging=False, offered_a=20))
    assert demand.seen_a is None
    watch(demand, 30, 32, asleep)
    assert demand.seen_a == 6


def test_an_awaking_vehicle_is_available_its_full_share() -> None:
    demand = Demand()
    watch(demand, 0, 40, report(charging=False, offered_a=20))
    demand.observe(s(40), report(charging=True, offered_a=6))
    assert demand.seen_a is None


def test_nothing_offered_is_nothing_learned() -> None:
    demand = Demand()
    watch(demand, 0, 60, report(charging=False, offered_a=0))
    assert demand.seen_a is None


def test_an_unused_share_is_available_again_after_five_minutes() -> None:
    demand, slow = Demand(), report(offered_a=32, currents_a=PerPhase.all(10))
    watch(demand, 0, 11, slow)
    demand.reoffer(s(10 + REOFFER_S) - 1)
    assert demand.seen_a == 10
    demand.reoffer(s(10 + REOFFER_S))
    assert demand.seen_a is None


def test_phases_are_learned_on_the_grid_and_forgotten_with_the_vehicle() -> None:
    demand = Demand()
    watch(demand, 0, 12, report(offered_a=16, order="L2L3L1", currents_a=PerPhase(16, 0, 0)))
    assert demand.phases == (1,)
    demand.observe(s(12), report(connected=False, charging=False))
    assert demand.phases is None


def test_a_slave_counts_on_the_grids_phases() -> None:
    rotated = Slave(report(order="L3L1L2", currents_a=PerPhase(1, 2, 3)), 0)
    assert rotated.grid_currents_a() == PerPhase(2, 3, 1) == to_grid(PerPhase(1, 2, 3), "L3L1L2")
    assert rotated.phases == (2, 0, 1)
    assert Slave(report(order="L2", currents_a=PerPhase(9, 0, 0)), 0).grid_currents_a() == PerPhase(0, 9, 0)


# --- Master


@dataclass
class Point:
    """A charging point with a vehicle that takes all it is offered, 5 s after the offer."""

    name: str
    order: str = "L1L2L3"
    takes_a: float = 32.0
    phases: int = 3
    connected: bool = False
    silent: bool = False
    disconnected_a: int = 0
    granted_a: int = 0
    silent_since: int | None = None
    offers: list[int] = field(default_factory=list)  # of the last 5 s

    def draw(self) -> PerPhase:
        # Within 5 s the vehicle may still take the highest of what it was offered lately: the worst case.
        amperes = (
            min(max([*self.offers[-5:], self.granted_a]), self.takes_a) if self.connected and self.granted_a else 0
        )
        return PerPhase(*(float(amperes) if index < self.phases else 0.0 for index in range(3)))

    def said(self) -> MemberReport:
        return report(
            self.name,
            connected=self.connected,
            charging=self.connected,
            offered_a=self.granted_a if self.connected else 0,
            disconnected_a=self.disconnected_a,
            order=self.order,
            currents_a=self.draw(),
        )


class Site:
    """Points and their master; a second is a second."""

    def __init__(self, limits: Limits, *names: str, sample_s: float = 30) -> None:
        self.limits, self.second = limits, 0
        self.master = Master(sample_s=sample_s, start_ns=0)
        self.points = {name: Point(name) for name in names}
        self.log: list[tuple[int, dict[str, int]]] = []

    def take(self, grants: dict[str, int]) -> None:
        if grants:
            self.log.append((self.second, grants))
        for name, current_a in grants.items():
            if not self.points[name].silent:
                self.points[name].granted_a = current_a

    def say(self, point: Point) -> None:
        if not point.silent:
            self.take(self.master.report(s(self.second), point.said(), self.limits))

    def plug(self, name: str, **vehicle: object) -> None:
        point = self.points[name]
        for key, value in vehicle.items():
            setattr(point, key, value)
        point.connected = True
        point.offers.clear()
        self.say(point)

    def unplug(self, name: str) -> None:
        self.points[name].connected = False
        self.say(self.points[name])

    def go(self, seconds: int) -> None:
        for _ in range(seconds):
            self.second += 1
            for point in self.points.values():
                if point.silent:
                    point.silent_since = point.silent_since or self.second
                    if self.second - point.silent_since >= SILENT_S - 5:
                        point.granted_a = point.disconnected_a
                else:
                    point.silent_since = None
                self.say(point)
            now_ns = s(self.second)
            self.master.sample(now_ns)
            if now_ns >= self.master.next_deadline_ns():
                self.take(self.master.advance_to(now_ns, self.limits))
            for point in self.points.values():
                point.offers.append(point.granted_a if point.connected else 0)
            self.check()

    def check(self) -> None:
        """Nothing that may be drawn, and nothing that is drawn, is above what there is."""
        may, real = [0.0] * 3, PerPhase.zero()
        for slave in self.master.slaves.values():
            phases = slave.demand.phases or grid_phases(slave.report.order)
            for phase in phases:
                may[phase] += slave.may_draw_a(s(self.second))
        for point in self.points.values():
            real += to_grid(point.draw(), point.order)
        bound = self.limits.evse_a.combine(self.limits.operator_a, min)
        assert all(a <= b for a, b in zip(may, bound, strict=True)), (self.second, may, self.log[-3:])
        if not any(point.silent for point in self.points.values()):
            assert all(a <= b for a, b in zip(real, bound, strict=True)), (self.second, real, self.log[-3:])

    def granted(self) -> list[int]:
        return [point.granted_a for point in self.points.values()]


def test_a_newcomer_is_served_at_once_with_what_is_free() -> None:
    site = Site(flat(100), "CP1", "CP2", "CP3", "CP4")
    site.go(1)
    for name, granted in [("CP1", 32), ("CP2", 32), ("CP3", 32), ("CP4", 0)]:
        site.plug(name)
        assert site.points[name].granted_a == granted
    site.go(29)
    assert site.granted() == [25, 25, 25, 0]


def test_cuts_come_first_and_raises_when_the_cuts_are_obeyed() -> None:
    site = Site(flat(64), "CP1", "CP2", "CP3")
    for name in site.points:
        site.plug(name)
    assert site.granted() == [32, 32, 0]
    site.go(29 + round(RAISE_AFTER_S))
    assert site.granted() == [21, 21, 0]
    site.go(1)
    assert site.granted() == [21, 21, 21]
    assert site.log[-2:] == [(30, {"CP1": 21, "CP2": 21}), (30 + round(RAISE_AFTER_S), {"CP3": 21})]


def test_released_current_is_given_back_at_the_next_sample() -> None:
    site = Site(flat(40), "CP1", "CP2")
    for name in site.points:
        site.plug(name)
    site.go(40)
    assert site.granted() == [20, 20]
    site.unplug("CP2")
    site.go(30)
    assert site.granted() == [32, 0]


def test_a_newcomer_leaves_alone_what_is_promised_to_others() -> None:
    site = Site(flat(64), "CP1", "CP2", "CP3", "CP4")
    for name in ("CP1", "CP2", "CP3"):
        site.plug(name)
    site.go(33)  # CP3 waits for its 21 A until the cuts are obeyed
    site.plug("CP4")
    assert site.points["CP4"].granted_a == 0
    site.go(5)
    assert site.granted() == [21, 21, 21, 0]


def test_a_second_cut_before_the_first_is_obeyed_counts_from_the_first() -> None:
    site = Site(flat(64), "CP1", "CP2", sample_s=4)
    for name in site.points:
        site.plug(name)
    now = site.second = 4
    site.limits = flat(40)
    site.take(site.master.advance_to(s(now), site.limits))
    site.limits = flat(20)
    site.take(site.master.advance_to(s(now + 4), site.limits))
    assert site.granted() == [10, 10]
    assert site.master.slaves["CP1"].may_draw_a(s(now + 4)) == 32
    assert site.master.slaves["CP1"].may_draw_a(s(now + 4 + RAISE_AFTER_S)) == 10


@pytest.mark.parametrize(("disconnected_a", "cap_a", "kept_a"), [(0, 32, 0), (10, 32, 10), (16, 8, 8)])
def test_a_lost_slave_keeps_its_disconnected_limit(disconnected_a: int, cap_a: int, kept_a: int) -> None:
    master, limits = Master(sample_s=30, start_ns=0), flat(40)
    lost = report("CP1", disconnected_a=disconnected_a, cap_a=cap_a)
    master.report(s(1), lost, limits)
    second = 1
    while second < 100:
        second += 1
        granted = master.slaves["CP2"].granted_a if "CP2" in master.slaves else 0
        master.report(s(second), report("CP2", offered_a=granted, currents_a=PerPhase.all(granted)), limits)
        master.advance_to(s(second), limits)
    assert master.slaves["CP1"].lost and not master.slaves["CP2"].lost
    assert master.applied_a() == PerPhase.all(kept_a + min(32, 40 - kept_a))
    assert master.slaves["CP2"].granted_a == min(32, 40 - kept_a)


def test_a_lost_slaves_current_is_given_away_only_when_its_vehicle_must_have_stopped() -> None:
    site = Site(flat(40), "CP1", "CP2")
    for name in site.points:
        site.plug(name)
    site.go(40)
    assert site.granted() == [20, 20]
    site.points["CP1"].silent = True
    site.go(20)  # the sample of 60 s finds it lost
    assert site.master.slaves["CP1"].lost
    assert site.points["CP2"].granted_a == 20
    site.go(30 + round(RAISE_AFTER_S) - 1)  # one sample period more: it may have heard the master later (MEN-DLM-033)
    assert site.points["CP2"].granted_a == 20
    site.go(1)
    assert site.points["CP2"].granted_a == 32
    site.points["CP1"].silent = False
    site.go(40)
    assert site.granted() == [20, 20]


def test_a_vehicle_that_wants_more_again_is_reoffered_its_share() -> None:
    site = Site(flat(40), "CP1")
    site.plug("CP1", takes_a=10.0)
    site.go(60)
    assert site.granted() == [10]
    site.points["CP1"].takes_a = 32.0
    site.go(200)
    assert site.granted() == [10]
    site.go(120)
    assert site.granted() == [32]


def test_the_meter_is_lost_after_fifteen_seconds_and_absurd_readings_do_not_count() -> None:
    master = Master(sample_s=30, start_ns=0)
    assert master.meter_lost(0)
    master.meter(s(1), PerPhase.all(10))
    master.meter(s(10), None)
    assert not master.meter_lost(s(15.9))
    assert master.meter_lost(s(16))


def test_the_mean_of_the_meter_decides_and_its_silence_brings_the_fallback() -> None:
    limits = dataclasses.replace(flat(100), main_a=PerPhase.all(60), fallback_a=PerPhase.all(45))
    master = Master(sample_s=30, start_ns=0)
    for second in range(1, 31):
        master.meter(s(second), PerPhase.all(10.0 if second % 2 else 30.0))
        master.sample(s(second))
    master.advance_to(s(30), limits)
    assert master.available_a == PerPhase.all(40)
    master.advance_to(s(60), limits)
    assert master.available_a == PerPhase.all(15)


def test_redistribution_is_due_at_start_plus_multiples_of_the_sample_rate() -> None:
    master = Master(sample_s=30, start_ns=s(7))
    assert master.next_deadline_ns() == s(37)
    master.advance_to(s(38), flat(100))
    assert master.next_deadline_ns() == s(67)
    master.advance_to(s(200), flat(100))
    assert master.next_deadline_ns() == s(217)


NAMES = ("CP1", "CP2", "CP3", "CP4")
step = st.one_of(
    st.tuples(
        st.just("plug"), st.sampled_from(NAMES), st.sampled_from([1, 3]), st.sampled_from([6.0, 10.5, 16.0, 32.0])
    ),
    st.tuples(st.just("unplug"), st.sampled_from(NAMES)),
    st.tuples(st.just("takes"), st.sampled_from(NAMES), st.sampled_from([3.0, 8.0, 20.0, 32.0])),
    st.tuples(st.just("silent"), st.sampled_from(NAMES)),
    st.tuples(st.just("back"), st.sampled_from(NAMES)),
    st.tuples(st.just("wait"), st.integers(1, 45)),
    st.tuples(st.just("wait"), st.just(320)),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(step, max_size=20),
    st.builds(PerPhase, *[st.integers(0, 70).map(float)] * 3),
    st.tuples(*[st.sampled_from(["L1L2L3", "L2L3L1", "L3L1L2", "L3L2L1", "L2"])] * 4),
    st.sampled_from([5.0, 10.0, 30.0]),
)
def test_nobody_may_ever_draw_more_than_there_is(
    script: list[tuple[object, ...]], evse_a: PerPhase, orders: tuple[str, ...], sample_s: float
) -> None:
    site = Site(Limits(evse_a=evse_a, operator_a=PerPhase.all(60)), *NAMES, sample_s=sample_s)
    for name, order in zip(NAMES, orders, strict=True):
        site.points[name].order = order
    site.go(1)
    for what in script:
        match what:
            case ("plug", str(name), int(phases), float(takes_a)) if not site.points[name].connected:
                wired = len(grid_phases(site.points[name].order))
                site.plug(name, phases=min(phases, wired), takes_a=takes_a)
            case ("unplug", str(name)) if site.points[name].connected and not site.points[name].silent:
                site.unplug(name)
            case ("takes", str(name), float(takes_a)):
                site.points[name].takes_a = takes_a
            case ("silent", str(name)):
                site.points[name].silent = True
            case ("back", str(name)):
                site.points[name].silent = False
            case ("wait", int(seconds)):
                site.go(seconds)
        site.check()
