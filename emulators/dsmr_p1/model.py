"""What a DSMR meter measures and says in its telegrams: plain state, no I/O, time as an argument.

Currents go out as unsigned whole amperes; the direction is in the import and export power of each phase
(DSMR v5.0.2 P1 Companion Standard table 6-3).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from emulators.dsmr_p1.versions import Version
from emulators.kit.p1 import ObisRow, telegram
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PHASES, PerPhase

MOST_KW: Final = Decimal("99.999")  # F5(3,3)
MOST_A: Final = 999  # F3(0,0)
MOST_V: Final = 999.9  # F4(1,1)
Said = float | Decimal | str  #: A value as its line takes it.

NOISE_SHARE: Final = 100  #: With noise on the line, one byte of so many is another one.


@dataclass(frozen=True, slots=True)
class Terminals:
    """What is at the meter's terminals in one moment.

    Attributes:
        currents_a: Signed currents, positive = taken from the grid [A].
        voltage_v: Voltages L-N [V].
        import_wh: Energy taken since the start, per phase [Wh].
        export_wh: Energy fed in since the start, per phase [Wh].
    """

    currents_a: PerPhase
    voltage_v: PerPhase
    import_wh: PerPhase
    export_wh: PerPhase


class Meter:
    """One DSMR meter.

    Args:
        version: Of the P1 standard.
        phases: 1 or 3.
        name: For the equipment identifier that is not set.
        parameters: What its maker and the grid operator have set.

    Attributes:
        frozen: Fault: the values stay as they are; energies are counted on.
    """

    def __init__(self, version: Version, phases: int, name: str, parameters: ParameterStore) -> None:
        self.version, self.phases, self._name = version, phases, name
        self._parameters = parameters
        self.frozen = False
        self._last: Terminals | None = None
        self._count = 0
        self._energy_wh = {"import_t1": 0.0, "import_t2": 0.0, "export_t1": 0.0, "export_t2": 0.0}
        self._measured: object = None
        absent = tuple(f"_{phase.lower()}" for phase in PHASES[phases:])
        self._rows = {name: row for name, row in version.rows.items() if not (absent and name.endswith(absent))}
        self._news: dict[str, Said] = {name: _fixed(name, row, version) for name, row in self._rows.items()}
        self._said: dict[str, Said] = {}
        self._lines = dict.fromkeys(self._rows, "")

    def power_up(self) -> None:
        """Begin anew; what flowed while the meter was off is not counted."""
        self._last = None
        self._count = 0

    def sample(self, now: Terminals) -> None:
        """Measure and count, once before each telegram."""
        last = self._last or now
        tariff = self._parameters.whole("Tariff")
        imported_wh = sum(self._own(now.import_wh - last.import_wh))
        exported_wh = sum(self._own(now.export_wh - last.export_wh))
        if self._nets:
            imported_wh, exported_wh = max(imported_wh - exported_wh, 0.0), max(exported_wh - imported_wh, 0.0)
        self._energy_wh[f"import_t{tariff}"] += imported_wh
        self._energy_wh[f"export_t{tariff}"] += exported_wh
        self._last = now
        refresh = self._parameters.whole("Refresh [s]") if self.version.period_s == 1 else 1
        if self._measured is None or (not self.frozen and self._count % refresh == 0):
            self._show(now)
        self._count += 1

    def _show(self, now: Terminals) -> None:
        """Measure anew what the terminals show; while they show the same, only the energies have moved."""
        settings = (self._nets, self._parameters.text("Current rounding"))
        measured = (now.currents_a, now.voltage_v, settings)
        if measured != self._measured:
            self._measured = measured
            self._news |= self._measure(now)
        digits = 6 if self.version.has_crc else 5  # before the point: F9(3,3), F8(0,3)
        for name, energy_wh in self._energy_wh.items():
            self._news[f"energy_{name}"] = math.floor(energy_wh + 1e-6) % 10 ** (digits + 3) / Decimal(1000)

    def telegram(self, local: datetime) -> bytes:
        """Return the telegram of what was measured last, at a local time (Europe/Amsterdam)."""
        self._news |= {
            "timestamp": timestamp(local),
            "equipment_id": self._parameters.text("Equipment identifier") or f"E0000{self._name}",
            "tariff": f"{self._parameters.whole('Tariff'):04d}",
        }
        for name, value in self._news.items():  # most lines are the same as in the telegram before
            if name in self._rows and self._said.get(name) != value:
                self._said[name] = value
                self._lines[name] = self._rows[name].line(value)
        self._news.clear()
        return telegram(self.version.header, self._lines.values(), has_crc=self.version.has_crc)

    @property
    def _nets(self) -> bool:
        return self._parameters.text("Total power") == "net"

    def _own(self, values: PerPhase) -> tuple[float, ...]:
        return tuple(values)[: self.phases]

    def _measure(self, now: Terminals) -> Iterator[tuple[str, Said]]:
        """Yield what the terminals show; more than a field can hold shows as the most it can."""
        power_w = [current * voltage for current, voltage in zip(now.currents_a, now.voltage_v, strict=True)]
        rounds_down = self._parameters.text("Current rounding") == "down"
        for phase, current_a, voltage_v, watts in zip(PHASES, now.currents_a, now.voltage_v, power_w, strict=True):
            suffix = phase.lower()
            amperes = math.floor(abs(current_a) + (1e-9 if rounds_down else 0.5))
            yield f"current_{suffix}", min(amperes, MOST_A)
            yield f"voltage_{suffix}", min(voltage_v, MOST_V)
            yield f"power_import_{suffix}", _kilowatts(watts)
            yield f"power_export_{suffix}", _kilowatts(-watts)
        own_w = power_w[: self.phases]
        if self._nets:
            own_w = [sum(own_w)]
        yield "power_import", _kilowatts(sum(max(watts, 0.0) for watts in own_w))
        yield "power_export", _kilowatts(sum(max(-watts, 0.0) for watts in own_w))


def _fixed(name: str, row: ObisRow, version: Version) -> Said:
    """Return what does not come from the terminals."""
    match name:
        case "p1_version":
            return version.p1_version
        case "failure_log":
            return "(0)(0-0:96.7.19)"
        case "threshold":
            return 999 if row.unit == "A" else 999.9
        case "switch_position":
            return 1
        case "message_code" | "message_text":
            return ""
    return 0  # counters of failures, sags and swells; the others are told anew before they are sent


def _kilowatts(watts: float) -> Decimal:
    return min(Decimal(max(math.floor(watts + 0.5), 0)) / 1000, MOST_KW)


def timestamp(local: datetime) -> str:
    """Return a local time as the standard writes it: ``YYMMDDhhmmss`` and S in summer, W in winter."""
    return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def spoilt(data: bytes, kind: str, rng: random.Random) -> bytes:
    """Return what a fault that spoils telegrams makes of one.

    ``crc`` has a wrong CRC (without one: a wrong digit), ``noise`` has some bytes changed, ``binary`` is random bytes
    of the same number, ``half`` ends in the middle.
    """
    match kind:
        case "crc":
            at = len(data) - 3 if data[-3:-2] != b"!" else data.index(b"(") + 1
            return data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :]
        case "noise":
            changed = bytearray(data)
            for _ in range(max(len(data) // NOISE_SHARE, 1)):
                changed[rng.randrange(len(data))] ^= rng.randrange(1, 256)
            return bytes(changed)
        case "binary":
            return rng.randbytes(len(data))
    return data[: len(data) // 2]
