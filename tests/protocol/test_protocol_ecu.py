"""The ECU on real sockets, alone: its registers as pymodbus' own client and raw frames see them, and its DLM port."""

from __future__ import annotations

import asyncio
import json
import random
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import Value
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from emulators.mennekes_ecu import FAMILY
from emulators.mennekes_ecu.device import MennekesEcu
from emulators.mennekes_ecu.dlm import MemberReport
from emulators.mennekes_ecu.dlm_link import PORT, SlaveReport, encode

from .conftest import ChargerHost, Raw

Run = Callable[[Coroutine[Any, Any, None]], None]
MASTER, SLAVE = "DLM Master (With internal DLM-Slave)", "DLM Slave (Master-Auto-Discovery)"


class Udp(asyncio.DatagramProtocol):
    """A group of one on a real port: what arrives goes to the device, what it sends is kept."""

    def __init__(self, receive: Callable[[bytes, str], None]) -> None:
        self.receive, self.sent, self.arrived = receive, [], 0
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.receive(data, addr[0])
        self.arrived += 1

    def send(self, payload: bytes) -> None:
        self.sent.append(("everybody", json.loads(payload)))

    def send_to(self, address: str, payload: bytes) -> None:
        self.sent.append((address, json.loads(payload)))

    def close(self) -> None:
        self.transport.close()

    transport: asyncio.BaseTransport


class EcuHost(ChargerHost):
    """An ECU's host: with the UDP group of the DLM."""

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> Udp:  # type: ignore[override]
        self.documented_ports.append(port)
        loop = asyncio.get_running_loop()
        transport, self.udp = await loop.create_datagram_endpoint(lambda: Udp(receive), local_addr=("127.0.0.1", 0))
        self.udp.transport = transport
        return self.udp


class Bench:
    """A running ECU and pymodbus' client."""

    def __init__(self, host: EcuHost, device: MennekesEcu, client: AsyncModbusTcpClient) -> None:
        self.host, self.device, self.client = host, device, client

    async def words(self, address: int, count: int = 1) -> list[int]:
        answer = await self.client.read_holding_registers(address, count=count, device_id=1)
        assert not answer.isError(), answer
        return list(answer.registers)

    async def word(self, address: int) -> int:
        return (await self.words(address))[0]

    async def long(self, address: int) -> int:
        high, low = await self.words(address, 2)
        return high << 16 | low

    async def refused(self, address: int, count: int = 1) -> int:
        answer = await self.client.read_holding_registers(address, count=count, device_id=1)
        assert answer.isError(), answer.registers
        return int(answer.exception_code)

    async def write(self, address: int, *values: int) -> int:
        """Write; return the exception code, 0 when it was taken."""
        if len(values) == 1:
            answer = await self.client.write_register(address, values[0], device_id=1)
        else:
            answer = await self.client.write_registers(address, list(values), device_id=1)
        return int(answer.exception_code) if answer.isError() else 0

    @property
    def port(self) -> int:
        assert self.device._server is not None
        return self.device._server.port


@pytest.fixture
def play(run: Run) -> Callable[..., EcuHost]:
    def player(
        scenario: Callable[[Bench], Coroutine[Any, Any, None]], firmware: str = "5.22", **parameters: object
    ) -> EcuHost:
        host = EcuHost()
        names = {
            "role": "DLM Master/Slave",
            "network": "DLM Network Id",
            "evse": "EVSE Sub-Distribution Limit (L1/L2/L3) [A]",
            "operator": "Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]",
            "registers": "Modbus TCP Server Register Address Set",
            "operator_limit": "Operator Current Limit [A]",
        }
        values: dict[str, Value] = {names[k]: FAMILY.parameters[names[k]].parse(v) for k, v in parameters.items()}
        config = DeviceConfig(
            name="CP1",
            address="192.168.0.11",
            firmware=firmware,
            variant="",
            phase_order="L1L2L3",
            parameters=values,
        )

        async def whole() -> None:
            device = MennekesEcu(host, config)
            await device.start()
            assert device._server is not None
            client = AsyncModbusTcpClient("127.0.0.1", port=device._server.port, timeout=2, retries=0)
            await client.connect()
            try:
                await scenario(Bench(host, device, client))
            finally:
                client.close()
                await device.stop()

        run(whole())
        return host

    return player


Play = Callable[..., EcuHost]


# --- which registers there are


