"""Binds the meter to its terminals and to Modbus TCP. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from emulators.countis_e27.model import BLOCKS, SAMPLE_S, values
from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.modbus import READ_HOLDING, WRITE_REGISTER, WRITE_REGISTERS
from emulators.kit.modbus.meter import ModbusMeter
from emulators.kit.parameters import ParameterTable
from emulators.kit.registers import RegisterTable, Value
from emulators.kit.terminals import Reading

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")


class CountisE27(ModbusMeter):
    """A Socomec COUNTIS E27 on a host."""

    CURRENTS: ClassVar = ("I1", "I2", "I3")
    DISPLAYED: ClassVar = ("V1", "V2", "V3", "I1", "I2", "I3", "P1", "P2", "P3", "P", "EA_POS_TOT", "EA_NEG_TOT")

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        self._values: dict[str, Value] = {}
        functions = frozenset({READ_HOLDING, WRITE_REGISTER, WRITE_REGISTERS})
        super().__init__(
            host, config, parameters=PARAMETERS, registers=REGISTERS,
            sample_s=SAMPLE_S, blocks=BLOCKS, functions=functions,
        )  # fmt: skip

    def port(self) -> int:
        """Return the documented port of its server."""
        return 502

    def answers_unit(self, unit: int) -> bool:
        """Return whether a unit id is its own."""
        return unit == self.parameters.whole("Modbus address")

    def measure(self, reading: Reading) -> None:
        """Take what is at the terminals."""
        if self.planted != "frozen":
            self._values = values(reading)

    def value(self, register: str) -> Value:
        """Return what a register reads; one that is not emulated reads 0."""
        if register == "SLAVE_ADDRESS":
            return self.parameters.whole("Modbus address")
        return self._values.get(register, "" if REGISTERS.named(register).type == "ascii" else 0)
