"""One station alone: which limit decides, the probing minute, a lost data source, pilot and contactor."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.alfen_ng9xx.device import PARAMETERS
from emulators.alfen_ng9xx.display import display_text, led_text, live_monitoring
from emulators.alfen_ng9xx.model import EMS, MODBUS, P1, Binding, Station
from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, Output, PilotState

NAMES = {
    "licence": "License Key features",
    "alb": "Active Load Balancing",
    "source": "Data Source",
    "protocol": "Protocol Selection",
    "received": "Received Measurements",
    "maximum": "Maximum smart meter current (A)",
    "safe": "Safe current (A)",
    "rotation": "Phase rotation",
    "station": "Station maximum current",
    "connector": "Connector 1 max current",
    "probing": "Chameleon min current (A)",
    "mode": "TCP/IP EMS Mode",
    "validity": "Validity time (s)",
}
BALANCING = {"licence": "Active Load Balancing", "alb": "On", "safe": 7, "maximum": 25}
ZERO = PerPhase.zero()


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


@dataclass
class Rig:
    """A station, what it logs, and a vehicle that takes what it is offered at once."""

    values: dict[str, object]
    now_ns: int = 0
    draws: int = 3
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        parsed = {NAMES[key]: PARAMETERS[NAMES[key]].parse(value) for key, value in self.values.items()}
        self.station = Station(ParameterStore(PARAMETERS, parsed), now_ns=0, log=self.lines.append)
        self.station.advance_to(0)

    @property
    def own_a(self) -> PerPhase:
        drawn = self.station.signalled_a if self.station.contactor else 0.0
        return PerPhase(*(drawn if conductor < self.draws else 0.0 for conductor in range(3)))

    def plug(self, phases: int = 3, cable_a: float = 32.0) -> Rig:
        self.draws = phases
        for state in (PilotState.B, PilotState.C):
            self.station.pilot_changed(0, state, cable_a)
            self.station.advance_to(self.now_ns)
        return self

    def pass_time(self, seconds: float) -> Output:
        """Let time pass: every deadline, and the own meter each second."""
        end_ns = self.now_ns + s(seconds)
        while True:
            due = self.station.next_deadline_ns()
            tick_ns = self.now_ns - self.now_ns % NS_PER_S + NS_PER_S
            next_ns = min(max(due, self.now_ns + 1), tick_ns) if due is not None else tick_ns
            if next_ns > end_ns:
                self.now_ns = end_ns
                return self.station.advance_to(end_ns)
            self.now_ns = next_ns
            if next_ns == tick_ns:
                self.station.measured(self.own_a)
            self.station.advance_to(next_ns)

    def read(self, *others_a: float, includes: bool = True) -> float:
        """Let the meter read the others' currents (and the station's), return what is offered."""
        others = PerPhase(*others_a) if len(others_a) == 3 else PerPhase.all(others_a[0])
        own_a = self.own_a
        self.station.measured(own_a)
        self.station.measured(own_a)  # a second later it is the same: steady
        self.station.reading(self.now_ns, others + own_a if includes else others, own_a)
        self.station.advance_to(self.now_ns)
        return self.station.signalled_a


def metered(protocol: str = P1, **values: object) -> Rig:
    return Rig(BALANCING | {"source": "Meter", "protocol": protocol} | values)


def charging(rig: Rig, phases: int = 3, house_a: float = 0.0) -> Rig:
    """Plug in and get over the probing minute, with a reading each ten seconds."""
    rig.read(house_a)
    rig.plug(phases)
    for _ in range(7):
        rig.pass_time(10)
        rig.read(house_a)
    assert rig.station.probing.done
    return rig


# --- limits


@pytest.mark.parametrize(
    ("values", "cable_a", "signalled_a", "binding"),
    [
        ({}, 63.0, 32.0, Binding.STATION),
        ({"connector": 16}, 63.0, 16.0, Binding.CONNECTOR),
        ({"station": 12.5}, 63.0, 12.5, Binding.STATION),
        ({}, 20.0, 20.0, Binding.CABLE),  # guide 10.8
        ({"station": 5.9}, 63.0, 0.0, Binding.STATION),
        ({"station": 6.0}, 63.0, 6.0, Binding.STATION),
        ({"alb": "On", "licence": "None", "safe": 7}, 63.0, 32.0, Binding.STATION),  # not unlocked: without effect
        ({"alb": "On", "licence": "Standard Load Balancing"}, 63.0, 32.0, Binding.STATION),
        ({"alb": "Off", "licence": "Active Load Balancing"}, 63.0, 32.0, Binding.STATION),
        ({"alb": "On", "licence": "Smart Charging Network", "safe": 7}, 63.0, 7.0, Binding.SAFE),
        ({"alb": "On", "licence": "Active Load Balancing", "safe": 5.5}, 63.0, 0.0, Binding.SAFE),
    ],
)
def test_the_lowest_limit_decides(
    values: dict[str, object], cable_a: float, signalled_a: float, binding: Binding
) -> None:
    rig = Rig(values | {"probing": 32}).plug(cable_a=cable_a)
    rig.pass_time(61)
    assert (rig.station.signalled_a, rig.station.binding) == (signalled_a, binding)
    assert rig.station.contactor == (signalled_a > 0)


def test_without_a_vehicle_nothing_is_available_and_the_limit_is_known() -> None:
    rig = Rig({})
    output = rig.station.advance_to(0)
    assert (output.offer, output.contactor, rig.station.mode_3_state) == (NO_OFFER, False, "A")
    assert (rig.station.signalled_a, rig.station.limit_a) == (0.0, 32.0)


@pytest.mark.parametrize("includes", [True, False])
def test_the_vehicle_gets_what_the_house_leaves(includes: bool) -> None:
    rig = metered(received=f"{'Include' if includes else 'Exclude'} charging EV")
    rig.read(10, includes=includes)
    rig.plug()
    for _ in range(7):
        rig.pass_time(10)
        rig.read(10, includes=includes)
    assert rig.station.signalled_a == 15.0
    assert rig.read(0, includes=includes) == 25.0
    assert rig.read(-20, includes=includes) == 32.0  # capped by the station
    assert rig.read(19, includes=includes) == 6.0
    assert rig.read(19.2, includes=includes) == 0.0


def test_the_wrong_setting_swings_or_halves_and_never_exceeds_the_maximum() -> None:
    rig = metered(received="Exclude charging EV")
    rig.read(5)  # the meter includes the vehicle all the same (ALF-ALB-028)
    rig.plug()
    seen = []
    for _ in range(30):
        rig.pass_time(10)
        seen.append(rig.read(5))
    assert max(seen) <= 20.0 and min(seen[10:]) < 20.0


def test_the_phase_with_most_other_load_decides() -> None:
    rig = charging(metered())
    assert rig.read(5, 15, 0) == 10.0


@pytest.mark.parametrize(
    ("rotation", "phases", "house", "signalled_a"),
    [
        ("L1L2L3", 1, (5, 15, 20), 20.0),
        ("L2L3L1", 1, (15, 5, 20), 20.0),
        ("L3L1L2", 2, (5, 25, 15), 10.0),
        ("L1L2L3", 3, (5, 10, 15), 10.0),
        ("L2", 3, (25, 5, 25), 20.0),
        ("L2", 1, (25, 5, 25), 20.0),
    ],
)
def test_only_the_phases_that_the_vehicle_uses_count_after_probing(
    rotation: str, phases: int, house: tuple[float, ...], signalled_a: float
) -> None:
    rig = metered(rotation=rotation)
    wired = 1 if len(rotation) == 2 else 3
    charging(rig, phases=min(phases, wired))
    meter = [float(current_a) for current_a in house]
    for conductor, phase in enumerate(rig.station.wired[: min(phases, wired)]):
        meter[phase] += rig.own_a[conductor]
    rig.station.reading(rig.now_ns, PerPhase(*meter), rig.own_a)
    rig.station.advance_to(rig.now_ns)
    assert rig.station.signalled_a == signalled_a


def test_a_conductor_that_comes_into_use_later_counts_too() -> None:
    rig = charging(metered(), phases=1)
    assert rig.read(5, 15, 0) == 20.0
    rig.draws = 2
    rig.pass_time(1)
    assert rig.read(5, 15, 0) == 10.0


# --- probing (guide 2.5)


def test_probing_is_a_minute_of_charging_at_14_a() -> None:
    rig = Rig({}).plug()
    assert rig.pass_time(59.9).offer.current_a == pytest.approx(14)
    assert rig.station.binding is Binding.PROBING
    assert rig.pass_time(0.1).offer.current_a == pytest.approx(32)
    rig.pass_time(600)
    assert rig.station.signalled_a == 32.0


def test_the_minute_begins_with_the_energy() -> None:
    rig = Rig({})
    rig.station.pilot_changed(0, PilotState.B, 32)
    rig.pass_time(120)
    assert rig.station.mode_3_state == "B2"
    rig.station.pilot_changed(0, PilotState.C, 32)
    rig.pass_time(59)
    assert (rig.station.mode_3_state, rig.station.signalled_a) == ("C2", 14.0)
    rig.pass_time(2)
    assert rig.station.signalled_a == 32.0


def test_probing_never_breaks_a_limit_and_comes_once_a_session() -> None:
    rig = metered()
    rig.read(15)
    rig.plug()
    assert rig.station.signalled_a == 10.0
    rig.pass_time(20)
    assert rig.read(20) == 0.0  # paused within the minute: it starts anew
    rig.pass_time(5)
    rig.station.pilot_changed(0, PilotState.B, 32)
    rig.station.advance_to(rig.now_ns)
    rig.read(0)
    rig.station.pilot_changed(0, PilotState.C, 32)
    rig.station.advance_to(rig.now_ns)
    for _ in range(5):
        rig.pass_time(10)
        assert rig.read(0) == 14.0
    rig.pass_time(11)
    assert rig.read(0) == 25.0
    assert rig.read(20) == 0.0
    assert rig.read(0) == 25.0  # the same session is not probed again
    rig.station.pilot_changed(0, PilotState.A, None)
    rig.plug()
    assert rig.station.signalled_a == 14.0


def test_another_probing_current() -> None:
    assert Rig({"probing": 10}).plug().station.signalled_a == 10.0
    assert Rig({"probing": 16}).plug().station.signalled_a == 16.0


# --- a lost data source


@pytest.mark.parametrize(
    ("heard", "line"), [(False, "Unable to start P1 communications"), (True, "P1 Device failure: Read Timeout Error")]
)
def test_a_silent_p1_meter_is_lost_after_thirty_seconds(heard: bool, line: str) -> None:
    rig = metered()
    if heard:
        rig.read(0)
    rig.pass_time(29.9)
    assert (rig.station.source_lost, rig.lines) == (False, [])
    rig.pass_time(0.1)
    assert rig.lines == [line, "Enter ActiveLB safeMode: 7.0A"]
    assert (rig.station.limit_a, rig.station.binding) == (7.0, Binding.SAFE)
    rig.pass_time(300)
    assert len(rig.lines) == 2
    rig.read(5)
    assert (rig.station.limit_a, rig.lines[-1]) == (20.0, "Leave ActiveLB safeMode")


def test_a_modbus_meter_has_a_minute_to_answer() -> None:
    rig = metered(MODBUS)
    rig.read(0)
    rig.pass_time(600)
    assert not rig.station.source_lost  # nobody asked it
    rig.station.meter_asked(rig.now_ns)
    rig.pass_time(55)
    rig.read(0)
    rig.station.meter_asked(rig.now_ns)
    rig.pass_time(30)
    rig.station.meter_asked(rig.now_ns)  # asked again: the minute is the first request's
    rig.pass_time(29.9)
    assert not rig.station.source_lost
    rig.pass_time(0.1)
    assert rig.lines == ["Modbus TCP/IP lost, in safe mode max 7.0A", "Enter ActiveLB safeMode: 7.0A"]
    assert rig.station.limit_a == 7.0


def test_before_the_first_reading_the_safe_current_holds() -> None:
    rig = metered().plug()
    assert (rig.station.signalled_a, rig.station.binding, rig.station.source_lost) == (7.0, Binding.SAFE, False)


def test_a_setpoint_lapses() -> None:
    rig = Rig(BALANCING | {"source": EMS}).plug()
    assert (rig.station.signalled_a, rig.station.binding) == (7.0, Binding.SAFE)
    rig.pass_time(61)
    rig.station.set_maximum(rig.now_ns, 16)
    rig.station.advance_to(rig.now_ns)
    assert (rig.station.signalled_a, rig.station.binding) == (16.0, Binding.EMS)
    assert rig.station.setpoint_left_s(rig.now_ns) == 60
    rig.pass_time(10)
    assert rig.station.setpoint_left_s(rig.now_ns) == 50
    rig.pass_time(45)
    rig.station.set_maximum(rig.now_ns, 16)
    rig.pass_time(59.9)
    assert (rig.station.signalled_a, rig.station.setpoint_left_s(rig.now_ns)) == (16.0, 1)
    rig.pass_time(0.1)
    assert (rig.station.signalled_a, rig.station.setpoint_left_s(rig.now_ns)) == (7.0, 0)
    assert rig.lines == [
        "Modbus slave max current socket 1: 16.0A",  # the second, equal one is not written
        "Modbus TCP/IP lost, in safe mode max 7.0A",
        "Enter ActiveLB safeMode: 7.0A",
    ]
    rig.station.set_maximum(rig.now_ns, 8)
    assert rig.pass_time(0).offer.current_a == pytest.approx(8)
    assert rig.lines[-1] == "Leave ActiveLB safeMode"


@pytest.mark.parametrize(
    ("setpoint_a", "signalled_a"), [(7.699999809, 7.7), (12.5, 12.5), (5.9, 0.0), (0, 0.0), (80, 32)]
)
def test_a_setpoint_in_tenths(setpoint_a: float, signalled_a: float) -> None:
    rig = Rig(BALANCING | {"source": EMS, "probing": 32}).plug()
    rig.station.set_maximum(0, setpoint_a)
    rig.station.advance_to(0)
    assert rig.station.signalled_a == signalled_a


def test_the_meter_settings_do_not_touch_an_ems() -> None:
    rig = Rig(BALANCING | {"source": EMS, "maximum": 10, "received": "Exclude charging EV", "probing": 32}).plug()
    rig.station.set_maximum(0, 16)
    rig.station.reading(0, PerPhase.all(30), ZERO)
    rig.station.advance_to(0)
    assert rig.station.signalled_a == 16.0


# --- pilot and contactor


def test_a_paused_vehicle_has_six_seconds_and_resumes() -> None:
    rig = charging(metered())
    output = rig.pass_time(0)
    assert output.contactor
    rig.read(20)
    assert (rig.station.mode_3_state, rig.station.contactor) == ("C1", True)
    assert rig.pass_time(5.9).offer == NO_OFFER
    assert rig.station.contactor
    rig.pass_time(0.1)
    assert not rig.station.contactor
    assert rig.read(10) == 15.0
    assert (rig.station.mode_3_state, rig.station.contactor) == ("C2", True)
    rig.station.pilot_changed(0, PilotState.A, None)
    assert not rig.pass_time(0).contactor


steps = st.one_of(
    st.tuples(st.just("meter"), st.lists(st.floats(-40, 60), min_size=3, max_size=3)),
    st.tuples(st.just("pilot"), st.sampled_from(list("ABCD"))),
    st.tuples(st.just("wait"), st.floats(0.1, 70)),
)


@given(st.lists(steps, max_size=20), st.sampled_from(["L1L2L3", "L3L1L2", "L2"]), st.booleans())
def test_it_offers_nothing_or_six_amperes_and_never_more_than_a_limit(
    script: list[tuple[str, object]], rotation: str, includes: bool
) -> None:
    rig = metered(rotation=rotation, received=f"{'Include' if includes else 'Exclude'} charging EV", connector=20)
    for kind, value in script:
        if kind == "meter" and isinstance(value, list):
            rig.station.reading(rig.now_ns, PerPhase(*value), rig.own_a)
        elif kind == "pilot":
            rig.station.pilot_changed(0, PilotState(value), None if value == "A" else 16.5)
        elif isinstance(value, float):
            rig.pass_time(value)
        output = rig.station.advance_to(rig.now_ns)
        signalled_a = output.offer.current_a
        assert signalled_a == 0 or signalled_a >= 6 - 1e-9
        assert signalled_a <= 16.5 + 1e-9
        if rig.station.pilot in (PilotState.C, PilotState.D) and not rig.station.probing.done:
            assert signalled_a <= 14 + 1e-9
        if rig.station.balancer is not None and (left_a := rig.station.balancer.limit_a(rig.station.wired)) is not None:
            if rig.station.probing.conductors is None:
                assert signalled_a <= max(left_a, 0) + 1e-3
        else:
            assert signalled_a <= 7
        assert not output.contactor or rig.station.pilot in (PilotState.C, PilotState.D)


# --- what it shows


def test_display_led_and_live_monitoring() -> None:
    rig = metered()
    assert display_text(rig.station, 0, 32) == "Available"
    charging(rig, house_a=17)
    assert display_text(rig.station, 5520, 32) == "5.5 kW 8.0 A of 32.0 A"
    assert led_text(rig.station, rig.own_a) == "dark blue steady"
    assert led_text(rig.station, PerPhase.all(15)) == "dark blue flashing"
    shown = live_monitoring(rig.station, rig.own_a, ems_in_use=False)
    assert shown["PWM duty cycle (%)"] == "13.3"
    assert shown["Smart meter currents"] == "25/25/25 A"
    rig.read(20)
    assert led_text(rig.station, ZERO) == "light blue flashing"
    assert display_text(rig.station, 0, 32).startswith("0.0 kW")
    rig.pass_time(40)
    assert display_text(rig.station, 0, 32).splitlines()[0] == "209: P1 lost, in safe mode max 7.0A"
    assert live_monitoring(rig.station, ZERO, ems_in_use=False)["Smart meter currents"] == "0/0/0 A"
