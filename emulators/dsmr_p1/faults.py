"""What can go wrong in the meter, and on its line."""

from __future__ import annotations

from typing import Final

from emulators.kit.faults import Fault, FaultTable

_WEAK: Final = "ALF-P1-018 (a weak signal), ALF-P1-019"
SPOILS: Final = FaultTable(
    Fault(name="crc", effect="sends telegrams with a wrong CRC (without one: a wrong digit)", source="ALF-P1-019"),
    Fault(name="noise", effect="sends telegrams with one byte in 100 changed", source=_WEAK),
    Fault(name="binary", effect="sends random bytes, as many as a telegram has", source=_WEAK),
    Fault(name="half", effect="ends every telegram in the middle", source=_WEAK),
)
"""What spoils the bytes of a telegram."""

FAULTS: Final = SPOILS.with_more(
    Fault(name="silent", effect="measures, and sends nothing", source="ALF-P1-020"),
    Fault(name="frozen", effect="repeats its values", source="MEN-MTR-060"),
    Fault(
        name="request_dropped",
        effect="takes the data request for released: the data stops at once, also inside a telegram",
        source="P1 companion standard 5.0.2, 5.5 (data request)",
    ),
    Fault(name="restart", effect="restarts in the middle of its next telegram, once", source="ALF-P1-020"),
)
