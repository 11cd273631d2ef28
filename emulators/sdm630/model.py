"""What an Eastron SDM630-Modbus measures: plain state, no I/O."""

from __future__ import annotations

from typing import Final

from emulators.kit.registers import Value
from emulators.kit.terminals import Reading

SAMPLE_S: Final = 1.0  #: Refresh of the momentary values (assumed).
FREQUENCY_HZ: Final = 50.0
BLOCKS: Final = ((0, 75),)  #: Registers in between that are not emulated read 0 (assumed).


def values(reading: Reading) -> dict[str, Value]:
    """Return what the registers read, by name. Currents have no sign, the powers carry it (assumed)."""
    amperes, volts, powers_w = reading.currents_a, reading.voltage_v, reading.powers_w
    found: dict[str, Value] = {
        "W_SYS": sum(powers_w),
        "HZ": FREQUENCY_HZ,
        "KWH_IMPORT": sum(reading.import_wh) / 1000,
        "KWH_EXPORT": sum(reading.export_wh) / 1000,
    }
    for number, (current_a, voltage_v, power_w) in enumerate(zip(amperes, volts, powers_w, strict=True), start=1):
        found |= {
            f"V_L{number}": voltage_v,
            f"A_L{number}": abs(current_a),
            f"W_L{number}": power_w,
            f"VA_L{number}": abs(power_w),
        }
    return found
