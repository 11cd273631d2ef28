"""A meter of a family that brings a table and a function: its port is the kit's, its values are the function's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.family import DeviceConfig
from emulators.kit.measured import Measured
from emulators.kit.modbus.client import ModbusClient, ModbusRefused, ModbusTimeout
from emulators.kit.modbus.meter import MeterDevice, MeterType
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.phases import PerPhase
from emulators.kit.registers import RegisterTable, Value
from emulators.kit.terminals import Reading
from tests.protocol.conftest import FakeHost, Raw

TABLE = """unit,address,words,type,scale,unit_of_measure,access,name,meaning,source,order
any,100,2,float32,1,A,R,I1,m,s,low word first
any,102,2,float32,1,A,R,I2,m,s,low word first
any,104,2,float32,1,A,R,I3,m,s,low word first
any,106,2,ascii,1,,R,NAME,m,s,low byte first
any,108,1,uint16,1,,RW,UNIT,m,s,
""".replace("any,", "0-255,")
PARAMETERS = """name,type,allowed,minimum,maximum,default,unit,needs_restart,available_to,menu,source,note
Unit,integer,,1,247,9,,yes,,M,a manual,
"""
READ = bytes.fromhex("000100000006 09 03 0064 0002")
Run = Callable[[Coroutine[Any, Any, None]], None]


def values(reading: Reading) -> Mapping[str, Value]:
    """Return what the registers read."""
    return {f"I{number}": current_a for number, current_a in enumerate(reading.currents_a, start=1)} | {"NAME": "EEM"}


@pytest.fixture
def device(tmp_path: Path, host: FakeHost) -> MeterDevice:
    for name, text in (("registers.csv", TABLE), ("parameters.csv", PARAMETERS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    registers = RegisterTable.load(tmp_path / "registers.csv")
    kind = MeterType(
        registers=registers, currents=("I1", "I2", "I3"), displayed=("I1",), sample_s=1, port=503,
        unit_parameter="Unit", connection_limit=2,
    )  # fmt: skip
    config = DeviceConfig(name="M1", address="192.168.0.9", firmware="1", variant="", phase_order="", parameters={})
    parameters = ParameterStore(ParameterTable.load(tmp_path / "parameters.csv"), config.parameters)
    model = Measured(registers, values, {"UNIT": lambda: parameters.whole("Unit")})
    return MeterDevice(host, config, kind, parameters=parameters, model=model)  # type: ignore[arg-type]


def test_a_block_is_read_in_the_order_of_its_rows(run: Run, host: FakeHost, device: MeterDevice) -> None:
    async def scenario() -> None:
        host.terminals.amperes = PerPhase(123.456, 1.0, -2.0)
        await device.start()
        client = ModbusClient("127.0.0.1", device._server.port)
        assert host.documented_ports == [503]
        words = await client.read_holding(100, 9, unit=9)
        assert words == [0xE979, 0x42F6, 0, 0x3F80, 0, 0xC000, 0x4545, 0x004D, 9]
        other = ModbusClient("127.0.0.1", device._server.port, timeout_s=0.2)
        with pytest.raises(ModbusTimeout):
            await other.read_holding(100, 2, unit=8)
        other.close()
        with pytest.raises(ModbusRefused) as refused:
            await client.write_register(108, 7, unit=9)
        assert refused.value.code == 4
        client.close()
        await device.stop()

    run(scenario())


def test_frozen_values_stay_until_it_is_healed(run: Run, host: FakeHost, device: MeterDevice) -> None:
    async def scenario() -> None:
        host.terminals.amperes = PerPhase.all(5.0)
        await device.start()
        await device.fault("frozen")
        host.terminals.amperes = PerPhase.all(9.0)
        host.pass_time(2)
        assert (device.page()["I1"], "'frozen'" in device.explain()) == ("5 A", True)
        await device.fault(None)
        host.pass_time(1)
        assert device.page()["I1"] == "9 A"
        await device.stop()

    run(scenario())


def test_no_more_clients_than_it_takes(run: Run, device: MeterDevice) -> None:
    async def scenario() -> None:
        await device.start()
        clients = [await Raw.open(device._server.port) for _ in range(3)]
        answers = [await one.ask(READ) for one in clients]
        assert [bool(one) for one in answers] == [True, True, False]
        for one in clients:
            one.close()
        await device.stop()

    run(scenario())
