"""The Modbus server on real sockets: a table of raw frames, clients that misbehave, and clients by somebody else."""

from __future__ import annotations

import asyncio
import csv
import shutil
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient

from emulators.kit.modbus import FUNCTIONS, Engine, Lean, ModbusServer, check_pdu
from emulators.kit.modbus.client import ModbusClient, ModbusConnectionLost, ModbusRefused, ModbusTimeout
from emulators.kit.modbus.reference import Pymodbus
from emulators.kit.registers import RegisterBank, RegisterTable, Value, WriteRefused

from .conftest import Raw, in_virtual_time

Run = Callable[[Coroutine[Any, Any, None]], None]
GOOD = bytes.fromhex("7777 0000 0006 01 03 0064 0001")
GOOD_ANSWER = bytes.fromhex("7777 0000 0005 01 03 02 0010")
TABLE = """unit,address,words,type,scale,unit_of_measure,access,name,meaning,source
1,100,1,uint16,1,A,R,ONE,m,s
1,101,1,uint16,1,A,R,TWO,m,s
1,102,1,uint16,1,A,RW,LIMIT,m,s
1,103,1,uint16,1,A,RW,OTHER,m,s
1,104,1,uint16,1,,W,COMMAND,m,s
1,200,125,struct,1,,R,LONG,m,s
"""
with (Path(__file__).parent / "modbus_frames.csv").open(encoding="utf-8", newline="") as file:
    FRAMES = list(csv.DictReader(file))


class Device:
    """Four registers and a server."""

    def __init__(self, tmp_path: Path, engine: Engine) -> None:
        path = tmp_path / "registers.csv"
        path.write_text(TABLE, encoding="utf-8")
        self.values: dict[str, Value] = {"ONE": 0x10, "TWO": 0x20, "LIMIT": 0x30, "OTHER": 0x40, "LONG": bytes(250)}
        self.frames: list[tuple[str, str]] = []
        self.active = 0
        bank = RegisterBank(RegisterTable.load(path), self.values.__getitem__, self.write)
        self.server = ModbusServer(
            lambda unit: bank if unit in (1, 2) else None,
            FUNCTIONS,
            on_frame=lambda direction, text: self.frames.append((direction, text)),
            on_activity=self.heard,
            unknown_unit=0x0B,
            identity={0: "Maker", 1: "M-1", 2: "V1.2", 3: "https://example.org"},
            engine=engine,
        )

    def heard(self) -> None:
        self.active += 1

    def write(self, name: str, value: Value) -> None:
        if value == 0xFFFF:
            raise WriteRefused
        self.values[name] = value


@pytest.fixture(params=[Lean, Pymodbus])
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    return Device(tmp_path, request.param())


@pytest.mark.parametrize("frame", FRAMES, ids=lambda row: str(row["case"]))
def test_a_raw_frame_gets_the_protocols_answer(device: Device, run: Run, frame: dict[str, str]) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        raw = await Raw.open(device.server.port)
        answer = await raw.ask(bytes.fromhex(frame["request"]))
        if frame["answer"] == "closed":
            assert answer == b""
            assert any("bad header" in text for _, text in device.frames)
            raw.close()
            raw = await Raw.open(device.server.port)
        else:
            assert answer.hex() == bytes.fromhex(frame["answer"]).hex()
        assert await raw.ask(GOOD) == GOOD_ANSWER
        raw.close()
        await device.server.stop()

    run(scenario())


def test_the_table_of_frames_is_long_enough() -> None:
    assert len(FRAMES) >= 40
    assert sum(row["answer"] == "closed" for row in FRAMES) >= 5


def test_frames_may_come_in_any_pieces(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        raw = await Raw.open(device.server.port)
        for byte in GOOD:
            raw.send(bytes([byte]))
            await raw.writer.drain()
            await asyncio.sleep(0)
        assert await raw.receive() == GOOD_ANSWER
        raw.send(GOOD * 50 + GOOD[:5])  # fifty requests and a half at once
        assert [await raw.receive() for _ in range(50)] == [GOOD_ANSWER] * 50
        raw.send(GOOD[5:])
        assert await raw.receive() == GOOD_ANSWER
        raw.close()
        await device.server.stop()

    run(scenario())


def test_a_half_frame_and_a_vanished_client_leave_nothing_behind(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        half = await Raw.open(device.server.port)
        half.send(GOOD[:9])
        await half.writer.drain()
        other = await Raw.open(device.server.port)
        assert await other.ask(GOOD) == GOOD_ANSWER
        half.writer.transport.abort()
        assert await other.ask(GOOD) == GOOD_ANSWER
        while len(device.server.connections) > 1:
            await asyncio.sleep(0)
        other.close()
        await device.server.stop()

    run(scenario())


def test_a_client_that_never_reads_is_given_up(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        with socket.socket() as greedy:
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.setblocking(False)
            await loop.sock_connect(greedy, ("127.0.0.1", device.server.port))
            flood = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 200, 125) * 1000
            with pytest.raises(ConnectionError):
                for _ in range(1000):
                    await loop.sock_sendall(greedy, flood)
        assert any("does not read" in text for _, text in device.frames)
        raw = await Raw.open(device.server.port)
        assert await raw.ask(GOOD) == GOOD_ANSWER
        raw.close()
        await device.server.stop()

    run(scenario())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=400))
