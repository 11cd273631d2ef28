"""Fuse curves: gates of the standards, interpolation, damage in closed form, cooling."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ScenarioError
from hil.plant.fuse import COOLING_S, TABLE, Curve, Damage, FuseSpec, curve
from hil.plant.line import Line

S = 1_000_000_000


@pytest.mark.parametrize(
    ("kind", "rating_a", "name", "current_a", "time_s"),
    [
        pytest.param("gG", 100, "earliest", 290, 10, id="gG 100 holds 290 A for 10 s"),
        pytest.param("gG", 100, "earliest", 820, 0.1, id="gG 100 holds 820 A for 0.1 s"),
        pytest.param("gG", 100, "latest", 580, 5, id="gG 100 melts at 580 A by 5 s"),
        pytest.param("gG", 100, "latest", 1450, 0.1, id="gG 100 melts at 1450 A by 0.1 s"),
        pytest.param("gG", 100, "earliest", 125, 7200, id="gG 100 holds 1.25 In for 2 h"),
        pytest.param("gG", 100, "latest", 160, 7200, id="gG 100 melts at 1.6 In by 2 h"),
        pytest.param("gG", 63, "earliest", 78.75, 3600, id="gG 63 has 1 h"),
        pytest.param("gG", 200, "latest", 320, 10800, id="gG 200 has 3 h"),
        pytest.param("B", 16, "earliest", 1.13 * 16, 3600, id="B16 holds 1.13 In for 1 h"),
        pytest.param("B", 16, "latest", 1.45 * 16, 3600, id="B16 trips at 1.45 In by 1 h"),
        pytest.param("B", 80, "latest", 1.45 * 80, 7200, id="B80 has 2 h"),
        pytest.param("B", 16, "earliest", 2.55 * 16, 1, id="B16 holds 2.55 In for 1 s"),
        pytest.param("B", 32, "latest", 2.55 * 32, 60, id="B32 trips at 2.55 In by 60 s"),
        pytest.param("B", 40, "latest", 2.55 * 40, 120, id="B40 trips at 2.55 In by 120 s"),
        pytest.param("B", 16, "earliest", 48, 0.1, id="B16 may trip in 0.1 s at 3 In"),
        pytest.param("B", 16, "latest", 80, 0.1, id="B16 trips in 0.1 s at 5 In"),
        pytest.param("C", 16, "earliest", 80, 0.1, id="C16 may trip in 0.1 s at 5 In"),
        pytest.param("C", 16, "latest", 160, 0.1, id="C16 trips in 0.1 s at 10 In"),
        pytest.param("D", 16, "latest", 320, 0.1, id="D16 trips in 0.1 s at 20 In"),
    ],
)
def test_curves_go_through_the_gates(kind: str, rating_a: float, name: str, current_a: float, time_s: float) -> None:
    assert curve(kind, rating_a, name).trip_s(current_a) == pytest.approx(time_s)


@pytest.mark.parametrize(("kind", "lower", "upper"), [("B", 3, 5), ("C", 5, 10), ("D", 10, 20)], ids=["B", "C", "D"])
@pytest.mark.parametrize(("rating_a", "by_s"), [(16, 60), (32, 60), (40, 120), (100, 120)])
def test_between_the_thermal_and_the_magnetic_release_only_the_standard_bounds_a_breaker(
    kind: str, lower: float, upper: float, rating_a: float, by_s: float
) -> None:
    earliest, latest = curve(kind, rating_a, "earliest"), curve(kind, rating_a, "latest")
    assert earliest.trip_s(2.55 * rating_a) == 1  # test c: does not trip within 1 s
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        below_a = (2.55 + share * (lower - 2.55)) * rating_a
        assert earliest.trip_s(below_a) == 0.1  # test d holds for all that is less
        between_a = (2.55 + share * (upper - 2.55)) * rating_a
        assert latest.trip_s(between_a) == by_s  # test c holds for all that is more
    assert earliest.trip_s(lower * rating_a) == 0.1
    assert latest.trip_s(upper * rating_a) == latest.trip_s(3 * upper * rating_a) == 0.1  # test e


def test_a_ramp_through_the_step_of_a_breaker_trips_by_the_bound_behind_it() -> None:
    b16 = Damage(curve("B", 16, "earliest"))
    ramp = Line(0, 2.5 * 16, 16.0, 2 * S)  # 2.55 In after 50 ms, 3 In after 500 ms
    at_ns = b16.reaches_one_ns(ramp, 0)
    assert at_ns is not None
    assert 0.140 * S < at_ns < 0.150 * S  # 50 ms below the step bring little, 0.1 s above it the rest


@pytest.mark.parametrize(("kind", "below", "above"), [("gG", 1.24, 1.26), ("B", 1.12, 1.14)])
def test_below_the_first_point_nothing_ever_trips(kind: str, below: float, above: float) -> None:
    earliest = curve(kind, 63, "earliest")
    assert earliest.trip_s(63 * below) == math.inf
    assert earliest.trip_s(63 * above) < 3600


def test_a_rating_between_the_rows_lies_between_its_neighbours() -> None:
    low, middle, high = (curve("gG", rating_a, "earliest") for rating_a in (32, 35, 40))
    for index in range(3):
        assert low.knots_a[index] < middle.knots_a[index] < high.knots_a[index]
    assert middle.knots_a[1] == pytest.approx(75 * (95 / 75) ** (math.log(35 / 32) / math.log(40 / 32)))


RATINGS = st.one_of(
    st.tuples(st.just("gG"), st.floats(16, 400)), st.tuples(st.sampled_from(["B", "C", "D"]), st.floats(1, 125))
)


@given(RATINGS, st.floats(1.0, 30.0))
def test_earliest_is_before_typical_is_before_latest(device: tuple[str, float], multiple: float) -> None:
    kind, rating_a = device
    times = [curve(kind, rating_a, name).trip_s(multiple * rating_a) for name in ("earliest", "typical", "latest")]
    assert times[0] <= times[1] * (1 + 1e-9)
    assert times[1] <= times[2] * (1 + 1e-9)


@given(RATINGS, st.floats(1.6, 20.0), st.floats(1.001, 1.5))
def test_more_current_never_takes_longer(device: tuple[str, float], multiple: float, factor: float) -> None:
    kind, rating_a = device
    for name in ("earliest", "typical", "latest"):
        line = curve(kind, rating_a, name)
        assert line.trip_s(multiple * rating_a * factor) <= line.trip_s(multiple * rating_a)


@pytest.mark.parametrize(
    ("kind", "rating_a", "text"),
    [("gG", 10, "16 to 400 A"), ("gG", 630, "16 to 400 A"), ("B", 160, "to 125 A"), ("K", 16, "none of B, C, D, gG")],
)
def test_an_unknown_device_is_refused_with_what_is_allowed(kind: str, rating_a: float, text: str) -> None:
    with pytest.raises(ScenarioError, match=text):
        FuseSpec(rating_a=rating_a, type=kind)


def test_every_row_of_the_table_names_its_source() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert all(line.rsplit(",", 1)[1].startswith("IEC ") for line in lines[1:])


def test_damage_decays_with_the_stated_time_constant_below_the_curve() -> None:
    damage = Damage(curve("gG", 100, "earliest"), value=0.8, worst=0.8)
    value, worst = damage.after(Line(0, 100.0), 0, round(COOLING_S * S))
    assert value == pytest.approx(0.8 / math.e)
    assert worst == 0.8


def brute_damage(line: Curve, ramp: Line, start: float, until_ns: int, steps: int) -> float:
    value, dt = start, until_ns / steps / S
    for step in range(steps):
        trip_s = line.trip_s(abs(ramp.at(round((step + 0.5) * until_ns / steps))))
        value = value * math.exp(-dt / COOLING_S) if trip_s == math.inf else value + dt / trip_s
    return value


@settings(max_examples=40, deadline=None)
@given(
    RATINGS,
    st.sampled_from(["earliest", "latest", "typical"]),
    st.floats(-8, 8),
    st.floats(-8, 8),
    st.floats(0.01, 60),
)
def test_damage_on_a_ramp_equals_the_fine_sum(
    device: tuple[str, float], name: str, start: float, end: float, lasts_s: float
) -> None:
    kind, rating_a = device
    line = curve(kind, rating_a, name)
    until_ns = round(lasts_s * S)
    ramp = Line(0, start * rating_a, (end - start) * rating_a / (until_ns / S), until_ns)
    exact, _ = Damage(line, value=0.3).after(ramp, 0, until_ns)
    steps = 4000
    # The sum's own error: one step's worth of the steepest rate, around the asymptote's jump and the curvature.
    rate = max(1 / line.trip_s(abs(current)) for current in (ramp.a, ramp.at(until_ns)))
    summed = brute_damage(line, ramp, 0.3, until_ns, steps)
    assert exact == pytest.approx(summed, rel=1e-3, abs=2 * rate * lasts_s / steps)


@given(RATINGS, st.floats(3, 8), st.floats(1e-9, 3e-4))
def test_nearly_flat_ramps_are_as_exact_as_steep_ones(device: tuple[str, float], start: float, change: float) -> None:
    kind, rating_a = device
    line = curve(kind, rating_a, "earliest")
    index = line.piece(start * rating_a)
    from_a, to_a = start * rating_a, start * rating_a * (1 + change)
    middle_rate = 1 / line._law(index, (from_a + to_a) / 2)
    assert line.gained(index, from_a, to_a, 1.0) == pytest.approx(middle_rate, rel=1e-5)


@given(RATINGS, st.floats(0, 12), st.floats(0, 12), st.floats(0.05, 600))
def test_the_predicted_moment_is_the_first_at_which_damage_is_one(
    device: tuple[str, float], start: float, end: float, lasts_s: float
) -> None:
    kind, rating_a = device
    until_ns = round(lasts_s * S)
    ramp = Line(0, start * rating_a, (end - start) * rating_a / (until_ns / S), until_ns)
    damage = Damage(curve(kind, rating_a, "earliest"))
    at_ns = damage.reaches_one_ns(ramp, 0)
    if at_ns is None or at_ns > until_ns:
        assert damage.after(ramp, 0, until_ns)[1] < 1
    else:
        assert damage.after(ramp, 0, at_ns)[0] == pytest.approx(1, abs=1e-6 + 2e-9 / damage.curve.trip_s(12 * rating_a))
        earlier_ns = [round(at_ns * share) for share in (0.5, 0.9, 0.999)]
        assert all(damage.after(ramp, 0, t_ns)[1] <= 1 for t_ns in earlier_ns)


def test_a_constant_current_opens_at_the_time_of_the_curve() -> None:
    damage = Damage(curve("gG", 100, "earliest"))
    assert damage.reaches_one_ns(Line(5 * S, 290.0), 5 * S) == pytest.approx(15 * S, abs=20)
    assert damage.reaches_one_ns(Line(0, 124.0), 0) is None


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(1, 2000)), min_size=1, max_size=8))
def test_damage_does_not_depend_on_how_often_it_is_booked(stretches: list[tuple[float, float]]) -> None:
    once, often = (Damage(curve("gG", 63, "earliest")) for _ in range(2))
    now_ns = 0
    for current_a, lasts_s in stretches:
        end_ns = now_ns + round(lasts_s * S)
        line = Line(now_ns, current_a)
        once.book(line, now_ns, end_ns)
        cuts = [now_ns + (end_ns - now_ns) * part // 7 for part in range(8)]
        for from_ns, to_ns in itertools.pairwise(cuts):
            often.book(line, from_ns, to_ns)
        now_ns = end_ns
    assert often.value == pytest.approx(once.value, rel=1e-9, abs=1e-12)
