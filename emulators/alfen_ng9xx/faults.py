"""What can go wrong in a station itself: nothing yet; its faults come from outside (meter, cable, vehicle)."""

from __future__ import annotations

from typing import Final

from emulators.kit.faults import FaultTable

FAULTS: Final = FaultTable(otherwise="cut its link or stop it")
