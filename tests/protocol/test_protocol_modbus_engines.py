"""The lean engine answers as pymodbus does, byte for byte: any requests, noise between them, any cut of the stream."""

from __future__ import annotations

import asyncio
import csv
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.modbus import FUNCTIONS, Engine, Lean, ModbusServer
from emulators.kit.modbus.reference import Pymodbus
from emulators.kit.registers import RegisterBank, RegisterTable, Value, WriteRefused

TABLE = """unit,address,words,type,scale,unit_of_measure,access,name,meaning,source
1,0,1,uint16,1,A,RW,FIRST,m,s
1,1,2,uint32,0.1,A,RW,WIDE,m,s
1,3,6,float32,1,V,RW,THREE,m,s
1,9,2,bcd32,1,,R,DIGITS,m,s
1,12,3,ascii,1,,RW,TEXT,m,s
1,15,2,reserved,1,,R,GAP,m,s
1,17,1,uint16,1,,W,COMMAND,m,s
1,18,1,int16,1,,R,SIGNED,m,s
1,200,125,struct,1,,RW,LONG,m,s
1,65535,1,uint16,1,,RW,LAST,m,s
"""
VALUES: dict[str, Value] = {
    **{"FIRST": 16, "WIDE": 6553.5, "THREE": (230.0, 229.5, 0.0), "DIGITS": 1234, "TEXT": "abc"},
    **{"SIGNED": None, "LONG": bytes(range(250)), "LAST": 7},
}


class Wire(asyncio.Transport):
    """Keeps what a server sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@dataclass
class Device:
    """The same registers behind one engine; what is written stays."""

    table: RegisterTable
    engine: Engine
    identity: dict[int, str]
    values: dict[str, Value] = field(default_factory=lambda: dict(VALUES))
    frames: list[tuple[str, str]] = field(default_factory=list)

    def write(self, name: str, value: Value) -> None:
        if name == "FIRST" and value == 0xFFFF:
            raise WriteRefused
        self.values[name] = value

    def answer(self, pieces: list[bytes]) -> Wire:
        """Return the wire after a stream that came in these pieces."""
        bank = RegisterBank(self.table, self.values.__getitem__, self.write, blocks=[(0, 30)])
        server = ModbusServer(
            lambda unit: bank if unit < 3 else None,
            FUNCTIONS,
            on_frame=lambda direction, text: self.frames.append((direction, text)),
            unknown_unit=0x0B,
            identity=self.identity,
            engine=self.engine,
        )
        wire, connection = Wire(), server.connection()
        connection.connection_made(wire)
        for piece in pieces:
            if not wire.closed:
                connection.data_received(piece)
        return wire


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


ADDRESS = st.one_of(st.integers(0, 31), st.sampled_from([199, 200, 201, 324, 325, 65534, 65535]))
WORD = st.integers(0, 0xFFFF)
COUNT = st.one_of(st.integers(0, 20), st.sampled_from([123, 124, 125, 126, 0xFFFF]))
READ = st.builds(lambda f, a, n: struct.pack(">BHH", f, a, n), st.sampled_from([3, 4]), ADDRESS, COUNT)
WRITE = st.builds(lambda a, w: struct.pack(">BHH", 6, a, w), ADDRESS, WORD)
WRITES = st.builds(
    lambda a, words: struct.pack(f">BHHB{len(words)}H", 16, a, len(words), 2 * len(words), *words),
    ADDRESS,
    st.lists(WORD, min_size=1, max_size=10),
)
IDENTIFY = st.builds(lambda code, first: bytes((0x2B, 0x0E, code, first)), st.integers(0, 5), st.integers(0, 8))
PDU = st.one_of(READ, WRITE, WRITES, IDENTIFY, st.binary(min_size=1, max_size=40))
FRAME = st.builds(frame, WORD, st.integers(0, 4), PDU)
IDENTITY = st.dictionaries(st.integers(0, 8), st.text(st.characters(codec="latin-1"), max_size=120), max_size=8)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RegisterTable:
    path = tmp_path_factory.mktemp("engines") / "registers.csv"
    path.write_text(TABLE, encoding="utf-8")
    return RegisterTable.load(path)


@settings(max_examples=250, deadline=None)
@given(
    frames=st.lists(FRAME, min_size=1, max_size=12),
    tail=st.binary(max_size=12),
    cuts=st.lists(st.integers(1, 400), max_size=6, unique=True),
    identity=IDENTITY,
)
def test_the_lean_engine_is_pymodbus_byte_for_byte(
    table: RegisterTable, *, frames: list[bytes], tail: bytes, cuts: list[int], identity: dict[int, str]
) -> None:
    stream = b"".join(frames) + tail
    ends = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(ends)]
    lean, reference = Device(table, Lean(), identity), Device(table, Pymodbus(), identity)
    mine, theirs = lean.answer(pieces), reference.answer(pieces)
    assert mine.sent.hex(" ") == theirs.sent.hex(" ")
    assert mine.closed == theirs.closed
    assert lean.frames == reference.frames
    assert repr(lean.values) == repr(reference.values)  # NaN equals itself here


def test_the_table_of_frames_gets_the_same_answers(table: RegisterTable) -> None:
    with (Path(__file__).parent / "modbus_frames.csv").open(encoding="utf-8", newline="") as file:
        requests = [bytes.fromhex(row["request"]) for row in csv.DictReader(file)]
    for request in requests:
        lean, reference = Device(table, Lean(), {0: "Maker"}), Device(table, Pymodbus(), {0: "Maker"})
        assert lean.answer([request]).sent.hex(" ") == reference.answer([request]).sent.hex(" ")
        assert lean.frames == reference.frames


@pytest.mark.parametrize("length", [0, 120, 243, 244, 245, 246])
def test_objects_that_just_fit_are_the_same(table: RegisterTable, length: int) -> None:
    request = frame(1, 1, bytes.fromhex("2B 0E 03 00"))
    identity = {0: "x" * length, 1: "M-1"}
    mine = Device(table, Lean(), identity).answer([request])
    theirs = Device(table, Pymodbus(), identity).answer([request])
    assert mine.sent.hex(" ") == theirs.sent.hex(" ")
