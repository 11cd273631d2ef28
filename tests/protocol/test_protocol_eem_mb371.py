"""The EEM-MB371-EIP on a real socket: order of words, an energy manager's two blocks, four clients, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ModbusIOException

from emulators.eem_mb371.device import eem_mb371
from emulators.kit.family import DeviceConfig
from emulators.kit.modbus.meter import MeterDevice
from emulators.kit.phases import PerPhase

from .conftest import FakeHost, Raw

Run = Callable[[Coroutine[Any, Any, None]], None]
Scenario = Callable[[MeterDevice], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]

FLOAT = ModbusClientMixin.DATATYPE.FLOAT32
#: What the three phases carry; the words of 123.456 differ: 42F6h and E979h (EMpro manual 109357 11.6).
AMPERES, VOLTS = PerPhase(123.456, -4.5, 0.25), PerPhase(230.0, 231.0, 229.0)
BETWEEN_V = [(one * one + other * other + one * other) ** 0.5 for one, other in ((230, 231), (231, 229), (229, 230))]


@pytest.fixture
def play(run: Run, host: FakeHost) -> Play:
    def player(scenario: Scenario) -> None:
        async def whole() -> None:
            config = DeviceConfig(
                name="M2", address="192.168.0.20", firmware="1.6.0", variant="", phase_order="", parameters={}
            )
            device = eem_mb371(host, config)  # type: ignore[arg-type]
            await device.start()
            try:
                await scenario(device)
            finally:
                await device.stop()

        host.terminals.amperes, host.terminals.volts, host.terminals.neutral = AMPERES, VOLTS, 1.5
        host.terminals.imported, host.terminals.exported = PerPhase(1000, 200, 39), PerPhase(0, 40.5, 0)
        run(whole())

    return player


async def connected(device: MeterDevice, **options: Any) -> AsyncModbusTcpClient:
    client = AsyncModbusTcpClient("127.0.0.1", port=device._server.port, **{"timeout": 5, "retries": 0} | options)
    await client.connect()
    return client


def floats(*values: float) -> bytes:
    """Return numbers as they go over the wire: of each the low word first, of each word the high byte."""
    pairs = (struct.unpack(">2H", struct.pack(">f", value)) for value in values)
    return b"".join(struct.pack(">2H", low, high) for high, low in pairs)


def test_the_low_word_comes_first(play: Play, host: FakeHost) -> None:
    async def scenario(device: MeterDevice) -> None:
        raw = await Raw.open(device._server.port)
        answer = await raw.ask(bytes.fromhex("0001 0000 0006 FF 03 800E 0002"))
        assert answer == bytes.fromhex("0001 0000 0007 FF 03 04 E979 42F6")
        raw.close()
        client = await connected(device)
        words = (await client.read_holding_registers(32782, count=2, device_id=1)).registers
        assert client.convert_from_registers(words, FLOAT, word_order="little") == pytest.approx(123.456)
        assert client.convert_from_registers(words, FLOAT, word_order="big") != pytest.approx(123.456)
        client.close()

    play(scenario)
    assert host.documented_ports == [502]


def test_an_energy_managers_block_of_measured_values_comes_in_one_piece(play: Play) -> None:
    """32774 to 32830, as OpenEMS asks for them: nothing is missing, and three registers have one word."""
    powers_w = [123.456 * 230, -4.5 * 231, 0.25 * 229]
    total_w = sum(powers_w)
    expected = b"".join(
        (
            floats(230, 231, 229, 50, 123.456, 4.5, 0.25, 1.5),
            floats(total_w, 0, total_w, 1),
            floats(*powers_w, 0, 0, 0, *map(abs, powers_w), 1, 1, 1),
            bytes(2 * 3),
            floats((123.456 + 4.5 + 0.25) / 3, sum(BETWEEN_V) / 3, 230),
        )
    )
    assert len(expected) == 2 * 57

    async def scenario(device: MeterDevice) -> None:
        raw = await Raw.open(device._server.port)
        answer = await raw.ask(bytes.fromhex("0002 0000 0006 01 03 8006 0039"))
        assert answer == bytes.fromhex("0002 0000 0075 01 03 72") + expected
        raw.close()

    play(scenario)


def test_an_energy_managers_block_of_energies_comes_in_one_piece(play: Play) -> None:
    """33024 to 33031: Wh, demand first and delivery last."""

    async def scenario(device: MeterDevice) -> None:
        raw = await Raw.open(device._server.port)
        answer = await raw.ask(bytes.fromhex("0003 0000 0006 01 03 8100 0008"))
        assert answer == bytes.fromhex("0003 0000 0013 01 03 10") + floats(1239, 0, 1279.5, 40.5)
        raw.close()

    play(scenario)


# A row each: register, words as they go over the wire. Texts have their low byte first ("EEM" is 4545h, 2D4Dh).
ROWS = [
    (32768, floats(*BETWEEN_V)),
    (32831, floats(0, sum(map(abs, (123.456 * 230, -4.5 * 231, 0.25 * 229))))),
    (33036, floats(1239, 0, 1279.5, 40.5, 0, 0)),
    (300, b"EE-MBM73-1IE\0P\0\0"),
    (308, b"927079\x006" + bytes(8)),
    (316, b"2M" + bytes(16)),
    (1034, bytes.fromhex("2710 0000")),
    (16384, bytes(2)),
    (16513, bytes(6)),
]


@pytest.mark.parametrize("function", [3, 4])
@pytest.mark.parametrize("unit", [0, 1, 255])
def test_registers_are_the_same_by_both_functions_for_every_unit(play: Play, unit: int, function: int) -> None:
    async def scenario(device: MeterDevice) -> None:
        raw = await Raw.open(device._server.port)
        for address, data in ROWS:
            answer = await raw.ask(struct.pack(">HHHBBHH", 7, 0, 6, unit, function, address, len(data) // 2))
            assert answer == struct.pack(">HHHBBB", 7, 0, 3 + len(data), unit, function, len(data)) + data, address
        raw.close()

    play(scenario)


def test_values_follow_the_terminals_each_second(play: Play, host: FakeHost) -> None:
    async def scenario(device: MeterDevice) -> None:
        client = await connected(device)

        async def current_a() -> object:
            words = (await client.read_input_registers(32782, count=2)).registers
            return client.convert_from_registers(words, FLOAT, word_order="little")

        host.terminals.amperes = PerPhase.all(3)
        assert await current_a() == pytest.approx(123.456)  # not measured yet
        host.pass_time(1)
        assert await current_a() == 3
        await device.fault("frozen")
        host.terminals.amperes = PerPhase.all(9)
        host.pass_time(5)
        assert await current_a() == 3
        await device.fault(None)
        host.pass_time(1)
        assert await current_a() == 9
        client.close()

    play(scenario)


def test_a_fifth_client_is_refused_until_one_of_four_has_gone(play: Play) -> None:
    ask = bytes.fromhex("0001 0000 0006 FF 03 800E 0002")

    async def scenario(device: MeterDevice) -> None:
        four = [await Raw.open(device._server.port) for _ in range(4)]
        for client in four:
            assert (await client.ask(ask))[:6] == bytes.fromhex("0001 0000 0007")
        fifth = await Raw.open(device._server.port)
        assert await fifth.receive() == b""
        fifth.close()
        for client in four:  # it has cost none of them its connection
            assert (await client.ask(ask))[:6] == bytes.fromhex("0001 0000 0007")
        four[0].send(bytes.fromhex("0001 FFFF 0006 FF 03 800E 0002"))  # no Modbus: the meter closes this connection
        assert await four[0].receive() == b""
        again = await Raw.open(device._server.port)
        assert (await again.ask(ask))[:6] == bytes.fromhex("0001 0000 0007")
        for client in (*four, again):
            client.close()

    play(scenario)


def test_what_it_refuses(play: Play) -> None:
    async def scenario(device: MeterDevice) -> None:
        client = await connected(device)
        for address, count in ((0, 1), (16403, 1), (16384, 2), (32767, 2), (32855, 2), (33047, 2)):
            answer = await client.read_holding_registers(address, count=count)
            assert answer.exception_code == 2, address
        assert (await client.write_register(16514, 0xFFFF)).exception_code == 4
        assert (await client.write_registers(1034, [1, 0])).exception_code == 4
        assert (await client.write_register(32782, 1)).exception_code == 2
        assert (await client.read_coils(0, count=1)).exception_code == 1
        assert (await client.read_device_information()).exception_code == 1
        client.close()

    play(scenario)


def test_it_answers_on_after_malformed_requests(play: Play) -> None:
    async def scenario(device: MeterDevice) -> None:
        raw = await Raw.open(device._server.port)
        assert await raw.ask(bytes.fromhex("0009 0000 0006 FF 03 800E 0000")) == bytes.fromhex(
            "0009 0000 0003 FF 83 03"
        )
        assert await raw.ask(bytes.fromhex("000A 0000 0006 FF 03 800E 007E")) == bytes.fromhex(
            "000A 0000 0003 FF 83 03"
        )
        assert await raw.ask(bytes.fromhex("000B 0000 0004 FF 03 800E")) == bytes.fromhex("000B 0000 0003 FF 83 03")
        assert (await raw.ask(bytes.fromhex("000C 0000 0006 FF 03 800E 0002")))[-4:] == bytes.fromhex("E979 42F6")
        raw.close()

    play(scenario)


def test_its_faults(play: Play) -> None:
    async def scenario(device: MeterDevice) -> None:
        with pytest.raises(ValueError, match=r"no fault 'nan:L2'\. It has: exceptions, timeouts, closed_port, frozen"):
            await device.fault("nan:L2")
        client, hasty = await connected(device), await connected(device, timeout=0.2)
        await device.fault("exceptions")
        assert (await client.read_holding_registers(32782, count=2)).exception_code == 4
        await device.fault("timeouts")
        with pytest.raises(ModbusIOException):
            await hasty.read_holding_registers(32782, count=2)
        client.close()
        hasty.close()
        raw = await Raw.open(device._server.port)
        await device.fault("closed_port")
        assert await raw.receive() == b""
        raw.close()
        await device.fault(None)
        client = await connected(device)
        assert not (await client.read_holding_registers(32782, count=2)).isError()
        client.close()

    play(scenario)


def test_its_display(play: Play) -> None:
    async def scenario(device: MeterDevice) -> None:
        page = device.page()
        assert {name: page[name] for name in ("U2", "I2", "P2", "F", "EA_IMP_TOTAL", "EA_EXP_TOTAL")} == {
            "U2": "231 V", "I2": "4.5 A", "P2": "-1039.5 W", "F": "50 Hz",
            "EA_IMP_TOTAL": "1239 Wh", "EA_EXP_TOTAL": "40.5 Wh",
        }  # fmt: skip
        assert device.explain() == "M2 measures 123.456 A/4.5 A/0.25 A."

    play(scenario)
