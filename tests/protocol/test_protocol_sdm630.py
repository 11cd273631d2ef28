"""The SDM630 on a real socket, as pymodbus' own client sees it: input registers, signs, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from emulators.kit.family import DeviceConfig
from emulators.kit.modbus.meter import MeterDevice
from emulators.kit.phases import PerPhase
from emulators.sdm630.device import sdm630

from .conftest import FakeHost, Play, meter_player

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def play(run: Run, host: FakeHost) -> Play:
    config = DeviceConfig(
        name="M1", address="192.168.0.21", firmware="2.0", variant="", phase_order="L1L2L3", parameters={}
    )
    return meter_player(run, sdm630(host, config))


async def floats(client: AsyncModbusTcpClient, address: int, count: int) -> tuple[float, ...]:
    answer = await client.read_input_registers(address, count=2 * count, device_id=1)
    assert not answer.isError(), answer
    return struct.unpack(f">{count}f", struct.pack(f">{2 * count}H", *answer.registers))


def test_registers(play: Play, host: FakeHost) -> None:
    host.terminals.amperes, host.terminals.volts = PerPhase(10.0, -4.5, 0.25), PerPhase(230.0, 231.0, 229.0)
    host.terminals.imported, host.terminals.exported = PerPhase(1000, 200, 50), PerPhase(0, 500, 0)

    async def scenario(client: AsyncModbusTcpClient, _device: MeterDevice) -> None:
        assert await floats(client, 0, 3) == (230, 231, 229)
        assert await floats(client, 6, 3) == (10, 4.5, 0.25)
        assert await floats(client, 12, 3) == (2300, -1039.5, 57.25)
        assert await floats(client, 18, 3) == (2300, 1039.5, 57.25)
        assert await floats(client, 52, 1) == (1317.75,)
        assert await floats(client, 70, 3) == (50, 1.25, 0.5)
        assert len(await floats(client, 0, 38)) == 38  # in one piece

    play(scenario)


def test_the_bytes_of_230_volts(play: Play) -> None:
    async def scenario(client: AsyncModbusTcpClient, _device: MeterDevice) -> None:
        assert (await client.read_input_registers(0, count=2, device_id=1)).registers == [0x4366, 0x0000]

    play(scenario)


def test_what_it_refuses(play: Play) -> None:
    async def scenario(client: AsyncModbusTcpClient, device: MeterDevice) -> None:
        assert (await client.read_holding_registers(0, count=2, device_id=1)).exception_code == 1
        assert (await client.read_input_registers(76, count=2, device_id=1)).exception_code == 2
        assert (await client.write_registers(0, [0, 0], device_id=1)).exception_code == 1
        await device.fault("exceptions")
        assert (await client.read_input_registers(0, count=2, device_id=1)).exception_code == 4
        await device.fault(None)
        with pytest.raises(ModbusIOException):  # another address than its own
            await client.read_input_registers(0, count=2, device_id=2)

    play(scenario)
