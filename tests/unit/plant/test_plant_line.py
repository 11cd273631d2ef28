"""Where a straight line leaves a band."""

from __future__ import annotations

import math

import pytest

from hil.plant.line import NS_PER_S, Line

S = NS_PER_S
RISING = Line(2 * S, 10.0, 4.0, 12 * S)  # 50 A at its end
FALLING = Line(2 * S, 10.0, -4.0, 12 * S)


@pytest.mark.parametrize(
    ("line", "low_a", "high_a", "now_s", "leaves_s"),
    [
        (RISING, 0, 30, 2, 7),
        (RISING, 0, 30, 6, 7),
        (RISING, 0, 30, 9, 9),
        (RISING, 0, 50, 2, None),
        (RISING, 0, math.inf, 2, None),
        (RISING, 20, 30, 2, 2),
        (FALLING, -10, 30, 3, 7),
        (FALLING, -math.inf, 30, 3, None),
        (FALLING, -31, 30, 3, None),
        (Line(0, 5.0), 0, 5, 100, None),
        (Line(0, 5.0), 0, 4.9, 100, 100),
    ],
)
def test_a_line_leaves_a_band(line: Line, low_a: float, high_a: float, now_s: int, leaves_s: int | None) -> None:
    leaves_ns = line.leaves_ns(low_a, high_a, now_s * S)
    if leaves_s is None:
        assert leaves_ns is None
        return
    assert leaves_ns is not None
    assert 0 <= leaves_ns - leaves_s * S <= 1
    assert not low_a <= line.at(leaves_ns) <= high_a
