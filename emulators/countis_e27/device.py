"""A COUNTIS E27 on a host. No behaviour in here: what it measures is :mod:`model`, its port is the kit's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emulators.countis_e27.model import BLOCKS, SAMPLE_S, values
from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.measured import Measured
from emulators.kit.modbus import READ_HOLDING, WRITE_REGISTER, WRITE_REGISTERS
from emulators.kit.modbus.meter import MeterDevice, MeterType
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.registers import RegisterTable

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
ADDRESS: Final = "Modbus address"
COUNTIS_E27: Final = MeterType(
    registers=RegisterTable.load(FOLDER / "registers.csv"),
    currents=("I1", "I2", "I3"),
    displayed=("V1", "V2", "V3", "I1", "I2", "I3", "P1", "P2", "P3", "P", "EA_POS_TOT", "EA_NEG_TOT"),
    sample_s=SAMPLE_S,
    unit_parameter=ADDRESS,
    blocks=BLOCKS,
    functions=frozenset({READ_HOLDING, WRITE_REGISTER, WRITE_REGISTERS}),
)


def countis_e27(host: Host, config: DeviceConfig) -> MeterDevice:
    """Return a Socomec COUNTIS E27 on a host."""
    parameters = ParameterStore(PARAMETERS, config.parameters)
    model = Measured(COUNTIS_E27.registers, values, {"SLAVE_ADDRESS": lambda: parameters.whole(ADDRESS)})
    return MeterDevice(host, config, COUNTIS_E27, parameters=parameters, model=model)
