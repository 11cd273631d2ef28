"""What a station makes of its meter's bytes and words."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from emulators.alfen_ng9xx.device import PARAMETERS
from emulators.alfen_ng9xx.meter import METERS, P1Port, meter_of
from emulators.kit.host import NS_PER_S
from emulators.kit.p1 import telegram
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PHASES, PerPhase
from emulators.kit.readable import ReadableMeter

EXPORTING = telegram(
    r"XMX5\2FARM",
    [
        "1-3:0.2.8(50)",
        "1-0:31.7.0(012*A)",
        "1-0:51.7.0(003*A)",
        "1-0:71.7.0(000*A)",
        "1-0:21.7.0(00.000*kW)",
        "1-0:22.7.0(02.760*kW)",
        "1-0:41.7.0(00.690*kW)",
        "1-0:42.7.0(00.000*kW)",
    ],
)


(BLOCK,) = METERS["Socomec"].requests


def words(code: str, *values: float) -> list[int]:
    data = struct.pack(code, *values)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def socomec(currents_ma: Sequence[int], powers: Sequence[int]) -> list[int]:
    block = [0] * BLOCK[1]
    block[50528 - BLOCK[0] :][:6] = block[14:20] = words(">3I", *currents_ma)
    block[50544 - BLOCK[0] : 50550 - BLOCK[0]] = words(">3i", *powers)
    return block


def meter(**values: object) -> ReadableMeter:
    names = {"mode": "TCP/IP Meter Mode", "type": "Type", "size": "Size", "factor": "Scaling factor"}
    names |= {"unit": "Slave address"} | {phase: f"Register {phase}" for phase in PHASES}
    parsed = {names[key]: PARAMETERS[names[key]].parse(value) for key, value in values.items()}
    return meter_of(ParameterStore(PARAMETERS, parsed))


def test_a_socomec_meter_is_read_as_one_block_and_signed_by_its_powers() -> None:
    one = meter()
    assert (one.unit, one.requests) == (5, ((50514, 54),))
    assert one.currents_a([socomec([12000, 3500, 10], [-276, 80, 0])]) == PerPhase(-12.0, 3.5, 0.01)
    assert one.currents_a([socomec([12000, 0xFFFFFFFF, 0], [0, 0, 0])]) is None


@pytest.mark.parametrize(
    ("kind", "size", "factor", "raw", "current_a"),
    [
        ("signed", "32 bit", 0.001, words(">i", -10000), -10.0),
        ("unsigned", "32 bit", 0.001, words(">I", 10000), 10.0),
        ("signed", "64 bit", 0.001, words(">q", 10000), 10.0),
        ("unsigned", "64 bit", 1, words(">Q", 10), 10.0),
        ("float", "32 bit", 1, [0x4148, 0x0000], 12.5),
        ("float", "64 bit", 1, words(">d", -12.5), -12.5),
        ("signed", "32 bit", 0.001, words("<i", 12500)[::1], None),  # low byte first: absurd, never 12.5
    ],
)
def test_a_custom_register_mapping(
    kind: str, size: str, factor: float, raw: list[int], current_a: float | None
) -> None:
    one = meter(mode="Custom register mapping", type=kind, size=size, factor=factor, unit=256 + 9, L1=13, L2=15, L3=17)
    assert one.unit == 9  # the low byte of what can be stored
    assert one.requests == tuple((first, len(raw)) for first in (13, 15, 17))
    read = one.currents_a([raw, raw, raw])
    assert read is not None
    if current_a is None:
        assert read.l1 != pytest.approx(12.5)
    else:
        assert read == PerPhase.all(pytest.approx(current_a))


def test_a_float_that_is_no_number_is_no_reading() -> None:
    one = meter(mode="Custom register mapping", type="float", L1=13, L2=15, L3=17)
    good = words(">f", 5.0)
    assert one.currents_a([good, words(">f", float("nan")), good]) is None


def test_the_own_current_is_that_of_the_telegrams_beginning() -> None:
    port, before, later = P1Port(), PerPhase.all(6), PerPhase.all(16)
    assert port.receive(EXPORTING[:40], before) == []
    ((meter_a, own_a),) = port.receive(EXPORTING[40:], later)
    assert (meter_a, own_a) == (PerPhase(-12, 3, 0), before)
    assert port.complaints(0) == []


def test_what_is_wrong_on_the_line_is_said_once_in_ten_seconds() -> None:
    port = P1Port()
    broken = EXPORTING.replace(b"012*A", b"013*A")
    lines = []
    for second in range(25):
        assert port.receive(broken, PerPhase.zero()) == []
        lines += port.complaints(second * NS_PER_S)
    assert lines == ["P1 Device failure: Read CRC Error"] * 3
    old = telegram(r"ISk5\2MT382-1000", ["0-0:96.1.1(4B384547)"], has_crc=False)  # DSMR 2.2
    assert port.receive(old, PerPhase.zero()) == []
    assert port.complaints(0) == ["P1 Device failure: a telegram without CRC, as before DSMR 4.0"]
    assert len(port.receive(EXPORTING, PerPhase.zero())) == 1
    unreadable = telegram("Ene5X", ["1-0:31.7.0()", "1-0:51.7.0(005*A)"])
    assert port.receive(unreadable, PerPhase.zero()) == []  # no reading, and so lost in time
    assert port.complaints(0) == ["P1 Device failure: 1-0:31.7.0 cannot be read"]
