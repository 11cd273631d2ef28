"""The COUNTIS E27 on a real socket, as pymodbus' own client sees it: a charger's block, signs, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from emulators.countis_e27.device import countis_e27
from emulators.kit.family import DeviceConfig
from emulators.kit.modbus.meter import MeterDevice
from emulators.kit.phases import PerPhase

from .conftest import FakeHost, Play, meter_player

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def play(run: Run, host: FakeHost) -> Play:
    config = DeviceConfig(
        name="M1", address="192.168.0.5", firmware="1.03", variant="", phase_order="L1L2L3", parameters={}
    )
    return meter_player(run, countis_e27(host, config))


async def words(client: AsyncModbusTcpClient, address: int, count: int) -> bytes:
    answer = await client.read_holding_registers(address, count=count, device_id=5)
    assert not answer.isError(), answer
    return struct.pack(f">{count}H", *answer.registers)


# What the three phases carry, and a row each: register, format, raw values (Socomec table; current mA, power 10 W).
AMPERES, VOLTS = PerPhase(10.0, -4.5, 0.25), PerPhase(230.0, 231.0, 229.0)
ROWS = [
    (50514, ">3I", (39924, 39837, 39751)),  # sqrt(230² + 231² + 230 x 231) = 399.24 V
    (50520, ">3I", (23000, 23100, 22900)),
    (50526, ">I", (50000,)),
    (50528, ">3I", (10000, 4500, 250)),
    (50534, ">I", (1234,)),
    (50536, ">i", (132,)),  # 2300 - 1039.5 + 57.25 W
    (50544, ">3i", (230, -104, 6)),
    (50946, ">I", (123,)),
    (50952, ">I", (4,)),
    (50770, ">I", (1,)),
    (57344, ">H", (5,)),
]


@pytest.mark.parametrize(("address", "code", "values"), ROWS)
def test_registers(play: Play, host: FakeHost, address: int, code: str, values: tuple[int, ...]) -> None:
    host.terminals.amperes, host.terminals.volts, host.terminals.neutral = AMPERES, VOLTS, 1.234
    host.terminals.imported, host.terminals.exported = PerPhase(1000, 200, 39), PerPhase(0, 40.5, 0)

    async def scenario(client: AsyncModbusTcpClient, _device: MeterDevice) -> None:
        assert struct.unpack(code, await words(client, address, struct.calcsize(code) // 2)) == values

    play(scenario)


def test_it_introduces_itself(play: Play) -> None:
    async def scenario(client: AsyncModbusTcpClient, _device: MeterDevice) -> None:
        assert await words(client, 50000, 4) == b"\0S\0O\0C\0O"
        assert (await words(client, 50058, 8)).startswith(b"COUNTIS E27\0")
        whole = await words(client, 50000, 66)  # one table, with reserved words inside
        assert (whole[:8], whole[2 * 13 : 2 * 18]) == (b"\0S\0O\0C\0O", bytes(10))
        assert whole[2 * 58 :].startswith(b"COUNTIS E27\0")

    play(scenario)


def test_the_block_of_a_charger_comes_in_one_piece_and_follows_the_terminals(play: Play, host: FakeHost) -> None:
    async def scenario(client: AsyncModbusTcpClient, device: MeterDevice) -> None:
        host.terminals.amperes = PerPhase.all(3)
        assert len(await words(client, 50514, 54)) == 108
        assert await words(client, 50528, 2) == bytes(4)  # not measured yet
        host.pass_time(1)
        assert await words(client, 50528, 2) == struct.pack(">I", 3000)
        await device.fault("frozen")
        host.terminals.amperes = PerPhase.all(9)
        host.pass_time(5)
        assert await words(client, 50528, 2) == struct.pack(">I", 3000)
        await device.fault(None)
        host.pass_time(1)
        assert await words(client, 50528, 2) == struct.pack(">I", 9000)

    play(scenario)


def test_what_it_refuses(play: Play) -> None:
    async def scenario(client: AsyncModbusTcpClient, device: MeterDevice) -> None:
        assert (await client.read_holding_registers(49999, count=1, device_id=5)).exception_code == 2
        assert (await client.read_input_registers(50528, count=2, device_id=5)).exception_code == 1
        assert (await client.write_register(57344, 6, device_id=5)).exception_code == 4
        assert (await client.write_register(50528, 6, device_id=5)).exception_code == 2
        await device.fault("exceptions")
        assert (await client.read_holding_registers(50528, count=2, device_id=5)).exception_code == 4
        with pytest.raises(ValueError, match=r"no fault 'smoke'\. It has: exceptions, timeouts, closed_port, frozen"):
            await device.fault("smoke")
        await device.fault(None)
        with pytest.raises(ModbusIOException):  # another address than its own
            await client.read_holding_registers(50528, count=2, device_id=6)

    play(scenario)
