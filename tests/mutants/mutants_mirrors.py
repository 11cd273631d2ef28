"""Planted faults of the repairs: what OCPP promises, and what one interface of a charger sets and another shows."""

from __future__ import annotations

from typing import Final

from mutant import Check, Mutant

POINT: Final = "emulators/kit/ocpp/point/"
ALFEN, ECU = "emulators/alfen_ng9xx/", "emulators/mennekes_ecu/"


def mirrors(test: str) -> tuple[Check, ...]:
    """Return a check by a test of what interfaces say of each other."""
    return (Check("tests/site/test_site_mirrors.py", test),)


MUTANTS_MIRRORS: Final = (
    Mutant(
        "a trigger of meter values that never come is accepted",
        POINT + "commands.py",
        "if not any([point.meters.triggered(connector) for connector in meant]):",
        "if [point.meters.triggered(connector) for connector in meant] == []:",
        mirrors("nothing_is_triggered"),
    ),
    Mutant(
        "a key takes measurands that no meter tells",
        POINT + "charge_point.py",
        "if not self.meters.comes_of(self.keys.name_of(name), entry):",
        "if not entry:",
        mirrors("power_factor_and_temperature"),
    ),
    Mutant(
        "a station that tells one power factor tells none",
        POINT + "metering.py",
        'if measurand == "Power.Factor" and phase is None:',
        "if False:",
        mirrors("every_measurand"),
    ),
    Mutant(
        "a single-phase socket's meter is always on L1",
        POINT + "metering.py",
        "lines = readings.lines or LINES[: self._supply.phases]",
        "lines = LINES[: self._supply.phases]",
        (Check("tests/unit/kit/ocpp/test_ocpp_metering.py", "hangs_on"),),
    ),
    Mutant(
        "Alfen: a remote start with any idTag is accepted",
        ALFEN + "backend.py",
        "starts_known_only=True",
        "starts_known_only=False",
        mirrors("remote_start"),
    ),
    Mutant(
        "Alfen: its composite schedule says one phase where three flow",
        ALFEN + "backend.py",
        "switches=False",
        "switches=True",
        mirrors("forecast"),
    ),
    Mutant(
        "a composite schedule knows nothing of the device's settings",
        POINT + "charge_point.py",
        "return self.config.maximum_a if told_a is None else told_a",
        "return self.config.maximum_a",
        mirrors("forecast"),
    ),
    Mutant(
        "ECU: a written operator limit freezes the other phases",
        ECU + "registers.py",
        "self._device.operator_written_a[name[-2:]] = number",
        'self._device.operator_written_a |= {f"L{i}": a for i, a in enumerate(self._device.limits().operator_a, 1)}; '
        "self._device.operator_written_a[name[-2:]] = number",
        mirrors("operator_limit"),
    ),
    Mutant(
        "ECU: saving any form forgets the written operator limit",
        ECU + "device.py",
        "if saved_a != self._operator_set_a:",
        "if True:",
        mirrors("operator_limit"),
    ),
    Mutant(
        "ECU: the backend hears nothing of register 124",
        ECU + "device.py",
        "self.backend.withdraw(1, withdrawn=not self.point.available)",
        "pass",
        mirrors("availability_is_one"),
    ),
    Mutant(
        "ECU: register 124 knows nothing of the backend",
        ECU + "device.py",
        "return self.point.available and (self.backend is None or self.backend.is_operative(1))",
        "return self.point.available",
        mirrors("availability_is_one"),
    ),
    Mutant(
        "Alfen: register 100 says the site's name of the device",
        ALFEN + "device.py",
        "identity=identity_of(self.parameters, self.name)",
        "identity=self.name",
        mirrors("alfen_registers_say"),
    ),
    Mutant(
        "Alfen: register 1100 follows the energy manager",
        ALFEN + "model.py",
        """        return self._store.number("Station maximum current")

    def socket_a""",
        """        return min(self._store.number("Station maximum current"), *self._balanced(self.wired).values())

    def socket_a""",
        mirrors("an_alfen_register_follows"),
    ),
    Mutant(
        "Alfen: the clock's registers know nothing of the backend",
        ALFEN + "device.py",
        "utc=lambda: self._host.utc() if self.backend is None else self.backend.utc",
        "utc=self._host.utc",
        mirrors("an_alfen_register_follows"),
    ),
    Mutant(
        "Alfen: register 1200 is always operative",
        ALFEN + "device.py",
        "is_operative=lambda: self.backend is None or self.backend.is_operative(1)",
        "is_operative=lambda: True",
        mirrors("an_alfen_register_follows"),
    ),
)
