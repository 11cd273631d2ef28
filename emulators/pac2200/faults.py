"""What can go wrong in the meter."""

from __future__ import annotations

from typing import Final

from emulators.kit.faults import MODBUS_METER, Argument, Fault
from emulators.kit.phases import PHASES

LOST_PHASE: Final = "nan"
FAULTS: Final = MODBUS_METER.with_more(
    Fault(
        name=LOST_PHASE,
        argument=Argument(name="PHASE", allowed=PHASES),
        effect="reads 'not a number' for every value of that phase",
        source="MEN-MTR-060",
    )
)
