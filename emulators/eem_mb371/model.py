"""What a Phoenix Contact EEM-MB371-EIP measures: plain state, no I/O. Currents have no sign, the powers carry it."""

from __future__ import annotations

from typing import Final

from emulators.kit.registers import Value
from emulators.kit.terminals import Reading

SAMPLE_S: Final = 1.0  #: Refresh of the momentary values (assumed).
#: Registers that are only written, and read 0; another of that kind is an error (EMpro manual 109357 page 174).
BLOCKS: Final = ((16384, 16384), (16386, 16387), (16513, 16515))
FREQUENCY_HZ: Final = 50.0
IDENTITY: Final[dict[str, Value]] = {"NAME": "EEM-MB371-EIP", "ORDER_NO": "2907976"}


def values(reading: Reading) -> dict[str, Value]:
    """Return what the registers read, by name; a name that is not in it is not emulated and reads 0.

    Cos phi is 1, so the vectorial sum of apparent power is the amount of the active power's, and the arithmetic one the
    sum of the phases' amounts.
    """
    amperes, volts = reading.currents_a.map(abs), reading.voltage_v
    powers_w, between_v = reading.powers_w, reading.line_to_line_v
    found: dict[str, Value] = dict(IDENTITY)
    for number, (current_a, voltage_v, power_w) in enumerate(zip(amperes, volts, powers_w, strict=True), start=1):
        found |= {
            f"I{number}": current_a,
            f"U{number}": voltage_v,
            f"P{number}": power_w,
            f"S{number}": abs(power_w),
            f"PF{number}": 1.0,
            f"U{number}{number % 3 + 1}": between_v[number - 1],
        }
    imported_wh, exported_wh, total_w = sum(reading.import_wh), sum(reading.export_wh), sum(powers_w)
    arithmetic_va = sum(map(abs, powers_w))
    return found | {
        "F": FREQUENCY_HZ,
        "IN": reading.neutral_a,
        "P": total_w,
        "S": abs(total_w),
        "PF": 1.0,
        "SA": arithmetic_va,
        "PFA": abs(total_w) / arithmetic_va if arithmetic_va else 1.0,
        "I_SYS": sum(amperes) / 3,
        "U_SYS_LL": sum(between_v) / 3,
        "U_SYS_LN": sum(volts) / 3,
        "EA_IMP_TOTAL": imported_wh,
        "EA_EXP_TOTAL": exported_wh,
        "ES_TOTAL": imported_wh + exported_wh,
        "EA_IMP": imported_wh,
        "EA_EXP": exported_wh,
        "ES": imported_wh + exported_wh,
    }