@pytest.mark.parametrize(
    ("firmware", "text", "served", "missing"),
    [
        ("5.12", (0x352E, 0x3132), [100, 104, 122, 124, 206, 706, 1000], [134, 142, 152, 218, 220, 222, 715, 716, 718]),
        ("5.22", (0x352E, 0x3232), [100, 104, 122, 124, 134, 142, 152, 206, 218, 220, 222, 706, 715, 716, 1000], []),
        ("5.33", (0x352E, 0x3333), [100, 134, 142, 220, 706, 1000], []),
    ],
)
def test_registers_by_firmware(
    play: Play, firmware: str, text: tuple[int, int], served: list[int], missing: list[int]
) -> None:
    async def scenario(bench: Bench) -> None:
        assert tuple(await bench.words(100, 2)) == text
        for address in served:
            await bench.words(address)
        for address in missing:
            assert await bench.refused(address) == 1, address
        # evcc asks so which registers it can use: a classic ECU has none of these.
        for address in (730, 1001, 1002, 999, 99, 636, 747):
            assert await bench.refused(address) == 1, address

    play(scenario, firmware)


def test_a_block_with_a_missing_register_is_refused_as_a_whole(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.refused(131, 25) == 1
        assert len(await bench.words(200, 12)) == 12

    play(scenario, "5.12")


def test_gaps_inside_a_block_read_zero(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        words = await bench.words(100, 58)
        assert words[:2] == [0x352E, 0x3232]
        assert words[13:20] == [0] * 7  # 113 to 119 are not defined
        assert (await bench.words(600, 36))[1:10] == [0] * 9
        assert await bench.refused(600, 37) == 1
        assert await bench.words(1110, 10) == [0] * 10  # written only

    play(scenario)


def test_only_functions_3_6_and_16_are_served(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        for request in (
            bench.client.read_input_registers(706, count=1, device_id=1),
            bench.client.read_coils(0, count=1, device_id=1),
            bench.client.read_discrete_inputs(0, count=1, device_id=1),
            bench.client.write_coil(0, True, device_id=1),
        ):
            answer = await request
            assert (answer.isError(), answer.exception_code) == (True, 1)

    play(scenario)


@pytest.mark.parametrize("firmware", ["5.22", "5.33"])
def test_bender_register_set(play: Play, firmware: str) -> None:
    async def scenario(bench: Bench) -> None:
        assert await (bench.words(730) if firmware == "5.33" else bench.refused(730)) == (
            [0] if firmware == "5.33" else 1
        )
        assert await bench.words(122, 2) == [1, 0x0A]
        assert await bench.word(141) == 0xEBEE

    play(scenario, firmware, registers="Bender")


# --- what they say


def test_a_charge_is_seen_in_the_registers_high_word_first(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        socket = bench.host.socket
        assert await bench.words(104) == [0]
        assert await bench.word(122) == 1
        socket.watt_hours = PerPhase(1000, 1000, 1000)
        socket.plug(PilotState.B, 20)
        assert (await bench.word(122), await bench.word(104), await bench.word(706)) == (2, 8, 20)
        socket.plug(PilotState.C, 20)
        assert (await bench.word(122), await bench.word(104), await bench.word(715)) == (3, 6, 20)
        assert socket.closed and socket.offer.current_a == pytest.approx(20)
        socket.amperes, socket.watt_hours = PerPhase(70.001, 12.0, 0), PerPhase(41_000, 41_000, 1000)
        # uint32, high word in the lower register: 70001 mA = 0x0001_1171
        assert await bench.words(212, 6) == [0x0001, 0x1171, 0, 12000, 0, 0]
        assert await bench.words(200, 6) == [0x0001, 83_000 - 0x1_0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]
        assert [await bench.long(206), await bench.long(220)] == [16030, 18790]
        assert await bench.words(222, 6) == [0, 229, 0, 230, 0, 231]
        assert (await bench.long(716), await bench.word(705)) == (80_000, 0xFFFF)
        bench.host.pass_time(90)
        assert (await bench.long(718), await bench.word(709)) == (90, 90)
        socket.amperes = PerPhase.zero()
        socket.plug(PilotState.A, None)
        assert (await bench.word(706), await bench.long(716)) == (0, 80_000)
        assert not socket.closed

    play(scenario)


def test_error_bits_read_zero_in_their_own_order(play: Play) -> None:
    # Low word first, low byte first inside each word; nothing sets one yet, and the table says how they would stand.
    from emulators.kit.registers import RegisterTable

    assert FAMILY.registers is not None
    row = RegisterTable.load(FAMILY.registers).select("5.22", "MENNEKES").named("ERROR_CODES_4")
    assert row.address == 111
    assert row.encode(1) == [0x0100, 0x0000]
    assert row.encode(1 << 8) == [0x0001, 0x0000]
    assert row.encode(1 << 16) == [0x0000, 0x0100]

    async def scenario(bench: Bench) -> None:
        assert await bench.words(105, 8) == [0] * 8

    play(scenario)


@pytest.mark.parametrize(("firmware", "available"), [("5.12", 0), ("5.22", 1), ("5.33", 1)])
def test_availability_has_two_polarities(play: Play, firmware: str, available: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.socket.plug(PilotState.C, 32)
        assert (await bench.word(124), await bench.word(706)) == (available, 32)
        assert await bench.write(124, 1 - available) == 0
        assert (await bench.word(124), await bench.word(706), await bench.word(104)) == (1 - available, 0, 3)
        assert await bench.write(124, 2) == 3
        assert await bench.write(124, available) == 0
        assert await bench.word(706) == 32

    play(scenario, firmware)


# --- writes


@pytest.mark.parametrize(("firmware", "at_first"), [("5.12", 6), ("5.22", 32)])
def test_the_energy_managers_limit(play: Play, firmware: str, at_first: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.socket.plug(PilotState.C, 32)
        assert (await bench.word(1000), await bench.word(706)) == (at_first, 32)
        for written, signalled in [(10, 10), (5, 0), (6, 6), (0, 0), (80, 32), (16, 16)]:
            assert await bench.write(1000, written) == 0
            assert (await bench.word(1000), await bench.word(706)) == (written, signalled)
        assert await bench.write(1000, 81) == 3
        assert await bench.word(1000) == 16

    play(scenario, firmware)


def test_what_cannot_be_written_is_refused_and_nothing_of_the_request_is(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        for address in (100, 122, 600, 610, 706, 999, 1001):
            assert await bench.write(address, 1) == 2, address
        before = await bench.words(613, 3)
        assert await bench.write(612, 20, 20) == 2
        assert await bench.words(613, 3) == before

    play(scenario, role=MASTER)


def test_the_operators_limit_of_a_master_is_written_per_phase(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.socket.amperes = PerPhase.all(32)
        bench.host.socket.plug(PilotState.C, 32)
        assert await bench.words(610, 6) == [64, 64, 64, 60, 60, 60]
        assert await bench.write(613, 20, 21, 22) == 0
        assert await bench.words(610, 6) == [64, 64, 64, 20, 21, 22]
        bench.host.pass_time(30)
        assert await bench.words(633, 3) == [20, 21, 22]
        assert (await bench.words(630, 3), await bench.word(706)) == ([20, 20, 20], 20)
        assert await bench.write(614, 9) == 0
        bench.host.pass_time(30)
        assert (await bench.words(613, 3), await bench.word(706)) == ([20, 9, 22], 9)

    play(scenario, role=MASTER, evse="64/64/64", operator="60/60/60")


@pytest.mark.parametrize(("role", "mode"), [("Disabled", 0), (SLAVE, 3), ("DLM Slave (Master-Fixed-IP)", 4)])
def test_the_operators_limit_is_the_masters_alone(play: Play, role: str, mode: int) -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.word(600) == mode
        assert await bench.words(610, 26) == [0] * 26
        assert await bench.write(613, 20) != 0

    play(scenario, role=role)


def test_a_lost_client_brings_the_safe_current_and_reading_lifts_it(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.socket.plug(PilotState.C, 32)
        assert await bench.write(131, 7, 20) == 0
        bench.host.pass_time(19)
        assert bench.device.point.signalled_a == 32
        bench.host.pass_time(2)
        assert bench.device.point.signalled_a == 7
        # Nothing may be due at this very moment, for ever: virtual time would stand still.
        assert all(one.cancelled or one.due_ns > bench.host.now + NS_PER_S for one in bench.host.once)
        assert await bench.word(706) == 32

    play(scenario)


def test_the_operator_current_limit_is_shown(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.word(134) == 18

    play(scenario, operator_limit=18)


# --- frames and datagrams that nobody should send


def test_malformed_frames_leave_the_server_alive(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        rng = random.Random(3)
        for _ in range(60):
            raw = await Raw.open(bench.port)
            raw.send(rng.randbytes(rng.randrange(1, 40)))
            raw.close()
        raw = await Raw.open(bench.port)
        assert await raw.ask(struct.pack(">HHHBBHH", 9, 0, 6, 1, 3, 706, 0)) == bytes.fromhex("000900000003018303")
        assert await raw.ask(struct.pack(">HHHBBHH", 10, 0, 6, 1, 3, 706, 1)) == bytes.fromhex("000a000000050103020000")
        raw.close()
        assert await bench.word(600) == 0

    play(scenario)


JUNK = [
    b"",
    b"\x00" * 600,
    b"{}",
    b"[]",
    b'{"type":"grant"}',
    b'{"type":"beacon","network":"0","master":"X"}',
    b'{"type":"beacon","network":0,"master":"\\ud800"}',
    b'{"type":"report","network":0,"name":"CP9","connected":true,"charging":true,"cap_a":32,"offered_a":0,'
    b'"disconnected_a":0,"order":"L1L2L3","currents_a":[1' + b"0" * 300 + b",0,0]}",
    b"\xff\xfe\x00garbage",
]


def told(host: EcuHost, name: str, network: int, **values: object) -> bytes:
    base: dict[str, Any] = {"connected": True, "charging": True, "cap_a": 32, "offered_a": 0, "disconnected_a": 0}
    report = MemberReport(name=name, order="L1L2L3", currents_a=PerPhase.zero(), **base | values)
    return encode(SlaveReport(network, report))


async def deliver(bench: Bench, *datagrams: bytes) -> None:
    """Send from a socket of somebody else, and wait until the device has had each."""
    loop = asyncio.get_running_loop()
    where = bench.host.udp.transport.get_extra_info("sockname")
    sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=where)
    before = bench.host.udp.arrived
    for number, datagram in enumerate(datagrams, start=1):
        sender.sendto(datagram)
        async with asyncio.timeout(5):
            while bench.host.udp.arrived < before + number:
                await asyncio.sleep(0)
    sender.close()


@pytest.mark.parametrize("role", [MASTER, SLAVE])
def test_malformed_datagrams_leave_the_device_alive(play: Play, role: str) -> None:
    async def scenario(bench: Bench) -> None:
        rng = random.Random(5)
        junk = [one for one in JUNK if one] + [rng.randbytes(rng.randrange(1, 500)) for _ in range(50)]
        await deliver(bench, *junk)
        ignored = [event for event, _ in bench.host.traced if event == "dlm_ignored"]
        assert len(ignored) == len(junk)
        bench.host.pass_time(40)
        assert await bench.word(600) in (1, 3)
        assert bench.device.page()["DLM Network Id"] == "0"

    play(scenario, role=role)


def test_a_slave_of_another_network_id_is_not_heard(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        assert bench.host.documented_ports == [502, PORT]
        await deliver(bench, told(bench.host, "CP2", 6), told(bench.host, "CP3", 7))
        assert bench.device.member.connected_slaves() == ["CP3"]
        grants = [body for _, body in bench.host.udp.sent if body["type"] == "grant"]
        assert [(body["network"], body["current_a"]) for body in grants] == [(7, 16)]
        assert await bench.word(621) == 1

    play(scenario, role=MASTER, network=7)


def test_a_slave_takes_grants_of_its_own_network_and_master_only(play: Play) -> None:
    def beacon(network: int, master: str) -> bytes:
        return json.dumps({"type": "beacon", "network": network, "master": master}).encode()

    def grant(network: int, master: str, current_a: int, wake: bool = True) -> bytes:
        body = {"type": "grant", "network": network, "master": master, "current_a": current_a, "wake": wake}
        return json.dumps(body).encode()

    async def scenario(bench: Bench) -> None:
        bench.host.socket.plug(PilotState.B, 32)
        await deliver(bench, beacon(8, "M8"), grant(8, "M8", 30), grant(7, "M7", 29))
        assert bench.device.page()["DLM Master"] == "none"
        assert await bench.word(706) == 0
        await deliver(bench, beacon(7, "M7"), grant(7, "M7", 14), grant(7, "other", 20), grant(8, "M7", 22))
        assert bench.device.page()["DLM Master"] == "M7"
        assert await bench.word(706) == 14
        await deliver(bench, grant(7, "M7", 14, wake=False))
        bench.host.pass_time(14)
        assert await bench.word(706) == 14
        bench.host.pass_time(2)
        assert (bench.device.page()["DLM Master"], await bench.word(706)) == ("none", 0)

    play(scenario, role=SLAVE, network=7)


def test_the_led_info_field_follows_the_charge(play: Callable[..., EcuHost]) -> None:
    async def scenario(bench: Bench) -> None:
        leds = bench.device.hmi.leds
        assert leds["LED info field"] == "Standby: blue steady"
        bench.host.socket.plug(PilotState.C, 32.0)
        assert leds["LED info field"] == "Charging: green steady"
        bench.host.socket.plug(PilotState.B, 32.0)
        assert leds["LED info field"] == "Charging: green pulsing"
        assert await bench.write(1000, 0) == 0
        assert leds["LED info field"] == "Standby: blue pulsing"
        assert await bench.write(124, 0) == 0
        assert leds["LED info field"] == "off"

    host = play(scenario)
    shown = [fields["state"] for event, fields in host.traced if event == "led"]
    assert shown[:2] == ["Standby: blue steady", "Charging: green steady"]
