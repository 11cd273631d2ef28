"""The PAC2200 on real sockets and a fake site: what public clients read from it, tariffs, demand, writes and faults."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from emulators.kit.family import DeviceConfig, family
from emulators.kit.modbus.client import ModbusClient, ModbusConnectionLost, ModbusRefused, ModbusTimeout
from emulators.kit.modbus.meter import MeterDevice
from emulators.kit.parameters import ParameterError, Value
from emulators.kit.phases import PerPhase
from emulators.kit.registers import RegisterTable
from emulators.pac2200 import FAMILY
from emulators.pac2200.device import pac2200

from .conftest import FakeHost

Run = Callable[[Coroutine[Any, Any, None]], None]
Scenario = Callable[[MeterDevice, ModbusClient], Coroutine[Any, Any, None]]
DIRECT, MID = "7KM2200-2EA40-1EA1", "7KM2200-2EA30-1JA1"
assert FAMILY.registers is not None
REGISTERS = RegisterTable.load(FAMILY.registers)


def config(variant: str = FAMILY.variants[0], **parameters: Value) -> DeviceConfig:
    named = {name.replace("_", " "): value for name, value in parameters.items()}
    return DeviceConfig(
        name="M1", address="192.168.0.20", firmware="3.2.2", variant=variant, phase_order="L1L2L3", parameters=named
    )


def play(run: Run, host: FakeHost, scenario: Scenario, what: DeviceConfig | None = None) -> MeterDevice:
    device = pac2200(host, what or config())

    async def whole() -> None:
        await device.start()
        client = ModbusClient("127.0.0.1", device._server.port, timeout_s=0.2)
        try:
            await scenario(device, client)
        finally:
            client.close()
            await device.stop()

    run(whole())
    return device


async def read(client: ModbusClient, name: str) -> Any:
    row = REGISTERS.named(name)
    return row.decode(await client.read_holding(row.address, row.words))


async def write(client: ModbusClient, name: str, value: Value) -> None:
    row = REGISTERS.named(name)
    words = row.encode(value)
    if len(words) == 1:
        await client.write_register(row.address, words[0])
    else:
        await client.write_registers(row.address, words)


async def refusal(request: Coroutine[Any, Any, object]) -> int:
    with pytest.raises(ModbusRefused) as caught:
        await request
    return caught.value.code


def test_the_family_is_found() -> None:
    assert family("pac2200") is FAMILY
    assert FAMILY.rated_current_a == {DIRECT: 65, "7KM2200-2EA40-1JA1": 65}
    assert FAMILY.sheet.read_text(encoding="utf-8").count("\n## ") == 3
    assert FAMILY.parameters["Modbus Port"].default == "502"


def test_currents_are_never_negative_and_power_is_signed(run: Run, host: FakeHost) -> None:
    host.terminals.amperes = PerPhase(40.0, -16.0, 20.0)
    host.terminals.neutral = 3.5

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        currents = struct.unpack(">3f", struct.pack(">6H", *await client.read_holding(13, 6)))
        assert currents == (40.0, 16.0, 20.0)
        powers = struct.unpack(">3f", struct.pack(">6H", *await client.read_input(25, 6)))
        assert powers == (9200.0, -3680.0, 4600.0)
        assert await read(client, "P_TOT") == 10120.0
        assert await read(client, "S_TOT") == 17480.0
        assert await read(client, "I_N") == 3.5
        assert await read(client, "V_L1_L2") == pytest.approx(230 * math.sqrt(3), rel=1e-6)
        assert await read(client, "F") == 50.0

    play(run, host, scenario)
    assert host.documented_ports == [502]


def test_values_refresh_every_half_second(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.terminals.amperes = PerPhase.all(10.0)
        host.pass_time(0.4)
        assert await read(client, "I_L1") == 0.0
        host.pass_time(0.1)
        assert await read(client, "I_L1") == 10.0

    play(run, host, scenario)


def test_every_readable_register_can_be_read_alone(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.pass_time(11)
        for row in REGISTERS:
            if row.readable:
                words = await client.read_holding(row.address, row.words)
                assert words == await client.read_input(row.address, row.words), row.name
                assert not row.is_unavailable(words), row.name
            else:
                assert await refusal(client.read_holding(row.address, row.words)) == 2

    play(run, host, scenario)


def test_the_requests_of_public_clients(run: Run, host: FakeHost) -> None:
    """OpenEMS reads 1..68 and 801..812, mbmd reads 46, Tinkerforge reads single values, openWB 801 and 809."""
    host.terminals.amperes = PerPhase(1.0, 2.0, 3.0)

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        async with AsyncModbusTcpClient("127.0.0.1", port=device._server.port, retries=0) as other:
            block = (await other.read_holding_registers(1, count=68, device_id=1)).registers
            assert other.convert_from_registers(block[14:16], other.DATATYPE.FLOAT32) == 2.0
            assert block[42:54] == [0] * 12
            assert (await other.read_holding_registers(46, count=2, device_id=1)).registers == [0, 0]
            assert len((await other.read_holding_registers(801, count=12, device_id=1)).registers) == 12
            assert (await other.read_holding_registers(55, count=2, device_id=7)).registers == [0x4248, 0]

    play(run, host, scenario)


def test_read_and_write_rules(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        assert await refusal(client.read_holding(0, 2)) == 2
        assert await refusal(client.read_holding(14, 2)) == 2
        assert await refusal(client.read_holding(73, 2)) == 2
        assert await refusal(client.read_holding(64001, 26)) == 2
        assert await refusal(client.write_registers(50021, [0])) == 2
        assert await refusal(client.write_registers(60006, [1])) == 2  # commands take function 6 only
        assert await refusal(client.write_registers(1, [0, 0])) == 2
        assert await refusal(write(client, "CFG_DI_ACTION", 9)) == 3
        assert await refusal(write(client, "CFG_DEMAND_PERIOD", 61)) == 3

    play(run, host, scenario)


def test_energy_is_counted_per_phase_and_direction(run: Run, host: FakeHost) -> None:
    host.terminals.imported = PerPhase(1e6, 1e6, 1e6)  # what flowed before the meter was switched on

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.terminals.imported += PerPhase(10.0, 20.0, 30.5)
        host.terminals.exported += PerPhase(0.0, 5.0, 0.0)
        host.pass_time(0.5)
        assert await read(client, "EA_IMP_TOT_T1") == 60.5
        assert await read(client, "EA_IMP_L3_T1") == 30.5
        assert await read(client, "EA_EXP_TOT_T1") == 5.0
        assert await read(client, "ES_L2_T1") == 25.0
        assert await read(client, "ER_IMP_TOT_T1") == 0.0
        await write(client, "EA_IMP_TOT_T1", 999_999_999_999.0)
        host.terminals.imported += PerPhase(3.0, 0.0, 0.0)
        host.pass_time(0.5)
        assert await read(client, "EA_IMP_TOT_T1") == 2.0  # wraps at 1.0e12

    play(run, host, scenario)


def test_the_input_moves_the_counting_to_tariff_2(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        def consume() -> None:
            host.terminals.imported += PerPhase(10.0, 0.0, 0.0)
            host.pass_time(0.5)

        assert await client.read_holding(209, 4) == [0, 0, 0, 0]
        consume()
        host.contacts["digital_input"] = True
        host.pass_time(0.5)
        assert await client.read_holding(209, 4) == [0, 1, 0, 1]
        consume()
        consume()
        host.contacts["digital_input"] = False
        host.pass_time(0.5)
        consume()
        assert await client.read_holding(209, 4) == [0, 0, 0, 0]
        assert [await read(client, f"EA_IMP_TOT_T{tariff}") for tariff in (1, 2)] == [20.0, 20.0]
        assert [await read(client, f"EA_IMP_L1_T{tariff}") for tariff in (1, 2)] == [20.0, 20.0]

    device = play(run, host, scenario, config(Digital_Input_action="On/Off-Peak"))
    assert [fields["tariff"] for event, fields in host.traced if event == "digital_input"] == [1, 2, 1]
    assert device.page()["Tariff"] == "T1"


@pytest.mark.parametrize(
    ("action", "words"), [("none", [0, 0, 0, 0]), ("pulse", [0, 1, 0, 0]), ("On/Off-Peak", [0, 1, 0, 1])]
)
def test_the_inputs_action_decides_what_it_does(run: Run, host: FakeHost, action: str, words: list[int]) -> None:
    host.contacts["digital_input"] = True

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        assert await client.read_holding(209, 4) == words

    play(run, host, scenario, config(Digital_Input_action=action))


def test_the_action_can_be_set_over_modbus(run: Run, host: FakeHost) -> None:
    host.contacts["digital_input"] = True

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await write(client, "CFG_DI_ACTION", 2)
        host.pass_time(0.5)
        assert await client.read_holding(209, 4) == [0, 1, 0, 1]
        assert device.parameters.shown("Digital Input action") == "On/Off-Peak"
        assert await read(client, "CHANGE_CNT_ALL") == 1

    play(run, host, scenario)


def test_the_bus_switches_tariff_and_output(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await client.write_register(60006, 1)
        assert await client.read_holding(211, 2) == [0, 1]
        await client.write_register(60008, 1)
        assert await client.read_holding(207, 2) == [0, 1]
        assert await refusal(client.write_register(60008, 0x0101)) == 3
        assert await refusal(client.write_register(60006, 2)) == 3

    play(run, host, scenario)


def test_a_demand_period(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        for watts in (6900.0, 13800.0):
            host.terminals.amperes = PerPhase.all(watts / 690)
            for _ in range(60):
                host.terminals.imported += PerPhase.all(watts / 3 / 7200)
                host.pass_time(0.5)
        assert await read(client, "DEM_P_IMP") == pytest.approx(10350.0)
        assert (await read(client, "DEM_P_MAX"), await read(client, "DEM_P_MIN")) == (13800.0, 0.0)
        assert (await read(client, "DEM_LEN"), await read(client, "DEM_ELAPSED")) == (60, 0)
        host.pass_time(7)
        assert await read(client, "DEM_ELAPSED") == 7

    play(run, host, scenario, config(**{"Demand_period_[min]": 1}))


def test_with_synchronised_periods_the_tariff_waits_for_the_end(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.pass_time(10)
        host.contacts["digital_input"] = True
        host.pass_time(10)
        assert await client.read_holding(209, 4) == [0, 1, 0, 0]
        await client.write_register(60005, 30)  # another length: ignored
        assert await client.read_holding(211, 2) == [0, 0]
        await client.write_register(60005, 15)
        assert await client.read_holding(211, 2) == [0, 1]
        assert await read(client, "DEM_ELAPSED") == 0

    play(run, host, scenario, config(Digital_Input_action="On/Off-Peak", Demand_sync="bus"))


def test_means_of_ten_seconds(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.terminals.amperes = PerPhase(8.0, 0.0, 0.0)
        host.pass_time(9.5)
        assert await read(client, "I_L1") == 8.0
        assert struct.unpack(">f", struct.pack(">2H", *await client.read_holding(30017, 2)))[0] == pytest.approx(7.6)
        assert await read(client, "MEAN_TS") == 1780293600 + 9

    play(run, host, scenario)


def test_identification(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        block = await read(client, "IM0")
        assert block[:2] == b"\x00\x2a"
        assert block[2:22] == b"7KM2200-2EA30-1EA1  "
        assert block[40:44] == b"V\x03\x02\x02"
        assert block[46:48] == b"\xf6\x00"  # the profile that clients of the real device look for
        assert await read(client, "IP") == 0xC0A80014
        async with AsyncModbusTcpClient("127.0.0.1", port=device._server.port, retries=0) as other:
            found = (await other.read_device_information(device_id=1)).information
            assert found == {0: b"Siemens AG", 1: b"7KM2200-2EA30-1EA1", 2: b"V3.2.2"}

    play(run, host, scenario)


def test_write_protection(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        for name, value in (("CFG_DEMAND_PERIOD", 5), ("CMD_TARIFF", 1), ("EA_IMP_TOT_T1", 0.0), ("SNTP_MODE", 1)):
            assert await refusal(write(client, name, value)) == 0xF0
        assert await read(client, "PW_PROTECT") == 1

    play(run, host, scenario, config(Write_protection=True))


@pytest.mark.parametrize(
    ("variant", "refused", "taken"),
    [
        (MID, ("CFG_CONNECTION", "CFG_INVERT_I_L2", "CMD_RESET_ENERGY", "EA_IMP_L1_T1"), ("CFG_CT_PRIMARY",)),
        (DIRECT, ("CFG_CONNECTION", "CFG_INVERT_I_L2", "CFG_CT_PRIMARY"), ("CMD_RESET_ENERGY", "EA_IMP_L1_T1")),
        (FAMILY.variants[0], (), ("CFG_CONNECTION", "CFG_INVERT_I_L2", "CMD_RESET_ENERGY", "CFG_CT_PRIMARY")),
    ],
)
def test_what_an_order_number_refuses(
    run: Run, host: FakeHost, variant: str, refused: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        for name in refused:
            assert await refusal(write(client, name, 1)) == 4, name
        for name in taken:
            await write(client, name, 1)

    play(run, host, scenario, config(variant))


def test_a_direct_meter_has_no_ratio() -> None:
    with pytest.raises(ParameterError, match="measures directly"):
        pac2200(FakeHost(), config(DIRECT, **{"CT_primary_[A]": 100}))


def test_an_inverted_transformer(run: Run, host: FakeHost) -> None:
    host.terminals.amperes = PerPhase.all(10.0)

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await write(client, "CFG_INVERT_I_L2", 1)
        host.pass_time(0.5)  # from here on the direction is the other one
        host.terminals.imported += PerPhase.all(4.0)
        host.pass_time(0.5)
        assert await read(client, "P_L2") == -2300.0
        assert await read(client, "I_L2") == 10.0
        assert await read(client, "EA_IMP_TOT_T1") == 8.0
        assert await read(client, "EA_EXP_L2_T1") == 4.0

    play(run, host, scenario)


def test_counters_are_reset_by_kind(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.terminals.imported = PerPhase.all(5.0)
        host.terminals.exported = PerPhase.all(3.0)
        host.pass_time(0.5)
        await client.write_register(60004, 1)  # import, tariff 1
        assert (await read(client, "EA_IMP_L2_T1"), await read(client, "EA_EXP_L2_T1")) == (0.0, 3.0)
        await client.write_register(60004, 0)
        assert await read(client, "EA_EXP_TOT_T1") == 0.0

    play(run, host, scenario)


def test_energies_survive_a_restart_and_unsaved_edits_do_not(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        host.terminals.imported = PerPhase.all(5.0)
        host.pass_time(0.5)
        device.parameters.set("Modbus Port", 80)
        await device.restart()
        assert host.documented_ports[-1] == 502
        device.parameters.set("Modbus Port", 80)
        assert device.parameters.save() == ["Modbus Port"]
        await device.restart()
        assert host.documented_ports[-1] == 80
        again = ModbusClient("127.0.0.1", device._server.port)
        assert await read(again, "EA_IMP_TOT_T1") == 15.0
        again.close()

    play(run, host, scenario)


def test_the_ip_configuration_is_applied_by_command(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await write(client, "IP_PORT", 80)
        assert host.documented_ports == [502]
        await client.write_register(65300, 0)
        await asyncio.gather(*host.tasks)
        assert host.documented_ports == [502, 80]
        assert device.page()["Modbus Port"] == "80"

    play(run, host, scenario)


def test_faults(run: Run, host: FakeHost) -> None:
    host.terminals.amperes = PerPhase.all(10.0)

    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await device.fault("exceptions")
        assert await refusal(client.read_holding(13, 6)) == 4
        await device.fault("timeouts")
        with pytest.raises(ModbusTimeout):
            await client.read_holding(13, 6)
        await device.fault("closed_port")
        with pytest.raises(ModbusConnectionLost):
            await client.read_holding(13, 6)
        await device.fault("nan:L2")
        healed = ModbusClient("127.0.0.1", device._server.port)
        currents = struct.unpack(">3f", struct.pack(">6H", *await healed.read_holding(13, 6)))
        assert (currents[0], currents[2]) == (10.0, 10.0)
        assert math.isnan(currents[1])
        assert math.isnan(await read(healed, "V_L2_L3"))
        await device.fault("frozen")
        host.terminals.amperes = PerPhase.all(20.0)
        host.terminals.imported = PerPhase.all(4.0)
        host.pass_time(5)
        assert (await read(healed, "I_L2"), await read(healed, "EA_IMP_TOT_T1")) == (10.0, 0.0)
        assert "frozen" in device.explain()
        await device.fault(None)
        host.pass_time(0.5)
        assert (await read(healed, "I_L2"), await read(healed, "EA_IMP_TOT_T1")) == (20.0, 12.0)
        with pytest.raises(ValueError, match="It has: exceptions, timeouts"):
            await device.fault("nan:L4")
        healed.close()

    play(run, host, scenario)
    assert [fields["fault"] for event, fields in host.traced if event == "fault"][-1] == "none"


def test_the_log_has_decoded_frames(run: Run, host: FakeHost) -> None:
    async def scenario(device: MeterDevice, client: ModbusClient) -> None:
        await client.read_holding(55, 2)

    play(run, host, scenario)
    assert host.frames == [("rx", "modbus", "unit 1 read holding 55 x 2"), ("tx", "modbus", "unit 1 words 4248 0000")]
