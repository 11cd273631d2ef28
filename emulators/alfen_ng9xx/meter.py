"""Reading a smart meter: telegrams of a P1 port, requests to a Modbus TCP meter and their answers. Sans-I/O.

Guide: Alfen smart charging implementation guide 5.3.1.1, 5.3.1.2, 5.3.3.2. What a station asks a Socomec meter was
seen in its log: evcc-io/evcc issue 22686.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.p1 import TelegramReader
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PHASES, PerPhase
from emulators.kit.readable import PhaseRegisters, ReadableMeter

METERS: Final = ReadableMeter.load(Path(__file__).parent / "meters.csv")
REPEAT_NS: Final = 10 * NS_PER_S  #: A line about the same kind of rubbish is not repeated sooner (assumed).
_FORMATS: Final = {"unsigned": "uint", "signed": "int", "float": "float"}


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


def meter_of(store: ParameterStore) -> ReadableMeter:
    """Return the Modbus TCP meter that the parameters describe: one of the table, or one with registers of its own."""
    unit = store.whole("Slave address") & 0xFF
    if (known := METERS.get(store.text("TCP/IP Meter Mode"))) is not None:
        return replace(known, unit=unit)
    l1, l2, l3 = (store.whole(f"Register {phase}") for phase in PHASES)
    format_ = _FORMATS[store.text("Type")] + store.text("Size").removesuffix(" bit")
    currents = PhaseRegisters((l1, l2, l3), format_, scale=store.number("Scaling factor"))
    return ReadableMeter(unit, tuple((register, currents.words) for register in currents.addresses), currents)
