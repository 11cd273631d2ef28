"""Siemens SENTRON PAC2200 energy meter with Modbus TCP."""

from emulators.kit.family import Family
from emulators.pac2200.device import FOLDER, PARAMETERS, pac2200

FAMILY = Family(
    type="pac2200",
    role="meter",
    product="Siemens PAC2200",
    firmware=("3.2.2",),
    variants=("7KM2200-2EA30-1EA1", "7KM2200-2EA30-1JA1", "7KM2200-2EA40-1EA1", "7KM2200-2EA40-1JA1"),
    rated_current_a={"7KM2200-2EA40-1EA1": 65, "7KM2200-2EA40-1JA1": 65},
    parameters=PARAMETERS,
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_port_parameter="Modbus Port",
    observations={"meter current": ("I_L1", "I_L2", "I_L3"), "meter power": ("P_L1", "P_L2", "P_L3")},
    create=pac2200,
    sheet=FOLDER / "fidelity.md",
)
