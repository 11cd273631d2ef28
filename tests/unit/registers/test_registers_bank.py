"""The bank: which reads and writes a unit answers, and with which exception it refuses the others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.registers import ModbusError, RegisterBank, RegisterTable, Value, WriteRefused

TABLE = """unit,address,words,type,scale,unit_of_measure,access,name,meaning,source,from_fw,to_fw,variant,write_with
1,100,2,ascii,1,,R,FIRMWARE,m,s,,,,
1,104,1,uint16,1,,R,STATUS,m,s,,,,
1,110,2,float32,1,V,RW,VOLTS,m,s,,,,
1,114,1,uint16,1,A,W,COMMAND,m,s,,,,6
1,118,2,uint32,1,W,R,NEW_POWER,m,s,5.22,,,
1,200,1,uint16,0.1,A,RW,LIMIT,m,s,,,,
1,201,2,uint32,1,Wh,RW,ENERGY,m,s,,,,
1,203,4,reserved,1,,R,GAP,m,s,,,,
1,210,3,struct,1,,RW,BLOCK,m,s,,,,
1,300,2,ascii,1,,W,TAG_1,m,s,,,,
1,302,2,ascii,1,,W,TAG_2,m,s,,,,
"""


class Device:
    def __init__(self) -> None:
        self.values: dict[str, Value] = {
            "FIRMWARE": "5.22", "STATUS": 6, "VOLTS": 230.0, "NEW_POWER": 7, "LIMIT": 16.0, "ENERGY": 0x00010002,
            "BLOCK": b"abcdef",
        }  # fmt: skip
        self.written: list[tuple[str, Value]] = []

    def write(self, name: str, value: Value) -> None:
        if name == "LIMIT" and isinstance(value, float) and value > 80:
            raise WriteRefused(why="above 80 A")
        self.written.append((name, value))
        self.values[name] = value


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> RegisterTable:
    path = tmp_path_factory.mktemp("table") / "registers.csv"
    path.write_text(TABLE, encoding="utf-8")
    return RegisterTable.load(path)


@pytest.fixture
def device() -> Device:
    return Device()


def bank_of(table: RegisterTable, device: Device, firmware: str = "5.22", **rules: object) -> RegisterBank:
    return RegisterBank(table.select(firmware), device.values.__getitem__, device.write, **rules)  # type: ignore[arg-type]


def code_of(bank: RegisterBank, address: int, count: int) -> int:
    with pytest.raises(ModbusError) as caught:
        bank.read_words(3, address, count)
    return caught.value.code


def test_a_block_reads_zero_between_its_registers(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device, blocks=[(100, 120)], missing=1)
    assert bank.read_words(3, 100, 6) == [0x352E, 0x3232, 0, 0, 6, 0]
    assert bank.read_words(3, 114, 1) == [0]  # write-only
    assert code_of(bank, 99, 1) == 1
    assert code_of(bank, 119, 3) == 1  # runs out of the block


def test_a_register_that_the_firmware_lacks_is_missing_inside_a_block(table: RegisterTable, device: Device) -> None:
    old = bank_of(table, device, "5.12", blocks=[(100, 120)], missing=1)
    assert code_of(old, 118, 2) == 1
    assert code_of(old, 110, 9) == 1
    assert bank_of(table, device, "5.22", blocks=[(100, 120)]).read_words(3, 118, 2) == [0, 7]


def test_without_blocks_every_gap_is_an_illegal_address(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device)
    assert bank.read_words(4, 200, 7) == [160, 1, 2, 0, 0, 0, 0]
    assert code_of(bank, 102, 1) == 2
    assert code_of(bank, 114, 1) == 2


def test_whole_values(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device, whole_values=True)
    assert code_of(bank, 111, 1) == 2
    assert bank.read_words(3, 110, 1) == [0x4366]  # may end inside a value
    assert bank.read_words(3, 205, 2) == [0, 0]  # a reserved gap from any address
    for address, words in ((110, [1]), (111, [1]), (200, [1, 2])):
        with pytest.raises(ModbusError) as caught:
            bank.write_words(16, address, words)
        assert caught.value.code == 2
    assert device.written == []


def test_whole_writes_alone(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device, whole_writes=True)
    assert bank.read_words(3, 202, 1) == [2]
    with pytest.raises(ModbusError) as caught:
        bank.write_words(16, 201, [1])
    assert caught.value.code == 2
    bank.write_words(16, 201, [0, 5])
    assert device.written == [("ENERGY", 5)]


def test_what_is_absent_reads_the_word_that_the_device_has_for_it(table: RegisterTable, device: Device) -> None:
    device.values |= {"VOLTS": None, "FIRMWARE": None}
    bank = bank_of(table, device, blocks=[(100, 119)], absent_word=0xFFFF)
    assert bank.read_words(3, 110, 4) == [0xFFFF] * 4  # a value that is not available, and a gap
    assert bank.read_words(3, 100, 2) == [0xFFFF] * 2
    assert bank.read_words(3, 104, 1) == [6]
    assert bank.read_words(3, 203, 4) == [0xFFFF] * 4  # reserved


def test_parts_of_a_value_may_be_read_and_written_elsewhere(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device)
    assert bank.read_words(3, 202, 1) == [2]
    bank.write_words(6, 300, [0x4142])
    assert device.written == []
    bank.write_words(6, 301, [0x4344])
    assert device.written == [("TAG_1", "ABCD")]
    bank.write_words(6, 202, [9])  # the other word is the one in force
    assert device.written[-1] == ("ENERGY", 0x00010009)


def test_a_struct_moves_as_a_whole_only(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device)
    assert bank.read_words(3, 210, 3) == [0x6162, 0x6364, 0x6566]
    assert code_of(bank, 210, 2) == 2
    assert code_of(bank, 211, 2) == 2
    with pytest.raises(ModbusError):
        bank.write_words(16, 210, [1, 2])
    bank.write_words(16, 210, [0x6768, 0, 1])
    assert device.written == [("BLOCK", b"gh\0\0\0\1")]


def test_writes(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device, missing=1)
    bank.write_words(16, 200, [123, 0, 5])
    assert device.written == [("LIMIT", pytest.approx(12.3)), ("ENERGY", 5)]
    bank.write_words(6, 114, [1])
    for function, address, words, code in (
        (6, 104, [1], 2),  # read only
        (6, 500, [1], 2),  # nothing there
        (16, 114, [1], 2),  # function 6 only
        (6, 200, [801], 3),  # refused by the device
    ):
        with pytest.raises(ModbusError) as caught:
            bank.write_words(function, address, words)
        assert caught.value.code == code


def test_a_write_that_runs_into_nothing_writes_nothing(table: RegisterTable, device: Device) -> None:
    bank = bank_of(table, device)
    with pytest.raises(ModbusError):
        bank.write_words(16, 302, [1, 2, 3])
    assert device.written == []


def test_none_is_the_sentinel(table: RegisterTable, device: Device) -> None:
    device.values |= {"ENERGY": None, "VOLTS": None}
    bank = bank_of(table, device)
    assert bank.read_words(3, 201, 2) == [0xFFFF, 0xFFFF]
    assert bank.read_words(3, 110, 2) == [0x7FC0, 0]


@given(address=st.integers(90, 310), count=st.integers(1, 125))
def test_a_read_has_the_words_asked_for_or_an_exception(table: RegisterTable, address: int, count: int) -> None:
    device = Device()
    bank = bank_of(table, device, blocks=[(90, 230)])
    single: list[int] = []
    try:
        words = bank.read_words(3, address, count)
    except ModbusError as error:
        assert error.code == 2
        return
    assert len(words) == count
    for offset in range(count):
        if not 210 <= address + offset <= 212:
            single.append(offset)
            assert bank.read_words(3, address + offset, 1) == [words[offset]]


def test_the_shared_tables_are_the_ones_of_the_families() -> None:
    """The family's table keeps what the reference says; it may add columns and firmware ranges."""
    reference = Path(__file__).resolve().parents[3] / "hil/requirements/reference/pac2200-modbus.csv"
    if not reference.exists():
        pytest.skip("no reference tables in this checkout")
    import emulators.pac2200 as family

    mine = {row.name: row for row in RegisterTable.load(Path(family.__file__).with_name("registers.csv"))}
    for theirs in RegisterTable.load(reference):
        ours = mine[theirs.name]
        assert (ours.address, ours.words, ours.type, ours.access) == (
            theirs.address, theirs.words, theirs.type, theirs.access,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("family", "reference"),
    [
        ("alfen_ng9xx", "alfen-ng9xx-modbus.csv"),
        ("countis_e27", "countis-e27-modbus.csv"),
        ("eem_mb371", "eem-mb371-modbus.csv"),
    ],
)
def test_a_family_keeps_the_addresses_of_its_reference(family: str, reference: str) -> None:
    root = Path(__file__).resolve().parents[3]

    def rows(path: Path) -> set[tuple[str, ...]]:
        with path.open(encoding="utf-8", newline="") as file:
            columns = ("address", "words", "scale", "unit_of_measure", "access", "name", "source")
            return {tuple(row[column].removesuffix(" (reads 0)") for column in columns) for row in csv.DictReader(file)}

    theirs = rows(root / "hil" / "requirements" / "reference" / reference)
    assert theirs == rows(root / "emulators" / family / "registers.csv")


