"""Reading a smart meter: telegrams of a P1 port, requests to a Modbus TCP meter and their answers. Sans-I/O.

Guide: Alfen smart charging implementation guide 5.3.1.1, 5.3.1.2, 5.3.3.2. What a station asks a Socomec meter was
seen in its log: evcc-io/evcc issue 22686.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.p1 import TelegramReader
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PHASES, PerPhase

#: Socomec: one block of 27 two-word values; in it the currents [mA] and the signed active powers [10 W] of the phases.
BLOCK: Final = (50514, 54)
REPEAT_NS: Final = 10 * NS_PER_S  #: A line about the same kind of rubbish is not repeated sooner (assumed).
_CURRENTS, _POWERS = slice(14, 20), slice(30, 36)
_NOT_AVAILABLE: Final = 0xFFFF_FFFF
_FORMATS: Final = {
    ("unsigned", "32 bit"): ">I",
    ("signed", "32 bit"): ">i",
    ("float", "32 bit"): ">f",
    ("unsigned", "64 bit"): ">Q",
    ("signed", "64 bit"): ">q",
    ("float", "64 bit"): ">d",
}


class P1Port:
    """The station's P1 port.

    The own current belongs to the moment at which the telegram began: a meter measures, then speaks.
    """

    def __init__(self) -> None:
        self._reader = TelegramReader()
        self._rejected: dict[str, int] = {}
        self._said_ns: dict[str, int] = {}
        self._own_a = PerPhase.zero()

    @property
    def pending_bytes(self) -> int:
        """Return how many bytes wait for the end of their telegram."""
        return self._reader.pending_bytes

    def receive(self, data: bytes, own_a: PerPhase) -> list[tuple[PerPhase, PerPhase]]:
        """Return what these bytes complete, as signed currents and own currents of that moment [A].

        Args:
            data: Bytes of the line.
            own_a: Currents in the socket's conductors now [A].
        """
        if b"/" in data:
            self._own_a = own_a
        currents = (reading.signed_currents_a() for reading in self._reader.feed(data))
        return [(meter_a, self._own_a) for meter_a in currents if meter_a is not None]

    def complaints(self, now_ns: int) -> list[str]:
        """Return what was left out since the last call, as lines for the device log; each kind once in 10 s."""
        lines = []
        for kind, count in self._reader.rejected.items():
            is_new, self._rejected[kind] = count != self._rejected.get(kind), count
            if is_new and now_ns >= self._said_ns.get(kind, now_ns):
                self._said_ns[kind] = now_ns + REPEAT_NS
                text = "Read CRC Error" if kind == "crc" else self._reader.last_reason[kind]
                lines.append(f"P1 Device failure: {text}")
        return lines


@dataclass(frozen=True, slots=True)
class ModbusMeter:
    """How a Modbus TCP meter is read.

    Attributes:
        unit: Its Modbus address.
        requests: First register and number of words of each request.
        format: Of a current's bytes, None for a Socomec meter, whose currents take their sign from the powers.
        factor: Amperes of one count.
    """

    unit: int
    requests: tuple[tuple[int, int], ...]
    format: str | None = None
    factor: float = 0.001

    @classmethod
    def of(cls, store: ParameterStore) -> ModbusMeter:
        """Return the meter that the parameters describe."""
        unit = store.whole("Slave address") & 0xFF
        if store.text("TCP/IP Meter Mode") == "Socomec":
            return cls(unit, (BLOCK,))
        code = _FORMATS[store.text("Type"), store.text("Size")]
        words = struct.calcsize(code) // 2
        registers = tuple((store.whole(f"Register {phase}"), words) for phase in PHASES)
        return cls(unit, registers, code, store.number("Scaling factor"))

    def currents_a(self, answers: Sequence[Sequence[int]]) -> PerPhase | None:
        """Return the signed currents in the words of the answers [A], None when one is no number."""
        if self.format is None:
            (words,) = answers
            currents = struct.unpack(">3I", _bytes(words[_CURRENTS]))
            powers = struct.unpack(">3i", _bytes(words[_POWERS]))
            if _NOT_AVAILABLE in currents:
                return None
            return PerPhase(*(math.copysign(i * self.factor, p) for i, p in zip(currents, powers, strict=True)))
        values = [struct.unpack(self.format, _bytes(words))[0] * self.factor for words in answers]
        return PerPhase(*values) if all(map(math.isfinite, values)) else None


def _bytes(words: Sequence[int]) -> bytes:
    return struct.pack(f">{len(words)}H", *words)
