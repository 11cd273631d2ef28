"""The control pilot's duty table, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.pilot import NO_OFFER, Offer, current_of_duty_a, offer_of_current


@pytest.mark.parametrize(
    ("duty_pct", "current_a"),
    [
        (0, 0), (5, 0), (7.9, 0), (8, 6), (9.5, 6), (10, 6), (16, 9.6), (25, 15), (50, 30), (53.3, 31.98), (85, 51),
        (85.1, 52.75), (90, 65), (96, 80), (96.5, 80), (97, 80), (97.1, 0), (100, 0),
    ],
)  # fmt: skip
def test_what_a_duty_offers(duty_pct: float, current_a: float) -> None:
    assert current_of_duty_a(duty_pct) == pytest.approx(current_a)
    assert Offer(duty_pct).current_a == pytest.approx(current_a)


@pytest.mark.parametrize(
    ("current_a", "duty_pct"),
    [(0, 100), (5.99, 100), (6, 10), (16, 26.6667), (32, 53.3333), (51, 85), (63, 89.2), (80, 96), (200, 96)],
)
def test_the_duty_that_offers_a_current(current_a: float, duty_pct: float) -> None:
    assert offer_of_current(current_a).duty_pct == pytest.approx(duty_pct, abs=1e-4)


def test_no_offer() -> None:
    assert offer_of_current(5.9) is NO_OFFER
    assert NO_OFFER.current_a == 0
    assert Offer(53.3, fault=True).current_a == 0


@given(st.integers(6, 51) | st.integers(53, 80))
def test_whole_amperes_come_through(current_a: int) -> None:
    assert offer_of_current(current_a).current_a == pytest.approx(current_a)


@given(st.floats(0, 300))
def test_a_vehicle_never_reads_more_than_was_meant(current_a: float) -> None:
    assert offer_of_current(current_a).current_a <= current_a + 1e-6


def test_around_51_a_the_two_lines_do_not_meet_and_the_lower_is_read() -> None:
    assert offer_of_current(52).current_a == pytest.approx(50.88)