def test_noise_harms_nobody_else(device: Device, run: Run, noise: bytes) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        noisy = await Raw.open(device.server.port)
        noisy.send(noise)
        good = await Raw.open(device.server.port)
        assert await good.ask(GOOD) == GOOD_ANSWER
        noisy.close()
        good.close()
        await device.server.stop()

    run(scenario())


@given(pdu=st.binary(min_size=1, max_size=253))
def test_the_check_lets_only_complete_requests_through(pdu: bytes) -> None:
    code = check_pdu(pdu, FUNCTIONS)
    assert code in (None, 1, 2, 3)
    assert (code == 1) == (pdu[0] not in FUNCTIONS)
    if code is None and pdu[0] in (3, 4):
        address, count = struct.unpack(">HH", pdu[1:])
        assert 1 <= count <= 125
        assert address + count <= 0x10000


def test_an_unknown_unit_may_get_silence(device: Device, run: Run) -> None:
    async def scenario() -> None:
        device.server.unknown_unit = "silence"
        await device.server.start("127.0.0.1", 0)
        raw = await Raw.open(device.server.port)
        raw.send(bytes.fromhex("0001 0000 0006 09 03 0064 0001"))
        assert await raw.ask(GOOD) == GOOD_ANSWER  # the first answer is the one to the second request
        assert device.active == 1
        raw.close()
        await device.server.stop()

    run(scenario())


