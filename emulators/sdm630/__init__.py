"""Eastron SDM630-Modbus energy meter behind a Modbus TCP gateway."""

from pathlib import Path
from typing import Final

from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.faults import MODBUS_METER
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable
from emulators.sdm630.model import BLOCKS

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.sdm630.device import sdm630  # noqa: PLC0415  a site and a list need none of it

    return sdm630(host, config)


FAMILY = Family(
    type="sdm630",
    role="meter",
    maker="Eastron",
    product="Eastron SDM630-Modbus",
    firmware=("2.0",),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_blocks=BLOCKS,
    observations={"meter current": ("A_L1", "A_L2", "A_L3"), "meter power": ("W_L1", "W_L2", "W_L3")},
    faults=MODBUS_METER,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
