"""What a DLM master reads of its second meter, a Siemens PAC2200."""

from __future__ import annotations

import math
import struct
from typing import Final

from emulators.kit.modbus import ModbusClient, ModbusFault
from emulators.kit.phases import PerPhase

#: Currents I_L1..I_L3 and signed active powers P_L1..P_L3 in one request.
FIRST, WORDS, CURRENTS, POWERS = 13, 18, 0, 12
UNIT: Final = 1


async def read_currents(client: ModbusClient) -> PerPhase | None:
    """Return the meter's signed currents [A], None when it does not answer or one is absurd."""
    try:
        return signed_currents(await client.read_holding(FIRST, WORDS, unit=UNIT))
    except ModbusFault:
        return None


def signed_currents(words: list[int]) -> PerPhase | None:
    """Return the currents of a PAC2200 with the sign of each phase's active power [A], None when one is absurd.

    Source: application note 6.3 is silent about the sign; MEN-MTR-061 recommends the active power's.
    """
    currents, powers = _floats(words[CURRENTS:][:6]), _floats(words[POWERS:][:6])
    if not all(map(math.isfinite, (*currents, *powers))):
        return None
    return PerPhase(*(math.copysign(i, p) for i, p in zip(currents, powers, strict=True)))


def _floats(words: list[int]) -> list[float]:
    return list(struct.unpack(">3f", struct.pack(">6H", *words)))
