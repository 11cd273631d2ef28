"""What can go wrong in a central system."""

from __future__ import annotations

from typing import Final

from emulators.kit.faults import Fault, FaultTable

FAULTS: Final = FaultTable(
    Fault(
        name="closed_port",
        effect="closes the WebSocket's port and every connection; its own interface stays",
        source="what a central system in its maintenance does",
    ),
    Fault(
        name="silent",
        effect="keeps its connections and answers no call",
        source="OCPP-J 1.6 specification 4.1.1 (a call that times out)",
    ),
)
