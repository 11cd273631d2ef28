"""Modbus registers as data: a family's table, its codec, and the bank that answers reads and writes. No I/O in here.

A table is the CSV file of a family with the columns

``unit,address,words,type,scale,unit_of_measure,access,name,meaning,source``

and, where rows or devices differ, any of ``order,from_fw,to_fw,variant,read_with,write_with``:

* ``address`` is the number on the wire; physical value = raw x ``scale`` in ``unit_of_measure``.
* ``type`` is one of :data:`TYPES`. A row longer than its number type is an array of them.
* ``order`` is one of :data:`ORDERS`, empty for big-endian.
* ``access`` is R, RW or W.
* ``from_fw`` and ``to_fw`` are the first and the last firmware that has the row, both included (``5.12`` as the last
  includes 5.12.4); ``variant`` lists the variants that have it, separated by ``|``. Empty means all of them, except
  where a variant has a row of its own at the same address.
* ``read_with`` is the only function code that may read the row: 3 for a holding register, 4 for an input register;
  empty for both.
* ``write_with`` is the only function code that may write the row (6 or 16), empty for both.

Values are ``int``, ``float``, ``str`` (ascii; six or eight digits for bcd32), ``bytes`` (struct), a ``tuple`` of
numbers (arrays) or None: *not available*, which is NaN in a float, all bits one in an integer, zeros in anything else.

    table = RegisterTable.load(Path("registers.csv")).select(firmware="5.22", variant="")
    bank = RegisterBank(table, read=model.value_of, write=model.write, blocks=[(100, 160), (200, 230)], missing=1)
    bank.read_words(3, 212, 6)      # six words, or ModbusError(code)
    bank.write_words(6, 1000, [16]) # model.write("HEMS_CURRENT_LIMIT", 16), or ModbusError(code)
"""

from __future__ import annotations

import csv
import difflib
import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

Value = int | float | str | bytes | tuple[float, ...] | None
Read = Callable[[str], Value]
Write = Callable[[str, Value], None]

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
DEVICE_FAILURE: Final = 4

_NUMBERS: Final = {
    "uint16": struct.Struct(">H"),
    "int16": struct.Struct(">h"),
    "uint32": struct.Struct(">I"),
    "uint32-be": struct.Struct(">I"),
    "int32": struct.Struct(">i"),
    "uint64": struct.Struct(">Q"),
    "int64": struct.Struct(">q"),
    "float32": struct.Struct(">f"),
    "float64": struct.Struct(">d"),
    # low word first and low byte first inside each word (MENNEKES ECU 105-112): the wire bytes are little-endian
    "bitfield32-le": struct.Struct("<I"),
}
_FLOATS: Final = ("float32", "float64")
_BCD_WORDS: Final = 2
TYPES: Final = (*_NUMBERS, "ascii", "bcd32", "reserved", "struct")
"""Types of a row: big-endian, high word first; ``bitfield32-le`` little-endian; ``bcd32`` packed decimal digits;
``reserved`` reads zero from any start address; ``struct`` is moved as a whole only."""

LOW_WORD_FIRST, LOW_BYTE_FIRST = "low word first", "low byte first"
ORDERS: Final = (LOW_WORD_FIRST, LOW_BYTE_FIRST)
"""Orders of a row that is not big-endian: the words of each number the other way round, each with its high byte first;
or the bytes of each word the other way round, the words as they follow (texts)."""

_COLUMNS: Final = (
    *("unit", "address", "words", "type", "scale"),
    *("unit_of_measure", "access", "name", "meaning", "source"),
)
_MORE_COLUMNS: Final = ("order", "from_fw", "to_fw", "variant", "read_with", "write_with")


class ModbusError(Exception):
    """A request that the device refuses.

    Attributes:
        code: Modbus exception code, 1 to 255.
    """

    def __init__(self, code: int, why: str = "") -> None:
        self.code, self.why = code, why
        super().__init__(f"Modbus exception {code:02X}h{': ' if why else ''}{why}")


class WriteRefused(ModbusError):
    """Raised by a device's write callback: the value is not taken (ILLEGAL_VALUE unless it says otherwise)."""

    def __init__(self, code: int = ILLEGAL_VALUE, why: str = "") -> None:
        super().__init__(code, why)


