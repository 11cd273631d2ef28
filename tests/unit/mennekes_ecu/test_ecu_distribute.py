"""Sharing of a current: the table of the application note, fairness against a slow oracle, the lowest bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.phases import PerPhase
from emulators.mennekes_ecu.dlm import Claim, Limits, available_current, distribute, scheduled_current

ALL, L1, L2, L3 = (0, 1, 2), (0,), (1,), (2,)
PHASE_SETS = (ALL, L1, L2, L3, (0, 1), (1, 2))


def claims(*wants: tuple[tuple[int, ...], int]) -> list[Claim]:
    return [Claim(name=f"CP{number}", phases=phases, cap_a=cap) for number, (phases, cap) in enumerate(wants, start=1)]


def shared(available_a: PerPhase | float, *wants: tuple[tuple[int, ...], int]) -> list[int]:
    what = available_a if isinstance(available_a, PerPhase) else PerPhase.all(available_a)
    return list(distribute(what, claims(*wants)).values())


@pytest.mark.parametrize(
    ("available_a", "points", "each_a"),
    [(100, 1, 32), (100, 2, 32), (100, 3, 32), (100, 4, 25), (63, 4, 15), (40, 2, 20), (100, 7, 14), (24, 4, 6)],
)
def test_equal_points_share_as_in_the_application_note(available_a: float, points: int, each_a: int) -> None:
    assert shared(available_a, *[(ALL, 32)] * points) == [each_a] * points


@pytest.mark.parametrize(
    ("available_a", "wants", "shares"),
    [
        pytest.param(23.0, [(ALL, 32)] * 4, [7, 7, 7, 0], id="the latest arrival waits"),
        pytest.param(5.0, [(ALL, 32)], [0], id="less than 6 A is nothing"),
        pytest.param(5.95, [(ALL, 32)], [6], id="a meter's noise is not a step"),
        pytest.param(5.94, [(ALL, 32)], [0], id="more than noise is a step"),
        pytest.param(100.0, [(ALL, 5), (ALL, 32)], [0, 32], id="a cap below 6 A takes nothing"),
        pytest.param(40.0, [(ALL, 10), (ALL, 32)], [10, 30], id="what a cap leaves goes to the other"),
        pytest.param(PerPhase(16, 32, 32), [(L1, 32), (L2, 32)], [16, 32], id="each phase on its own"),
        pytest.param(
            PerPhase(20, 50, 50), [(L1, 32), (ALL, 32), (L2, 32)], [10, 10, 32], id="the scarcest phase binds"
        ),
        pytest.param(
            PerPhase(10, 6, 5), [(L3, 32), (ALL, 32), (L2, 32)], [0, 0, 6], id="who cannot start blocks nobody"
        ),
        pytest.param(PerPhase(0, 0, 0), [], [], id="nobody there"),
    ],
)
def test_shares(available_a: PerPhase | float, wants: list[tuple[tuple[int, ...], int]], shares: list[int]) -> None:
    assert shared(available_a, *wants) == shares


def fill(available_a: PerPhase, wants: list[Claim]) -> dict[str, int]:
    """Progressive filling, slowly: search the highest common level, freeze whom a phase stops, repeat."""
    level: dict[str, int] = {}

    def load(shares: dict[str, int], phase: int) -> int:
        return sum(shares.get(claim.name, 0) for claim in wants if phase in claim.phases)

    for claim in wants:
        trial = level | {claim.name: 6}
        if claim.cap_a >= 6 and all(load(trial, phase) <= available_a[phase] for phase in range(3)):
            level = trial
    by_name = {claim.name: claim for claim in wants}
    active = set(level)

    def at(height: int) -> dict[str, int]:
        return level | {name: max(level[name], min(by_name[name].cap_a, height)) for name in active}

    def over(height: int) -> set[int]:
        return {phase for phase in range(3) if load(at(height), phase) > available_a[phase]}

    while active:
        height = 6
        while not over(height + 1) and height < max(by_name[name].cap_a for name in active):
            height += 1
        level = at(height)
        stopped = over(height + 1)
        active = {
            name for name in active if level[name] < by_name[name].cap_a and not stopped & {*by_name[name].phases}
        }
    return {claim.name: level.get(claim.name, 0) for claim in wants}


available = st.builds(PerPhase, *[st.integers(0, 130).map(float)] * 3)
wanted = st.lists(st.tuples(st.sampled_from(PHASE_SETS), st.integers(0, 40)), max_size=8).map(lambda w: claims(*w))


@settings(max_examples=300, deadline=None)
@given(available, wanted)
def test_shares_are_safe_and_max_min_fair(available_a: PerPhase, wants: list[Claim]) -> None:
    shares = distribute(available_a, wants)
    assert set(shares) == {claim.name for claim in wants}
    left = [available_a[p] - sum(shares[c.name] for c in wants if p in c.phases) for p in range(3)]
    assert min(left) >= 0
    for claim in wants:
        assert shares[claim.name] == 0 or 6 <= shares[claim.name] <= claim.cap_a
    assert shares == fill(available_a, wants)
    served = [claim for claim in wants if shares[claim.name]]
    for one in served:
        # Whoever is below its cap stands on a phase whose biggest users, itself among them, leave too little to raise.
        bottlenecks = [
            p
            for p in one.phases
            if all(shares[c.name] <= shares[one.name] for c in served if p in c.phases)
            and left[p] < sum(p in c.phases and shares[c.name] == shares[one.name] < c.cap_a for c in served)
        ]
        assert shares[one.name] == one.cap_a or bottlenecks
        for other in served:
            if (one.phases, one.cap_a) == (other.phases, other.cap_a):
                assert shares[one.name] == shares[other.name]


@given(st.integers(0, 130), st.lists(st.integers(6, 32), min_size=1, max_size=10))
def test_the_earliest_are_served_first(available_a: int, caps: list[int]) -> None:
    shares = shared(available_a, *[(ALL, cap) for cap in caps])
    served = sum(share > 0 for share in shares)
    assert served == min(len(caps), available_a // 6)
    assert all(shares[:served]) and not any(shares[served:])


LIMITS = Limits(evse_a=PerPhase(100, 90, 80), operator_a=PerPhase(95, 95, 95))
METERED = Limits(evse_a=PerPhase.all(100), operator_a=PerPhase.all(100), main_a=PerPhase(80, 80, 80))


def changed(limits: Limits, **values: object) -> Limits:
    return Limits(**{name: getattr(limits, name) for name in Limits.__slots__} | values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "metered_a", "charging_a", "available_a"),
    [
        pytest.param(LIMITS, None, 0, PerPhase(95, 90, 80), id="lower of installer and operator, per phase"),
        pytest.param(changed(LIMITS, scheduled_a=PerPhase(32, 99, 70)), None, 0, PerPhase(32, 90, 70), id="schedule"),
        pytest.param(METERED, PerPhase(30, 0, -10), 0, PerPhase(50, 80, 90), id="meter beside: PV adds"),
        pytest.param(METERED, PerPhase(-40, 0, 0), 0, PerPhase(100, 80, 80), id="never above the EVSE limit"),
        pytest.param(METERED, PerPhase(90, 0, 0), 0, PerPhase(0, 80, 80), id="never negative"),
        pytest.param(METERED, PerPhase.all(30), 20, PerPhase.all(50), id="a meter beside counts all as external"),
        pytest.param(
            changed(METERED, meter_includes_evse=True),
            PerPhase.all(30),
            20,
            PerPhase.all(70),
            id="meter including EVSE",
        ),
        pytest.param(
            changed(METERED, headroom_a=PerPhase(5, 0, 90)), PerPhase.zero(), 0, PerPhase(75, 80, 0), id="headroom"
        ),
        pytest.param(changed(METERED, fallback_a=PerPhase.all(60)), None, 20, PerPhase.all(20), id="silent: fallback"),
        pytest.param(
            changed(METERED, fallback_a=PerPhase.all(60), meter_includes_evse=True),
            None,
            20,
            PerPhase.all(20),
            id="the fallback is external load, charging is not in it",
        ),
        pytest.param(
            changed(METERED, fallback_a=PerPhase.all(60)), PerPhase.zero(), 0, PerPhase.all(80), id="no fallback in use"
        ),
    ],
)
def test_the_lowest_bound_decides(
    limits: Limits, metered_a: PerPhase | None, charging_a: float, available_a: PerPhase
) -> None:
    assert available_current(limits, metered_a, PerPhase.all(charging_a)) == available_a


ROWS = [(8, PerPhase.all(32)), (20, PerPhase.all(64)), (12, PerPhase.all(16))]


@pytest.mark.parametrize(("hour", "amperes"), [(0, 64), (7, 64), (8, 32), (11, 32), (12, 16), (19, 16), (20, 64)])
def test_a_row_of_the_scheduler_holds_until_the_next_and_wraps(hour: int, amperes: int) -> None:
    assert scheduled_current(ROWS, hour) == PerPhase.all(amperes)


def test_no_rows_no_schedule() -> None:
    assert scheduled_current([], 12) is None
