"""Which limit a master says that it obeys."""

from __future__ import annotations

import pytest

from emulators.kit.phases import PerPhase
from emulators.mennekes_ecu.dlm import Limits, available_current, deciding_limits

EVSE, OPERATOR = "EVSE Sub-Distribution Limit", "Operator EVSE Sub-Distribution Limit"
SCHEDULER, MAIN = "Maximum Current Scheduler", "Main Distribution Limit less external load and headroom"


@pytest.mark.parametrize(
    ("scheduled_a", "metered_a", "deciding"),
    [
        (None, PerPhase.zero(), (EVSE, OPERATOR, EVSE)),
        (PerPhase(30, 90, 90), PerPhase.zero(), (SCHEDULER, OPERATOR, EVSE)),
        (PerPhase(30, 90, 90), PerPhase(0, 40, 90), (SCHEDULER, MAIN, MAIN)),
        (None, PerPhase(200, 0, 0), (MAIN, OPERATOR, EVSE)),
    ],
)
def test_the_lowest_limit_of_each_phase_is_named(
    scheduled_a: PerPhase | None, metered_a: PerPhase, deciding: tuple[str, ...]
) -> None:
    limits = Limits(
        evse_a=PerPhase(50, 50, 50), operator_a=PerPhase(60, 40, 60), scheduled_a=scheduled_a, main_a=PerPhase.all(63)
    )
    assert deciding_limits(limits, available_current(limits, metered_a, PerPhase.zero())) == deciding
