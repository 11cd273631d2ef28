"""An EEM-MB371-EIP on a host. No behaviour in here: what it measures is :mod:`model`, its port is the kit's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from emulators.eem_mb371.model import BLOCKS, SAMPLE_S, values
from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.measured import Measured
from emulators.kit.modbus import READ_HOLDING, READ_INPUT, WRITE_REGISTER, WRITE_REGISTERS
from emulators.kit.modbus.meter import MeterDevice, MeterType
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.registers import RegisterTable, Value

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
SENSITIVITY: Final = "Rogowski sensitivity"
SERIAL_CHARACTERS: Final = 18
EEM_MB371: Final = MeterType(
    registers=RegisterTable.load(FOLDER / "registers.csv"),
    currents=("I1", "I2", "I3"),
    displayed=("U1", "U2", "U3", "I1", "I2", "I3", "P1", "P2", "P3", "P", "F", "EA_IMP_TOTAL", "EA_EXP_TOTAL"),
    sample_s=SAMPLE_S,
    blocks=BLOCKS,
    functions=frozenset({READ_HOLDING, READ_INPUT, WRITE_REGISTER, WRITE_REGISTERS}),
    connection_limit=4,  # "up to four clients" (EMpro manual 109357 11.1.4)
)


def eem_mb371(host: Host, config: DeviceConfig) -> MeterDevice:
    """Return a Phoenix Contact EEM-MB371-EIP on a host."""
    parameters = ParameterStore(PARAMETERS, config.parameters)
    serial = config.name.encode("ascii", "replace")[:SERIAL_CHARACTERS]
    settings: dict[str, Callable[[], Value]] = {
        "I_RANGE": lambda: parameters.whole(SENSITIVITY),
        "SERIAL_NO_STR": lambda: serial,
    }
    model = Measured(EEM_MB371.registers, values, settings)
    return MeterDevice(host, config, EEM_MB371, parameters=parameters, model=model)
