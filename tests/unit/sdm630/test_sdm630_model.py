"""What the SDM630's registers read."""

from __future__ import annotations

from emulators.kit.phases import PerPhase
from emulators.kit.terminals import Reading
from emulators.sdm630.device import SDM630
from emulators.sdm630.model import values


def test_currents_have_no_sign_and_powers_do() -> None:
    reading = Reading(PerPhase(10, 0, -2), 0, PerPhase.all(230), PerPhase(1500, 0, 0), PerPhase(0, 0, 250))
    read = values(reading)
    assert (read["A_L1"], read["A_L3"], read["W_L3"], read["VA_L3"], read["W_SYS"]) == (10, 2, -460, 460, 1840)
    assert (read["KWH_IMPORT"], read["KWH_EXPORT"], read["HZ"]) == (1.5, 0.25, 50)


def test_each_register_has_its_value() -> None:
    reading = Reading(PerPhase.zero(), 0, PerPhase.zero(), PerPhase.zero(), PerPhase.zero())
    assert values(reading).keys() == {row.name for row in SDM630.registers}


def test_the_high_word_comes_first() -> None:
    assert SDM630.registers.named("V_L1").encode(230.0) == [0x4366, 0]
