"""Phoenix Contact EEM-MB371-EIP energy meter with Modbus TCP."""

from pathlib import Path
from typing import Final

from emulators.eem_mb371.model import BLOCKS
from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.faults import MODBUS_METER
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.eem_mb371.device import eem_mb371  # noqa: PLC0415  a site and a list need none of it

    return eem_mb371(host, config)


FAMILY = Family(
    type="eem_mb371",
    role="meter",
    maker="Phoenix Contact",
    product="Phoenix Contact EEM-MB371-EIP",
    firmware=("1.6.0",),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_unit=255,
    modbus_blocks=BLOCKS,
    observations={"meter current": ("I1", "I2", "I3"), "meter power": ("P1", "P2", "P3")},
    faults=MODBUS_METER,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
