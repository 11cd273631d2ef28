"""What a Socomec COUNTIS E27 measures: plain state, no I/O. Currents have no sign, the powers carry it."""

from __future__ import annotations

from typing import Final

from emulators.kit.registers import Value
from emulators.kit.terminals import Reading

SAMPLE_S: Final = 1.0  #: Refresh of the momentary values (assumed).
#: A charger reads 54 words from 50514 on in one request; nothing may be missing in between.
BLOCKS: Final = ((50000, 50065), (50512, 50573))  #: Identification and momentary values, reserved words inside.
FREQUENCY_HZ: Final = 50.0
IDENTITY: Final[dict[str, Value]] = {
    "MAGIC": tuple(map(ord, "SOCO")),
    "ORDER_FAMILY": 100,
    "TABLE_VERSION": 103,
    "VENDOR": "SOCOMEC",
    "PRODUCT": "COUNTIS E27",
    "EXT_NAME": "COUNTIS E27",
}


def values(reading: Reading) -> dict[str, Value]:
    """Return what the registers read, by name; a name that is not in it is not emulated and reads 0.

    Cos phi is 1: apparent power is the amount of active power. Energies are floored to what the counter resolves.
    """
    amperes, volts = reading.currents_a, reading.voltage_v
    powers_w, between_v = reading.powers_w, reading.line_to_line_v
    found: dict[str, Value] = dict(IDENTITY)
    for number, (current_a, voltage_v, power_w) in enumerate(zip(amperes, volts, powers_w, strict=True), start=1):
        found |= {
            f"I{number}": abs(current_a),
            f"V{number}": voltage_v,
            f"P{number}": power_w,
            f"S{number}": abs(power_w),
            f"PF{number}": 1.0 if power_w else 0.0,
            f"U{number}{number % 3 + 1}": between_v[number - 1],
        }
    imported_wh, exported_wh = sum(reading.import_wh), sum(reading.export_wh)
    return found | {
        "F": FREQUENCY_HZ,
        "IN": reading.neutral_a,
        "P": sum(powers_w),
        "S": sum(map(abs, powers_w)),
        "PF": 1.0 if any(powers_w) else 0.0,
        "ISYS": sum(map(abs, amperes)) / 3,
        "VSYS": sum(volts) / 3,
        "USYS": sum(between_v) / 3,
        "EA_POS_TOT": imported_wh // 10 * 10,
        "EA_NEG_TOT": exported_wh // 10 * 10,
        "EA_POS_TOT_K": imported_wh // 1000 * 1000,
        "EA_NEG_TOT_K": exported_wh // 1000 * 1000,
    }
