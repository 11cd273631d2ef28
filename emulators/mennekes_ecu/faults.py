"""What can go wrong in a charging point itself."""

from __future__ import annotations

from typing import Final

from emulators.kit.faults import Argument, Fault, FaultTable

FAULTS: Final = FaultTable(
    Fault(
        name="clock",
        argument=Argument(name="SECONDS", unit="s", minimum=-2e9, maximum=2e9),
        effect="its clock is so far ahead until the backend sets it; only with a backend",
        source="MEN-OCPP-017; an ECU without a battery for its clock begins in 1970",
    ),
    otherwise="cut its link or stop it",
)