class RegisterFileError(ValueError):
    """A register table is wrong; the message has one line ``file:line: what`` per finding."""


class UnknownRegister(LookupError):
    """No register of that name; the message names the nearest."""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One row of a table (columns as in the module docstring).

    Attributes:
        units: First and last Modbus unit id.
        address: First wire address.
        words: Number of 16-bit words.
        scale: Physical value of one raw count.
        unit_of_measure: Unit of the physical value.
        line: Line in the file, for messages.
    """

    units: tuple[int, int]
    address: int
    words: int
    type: str
    scale: float
    unit_of_measure: str
    access: str
    name: str
    meaning: str
    source: str
    order: str = ""
    from_fw: str = ""
    to_fw: str = ""
    variants: tuple[str, ...] = ()
    read_with: int | None = None
    write_with: int | None = None
    line: int = 0

    @property
    def last(self) -> int:
        """Return the last wire address."""
        return self.address + self.words - 1

    @property
    def width(self) -> int:
        """Return the words of one value: of one number of an array, of the whole row otherwise."""
        return _NUMBERS[self.type].size // 2 if self.type in _NUMBERS else self.words

    @property
    def readable(self) -> bool:
        """Return whether it can be read."""
        return "R" in self.access

    @property
    def writable(self) -> bool:
        """Return whether it can be written."""
        return "W" in self.access

    def is_in_unit(self, unit: int) -> bool:
        """Return whether a Modbus unit id addresses this row."""
        return self.units[0] <= unit <= self.units[1]

    def is_in_firmware(self, firmware: str) -> bool:
        """Return whether a firmware version has this row."""
        version = _version(firmware)
        last = _version(self.to_fw)
        return version >= _version(self.from_fw) and (not last or version[: len(last)] <= last)

    def is_in_variant(self, variant: str) -> bool:
        """Return whether a variant has this row."""
        return not self.variants or variant in self.variants

    def collides(self, other: Register) -> bool:
        """Return whether some device would have both rows at the same address."""
        return (
            self.address <= other.last
            and other.address <= self.last
            and self.units[0] <= other.units[1]
            and other.units[0] <= self.units[1]
            and (self.variants == other.variants or bool({*self.variants} & {*other.variants}))
            and not self._ends_before(other)
            and not other._ends_before(self)
        )

    def _ends_before(self, other: Register) -> bool:
        last, first = _version(self.to_fw), _version(other.from_fw)
        return bool(last and first) and first[: len(last)] > last

    def encode(self, value: Value) -> list[int]:
        """Return the words of a physical value; None is *not available*.

        Raises:
            ValueError: The value does not fit into the type.
        """
        return _words(self.to_bytes(value))

    def to_bytes(self, value: Value) -> bytes:
        """Return a physical value as it goes over the wire; None is *not available*.

        Raises:
            ValueError: The value does not fit into the type.
        """
        data = self._big_endian(value)
        return self._in_order(data) if self.order else data

    def _in_order(self, data: bytes) -> bytes:
        """Return big-endian bytes in the row's order, or such bytes big-endian again: it is the same exchange."""
        words = [data[at : at + 2] for at in range(0, len(data), 2)]
        if self.order == LOW_BYTE_FIRST:
            return b"".join(word[::-1] for word in words)
        numbers = [words[at : at + self.width] for at in range(0, len(words), self.width)]
        return b"".join(word for number in numbers for word in reversed(number))

    def _big_endian(self, value: Value) -> bytes:
        code = _NUMBERS.get(self.type)
        if code is None:
            return self._bytes(value)
        size = self.words * 2
        if value is None:
            return (code.pack(math.nan) if self.type in _FLOATS else b"\xff" * code.size) * (size // code.size)
        values = value if isinstance(value, tuple) else (value,)
        if len(values) * code.size != size:
            raise ValueError(f"{self.name}: {value!r} is not {size // code.size} numbers")
        return b"".join([self._pack(code, item) for item in values])

    def _pack(self, code: struct.Struct, value: object) -> bytes:
        if not isinstance(value, int | float):
            raise ValueError(f"{self.name}: {value!r} is not a number")
        raw = value if self.scale == 1 else value / self.scale
        try:
            return code.pack(raw if self.type in _FLOATS else round(raw))
        except (struct.error, OverflowError):
            raise ValueError(f"{self.name}: {value!r} {self.unit_of_measure} does not fit into {self.type}") from None

    def _bytes(self, value: Value) -> bytes:
        size = self.words * 2
        if value is None or self.type == "reserved":
            return bytes(size)
        if self.type == "bcd32":
            digits = f"{value:08d}" if isinstance(value, int) else str(value).rjust(8, "0")
            if not re.fullmatch(r"[0-9]{8}", digits):
                raise ValueError(f"{self.name}: {value!r} is not up to 8 decimal digits")
            return bytes.fromhex(digits)
        raw = value.encode("latin-1") if isinstance(value, str) else value
        if not isinstance(raw, bytes) or len(raw) > size:
            raise ValueError(f"{self.name}: {value!r} does not fit into {size} bytes of {self.type}")
        return raw.ljust(size, b"\0")

    def decode(self, words: Sequence[int]) -> Value:
        """Return the physical value of this register's words (a bit pattern for *not available* stays a number).

        Raises:
            ValueError: Wrong number of words, or digits that are none.
        """
        if len(words) != self.words:
            raise ValueError(f"{self.name} has {self.words} words, not {len(words)}")
        data = struct.pack(f">{self.words}H", *words)
        if self.order:
            data = self._in_order(data)
        code = _NUMBERS.get(self.type)
        if code is not None:
            values = tuple(item if self.scale == 1 else item * self.scale for (item,) in code.iter_unpack(data))
            return values if len(values) > 1 else values[0]
        if self.type == "bcd32":
            if not data.hex().isdecimal():
                raise ValueError(f"{self.name}: {data.hex()} is not packed decimal")
            return data.hex().removeprefix("00")
        if self.type == "ascii":
            return data.decode("latin-1").rstrip("\0")
        return data

    def is_unavailable(self, words: Sequence[int]) -> bool:
        """Return whether words say *not available* (NaN, or all bits one)."""
        if self.type in _FLOATS:
            value = self.decode(words)
            return isinstance(value, float) and math.isnan(value)
        return self.type in _NUMBERS and all(word == 0xFFFF for word in words)

    def parse(self, text: str) -> Value:
        """Return the value of a text such as ``16``, ``16 A``, ``0x20`` or, for text registers, the text itself.

        Raises:
            ValueError: It is not a number in this register's unit.
        """
        if self.type not in _NUMBERS:
            return bytes.fromhex(text) if self.type == "struct" else text
        number = text.strip().removesuffix(self.unit_of_measure).strip()
        try:
            return float(number) if self.type in _FLOATS or "." in number else int(number, 0)
        except ValueError:
            unit = f" {self.unit_of_measure}" if self.unit_of_measure else ""
            raise ValueError(f"{self.name}: {text!r} is not a number, such as 16{unit}") from None

    def format(self, value: Value) -> str:
        """Return a value as text with its unit."""
        if value is None:
            return "not available"
        if isinstance(value, bytes):
            return value.hex()
        text = f"{value:.7g}" if isinstance(value, float) else str(value)
        return f"{text} {self.unit_of_measure}" if self.unit_of_measure and self.type in _NUMBERS else text


def _words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


class RegisterTable:
    """The documented registers of a family, or of one firmware and variant of it.

    Attributes:
        lacking: Rows that other firmware of the same family has, and this one lacks (empty before :meth:`select`).
    """

    def __init__(self, rows: Iterable[Register], lacking: Iterable[Register] = ()) -> None:
        self._rows = tuple(rows)
        self._by_name = {row.name: row for row in self._rows}
        self.lacking = tuple(lacking)
        self._selected: dict[tuple[str, str], RegisterTable] = {}

    @cached_property
    def slots(self) -> Mapping[int, tuple[Register, int]]:
        """Return row and offset in it by wire address [words]; all devices of a table share it."""
        return {row.address + offset: (row, offset) for row in self._rows for offset in range(row.words)}

    @classmethod
    def load(cls, path: Path) -> RegisterTable:
        """Read a family's table.

        Raises:
            RegisterFileError: Columns are missing or unknown, or rows are wrong: every finding as ``file:line: what``.
        """
        findings: list[str] = []
        rows: list[Register] = []
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            absent = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if absent:
                raise RegisterFileError(f"{path.name}:1: column {absent[0]} is missing. Needed: {', '.join(_COLUMNS)}")
            known = (*_COLUMNS, *_MORE_COLUMNS)
            strange = [name for name in reader.fieldnames or () if name not in known]
            if strange:
                allowed = f"Allowed: {', '.join(known)}"
                raise RegisterFileError(f"{path.name}:1: there is no column {strange[0]!r}. {allowed}")
            for raw in reader:
                try:
                    if None in raw:
                        raise ValueError("more cells than columns: a text with a comma stands in double quotes")
                    row = replace(_row(raw), line=reader.line_num)
                    _check(row, rows, path.name)
                except ValueError as error:
                    findings.append(f"{path.name}:{reader.line_num}: {error}")
                else:
                    rows.append(row)
        if findings:
            raise RegisterFileError("\n".join(findings))
        return cls(rows)

    def select(self, firmware: str = "", variant: str = "") -> RegisterTable:
        """Return the table of one firmware and variant, the same each time; an empty firmware means the newest."""
        if (firmware, variant) not in self._selected:
            self._selected[firmware, variant] = self._select(firmware, variant)
        return self._selected[firmware, variant]

    def _select(self, firmware: str, variant: str) -> RegisterTable:
        own = {address for row in self._rows if variant in row.variants for address in range(row.address, row.last + 1)}
        mine = [
            row
            for row in self._rows
            if row.is_in_variant(variant) and (row.variants or own.isdisjoint(range(row.address, row.last + 1)))
        ]
        if not firmware:
            return RegisterTable(row for row in mine if not row.to_fw)
        present = [row for row in mine if row.is_in_firmware(firmware)]
        return RegisterTable(present, (row for row in mine if not row.is_in_firmware(firmware)))

    def of_unit(self, unit: int) -> RegisterTable:
        """Return the rows that one Modbus unit id addresses."""
        return RegisterTable(
            (row for row in self._rows if row.is_in_unit(unit)), (row for row in self.lacking if row.is_in_unit(unit))
        )

    def named(self, name: str) -> Register:
        """Return a register.

        Raises:
            UnknownRegister: There is none of that name; the nearest is named.
        """
        if name in self._by_name:
            return self._by_name[name]
        near = difflib.get_close_matches(name.upper(), self._by_name, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(self._by_name)}."
        raise UnknownRegister(f"there is no register {name!r}.{hint}")

    def __iter__(self) -> Iterator[Register]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name


def _row(raw: Mapping[str, str | None]) -> Register:
    cell = {key: (text or "").strip() for key, text in raw.items() if key}
    first, _, last = cell["unit"].partition("-")
    return Register(
        units=(_number("unit", first), _number("unit", last or first)),
        address=_number("address", cell["address"]),
        words=_number("words", cell["words"]),
        type=cell["type"],
        scale=_scale(cell["scale"]),
        unit_of_measure=cell["unit_of_measure"],
        access=cell["access"],
        name=cell["name"],
        meaning=cell["meaning"],
        source=cell["source"],
        order=cell.get("order", ""),
        from_fw=cell.get("from_fw", ""),
        to_fw=cell.get("to_fw", ""),
        variants=tuple(filter(None, cell.get("variant", "").split("|"))),
        read_with=_number("read_with", cell["read_with"]) if cell.get("read_with") else None,
        write_with=_number("write_with", cell["write_with"]) if cell.get("write_with") else None,
    )


def _number(column: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{column} {text!r} is not a whole number")
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        raise ValueError(f"scale {text!r} is not a number") from None
    if not scale > 0 or math.isinf(scale):
        raise ValueError(f"scale {text!r} is not above 0")
    return scale


def _check(row: Register, earlier: Iterable[Register], file: str) -> None:
    if row.type not in TYPES:
        near = difflib.get_close_matches(row.type, TYPES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{row.name}: unknown type {row.type!r}.{hint} Known: {', '.join(TYPES)}")
    width = _NUMBERS[row.type].size // 2 if row.type in _NUMBERS else _BCD_WORDS if row.type == "bcd32" else 1
    if row.words < 1 or row.words % width or (row.type == "bcd32" and row.words != width):
        raise ValueError(f"{row.name}: type {row.type} takes {width} word{'s' * (width > 1)}, not {row.words}")
    if row.order not in ("", *ORDERS):
        raise ValueError(f"{row.name}: unknown order {row.order!r}. Known: {', '.join(ORDERS)}; big-endian if empty")
    if row.order == LOW_WORD_FIRST and (row.type not in _NUMBERS or width == 1):
        raise ValueError(f"{row.name}: {row.order!r} is for numbers of several words, not for {row.type}")
    if row.access not in ("R", "RW", "W"):
        raise ValueError(f"{row.name}: access {row.access!r} is none of R, RW, W")
    if row.read_with not in (None, 3, 4):
        raise ValueError(f"{row.name}: read_with {row.read_with} is none of 3, 4")
    if row.last > 0xFFFF or not 0 <= row.units[0] <= row.units[1] <= 0xFF:
        raise ValueError(f"{row.name}: address {row.address} (unit {row.units}) is outside 0..65535 (0..255)")
    if not row.name or not row.source:
        raise ValueError(f"{row.name or row.address}: a register without a name or a source does not exist")
    for other in earlier:
        if row.collides(other):
            raise ValueError(
                f"{row.name} ({row.address}..{row.last}) overlaps {other.name} "
                f"({other.address}..{other.last}, {file}:{other.line})"
            )
        if row.name == other.name and row.units == other.units and replace(row, address=other.address).collides(other):
            raise ValueError(f"{row.name} is already the name of {file}:{other.line}")


_Piece = tuple[Register | None, int, int]
"""A part of an answer: bytes ``begin`` to ``end`` of a row's value; without a row that many zeros."""

_NOTHING: Final = bytes(2)
_LAYOUTS: Final = 256  #: So many different reads are remembered; a client that scans all addresses pays each time.


class RegisterBank:
    """What one Modbus unit answers: reads and writes of words, turned into values of named registers.

    Args:
        table: Registers of this device (after :meth:`RegisterTable.select`).
        read: Returns the physical value of a register, None when it is not available.
        write: Takes a physical value; raises :class:`WriteRefused` to refuse it.
        blocks: Address ranges (first, last) in which undefined addresses and write-only registers read as 0. Rows that
            this firmware lacks (:attr:`RegisterTable.lacking`) stay missing inside a block.
        missing: Exception code for a read of an address that is not served.
        missing_write: Exception code for a write to an address that cannot be written.
        whole_values: A read that begins inside a value (one number of an array), and a write that covers a part of a
            row, are refused with ILLEGAL_ADDRESS (PAC2200). Otherwise (False) a value may be read and written in
            parts: ``write`` is called when its last word arrives. A ``struct`` is always whole, ``reserved`` never.
        whole_writes: The same for writes alone (Alfen).
        absent_word: What each word reads of a value that is not available, of a reserved row, and of a gap in a block
            (Alfen FFFFh). None: a value reads what its type says, the others 0.
    """

    def __init__(
        self,
        table: RegisterTable,
        read: Read,
        write: Write | None = None,
        *,
        blocks: Sequence[tuple[int, int]] = (),
        missing: int = ILLEGAL_ADDRESS,
        missing_write: int = ILLEGAL_ADDRESS,
        whole_values: bool = False,
        whole_writes: bool = False,
        absent_word: int | None = None,
    ) -> None:
        self.table = table
        self._read, self._write = read, write
        self._missing, self._missing_write = missing, missing_write
        self._whole_values, self._whole_writes = whole_values, whole_values or whole_writes
        self._absent = b"" if absent_word is None else absent_word.to_bytes(2)
        self._slots = table.slots
        absent = {row.address + offset for row in table.lacking for offset in range(row.words)}
        self._zeros = frozenset(address for first, last in blocks for address in range(first, last + 1)) - absent
        self._parts: dict[str, list[int]] = {}
        self._layouts: dict[tuple[int, int, int], tuple[_Piece, ...]] = {}

    def read_words(self, function: int, address: int, count: int) -> list[int]:
        """Return ``count`` words from ``address`` on; as :meth:`read_bytes`."""
        return _words(self.read_bytes(function, address, count))

    def read_bytes(self, function: int, address: int, count: int) -> bytes:
        """Return ``count`` words from ``address`` on as they go over the wire.

        Args:
            function: Modbus function code; 3 and 4 see the same registers, except rows that say ``read_with``. A device
                that has only one of them says so to its server.
            address: First wire address.
            count: Number of words.

        Raises:
            ModbusError: The read is refused.
        """
        layout = self._layouts.get((function, address, count))
        if layout is None:
            layout = self._layout(function, address, count)
        nothing = self._absent or _NOTHING
        return b"".join(
            [
                nothing * ((end - begin) // 2) if row is None else self._bytes_of(row)[begin:end]
                for row, begin, end in layout
            ]
        )

    def _layout(self, function: int, address: int, count: int) -> tuple[_Piece, ...]:
        """Return which bytes of which rows a read is made of, and remember it: clients ask the same again and again."""
        pieces: list[_Piece] = []
        at, end = address, address + count
        while at < end:
            row, offset = self._slots.get(at, (None, 0))
            if row is None or not row.readable:
                if at not in self._zeros:
                    raise ModbusError(self._missing, f"nothing to read at {at}")
                pieces.append((None, 0, 2))
                at += 1
                continue
            if row.read_with not in (None, function):
                raise ModbusError(self._missing, f"{row.name} is read with function {row.read_with}")
            self._check_read(row, offset, end)
            words = min(row.words - offset, end - at)
            pieces.append((None if row.type == "reserved" else row, 2 * offset, 2 * (offset + words)))
            at += words
        if len(self._layouts) >= _LAYOUTS:
            self._layouts.clear()
        layout = self._layouts[function, address, count] = tuple(pieces)
        return layout

    def _bytes_of(self, row: Register) -> bytes:
        value = self._read(row.name)
        return self._absent * row.words if value is None and self._absent else row.to_bytes(value)

    def _check_read(self, row: Register, offset: int, end: int) -> None:
        is_inside = offset % row.width != 0
        if is_inside and (row.type == "struct" or (self._whole_values and row.type != "reserved")):
            raise ModbusError(ILLEGAL_ADDRESS, f"the read begins inside {row.name}")
        if row.type == "struct" and end <= row.last:
            raise ModbusError(ILLEGAL_ADDRESS, f"{row.name} is read as a whole")

    def write_words(self, function: int, address: int, words: Sequence[int]) -> None:
        """Write words from ``address`` on; nothing is written unless every address and value can be.

        Args:
            function: Modbus function code, 6 or 16.
            address: First wire address.
            words: The words.

        Raises:
            ModbusError: The write is refused; the device's callback may refuse too, with its own code.
        """
        ready: list[tuple[str, Value]] = []
        parts: dict[str, list[int]] = {}
        at, end = address, address + len(words)
        while at < end:
            row, offset = self._slots.get(at, (None, 0))
            if row is None or not row.writable or self._write is None:
                raise ModbusError(self._missing_write, f"nothing to write at {at}")
            if row.write_with not in (None, function):
                raise ModbusError(self._missing_write, f"{row.name} is written with function {row.write_with}")
            is_part = offset > 0 or end <= row.last
            if is_part and (self._whole_writes or row.type == "struct"):
                raise ModbusError(ILLEGAL_ADDRESS, f"the write covers a part of {row.name}")
            chunk = words[at - address : at - address + row.words - offset]
            whole = [*self._held(row)[:offset], *chunk, *self._held(row)[offset + len(chunk) :]] if is_part else chunk
            if offset + len(chunk) == row.words:
                ready.append((row.name, _decoded(row, whole)))
            else:
                parts[row.name] = list(whole)
            at += len(chunk)
        self._parts.update(parts)
        for name, value in ready:
            self._parts.pop(name, None)
            if self._write is not None:
                self._write(name, value)

    def _held(self, row: Register) -> list[int]:
        if row.name not in self._parts:
            return row.encode(self._read(row.name)) if row.readable else [0] * row.words
        return self._parts[row.name]


def _decoded(row: Register, words: Sequence[int]) -> Value:
    try:
        return row.decode(words)
    except ValueError as error:
        raise ModbusError(ILLEGAL_VALUE, str(error)) from None
