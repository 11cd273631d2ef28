"""Three numbers, and a socket that is rotated against the grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.phases import PHASE_ORDERS, THREE_PHASE_ORDERS, PerPhase, grid_phases, to_grid

number = st.integers(-1000, 1000).map(float)
three = st.builds(PerPhase, number, number, number)


@pytest.mark.parametrize(
    ("order", "grid"),
    [("L1L2L3", (0, 1, 2)), ("L2L3L1", (1, 2, 0)), ("L3L2L1", (2, 1, 0)), ("L1", (0,)), ("L3", (2,))],
)
def test_grid_phase_of_each_conductor(order: str, grid: tuple[int, ...]) -> None:
    assert grid_phases(order) == grid


@pytest.mark.parametrize("order", ["", "L1L2", "L1L1L3", "L4", "l1l2l3", "L1 L2 L3"])
def test_another_order_is_refused_with_all_that_are_possible(order: str) -> None:
    with pytest.raises(ValueError, match="L3L2L1, L1, L2, L3"):
        grid_phases(order)


@pytest.mark.parametrize(
    ("order", "grid"),
    [("L2L3L1", PerPhase(3, 1, 2)), ("L1L3L2", PerPhase(1, 3, 2)), ("L2", PerPhase(0, 1, 0))],
)
def test_socket_currents_on_the_grid(order: str, grid: PerPhase) -> None:
    assert to_grid(PerPhase(1, 2, 3), order) == grid


@given(three, st.sampled_from(THREE_PHASE_ORDERS))
def test_nothing_is_lost_by_rotation(value: PerPhase, order: str) -> None:
    assert sorted(to_grid(value, order)) == sorted(value)


@given(three, three)
def test_arithmetic_is_per_phase(one: PerPhase, other: PerPhase) -> None:
    assert list(one + other) == [a + b for a, b in zip(one, other, strict=True)]
    assert one + other - other == one
    assert one * 2 == one + one == one.map(lambda value: 2 * value)
    assert one.combine(other, max) == other.combine(one, max)
    assert [one["L1"], one["L2"], one["L3"]] == [one[0], one[1], one[2]] == list(one)


def test_text() -> None:
    assert str(PerPhase(16.0, 0.5, -3)) == "16/0.5/-3"
    assert len(set(PHASE_ORDERS)) == 9
