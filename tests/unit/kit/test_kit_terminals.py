"""What follows from a meter's terminals: powers with the currents' sign, and the voltages between phases."""

from __future__ import annotations

import pytest

from emulators.kit.phases import PerPhase, line_to_line_v
from emulators.kit.terminals import Reading


def test_powers_have_the_sign_of_the_currents() -> None:
    reading = Reading(PerPhase(10, -4.5, 0), 0, PerPhase(230, 231, 229), PerPhase.zero(), PerPhase.zero())
    assert reading.powers_w == PerPhase(2300, -1039.5, 0)


def test_voltages_between_phases_are_those_of_vectors_120_degrees_apart() -> None:
    """The law of cosines with the angle of 120 degrees; each pair has numbers of its own, so that none is swapped."""
    assert line_to_line_v(3, 5) == 7
    reading = Reading(PerPhase.zero(), 0, PerPhase(3, 5, 16), PerPhase.zero(), PerPhase.zero())
    assert list(reading.line_to_line_v) == pytest.approx([7, 19, 313**0.5])
