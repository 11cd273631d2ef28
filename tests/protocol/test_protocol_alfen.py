"""The Alfen station on real sockets, alone: its Modbus slave as pymodbus' own client and raw frames see it.

Expected words and refusals are those of real stations where clients have published them (evcc issues 18877, 22934;
README of PyPI alfen-eve-modbus-tcp).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from emulators.alfen_ng9xx import FAMILY
from emulators.alfen_ng9xx.device import AlfenNg9xx
from emulators.alfen_ng9xx.registers import serial_number
from emulators.kit.family import DeviceConfig
from emulators.kit.host import SerialSettings
from emulators.kit.p1 import telegram
from emulators.kit.parameters import ParameterError, Value
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, PilotState

from .conftest import ChargerHost, Raw

Run = Callable[[Coroutine[Any, Any, None]], None]
STATION, SOCKET = 200, 1
ABSENT = 0xFFFF
NAMES = {
    "licence": "License Key features",
    "alb": "Active Load Balancing",
    "source": "Data Source",
    "safe": "Safe current (A)",
    "mode": "TCP/IP EMS Mode",
    "station": "Station maximum current",
    "probing": "Chameleon min current (A)",
}
EMS: dict[str, object] = {
    "licence": "Active Load Balancing", "alb": "On", "source": "Energy Management System", "safe": 6, "probing": 32,
}  # fmt: skip


class AlfenHost(ChargerHost):
    """A station's host: with a P1 port."""

    def __init__(self) -> None:
        super().__init__()
        self.p1_closed = False

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> AlfenHost:
        assert (label, str(settings)) == ("P1", "115200 8N1")
        self.receive = receive
        return self

    def close(self) -> None:
        self.p1_closed = True


class Bench:
    """A running station and pymodbus' client."""

    def __init__(self, host: AlfenHost, device: AlfenNg9xx, client: AsyncModbusTcpClient) -> None:
        self.host, self.device, self.client = host, device, client

    async def words(self, unit: int, address: int, count: int) -> list[int]:
        answer = await self.client.read_holding_registers(address, count=count, device_id=unit)
        assert not answer.isError(), answer
        return list(answer.registers)

    async def value(self, unit: int, address: int, code: str) -> Any:
        words = await self.words(unit, address, struct.calcsize(code) // 2)
        (value,) = struct.unpack(code, struct.pack(f">{len(words)}H", *words))
        return value

    async def text(self, unit: int, address: int, count: int) -> str:
        data = struct.pack(f">{count}H", *await self.words(unit, address, count))
        text, _, rest = data.partition(b"\0")
        assert len(text) < len(data) and not rest.strip(b"\0")  # at least one zero, and nothing but zeros after it
        return text.decode("ascii")

    async def setpoint(self, current_a: float) -> int:
        """Write 1210 with both words; return the exception code, 0 when it was taken."""
        return await self.write(SOCKET, 1210, *struct.unpack(">2H", struct.pack(">f", current_a)))

    async def write(self, unit: int, address: int, *values: int) -> int:
        answer = await self.client.write_registers(address, list(values), device_id=unit)
        return int(answer.exception_code) if answer.isError() else 0

    async def refused(self, unit: int, address: int, count: int = 1) -> int:
        answer = await self.client.read_holding_registers(address, count=count, device_id=unit)
        assert answer.isError(), answer.registers
        return int(answer.exception_code)

    @property
    def port(self) -> int:
        assert self.device._server is not None
        return self.device._server.port


def config(variant: str, phase_order: str, parameters: dict[str, object]) -> DeviceConfig:
    values: dict[str, Value] = {NAMES[k]: FAMILY.parameters[NAMES[k]].parse(v) for k, v in parameters.items()}
    return DeviceConfig(
        name="CP1",
        address="192.168.0.20",
        firmware="6.1.0-4159",
        variant=variant,
        phase_order=phase_order,
        parameters=values,
    )


@pytest.fixture
def play(run: Run) -> Callable[..., AlfenHost]:
    def player(
        scenario: Callable[[Bench], Coroutine[Any, Any, None]],
        variant: str = "NG910-60023",
        phase_order: str = "L1L2L3",
        **parameters: object,
    ) -> AlfenHost:
        host = AlfenHost()

        async def whole() -> None:
            device = AlfenNg9xx(host, config(variant, phase_order, parameters or EMS))
            await device.start()
            port = device._server.port if device._server is not None else 1
            client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0)
            if device._server is not None:
                await client.connect()
            try:
                await scenario(Bench(host, device, client))
            finally:
                client.close()
                await device.stop()

        run(whole())
        return host

    return player


