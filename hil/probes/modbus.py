"""Looks at a device through its Modbus port, by the documented register names.

It knows an address, a port and the family's table, nothing of an emulator: a real device is read the same way.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from emulators.kit.modbus import READ_INPUT
from emulators.kit.modbus.client import ModbusClient, ModbusConnectionLost, ModbusFault, ModbusRefused, ModbusTimeout
from emulators.kit.registers import Register, RegisterTable, UnknownRegister, Value
from hil.errors import DeviceNonsense, DeviceRefused, DeviceSilent, ScenarioError
from hil.site import SeatSpec

T = TypeVar("T")

MOST_WORDS: Final = 125  #: Of one read request (Modbus application protocol V1.1b3, 6.3).


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
        self._family = seat.family
        self._table = _table(seat.family.registers, config.firmware, config.variant)
        self._served_by_unit: dict[int, frozenset[int]] = {}
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

    async def read(self, name: str, *, socket: int = 1) -> Value:
        """Return a register's value in its documented unit.

        Args:
            name: Its documented name, or its address.
            socket: Which socket of a charger is meant, where each has registers of its own.

        Raises:
            ScenarioError: There is no such register.
            DeviceRefused: The device answered with an exception.
            DeviceSilent: It did not answer, or accepts no connection.
            DeviceNonsense: Its answer is none.
        """
        (value,) = await self.read_many([name], socket=socket)
        return value

    async def read_many(self, names: Sequence[str], *, socket: int = 1) -> list[Value]:
        """Return the values of registers, in the order of their names; what is served as one block is one request.

        Args and errors as of :meth:`read`.
        """
        rows = [self.register(name) for name in names]
        found: dict[Register, Value] = {}
        for unit, function in dict.fromkeys((self._unit_of(row, socket), row.read_with) for row in rows):
            here = [row for row in rows if (self._unit_of(row, socket), row.read_with) == (unit, function)]
            read = self._client.read_input if function == READ_INPUT else self._client.read_holding
            for block in blocks(here, self._served(unit)):
                first = block[0].address
                words = await self._asked(read(first, block[-1].last - first + 1, unit))
                for row in block:
                    found[row] = row.decode(words[row.address - first : row.last - first + 1])
        return [found[row] for row in rows]

    async def write(self, name: str, value: Value, *, socket: int = 1) -> None:
        """Write a register's value in its documented unit; raises as :meth:`read`."""
        row = self.register(name)
        try:
            words = row.encode(value)
        except ValueError as error:
            raise ScenarioError(f"{error}. Allowed: what {row.type} holds{_range(row)}.") from None
        await self._asked(self._client.write_registers(row.address, words, self._unit_of(row, socket)))

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        self._client.close()

    def _unit_of(self, row: Register, socket: int) -> int:
        """Return the socket's unit id, or the row's own where that does not have it."""
        unit = self._family.modbus_unit_of(socket)
        return unit if row.is_in_unit(unit) else row.units[0]

    def _served(self, unit: int) -> frozenset[int]:
        """Return the addresses that a unit answers."""
        if unit not in self._served_by_unit:
            table = self._table.of_unit(unit)
            zeros = {at for first, last in self._family.modbus_blocks for at in range(first, last + 1)}
            lacking = {at for row in table.lacking for at in range(row.address, row.last + 1)}
            rows = {at for row in table if row.readable for at in range(row.address, row.last + 1)}
            self._served_by_unit[unit] = frozenset(rows | (zeros - lacking))
        return self._served_by_unit[unit]

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except ModbusRefused as error:
            raise DeviceRefused(f"{self._name}: {error}") from error
        except (ModbusTimeout, ModbusConnectionLost) as error:
            raise DeviceSilent(f"{self._name} does not answer on its Modbus port: {error}") from error
        except ModbusFault as error:
            raise DeviceNonsense(f"{self._name}: {error}") from error


def _range(row: Register) -> str:
    """Return the lowest and the highest value of a whole number of a register, in its unit; empty for others."""
    match = re.fullmatch(r"(u?)int(\d+)", row.type)
    if match is None:
        return ""
    bits = int(match[2])
    low, high = (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return f", {low * row.scale:g} to {high * row.scale:.10g} {row.unit_of_measure}".rstrip()


def blocks(rows: Iterable[Register], served: Set[int]) -> list[list[Register]]:
    """Group registers by what one request brings, in the order of their addresses.

    Args:
        rows: Registers of one unit.
        served: The addresses that this unit answers: a gap in them ends a block.
    """
    found: list[list[Register]] = []
    for row in sorted(set(rows), key=lambda row: row.address):
        block = found[-1] if found else []
        if block and row.last - block[0].address < MOST_WORDS and served >= {*range(block[-1].last + 1, row.address)}:
            block.append(row)
        else:
            found.append([row])
    return found


@cache
def _table(path: Path, firmware: str, variant: str) -> RegisterTable:
    table = RegisterTable.load(path)
    return table.select(firmware, variant)
