"""Arguments as QA writes them, and what a wrong one is told."""

from __future__ import annotations

import pytest

from emulators.kit.phases import PerPhase
from hil.keywords.values import Amps, Comparison, Percent, to_amps, to_amps3, to_percent, to_verb


@pytest.mark.parametrize(("text", "amps"), [("25 A", 25), ("25A", 25), ("25", 25), (" 7.5  A ", 7.5), ("-3 A", -3)])
def test_a_current(text: str, amps: float) -> None:
    assert to_amps(text) == Amps(amps)


@pytest.mark.parametrize(
    "text", ["25 kW", "25 a", "A", "", "25,5 A", "nan A", "inf", "2 5 A", "25 A A", "0x10 A", "1e3 A"]
)
def test_no_current(text: str) -> None:
    with pytest.raises(ValueError, match="is not a current") as caught:
        to_amps(text)
    assert repr(text) in str(caught.value)
    assert "'25 A'" in str(caught.value)


@pytest.mark.parametrize(("text", "pct"), [("20 %", 20), ("20%", 20), (" 0.5  % ", 0.5), ("100 %", 100)])
def test_a_share(text: str, pct: float) -> None:
    assert to_percent(text) == Percent(pct)


@pytest.mark.parametrize("text", ["20", "0.2", "20 A", "%", "", "20 % %", "nan %", "twenty %"])
def test_no_share(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a share\. Write it as '20 %'") as caught:
        to_percent(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40 A", PerPhase.all(40)),
        ("40/30/20 A", PerPhase(40, 30, 20)),
        ("10A/0A/5A", PerPhase(10, 0, 5)),
        ("1 / 2 / 3", PerPhase(1, 2, 3)),
    ],
)
def test_three_currents(text: str, expected: PerPhase) -> None:
    assert to_amps3(text).a == expected


@pytest.mark.parametrize("text", ["40/30 A", "1/2/3/4 A", "40//20 A", "L1/L2/L3", "40/30/20 V"])
def test_no_three_currents(text: str) -> None:
    with pytest.raises(ValueError, match="current"):
        to_amps3(text)


@pytest.mark.parametrize("verb", list(Comparison))
def test_verbs_in_any_case_and_spacing(verb: Comparison) -> None:
    assert to_verb(verb.value.upper().replace(" ", "  ")) is verb


def test_an_unknown_verb_is_told_all() -> None:
    with pytest.raises(ValueError, match="no comparison") as caught:
        to_verb("equals")
    for verb in Comparison:
        assert verb.value in str(caught.value)


def test_values_read_back_as_they_are_written() -> None:
    assert str(to_amps("25 A")) == "25 A"
    assert to_amps3(str(to_amps3("40/30/20 A"))) == to_amps3("40/30/20 A")
