"""Looks at a device through its Modbus port, by the documented register names.

It knows an address, a port and the family's table, nothing of an emulator: a real device is read the same way.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cache
from pathlib import Path
from typing import TypeVar

from emulators.kit.modbus.client import ModbusClient, ModbusConnectionLost, ModbusFault, ModbusRefused, ModbusTimeout
from emulators.kit.registers import Register, RegisterTable, UnknownRegister, Value
from hil.errors import DeviceNonsense, DeviceRefused, DeviceSilent, ScenarioError
from hil.site import SeatSpec

T = TypeVar("T")


class ModbusProbe:
    """A tester's Modbus client to one device.

    Args:
        seat: What the site says about the device: family, firmware and variant choose the registers.
        host: Where it is reached.
        port: On which port.
        source_address: The tester's own address, None for any.
    """

    def __init__(self, seat: SeatSpec, host: str, port: int, *, source_address: str | None) -> None:
        config = seat.config()
        if seat.family.registers is None:
            raise ScenarioError(f"{seat.name} has no Modbus registers.")
        self._name = seat.name
        self._unit = seat.family.modbus_unit
        self._table = _table(seat.family.registers, config.firmware, config.variant)
        documented = f"{seat.address or host}:{seat.family.modbus_port}"
        self._client = ModbusClient(host, port, source_address=source_address, peer=documented)

    def register(self, name: str) -> Register:
        """Return a documented register of this device, by its name or by its address.

        Raises:
            ScenarioError: This firmware and variant has none of that name; the nearest is named.
        """
        if name.isdecimal():
            row = next((row for row in self._table if row.address == int(name)), None)
            if row is None:
                raise ScenarioError(f"{self._name}: no documented register begins at address {name}.")
            return row
        try:
            return self._table.named(name)
        except UnknownRegister as error:
            raise ScenarioError(f"{self._name}: {error}") from error

    async def read(self, name: str) -> Value:
        """Return a register's value in its documented unit.

        Raises:
            ScenarioError: There is no such register.
            DeviceRefused: The device answered with an exception.
            DeviceSilent: It did not answer, or accepts no connection.
            DeviceNonsense: Its answer is none.
        """
        row = self.register(name)
        return row.decode(await self._asked(self._client.read_holding(row.address, row.words, self._unit_of(row))))

    async def write(self, name: str, value: Value) -> None:
        """Write a register's value in its documented unit; raises as :meth:`read`."""
        row = self.register(name)
        await self._asked(self._client.write_registers(row.address, row.encode(value), self._unit_of(row)))

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        self._client.close()

    def _unit_of(self, row: Register) -> int:
        """Return the family's usual unit id, or the row's own where the usual one does not have it."""
        return self._unit if row.is_in_unit(self._unit) else row.units[0]

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except ModbusRefused as error:
            raise DeviceRefused(f"{self._name}: {error}") from error
        except (ModbusTimeout, ModbusConnectionLost) as error:
            raise DeviceSilent(f"{self._name} does not answer on its Modbus port: {error}") from error
        except ModbusFault as error:
            raise DeviceNonsense(f"{self._name}: {error}") from error


@cache
def _table(path: Path, firmware: str, variant: str) -> RegisterTable:
    table = RegisterTable.load(path)
    return table.select(firmware, variant)
