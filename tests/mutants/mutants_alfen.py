"""Planted faults of Alfen's stations and the meters that they read."""

from __future__ import annotations

from mutant import Check, Mutant

ALB = "emulators/alfen_ng9xx/alb.py"
METER = "emulators/alfen_ng9xx/meter.py"
MODEL = "emulators/alfen_ng9xx/model.py"
PROBING = "emulators/alfen_ng9xx/probing.py"
PARAMETERS = "emulators/alfen_ng9xx/parameters.csv"
DSMR = "emulators/dsmr_p1/model.py"
SOCOMEC = "emulators/countis_e27/model.py"
P1_READER = "emulators/kit/p1.py"


def alfen(name: str, test: str) -> Check:
    """Return a test of a suite of Alfen's document."""
    return Check(f"robot/suites/alfen/{name}.robot", test)


MUTANTS_ALFEN = (
    Mutant(
        "Alfen: the sign of a P1 current is lost",
        METER,
        "reading.signed_currents_a() for reading",
        "reading.currents_a for reading",
        (alfen("pv_table", "PV Current"),),
    ),
    Mutant(
        "Alfen: the sign of a Socomec current is lost",
        "emulators/kit/readable.py",
        "math.copysign(i, p)",
        "i",
        (alfen("pv_table", "PV Current"),),
    ),
    Mutant(
        "Alfen: a P1 meter does not tell returned power",
        DSMR,
        "_kilowatts(-watts)\n",
        "_kilowatts(0)\n",
        (alfen("pv_table", "PV Current"),),
    ),
    Mutant(
        "Alfen: a Socomec meter's power has no sign",
        SOCOMEC,
        'f"P{number}": power_w',
        'f"P{number}": abs(power_w)',
        (alfen("pv_table", "PV Current"),),
    ),
    Mutant(
        "Alfen: Received Measurements swapped",
        MODEL,
        'store.text("Received Measurements") == INCLUDES',
        'store.text("Received Measurements") != INCLUDES',
        (alfen("active_load_balancing", "A Meter May Include The Vehicle Or Exclude It"),),
    ),
    Mutant(
        "Alfen: Maximum smart meter current ignored",
        MODEL,
        'self._store.number("Maximum smart meter current (A)"), includes_ev',
        "25.0, includes_ev",
        (alfen("active_load_balancing", "The Maximum Is There When Nobody Else Draws Current"),),
    ),
    Mutant(
        "Alfen: a meter is never lost, the safe current never comes",
        MODEL,
        "            self.balancer.forget()\n",
        "            pass\n",
        (alfen("alb_loss", "A Cut P1 Cable Leaves The Safe Current"),),
    ),
    Mutant(
        "Alfen: a lost Modbus meter is missed much too late",
        MODEL,
        "MODBUS_LOST_S: Final = 60",
        "MODBUS_LOST_S: Final = 600",
        (alfen("alb_loss", "A Cut Modbus Cable Leaves The Safe Current"),),
    ),
    Mutant(
        "Alfen: Safe current ignored",
        MODEL,
        'return self._store.number("Safe current (A)")',
        "return 6.0",
        (alfen("alb_loss", "A Modbus Meter That Fails Leaves The Safe Current"),),
    ),
    Mutant(
        "Alfen: the safe current is never left",
        MODEL,
        "        if self.balancer is None:\n            return\n",
        "        if self.balancer is None or self.source_lost:\n            return\n",
        (alfen("alb_loss", "A Cut P1 Cable Leaves The Safe Current"),),
    ),
    Mutant(
        "Alfen: a telegram with a wrong CRC counts",
        P1_READER,
        "if (crc := crc16.arc(whole)) != int(digits, 16):",
        "if (crc := crc16.arc(whole)) < 0:",
        (alfen("p1_faults", "Telegrams With A Wrong CRC"),),
    ),
    Mutant(
        "Alfen: another safe current acts without a reboot",
        PARAMETERS,
        "Safe current (A),decimal,,0,32,6,A,yes",
        "Safe current (A),decimal,,0,32,6,A,no",
        (alfen("alb_loss", "A Changed Safe Current Acts After A Reboot"),),
    ),
    Mutant(
        "Alfen: a setpoint lapses much too late",
        MODEL,
        'round(self._store.number("Validity time (s)") * NS_PER_S)',
        'round(self._store.number("Validity time (s)") * 100 * NS_PER_S)',
        (alfen("alb_ems", "Without An EMS The Safe Current Holds"),),
    ),
    Mutant(
        "Alfen: no licence needed",
        MODEL,
        'return self._store.text("License Key features") in LICENCES and self',
        "return self",
        (alfen("alb_settings", "Without Its Licence It Is Not Offered And Does Nothing"),),
    ),
    Mutant(
        "Alfen: no probing phase",
        MODEL,
        "if self.connected and not self.probing.done:",
        "if False:",
        (alfen("active_load_balancing", "After A Minute Of Probing Meter And Socket Add Up To The Maximum"),),
    ),
    Mutant(
        "Alfen: probing does not learn the vehicle's phases",
        PROBING,
        "return self._seen if self._done and self._seen else None",
        "return None",
        (alfen("pv_table", "PV Current"),),
    ),
    Mutant(
        "Alfen: only the first phase of the meter counts",
        ALB,
        "min(left_a[phase] for phase in phases)",
        "left_a[0]",
        (alfen("active_load_balancing", "The Phase With The Largest Load Decides"),),
    ),
    Mutant(
        "Alfen: the feeder's phase rotation ignored",
        MODEL,
        "return grid_phases(self._rotation)",
        'return grid_phases("L1L2L3")',
        (alfen("pv", "A Surplus On One Phase Gives Nothing To Another"),),
    ),
    Mutant(
        "Alfen: less than 6 A is offered",
        MODEL,
        "if steps >= MINIMUM_OFFER_A * STEPS_PER_A else 0.0",
        "if steps >= 0 else 0.0",
        (alfen("active_load_balancing", "With Less Than Six Amperes Left The Vehicle Is Paused"),),
    ),
)
