"""Socomec COUNTIS E27 energy meter with Modbus TCP."""

from emulators.countis_e27.device import FOLDER, PARAMETERS, countis_e27
from emulators.kit.family import Family

FAMILY = Family(
    type="countis_e27",
    role="meter",
    product="Socomec COUNTIS E27",
    firmware=("1.03",),
    parameters=PARAMETERS,
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_unit=5,
    observations={"meter current": ("I1", "I2", "I3"), "meter power": ("P1", "P2", "P3")},
    create=countis_e27,
    sheet=FOLDER / "fidelity.md",
)
