"""Tables of registers: every row of every family can be read and written back, and a wrong file says what is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import emulators
from emulators.kit.registers import Register, RegisterFileError, RegisterTable, UnknownRegister, Value

FILES = sorted(Path(emulators.__path__[0]).glob("*/registers.csv"))
HEAD = "unit,address,words,type,scale,unit_of_measure,access,name,meaning,source"
VARIED = HEAD + ",from_fw,to_fw,variant"

SAMPLES: dict[str, list[Value]] = {
    "uint16": [0, 1, 32, 65535],
    "int16": [-32768, 0, 32767],
    "int32": [-2_000_000_000, 0, 2_000_000_000],
    "uint64": [0, 1, 1 << 40],
    "uint32": [0, 1, 73536, 0xFFFFFFFF],
    "uint32-be": [0, 1, 73536, 0xFFFFFFFF],
    "float32": [0.0, -230.5, 16.0, 1e9],
    "float64": [0.0, 1234567890.125, 999_999_999_999.0],
    "bitfield32-le": [0, 0x41, 1 << 21, 0xFFFFFFFF],
    "bcd32": ["140530", "010226", "000000"],
    "ascii": ["", "5.22", "a"],
    "struct": [],
    "reserved": [None],
}


REQUIRED = ["unit", "address", "words", "type", "scale", "unit_of_measure", "access", "name", "meaning", "source"]
NUMBERS = ("uint16", "int16", "uint32", "int32", "uint64")


def load(tmp_path: Path, *rows: str, head: str = HEAD) -> RegisterTable:
    path = tmp_path / "registers.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return RegisterTable.load(path)


def row(**changes: object) -> Register:
    base: dict[str, object] = {
        "units": (1, 1), "address": 100, "words": 1, "type": "uint16", "scale": 1,
        "unit_of_measure": "A", "access": "RW", "name": "X", "meaning": "", "source": "s",
    }  # fmt: skip
    return Register(**(base | changes))  # type: ignore[arg-type]


def every_row() -> list[object]:
    return [
        pytest.param(register, id=f"{path.parent.name}:{register.name}")
        for path in FILES
        for register in RegisterTable.load(path)
    ]


def test_the_families_have_a_table() -> None:
    assert {"pac2200", "mennekes_ecu", "alfen_ng9xx", "countis_e27"} <= {path.parent.name for path in FILES}


@pytest.mark.parametrize("register", every_row())
def test_each_documented_register_round_trips(register: Register) -> None:
    samples = SAMPLES[register.type]
    if register.type == "struct":
        samples = [bytes(range(register.words * 2))]
    if register.name == "MEAN_BLOCK":
        samples = [tuple(float(number) for number in range(32))]
    for sample in samples:
        value = sample * register.scale if isinstance(sample, int) and register.scale != 1 else sample
        if register.type in NUMBERS and register.words > register.width:
            value = (value,) * (register.words // register.width)  # type: ignore[assignment]
        words = register.encode(value)
        assert len(words) == register.words
        assert all(0 <= word <= 0xFFFF for word in words)
        if register.type == "reserved":
            assert set(words) == {0}
        else:
            assert register.decode(words) == (pytest.approx(value) if isinstance(value, float | tuple) else value)


@pytest.mark.parametrize("register", every_row())
def test_each_documented_register_can_be_unavailable(register: Register) -> None:
    words = register.encode(None)
    assert len(words) == register.words
    if register.type.startswith("float"):
        value = register.decode(words)
        assert all(math.isnan(number) for number in (value if isinstance(value, tuple) else (value,)))
    elif register.type.startswith(("uint", "int", "bitfield")):
        assert set(words) == {0xFFFF}
        assert register.is_unavailable(words)
    else:
        assert set(words) == {0}


@pytest.mark.parametrize(
    ("changes", "value", "words"),
    [
        ({"type": "bitfield32-le", "words": 2}, 1 << 0 | 1 << 6, [0x4100, 0x0000]),  # SPEC's worked example
        ({"type": "uint32-be", "words": 2}, 73536, [0x0001, 0x1F40]),  # SPEC's worked example
        ({"type": "ascii", "words": 2}, "5.22", [0x352E, 0x3232]),
        ({"type": "bcd32", "words": 2}, "140530", [0x0014, 0x0530]),
        ({"type": "bcd32", "words": 2}, 140530, [0x0014, 0x0530]),
        ({"type": "float32", "words": 2}, 230.0, [0x4366, 0x0000]),
        ({"type": "float64", "words": 4}, 1.0, [0x3FF0, 0, 0, 0]),
        ({"type": "uint16", "scale": 0.1}, 12.3, [123]),
        ({"type": "int16"}, -1, [0xFFFF]),
        # 123.456 as Phoenix Contact's manual 109357 prints it (11.6)
        ({"type": "float32", "words": 2, "order": "low word first"}, 123.456, [0xE979, 0x42F6]),
        ({"type": "float32", "words": 4, "order": "low word first"}, (123.456, 1.0), [0xE979, 0x42F6, 0, 0x3F80]),
        ({"type": "uint32", "words": 2, "order": "low word first"}, 0x00012345, [0x2345, 0x0001]),
        ({"type": "uint64", "words": 4, "order": "low word first"}, 0x0001000200030004, [4, 3, 2, 1]),
        ({"type": "ascii", "words": 2, "order": "low byte first"}, "EEM", [0x4545, 0x004D]),
        ({"type": "uint16", "order": "low byte first"}, 0x1234, [0x3412]),
        ({"type": "float32", "words": 2, "order": "low word first"}, None, [0x0000, 0x7FC0]),
    ],
)
def test_encoding(changes: dict[str, object], value: Value, words: list[int]) -> None:
    one = row(**changes)
    assert one.encode(value) == words
    if value is None:
        assert one.is_unavailable(words)
    elif not isinstance(value, float | tuple):
        decoded = one.decode(words)
        assert decoded in (value, str(value))


def test_decoding_in_another_order() -> None:
    both = row(type="float32", words=4, order="low word first").decode([0xE979, 0x42F6, 0, 0x3F80])
    assert both == pytest.approx((123.456, 1.0))


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, 65536), ({}, -1), ({}, "16"), ({}, (1, 2)), ({"type": "ascii", "words": 2}, "12345"),
        ({"type": "bcd32", "words": 2}, "14:05"), ({"type": "struct", "words": 1}, b"abc"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error(changes: dict[str, object], value: Value) -> None:
    with pytest.raises(ValueError, match="X"):
        row(**changes).encode(value)


def test_wrong_digits_are_an_error() -> None:
    with pytest.raises(ValueError, match="packed decimal"):
        row(type="bcd32", words=2).decode([0x00AB, 0])


def test_text_with_a_unit() -> None:
    assert (row().parse("16 A"), row().parse("0x20"), row(type="float32", words=2).parse("1.5")) == (16, 32, 1.5)
    assert (row().format(16), row().format(None)) == ("16 A", "not available")
    with pytest.raises(ValueError, match="not a number, such as 16 A"):
        row().parse("sixteen")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,100,1,flaot32,1,A,R,X,m,s", "registers.csv:2: X: unknown type 'flaot32'. Did you mean 'float32'?"),
        ("1,100,3,float32,1,A,R,X,m,s", "registers.csv:2: X: type float32 takes 2 words, not 3"),
        ("1,100,1,uint16,1,A,RX,X,m,s", "registers.csv:2: X: access 'RX' is none of R, RW, W"),
        ("1,100,1,uint16,0,A,R,X,m,s", "registers.csv:2: scale '0' is not above 0"),
        ("1,hundred,1,uint16,1,A,R,X,m,s", "registers.csv:2: address 'hundred' is not a whole number"),
        ("1,100,1,uint16,1,A,R,X,m,", "registers.csv:2: X: a register without a name or a source does not exist"),
        ("1,65535,2,uint32,1,A,R,X,m,s", "registers.csv:2: X: address 65535"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(RegisterFileError) as caught:
        load(tmp_path, line)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,100,2,float32,1,A,R,X,m,s,middle", "X: unknown order 'middle'. Known: low word first, low byte first"),
        ("1,100,1,uint16,1,A,R,X,m,s,low word first", "X: 'low word first' is for numbers of several words, not for u"),
        ("1,100,2,ascii,1,,R,X,m,s,low word first", "X: 'low word first' is for numbers of several words, not for a"),
    ],
)
def test_a_wrong_order_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(RegisterFileError) as caught:
        load(tmp_path, line, head=f"{HEAD},order")
    assert str(caught.value).startswith(f"registers.csv:2: {message}")


def test_an_order_is_of_a_row(tmp_path: Path) -> None:
    rows = ("1,100,2,uint32,1,A,R,HERE,m,s,low word first", "1,102,2,uint32,1,A,R,THERE,m,s,")
    table = load(tmp_path, *rows, head=f"{HEAD},order")
    assert (table.named("HERE").encode(1), table.named("THERE").encode(1)) == ([1, 0], [0, 1])


def test_every_finding_is_listed_and_overlaps_name_both(tmp_path: Path) -> None:
    with pytest.raises(RegisterFileError) as caught:
        load(
            tmp_path, "1,100,2,uint32,1,A,R,ONE,m,s", "1,101,1,uint16,1,A,R,TWO,m,s", "1,200,1,nonsense,1,A,R,THREE,m,s"
        )
    first, second = str(caught.value).splitlines()
    assert first == "registers.csv:3: TWO (101..101) overlaps ONE (100..101, registers.csv:2)"
    assert second.startswith("registers.csv:4: THREE: unknown type 'nonsense'")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegisterFileError, match=r"registers.csv:1: column unit is missing"):
        load(tmp_path, "1,2", head="address,words")


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegisterFileError, match=r"csv:1: there is no column 'ordr'\. Allowed: unit, .*, order"):
        load(tmp_path, head=f"{','.join(REQUIRED)},ordr")


def test_a_comma_in_a_text_is_found(tmp_path: Path) -> None:
    with pytest.raises(RegisterFileError, match=r"registers.csv:2: more cells than columns: a text with a comma"):
        load(tmp_path, "1,0,1,uint16,1,V,R,V,voltage,manual, page 3", head=",".join(REQUIRED))


def test_an_unknown_name_finds_the_nearest(tmp_path: Path) -> None:
    table = load(tmp_path, "1,100,1,uint16,1,A,R,SIGNALED_CURRENT,m,s")
    assert table.named("SIGNALED_CURRENT").address == 100
    with pytest.raises(UnknownRegister, match="Did you mean 'SIGNALED_CURRENT'"):
        table.named("signalled_current")


def test_units_select_rows(tmp_path: Path) -> None:
    rows = ["200,100,1,uint16,1,A,R,STATION,,s", "1-2,100,1,uint16,1,A,R,SOCKET,,s", "2,101,1,uint16,1,A,R,SECOND,,s"]
    table = load(tmp_path, *rows)
    found = {unit: [register.name for register in table.of_unit(unit)] for unit in (1, 2, 3, 200)}
    assert found == {1: ["SOCKET"], 2: ["SOCKET", "SECOND"], 3: [], 200: ["STATION"]}


def test_firmware_and_variant_select_rows(tmp_path: Path) -> None:
    table = load(
        tmp_path,
        "1,100,1,uint16,1,A,R,ALL,m,s,,,",
        "1,124,1,uint16,1,A,R,OLD,m,s,,5.12,",
        "1,124,1,uint16,1,A,R,NEW,m,s,5.22,,",
        "1,133,1,uint16,1,A,R,BENDER_ONLY,m,s,,,Bender|Ebee",
        "1,99,2,uint32,1,A,R,PHOENIX,m,s,,,Phoenix",
        head=VARIED,
    )

    def names(firmware: str, variant: str) -> list[str]:
        return [register.name for register in table.select(firmware, variant)]

    assert names("5.12.4", "MENNEKES") == ["ALL", "OLD"]
    assert names("5.22", "Bender") == ["ALL", "NEW", "BENDER_ONLY"]
    assert names("5.33", "Phoenix") == ["NEW", "PHOENIX"]
    assert [register.name for register in table.select("5.12", "MENNEKES").lacking] == ["NEW"]


def test_only_reads_read(tmp_path: Path) -> None:
    with pytest.raises(RegisterFileError, match="X: read_with 6 is none of 3, 4"):
        load(tmp_path, "1,100,2,float32,1,A,R,X,m,s,6", head=f"{HEAD},read_with")
