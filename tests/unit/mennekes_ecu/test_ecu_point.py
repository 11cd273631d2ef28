"""One charging point alone: which limit decides, its contactor, waking a vehicle, a lost Modbus client."""

from __future__ import annotations

import pytest

from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.pilot import NO_OFFER, PilotState
from emulators.mennekes_ecu.device import PARAMETERS
from emulators.mennekes_ecu.model import Binding, ChargingPoint

SLAVE, MASTER = "DLM Slave (Master-Auto-Discovery)", "DLM Master (With internal DLM-Slave)"


def point(*, legacy: bool = False, **values: object) -> ChargingPoint:
    names = {
        "role": "DLM Master/Slave",
        "installation": "Installation Current Limit [A]",
        "operator": "Operator Current Limit [A]",
        "minimum": "Minimum Current Limit [A]",
        "disconnected": "Disconnected Limit [A]",
        "wakeup": "Allow EV Wakeup",
    }
    parsed = {names[key]: PARAMETERS[names[key]].parse(value) for key, value in values.items()}
    return ChargingPoint(ParameterStore(PARAMETERS, parsed), now_ns=0, legacy=legacy)


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def charging(one: ChargingPoint, cable_a: float = 63) -> ChargingPoint:
    one.pilot_changed(0, PilotState.B, cable_a)
    one.advance_to(0)
    one.pilot_changed(0, PilotState.C, cable_a)
    one.advance_to(0)
    return one


def test_without_a_vehicle_nothing_is_available_and_no_contactor_closes() -> None:
    one = point()
    output = one.advance_to(0)
    assert (output.offer, output.contactor) == (NO_OFFER, False)
    assert (one.signalled_a, one.binding, one.ocpp_status()) == (0, Binding.NO_VEHICLE, 0)


LIMITS = [
    ({}, {}, 32.0, 32, Binding.INSTALLATION),
    ({}, {}, 63.0, 32, Binding.INSTALLATION),
    ({"installation": 20}, {}, 32.0, 20, Binding.INSTALLATION),
    ({"operator": 18}, {}, 63.0, 18, Binding.OPERATOR),
    ({}, {}, 13.0, 13, Binding.CABLE),
    ({}, {"hems_a": 10}, 63.0, 10, Binding.HEMS),
    ({}, {"hems_a": 5}, 63.0, 0, Binding.HEMS),
    ({"minimum": 10}, {"hems_a": 9}, 63.0, 0, Binding.HEMS),
    ({"minimum": 10}, {"hems_a": 10}, 63.0, 10, Binding.HEMS),
    ({}, {"available": False}, 63.0, 0, Binding.UNAVAILABLE),
    ({"role": MASTER}, {"dlm_a": 14}, 63.0, 14, Binding.DLM),
    ({"role": MASTER}, {}, 63.0, 0, Binding.DLM),
    ({"role": SLAVE, "disconnected": 8}, {}, 63.0, 8, Binding.DISCONNECTED),
    ({"role": SLAVE}, {}, 63.0, 0, Binding.DISCONNECTED),
    ({"role": SLAVE, "disconnected": 8}, {"master_lost": False, "dlm_a": 25}, 63.0, 25, Binding.DLM),
    ({"role": SLAVE, "disconnected": 40}, {}, 63.0, 32, Binding.INSTALLATION),
    ({"role": "DLM Master (Standalone)"}, {"dlm_a": 6}, 63.0, 32, Binding.INSTALLATION),
    ({}, {"dlm_a": 6}, 63.0, 32, Binding.INSTALLATION),
]


@pytest.mark.parametrize(("parameters", "state", "cable_a", "signalled_a", "binding"), LIMITS)
def test_the_lowest_limit_decides(
    parameters: dict[str, object], state: dict[str, object], cable_a: float, signalled_a: int, binding: Binding
) -> None:
    one = point(**parameters)
    for name, value in state.items():
        setattr(one, name, value)
    charging(one, cable_a)
    assert (one.signalled_a, one.binding) == (signalled_a, binding)
    assert one.contactor == (signalled_a > 0)
    assert one.advance_to(s(1)).offer.current_a == pytest.approx(signalled_a)


def test_the_contactor_follows_the_vehicle() -> None:
    one = charging(point())
    assert one.contactor and one.ocpp_status() == 6
    one.pilot_changed(s(1), PilotState.B, 63)
    assert not one.advance_to(s(1)).contactor
    assert one.ocpp_status() == 8
    one.pilot_changed(s(2), PilotState.A, None)
    assert one.advance_to(s(2)).offer == NO_OFFER


def test_a_vehicle_has_six_seconds_to_stop_before_the_contactor_opens() -> None:
    one = charging(point())
    one.available = False
    output = one.advance_to(s(10))
    assert (output.offer, output.contactor, one.ocpp_status()) == (NO_OFFER, True, 3)
    assert one.next_deadline_ns() == s(16)
    assert one.advance_to(s(16) - 1).contactor
    assert not one.advance_to(s(16)).contactor


def test_a_stop_that_is_taken_back_keeps_the_contactor() -> None:
    one = charging(point())
    one.available = False
    one.advance_to(s(10))
    one.available = True
    one.advance_to(s(12))
    assert one.advance_to(s(20)).contactor


def test_a_sleeping_vehicle_is_woken_once_by_a_step_to_f() -> None:
    one = point()
    one.pilot_changed(0, PilotState.B, 32)
    assert not one.advance_to(0).offer.fault
    assert one.next_deadline_ns() == s(30)
    assert one.advance_to(s(30)).offer.fault
    assert one.next_deadline_ns() == s(34)
    assert not one.advance_to(s(34)).offer.fault
    assert one.next_deadline_ns() is None
    assert not one.advance_to(s(90)).offer.fault


def test_a_vehicle_that_asked_in_between_may_be_woken_again() -> None:
    one = point()
    one.pilot_changed(0, PilotState.B, 32)
    for time_s in (0, 30, 34):
        one.advance_to(s(time_s))
    for state, time_s in ((PilotState.C, 40), (PilotState.B, 50)):
        one.pilot_changed(s(time_s), state, 32)
        one.advance_to(s(time_s))
    assert one.advance_to(s(80)).offer.fault


@pytest.mark.parametrize(("own", "granted", "woken"), [("On", None, True), ("Off", None, False), ("On", False, False)])
def test_waking_is_the_owners_choice_and_a_slaves_masters(own: str, granted: bool | None, woken: bool) -> None:
    one = point(wakeup=own)
    one.wakeup_granted = granted
    one.pilot_changed(0, PilotState.B, 32)
    one.advance_to(0)
    assert one.advance_to(s(30)).offer.fault is woken


def test_a_lost_modbus_client_brings_the_safe_current_and_its_return_lifts_it() -> None:
    one = charging(point())
    one.safe_current_a, one.comm_timeout_s = 7, 20
    one.client_spoke(s(5))
    one.advance_to(s(5))
    assert one.signalled_a == 32
    assert one.next_deadline_ns() == s(25)
    one.advance_to(s(25))
    assert (one.signalled_a, one.binding) == (7, Binding.SAFE)
    assert one.next_deadline_ns() is None, "a timeout that has passed is no deadline: time would stand still"
    one.client_spoke(s(30))
    one.advance_to(s(30))
    assert one.signalled_a == 32


def test_the_moment_of_the_last_change_is_kept() -> None:
    one = charging(point())
    one.hems_a = 10
    one.advance_to(s(100))
    one.advance_to(s(120))
    assert one.since_ns == s(100)
    assert one.cap_a(s(120)) == 10
