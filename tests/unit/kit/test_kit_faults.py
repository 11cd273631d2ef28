"""A fault is what its family declares: its name, its argument, what is said of another."""

from __future__ import annotations

import re

import pytest

from emulators.kit.family import Family, families
from emulators.kit.faults import MODBUS_METER, Argument, Fault, FaultTable, Planted

CLOCK = Fault(
    name="clock", argument=Argument(name="SECONDS", unit="s", minimum=-60, maximum=3600), effect="is ahead", source="x"
)
LOST = Fault(name="nan", argument=Argument(name="PHASE", allowed=("L1", "L2")), effect="reads none", source="x")
FROZEN = Fault(name="frozen", effect="keeps its values", source="x")
ALL = FaultTable(FROZEN, LOST, CLOCK)


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("frozen", Planted("frozen")),
        ("nan:L2", Planted("nan", "L2")),
        ("clock:3600", Planted("clock", "3600")),
        ("clock:-59.5", Planted("clock", "-59.5")),
    ],
)
def test_a_fault_is_a_name_or_a_name_with_its_argument(kind: str, planted: Planted) -> None:
    assert ALL.parse("M2", kind) == planted
    assert str(planted) == kind


def test_a_number_is_a_number() -> None:
    assert ALL.parse("M2", "clock:-59.5").number == -59.5


@pytest.mark.parametrize(
    "kind", ["smoke", "", "frozen:", "frozen:1", "nan", "nan:", "nan:L3", "nan:l1", "Frozen", " frozen", "frozen "]
)
def test_another_fault_is_refused_with_what_there_is(kind: str) -> None:
    said = f"M2 has no fault {kind!r}. It has: frozen, nan:L1, nan:L2, clock:SECONDS."
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        ALL.parse("M2", kind)


@pytest.mark.parametrize("argument", ["", "3601", "-61", "nan", "inf", "1e3", "1_0", "soon", "5 ", "٣"])
def test_a_number_out_of_its_range_is_refused_with_the_range(argument: str) -> None:
    said = (
        f"CP1: the fault {f'clock:{argument}'!r} is not possible. "
        "Allowed: clock:SECONDS with SECONDS from -60 to 3600 s."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        ALL.parse("CP1", f"clock:{argument}")


def test_what_is_no_fault_of_the_device_is_said() -> None:
    outside = "cut its link or stop it"
    with pytest.raises(
        ValueError, match=r"^CP1 has no fault 'x'\. It has: frozen; for all else cut its link or stop it\.$"
    ):
        FaultTable(FROZEN, otherwise=outside).parse("CP1", "x")
    with pytest.raises(ValueError, match=r"^CP1 has no fault 'x'\. It has none of its own: cut its link or stop it\.$"):
        FaultTable(otherwise=outside).parse("CP1", "x")


def test_faults_are_added_to() -> None:
    more = MODBUS_METER.with_more(LOST)
    assert more.spellings == (*MODBUS_METER.spellings, "nan:L1", "nan:L2")
    assert len(more) == len(MODBUS_METER) + 1


@pytest.mark.parametrize("one", families().values(), ids=lambda one: one.type)
def test_a_familys_faults_have_effects_and_sources(one: Family) -> None:
    for fault in one.faults:
        assert fault.effect and fault.source
        assert fault.name.isidentifier()
        if fault.argument is not None:
            assert fault.argument.name.isupper()
            assert bool(fault.argument.allowed) != bool(fault.argument.unit)
    for text in one.faults.spellings:
        assert text.isascii() and " " not in text
