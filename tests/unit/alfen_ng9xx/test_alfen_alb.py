"""Active Load Balancing as arithmetic: the guide's PV table, include and exclude, phase by phase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.alfen_ng9xx.alb import Balancer, available
from emulators.kit.phases import PerPhase

MAXIMUM_A = 25.0

# Guide 5.1.4.3: PV, EV, house, what the table prints at the meter (* = negative), what it prints as returned.
PV_TABLE = [
    pytest.param(0, 0, 0, 0, 0, id="0 PV current, No Charging, 0 House current"),
    pytest.param(0, 0, 2, 2, 0, id="House current"),
    pytest.param(0, 12, 0, 12, 0, id="Charging"),
    pytest.param(12, 0, 0, -12, -12, id="PV current"),
    pytest.param(12, 0, 12, 0, 0, id="PV current and House current are equal"),
    pytest.param(12, 0, 2, -12, -10, id="House current < PV current"),  # erratum: -10 at the meter (ALF-PV-012)
    pytest.param(12, 6, 0, -6, -6, id="PV current + Charging current = Return current"),
    pytest.param(12, 12, 0, 0, 0, id="PV current and Charging current are equal"),
    pytest.param(12, 6, 2, -4, -4, id="House current and Charging current < PV current"),
    pytest.param(12, 6, 6, 0, 0, id="House current and Charging current equals PV current"),
    pytest.param(12, 16, 2, 6, 0, id="House current and Charging current > PV current"),
]


@pytest.mark.parametrize(("pv_a", "ev_a", "house_a", "printed_a", "returned_a"), PV_TABLE)
def test_what_a_row_of_the_pv_table_leaves_to_the_vehicle(
    pv_a: float, ev_a: float, house_a: float, printed_a: float, returned_a: float
) -> None:
    meter_a = house_a + ev_a - pv_a
    assert min(meter_a, 0) == returned_a
    if (pv_a, ev_a, house_a) != (12, 0, 2):
        assert meter_a == printed_a
    left_a = MAXIMUM_A - house_a + pv_a  # whatever the vehicle draws, the others decide
    included = available(PerPhase.all(meter_a), PerPhase.all(ev_a), MAXIMUM_A, includes_ev=True)
    excluded = available(PerPhase.all(house_a - pv_a), PerPhase.all(ev_a), MAXIMUM_A, includes_ev=False)
    assert included == excluded == PerPhase.all(left_a)


def test_a_meter_that_is_said_to_exclude_the_vehicle_but_includes_it_halves_the_rest() -> None:
    own_a, house_a = 10.0, 5.0  # 25 - (5 + x) = x
    left = available(PerPhase.all(house_a + own_a), PerPhase.all(own_a), MAXIMUM_A, includes_ev=False)
    assert left == PerPhase.all(own_a)


def test_each_phase_counts_for_itself() -> None:
    balancer = Balancer(20.0, includes_ev=True)
    balancer.take(PerPhase(-12, 0, 4), PerPhase.zero(), steady=True)
    assert balancer.available_a == PerPhase(32, 20, 16)
    assert balancer.limit_a([1]) == 20  # ALF-PV-022: surplus on L1 gives nothing to L2
    assert balancer.limit_a([0, 1, 2]) == 16
    balancer.take(PerPhase(50, 0, 0), PerPhase.zero(), steady=True)
    assert balancer.limit_a([0]) == 0


def test_a_reading_while_the_current_moves_lowers_and_does_not_raise() -> None:
    balancer = Balancer(MAXIMUM_A, includes_ev=True)
    assert balancer.limit_a([0]) is None
    balancer.take(PerPhase.all(10), PerPhase.zero(), steady=False)  # the first counts as it is
    assert balancer.limit_a([0, 1, 2]) == 15
    balancer.take(PerPhase(5, 12, 10), PerPhase.zero(), steady=False)
    assert balancer.available_a == PerPhase(15, 13, 15)
    balancer.take(PerPhase(5, 12, 10), PerPhase.zero(), steady=True)
    assert balancer.available_a == PerPhase(20, 13, 15)


def test_a_lost_meter_leaves_nothing_behind() -> None:
    balancer = Balancer(MAXIMUM_A, includes_ev=False)
    balancer.take(PerPhase.all(10), PerPhase.zero(), steady=True)
    balancer.forget()
    assert (balancer.meter_a, balancer.limit_a([0])) == (None, None)


amperes = st.floats(0, 80)
phases = st.builds(PerPhase, amperes, amperes, amperes)


@given(house_a=phases, pv_a=phases, own_a=phases)
def test_the_limit_never_overloads_the_meter_by_more_than_the_others_do(
    house_a: PerPhase, pv_a: PerPhase, own_a: PerPhase
) -> None:
    others_a = house_a - pv_a
    balancer = Balancer(MAXIMUM_A, includes_ev=True)
    balancer.take(others_a + own_a, own_a, steady=True)
    limit_a = balancer.limit_a([0, 1, 2])
    assert limit_a is not None and limit_a >= 0
    for phase in range(3):
        assert others_a[phase] + limit_a <= max(MAXIMUM_A, others_a[phase]) + 1e-9