def test_faults_come_and_go_at_run_time(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        client = ModbusClient("127.0.0.1", device.server.port, timeout_s=0.05)
        assert await client.read_holding(100, 2) == [0x10, 0x20]
        device.server.refuse_with = 4
        with pytest.raises(ModbusRefused) as refused:
            await client.read_holding(100, 2)
        assert refused.value.code == 4
        device.server.refuse_with = None
        device.server.silent = True
        with pytest.raises(ModbusTimeout):
            await client.read_holding(100, 2)
        device.server.silent = False
        assert await client.read_holding(100, 2) == [0x10, 0x20]
        port = device.server.port
        await device.server.stop()
        await device.server.stop()
        with pytest.raises(ModbusConnectionLost):
            await client.read_holding(100, 2)
        await device.server.start("127.0.0.1", port)
        assert await client.read_holding(100, 2) == [0x10, 0x20]  # connects again by itself
        client.close()
        await device.server.stop()

    run(scenario())


def test_a_request_ends_at_once_when_its_connection_goes(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        device.server.silent = True
        client = ModbusClient("127.0.0.1", device.server.port, timeout_s=50)
        request = asyncio.create_task(client.read_holding(100, 1))
        while not device.frames:
            await asyncio.sleep(0)
        await device.server.stop()
        with pytest.raises(ModbusConnectionLost):
            await request
        client.close()

    run(scenario())


def test_a_request_that_is_cancelled_as_its_connection_goes_is_cancelled(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        device.server.silent = True
        client = ModbusClient("127.0.0.1", device.server.port, timeout_s=50)
        request = asyncio.create_task(client.read_holding(100, 1))
        while not device.frames:
            await asyncio.sleep(0)
        client._connection_changed(False)  # both in the same turn of the loop
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await device.server.stop()

    run(scenario())


def test_an_idle_connection_is_closed(device: Device) -> None:
    async def scenario() -> None:
        device.server.idle_timeout_s = 3
        await device.server.start("127.0.0.1", 0)
        one = await Raw.open(device.server.port)
        for _ in range(3):  # in use for longer than that: it stays
            await asyncio.sleep(2)
            assert await one.ask(GOOD) == GOOD_ANSWER
        last_s = asyncio.get_running_loop().time()
        assert await one.receive() == b""
        assert asyncio.get_running_loop().time() - last_s == pytest.approx(3, abs=0.1)
        assert not device.server.connections
        await device.server.stop()

    in_virtual_time(scenario())


def test_one_connection_too_many_is_closed(device: Device, run: Run) -> None:
    async def scenario() -> None:
        device.server.connection_limit = 1
        await device.server.start("127.0.0.1", 0)
        first = await Raw.open(device.server.port)
        assert await first.ask(GOOD) == GOOD_ANSWER
        second = await Raw.open(device.server.port)
        assert await second.ask(GOOD) == b""
        assert await first.ask(GOOD) == GOOD_ANSWER
        first.close()
        while device.server.connections:
            await asyncio.sleep(0)
        third = await Raw.open(device.server.port)
        assert await third.ask(GOOD) == GOOD_ANSWER
        third.close()
        await device.server.stop()

    run(scenario())


def test_answers_keep_their_order_when_they_take_time(device: Device, run: Run) -> None:
    async def scenario() -> None:
        device.server.response_delay_s = 0.01
        await device.server.start("127.0.0.1", 0)
        raw = await Raw.open(device.server.port)
        for transaction in range(20):
            raw.send(struct.pack(">HHHBBHH", transaction, 0, 6, 1, 3, 100, 1))
        assert [int.from_bytes((await raw.receive())[:2]) for _ in range(20)] == list(range(20))
        raw.close()
        await device.server.stop()

    run(scenario())


def test_frames_are_told_in_words(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        client = ModbusClient("127.0.0.1", device.server.port)
        await client.read_holding(100, 2)
        await client.write_registers(102, [1, 2], unit=2)
        with pytest.raises(ModbusRefused):
            await client.write_register(100, 1)
        client.close()
        await device.server.stop()

    run(scenario())
    assert device.frames == [
        ("rx", "unit 1 read holding 100 x 2"),
        ("tx", "unit 1 words 0010 0020"),
        ("rx", "unit 2 write 102: 0001 0002"),
        ("tx", "unit 2 written 102"),
        ("rx", "unit 1 write 100: 0001"),
        ("tx", "unit 1 exception 02 to function 06"),
    ]


def test_a_port_that_is_taken_is_an_error(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        other = ModbusServer(lambda _unit: None, FUNCTIONS)
        with pytest.raises(OSError, match="address already in use"):
            await other.start("127.0.0.1", device.server.port)
        assert not other.is_listening
        await device.server.stop()

    run(scenario())


def test_a_bug_in_a_device_is_answered_and_reported(device: Device) -> None:
    complaints: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        await device.server.start("127.0.0.1", 0)
        del device.values["TWO"]
        raw = await Raw.open(device.server.port)
        assert (await raw.ask(bytes.fromhex("0001 0000 0006 01 03 0065 0001"))).hex() == "000100000003018304"
        assert await raw.ask(GOOD) == GOOD_ANSWER
        raw.close()
        await device.server.stop()

    asyncio.run(scenario())
    assert [type(context["exception"]) for context in complaints] == [KeyError]


def test_a_client_by_pymodbus(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        async with AsyncModbusTcpClient("127.0.0.1", port=device.server.port, retries=0) as client:
            assert (await client.read_holding_registers(100, count=2, device_id=1)).registers == [0x10, 0x20]
            assert (await client.read_input_registers(100, count=1, device_id=1)).registers == [0x10]
            assert not (await client.write_register(102, 99, device_id=1)).isError()
            assert not (await client.write_registers(102, [98, 97], device_id=1)).isError()
            refused = await client.read_holding_registers(0, count=1, device_id=1)
            assert (refused.function_code, refused.exception_code) == (0x83, 2)
            assert (await client.read_device_information(device_id=1)).information[1] == b"M-1"
        await device.server.stop()

    run(scenario())
    assert (device.values["LIMIT"], device.values["OTHER"]) == (98, 97)


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")
def test_a_client_by_libmodbus(device: Device, run: Run) -> None:
    async def scenario() -> None:
        await device.server.start("127.0.0.1", 0)
        command = f"mbpoll -0 -1 -a 1 -t 4 -r 100 -c 2 -p {device.server.port} 127.0.0.1"
        process = await asyncio.create_subprocess_exec(*command.split(), stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, output
        assert b"[100]: \t16" in output
        await device.server.stop()

    run(scenario())


def test_the_client_says_from_where_it_comes(run: Run) -> None:
    async def scenario() -> None:
        peers: list[str] = []

        async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.append(writer.get_extra_info("peername")[0])
            writer.close()

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = ModbusClient("127.0.0.1", port, source_address="127.0.0.9", timeout_s=2)
        with pytest.raises(ModbusConnectionLost):
            await client.read_holding(0, 1)
        assert peers == ["127.0.0.9"]
        client.close()
        listener.close()

    run(scenario())
