"""Socomec COUNTIS E27 energy meter with Modbus TCP."""

from pathlib import Path
from typing import Final

from emulators.countis_e27.model import BLOCKS
from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.faults import MODBUS_METER
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.countis_e27.device import countis_e27  # noqa: PLC0415  a site and a list need none of it

    return countis_e27(host, config)


FAMILY = Family(
    type="countis_e27",
    role="meter",
    maker="Socomec",
    product="Socomec COUNTIS E27",
    firmware=("1.03",),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_unit=5,
    modbus_blocks=BLOCKS,
    observations={"meter current": ("I1", "I2", "I3"), "meter power": ("P1", "P2", "P3")},
    faults=MODBUS_METER,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