Play = Callable[..., AlfenHost]


def test_who_the_station_is(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.text(STATION, 100, 17) == "CP1"
        assert await bench.text(STATION, 117, 5) == "Alfen NV"
        assert await bench.value(STATION, 122, ">h") == 1
        assert await bench.text(STATION, 123, 17) == "6.1.0-4159"
        assert await bench.text(STATION, 140, 17) == "NG910"
        assert await bench.text(STATION, 157, 11) == serial_number("CP1")
        assert [*struct.unpack(">6h", struct.pack(">6H", *await bench.words(STATION, 168, 6)))] == [2026, 6, 1, 6, 0, 0]
        bench.host.pass_time(3661)
        assert await bench.value(STATION, 174, ">Q") == 3_661_000
        assert await bench.words(STATION, 168, 6) == [2026, 6, 1, 7, 1, 1]
        assert await bench.words(STATION, 1104, 2) == [0, 1]

    play(scenario)


BLOCKS = [  # what public clients read in one request
    *((STATION, first, count) for first, count in ((100, 79), (117, 5), (1100, 6), (1400, 32), (1417, 15), (1423, 9))),
    *((SOCKET, first, count) for first, count in ((300, 125), (300, 94), (394, 32), (306, 22), (328, 34), (362, 64))),
    *((SOCKET, first, count) for first, count in ((425, 1), (1200, 16), (1201, 5), (1206, 2), (1214, 1), (1215, 1))),
]


@pytest.mark.parametrize(("unit", "first", "count"), BLOCKS)
def test_the_blocks_that_clients_read(play: Play, unit: int, first: int, count: int) -> None:
    async def scenario(bench: Bench) -> None:
        whole = await bench.words(unit, first, count)
        assert len(whole) == count
        assert (await bench.words(unit, first + count - 1, 1))[0] == whole[-1]  # also half way into a value

    play(scenario)


def test_what_the_built_in_meter_measures(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        socket = bench.host.socket
        socket.amperes, socket.watt_hours = PerPhase(8.82, 8.67, 8.53), PerPhase(302_000, 806, 0)
        assert await bench.value(SOCKET, 320, ">f") == 0  # not measured yet
        bench.host.pass_time(1)
        assert await bench.words(SOCKET, 300, 1) == [3]
        bench.host.now += 250_000_000
        assert await bench.value(SOCKET, 301, ">Q") == 250
        assert [await bench.value(SOCKET, address, ">f") for address in (306, 308, 310)] == [229, 230, 231]
        assert await bench.value(SOCKET, 320, ">f") == pytest.approx(8.82)
        assert await bench.value(SOCKET, 324, ">f") == pytest.approx(8.53)
        assert await bench.value(SOCKET, 336, ">f") == 50
        assert await bench.value(SOCKET, 344, ">f") == pytest.approx(8.82 * 229 + 8.67 * 230 + 8.53 * 231)
        assert await bench.words(SOCKET, 374, 4) == [0x4112, 0x7B58, 0, 0]  # 302 806 Wh, as on the wire of a station
        for address, words in ((312, 2), (318, 2), (326, 2), (338, 2), (346, 2), (362, 4), (390, 4), (422, 4)):
            assert await bench.words(SOCKET, address, words) == [ABSENT] * words
        assert math.isnan(await bench.value(SOCKET, 338, ">f"))
        assert await bench.words(SOCKET, 426, 3) == [ABSENT] * 3
        assert await bench.words(STATION, 1106, 3) == [ABSENT] * 3

    play(scenario)


def test_a_single_phase_station(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.socket.amperes = PerPhase(16, 0, 0)
        bench.host.pass_time(1)
        assert await bench.value(SOCKET, 320, ">f") == 16
        assert await bench.words(SOCKET, 322, 4) == [ABSENT] * 4
        assert await bench.words(SOCKET, 308, 4) == [0] * 4
        assert await bench.words(SOCKET, 1215, 1) == [1]

    play(scenario, "NG910-60003", "L2", **EMS)
    with pytest.raises(ParameterError, match="L1L2L3 is not possible with NG910-60003, which has one phase"):
        AlfenNg9xx(AlfenHost(), config("NG910-60003", "L1L2L3", EMS))


def test_mode_3_states(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        socket = bench.host.socket
        assert await bench.text(SOCKET, 1201, 5) == "A"
        socket.plug(PilotState.B, 32.0)
        assert await bench.text(SOCKET, 1201, 5) == "B2"
        socket.plug(PilotState.C, 32.0)
        assert (await bench.text(SOCKET, 1201, 5), socket.closed) == ("C2", True)
        assert await bench.setpoint(0) == 0
        assert (await bench.text(SOCKET, 1201, 5), socket.offer) == ("C1", NO_OFFER)
        bench.host.pass_time(6)
        assert not socket.closed
        socket.plug(PilotState.B, 32.0)
        assert await bench.text(SOCKET, 1201, 5) == "B1"
        assert await bench.words(SOCKET, 1201, 5) == [0x4231, 0, 0, 0, 0]

    play(scenario)


def test_a_setpoint_counts_down_and_gives_way_to_the_safe_current(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        socket = bench.host.socket
        socket.plug(PilotState.B, 32.0)
        socket.plug(PilotState.C, 32.0)
        # As read from an idle station: everything says 6 A, and the setpoint counts.
        assert [await bench.value(SOCKET, address, ">f") for address in (1206, 1210, 1212)] == [6, 6, 6]
        assert (await bench.value(SOCKET, 1208, ">I"), await bench.words(SOCKET, 1214, 1)) == (0, [1])
        assert await bench.setpoint(16.0) == 0
        assert await bench.words(SOCKET, 1210, 2) == [0x4180, 0]
        assert await bench.value(SOCKET, 1206, ">f") == 16
        assert await bench.value(SOCKET, 1208, ">I") == 60
        assert socket.offer.current_a == pytest.approx(16)
        bench.host.pass_time(10)
        assert await bench.value(SOCKET, 1208, ">I") == 50
        assert await bench.setpoint(80.0) == 0
        assert [await bench.value(SOCKET, address, ">f") for address in (1206, 1210)] == [20, 80]  # station: 20 A
        assert await bench.value(STATION, 1100, ">f") == 20
        assert await bench.value(SOCKET, 1208, ">I") == 60
        bench.host.pass_time(60)
        assert [await bench.value(SOCKET, address, ">f") for address in (1206, 1210, 1212)] == [6, 6, 6]
        assert (await bench.value(SOCKET, 1208, ">I"), await bench.words(SOCKET, 1214, 1)) == (0, [1])
        assert socket.offer.current_a == pytest.approx(6)
        assert await bench.value(STATION, 1100, ">f") == 20  # a real one with a lapsed setpoint says its own 25 A
        assert await bench.setpoint(12.5) == 0
        await bench.device.restart()  # a setpoint does not live through a reboot
        assert (bench.device.station.setpoint, bench.device.station.limit_a) == (None, 6.0)

    play(scenario, **EMS | {"station": 20})


def test_writes_that_are_refused(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        for current_a in (math.nan, math.inf, -1.0):
            assert await bench.setpoint(current_a) == 3, current_a
        assert await bench.write(SOCKET, 1210, 0x4180) == 2  # a part of a value
        assert await bench.write(SOCKET, 1211, 0) == 2
        assert (await bench.client.write_register(1210, 0x4180, device_id=SOCKET)).exception_code == 2
        assert await bench.write(SOCKET, 1206, 0x4180, 0) == 2  # read only
        assert await bench.write(STATION, 1417, 0x4180, 0) == 2  # no network here
        for answer in (
            await bench.client.write_register(1215, 1, device_id=SOCKET),
            await bench.client.write_registers(1215, [1], device_id=SOCKET),
        ):
            assert answer.exception_code == 3
        assert await bench.value(SOCKET, 1210, ">f") == 6
        assert await bench.value(SOCKET, 1208, ">I") == 0

    play(scenario)


def test_units_functions_and_addresses(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        for unit in (2, 3, 5, 201, 255):
            assert await bench.refused(unit, 1201, 5) == 0x0B
        for unit, address in (
            (STATION, 99),
            (STATION, 179),
            (STATION, 1432),
            (STATION, 300),
            (SOCKET, 100),
            (SOCKET, 1216),
        ):
            assert await bench.refused(unit, address) == 2
        assert (await bench.client.read_input_registers(1206, count=2, device_id=SOCKET)).exception_code == 1
        raw = await Raw.open(bench.port)
        # As a station answers evcc: 06 04BF 0001 -> 86 03.
        assert await raw.ask(bytes.fromhex("0007 0000 0006 01 06 04bf 0001")) == bytes.fromhex(
            "0007 0000 0003 01 86 03"
        )
        assert await raw.ask(bytes.fromhex("0008 0000 0006 01 03 04ba 0002")) == bytes.fromhex(
            "0008 0000 0007 01 03 04 40c00000"
        )
        third = await Raw.open(bench.port)
        assert await third.receive() == b""  # two masters at a time
        third.close()
        raw.close()

    play(scenario)


def test_outside_a_network_the_network_registers_are_empty(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        words = await bench.words(STATION, 1400, 32)
        safe = [*struct.unpack(">2H", struct.pack(">f", 6.0))]
        assert words == [0] * 17 + safe * 3 + [0] * 6 + safe + [0]

    play(scenario)


@pytest.mark.parametrize(
    "parameters",
    [
        {"source": "Energy Management System"},
        {"alb": "On", "source": "Energy Management System"},
        {"licence": "Standard Load Balancing", "alb": "On", "source": "Energy Management System"},
        {"licence": "Active Load Balancing", "alb": "Off", "source": "Energy Management System"},
        {"licence": "Active Load Balancing", "alb": "On", "source": "Meter"},
    ],
)
def test_otherwise_the_port_is_closed(play: Play, parameters: dict[str, object]) -> None:
    async def scenario(bench: Bench) -> None:
        assert bench.device._server is None

    assert play(scenario, **parameters).documented_ports == []


def test_monitoring_reads_and_does_not_write_and_the_p1_port_is_read(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        assert bench.host.documented_ports == [502]
        assert await bench.value(SOCKET, 1206, ">f") == 7
        assert await bench.setpoint(16) == 2
        assert await bench.words(SOCKET, 1214, 1) == [0]
        lines = [
            "1-3:0.2.8(50)",
            "1-0:31.7.0(010*A)",
            "1-0:51.7.0(004*A)",
            "1-0:71.7.0(012*A)",
            "1-0:62.7.0(02.760*kW)",
        ]
        bench.host.receive(telegram("XMX5LGBBFG1009", lines))
        assert bench.device.page()["Smart meter currents"] == "10/4/-12 A"
        assert await bench.value(SOCKET, 1206, ">f") == 15
        bench.host.receive(telegram("XMX5LGBBFG1009", lines)[:-4] + b"0\r\n")
        assert bench.device.hmi.log_lines[-1].endswith("Z P1 Device failure: Read CRC Error")

    values = EMS | {"source": "Meter + EMS monitoring", "safe": 7}
    assert play(scenario, **values).p1_closed
