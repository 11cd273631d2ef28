"""A table of meters that a charger reads, and what it makes of their words."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from emulators.kit.family import families
from emulators.kit.phases import PerPhase
from emulators.kit.readable import ORDERS, PhaseRegisters, ReadableMeter
from emulators.mennekes_ecu.second_meter import KIND, METERS

HEAD = "meter,unit,first,words,quantity,l1,l2,l3,format,order,scale,absent,source\n"
GOOD = HEAD + "A,7,10,6,current,10,12,14,float32,ABCD,1,,x\n"


def load(tmp_path: Path, text: str) -> dict[str, ReadableMeter]:
    file = tmp_path / "meters.csv"
    file.write_text(text, encoding="utf-8")
    return ReadableMeter.load(file)


def words(order: str, *values: float) -> list[int]:
    """Return single-precision values as a meter with that order of bytes sends them."""
    sent: list[int] = []
    for value in values:
        a, b, c, d = struct.pack(">f", value)
        by_name = dict(zip("ABCD", (a, b, c, d), strict=True))
        data = bytes(by_name[letter] for letter in order)
        sent += struct.unpack(">2H", data)
    return sent


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_bytes(tmp_path: Path, order: str) -> None:
    meter = load(tmp_path, GOOD.replace("ABCD", order))["A"]
    assert (meter.unit, meter.requests) == (7, ((10, 6),))
    assert meter.currents_a([words(order, 1.5, -2.0, 100.25)]) == PerPhase(1.5, -2.0, 100.25)


def test_a_wrong_order_is_another_number(tmp_path: Path) -> None:
    meter = load(tmp_path, GOOD.replace("ABCD", "CDAB"))["A"]
    assert meter.currents_a([words("ABCD", 1.5, -2.0, 100.25)]) != PerPhase(1.5, -2.0, 100.25)


def test_four_words_low_first() -> None:
    registers = PhaseRegisters((0, 0, 0), "int64", "CDAB", 0.001)
    low_first = list(struct.unpack(">4H", struct.pack(">q", -12_500)))[::-1]
    assert registers.values(lambda _address, _count: low_first) == pytest.approx((-12.5,) * 3)


def test_powers_in_a_request_of_their_own_give_the_sign(tmp_path: Path) -> None:
    meter = load(tmp_path, GOOD + "A,7,40,8,active power,42,44,46,int32,ABCD,10,,x\n")["A"]
    assert meter.requests == ((10, 6), (40, 8))
    powers = [0, 0, *struct.unpack(">6H", struct.pack(">3i", -1, 0, 5))]
    assert meter.currents_a([words("ABCD", 6, 7, 8), powers]) == PerPhase(-6, 7, 8)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_reading(tmp_path: Path, bad: float) -> None:
    meter = load(tmp_path, GOOD + "A,7,10,6,active power,10,12,14,float32,ABCD,1,,x\n")["A"]
    assert meter.currents_a([words("ABCD", 1, bad, 3)]) is None
    absent = load(tmp_path, GOOD.replace("float32,ABCD,1,", "uint32,ABCD,0.001,0xFFFFFFFF"))["A"]
    assert absent.currents_a([[0, 1, 0xFFFF, 0xFFFF, 0, 3]]) is None
    assert absent.currents_a([[0, 1, 0, 2000, 0, 3]]) == PerPhase(0.001, 2.0, 0.003)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("float32", "float31", r"meters.csv:2: format 'float31' is none of uint16, int16"),
        ("ABCD", "ABDC", r"meters.csv:2: order 'ABDC' is none of ABCD, CDAB, BADC, DCBA"),
        ("current", "voltage", r"meters.csv:2: quantity 'voltage' is none of current, active power"),
        ("current", "active power", r"meters.csv:2: the powers of A stand before its currents"),
        ("14,float32", "15,float32", r"meters.csv:2: 10, 12, 15 are not all among the 6 words from 10"),
        ("10,12,14", "9,12,14", r"not all among the 6 words from 10"),
        ("A,7", "A,seven", r"meters.csv:2: invalid literal"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ValueError, match=r"meters.csv:3: the currents of A stand there twice"):
        load(tmp_path, GOOD + GOOD.removeprefix(HEAD))


def test_the_ecu_offers_the_meters_of_its_table() -> None:
    assert families()["mennekes_ecu"].parameters[KIND].allowed == ("No meter", *METERS)


def test_the_station_offers_the_meters_of_its_table_and_registers_of_ones_own() -> None:
    family = families()["alfen_ng9xx"]
    known = ReadableMeter.load(family.tables["meters that it reads"])
    assert family.parameters["TCP/IP Meter Mode"].allowed == (*known, "Custom register mapping")
