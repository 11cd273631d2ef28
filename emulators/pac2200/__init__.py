"""Siemens SENTRON PAC2200 energy meter with Modbus TCP."""

from pathlib import Path
from typing import Final

from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable
from emulators.pac2200.faults import FAULTS

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.pac2200.device import pac2200  # noqa: PLC0415  a site and a list need none of it

    return pac2200(host, config)


FAMILY = Family(
    type="pac2200",
    role="meter",
    maker="Siemens",
    product="Siemens PAC2200",
    firmware=("3.2.2",),
    variants=("7KM2200-2EA30-1EA1", "7KM2200-2EA30-1JA1", "7KM2200-2EA40-1EA1", "7KM2200-2EA40-1JA1"),
    rated_current_a={"7KM2200-2EA40-1EA1": 65, "7KM2200-2EA40-1JA1": 65},
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_port_parameter="Modbus Port",
    observations={"meter current": ("I_L1", "I_L2", "I_L3"), "meter power": ("P_L1", "P_L2", "P_L3")},
    faults=FAULTS,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