def test_the_order_of_a_register_is_its_references() -> None:
    """The reference has the order in the type; the family has a column for it."""
    root = Path(__file__).resolve().parents[3]
    with (root / "hil/requirements/reference/eem-mb371-modbus.csv").open(encoding="utf-8", newline="") as file:
        theirs = {row["name"]: row["type"].partition("_")[2] for row in csv.DictReader(file)}
    table = RegisterTable.load(root / "emulators/eem_mb371/registers.csv")
    ours = {row.name: row.order.replace(" ", "") for row in table}
    assert ours == theirs
    assert set(ours.values()) == {"", "lowwordfirst", "lowbytefirst"}


def test_an_input_register_is_read_with_its_function_alone(tmp_path: Path) -> None:
    path = tmp_path / "registers.csv"
    head = "unit,address,words,type,scale,unit_of_measure,access,name,meaning,source,read_with"
    path.write_text(f"{head}\n1,0,1,uint16,1,V,R,VOLTS,m,s,4\n1,1,1,uint16,1,A,R,AMPERES,m,s,\n", encoding="utf-8")
    bank = RegisterBank(RegisterTable.load(path), {"VOLTS": 230, "AMPERES": 16}.__getitem__)
    assert bank.read_words(4, 0, 2) == [230, 16]
    assert bank.read_words(3, 1, 1) == [16]
    assert code_of(bank, 0, 2) == 2
