"""An Eastron SDM630-Modbus on a host. No behaviour in here: what it measures is :mod:`model`, its port is the kit's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.measured import Measured
from emulators.kit.modbus import READ_INPUT
from emulators.kit.modbus.meter import MeterDevice, MeterType
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.registers import RegisterTable
from emulators.sdm630.model import BLOCKS, SAMPLE_S, values

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
SDM630: Final = MeterType(
    registers=RegisterTable.load(FOLDER / "registers.csv"),
    currents=("A_L1", "A_L2", "A_L3"),
    displayed=("A_L1", "A_L2", "A_L3", "W_SYS", "KWH_IMPORT", "KWH_EXPORT"),
    sample_s=SAMPLE_S,
    unit_parameter="Modbus address",
    blocks=BLOCKS,
    functions=frozenset({READ_INPUT}),
)


def sdm630(host: Host, config: DeviceConfig) -> MeterDevice:
    """Return an Eastron SDM630-Modbus on a host."""
    parameters = ParameterStore(PARAMETERS, config.parameters)
    return MeterDevice(host, config, SDM630, parameters=parameters, model=Measured(SDM630.registers, values, {}))
