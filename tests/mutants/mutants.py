"""The planted faults: what is changed where, and which tests are asked first.

A fault is one text in one file that becomes another; the text stands there exactly once. Suites come
before unit tests wherever a tester could see the fault from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

DLM = "emulators/mennekes_ecu/dlm.py"
DEVICE = "emulators/mennekes_ecu/device.py"
MODEL = "emulators/mennekes_ecu/model.py"
REGISTERS = "emulators/mennekes_ecu/registers.py"
VEHICLE = "emulators/ev/model.py"

SUITES = "robot/suites/mennekes"
MASTER = "tests/unit/mennekes_ecu/test_ecu_master.py"
DISTRIBUTE = "tests/unit/mennekes_ecu/test_ecu_distribute.py"
POINT = "tests/unit/mennekes_ecu/test_ecu_point.py"
PROTOCOL = "tests/protocol/test_protocol_ecu.py"


@dataclass(frozen=True, slots=True)
class Check:
    """One command that should notice a fault.

    Attributes:
        path: A Robot suite or a pytest file.
        test: A test's name (Robot) or an expression for ``-k`` (pytest); empty for all of the file.
    """

    path: str
    test: str = ""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        fault: What is wrong, for people.
        file: Source file.
        old: Text that stands there exactly once.
        new: What becomes of it.
        checks: What is run, in this order, until one fails.
    """

    fault: str
    file: str
    old: str
    new: str
    checks: tuple[Check, ...]


def suite(name: str, test: str) -> Check:
    """Return a test of a Robot suite."""
    return Check(f"{SUITES}/{name}.robot", test)


MUTANTS = (
    Mutant(
        "EVSE Sub-Distribution Limit not applied",
        DLM,
        "bound = limits.evse_a.combine(limits.operator_a, min)",
        "bound = limits.operator_a",
        (suite("car_park", "The Operator Limit Acts Up To The Sub Distribution Limit"),),
    ),
    Mutant(
        "operator limit ignored",
        DLM,
        "bound = limits.evse_a.combine(limits.operator_a, min)",
        "bound = limits.evse_a",
        (suite("car_park", "Several Stations Share What The Operator Allows On Their Common Connection"),),
    ),
    Mutant(
        "DLM Network Id ignored",
        DEVICE,
        "if telegram.network != self._network:",
        "if telegram.network < 0:",
        (suite("two_networks", "Load Management Runs Separately For Each Supply Line"),),
    ),
    Mutant(
        "External Meter Location swapped",
        DEVICE,
        '.startswith("Including")',
        '.startswith("Excluding")',
        (
            suite("energy_meter_settings", "The Meter Location Including Keeps The Meter At The Limit"),
            suite("energy_meter_including", "Two Vehicles Fill The Connection Up To Its Limit"),
            suite("energy_meter_excluding", "The Master Offers What The Meter Leaves Of The Main Distribution Limit"),
        ),
    ),
    Mutant(
        "sign of the meter's power ignored",
        DEVICE,
        "math.copysign(i, p)",
        "i",
        (suite("energy_meter_excluding", "Feed-In Behind The Meter Counts As Negative Load"),),
    ),
    Mutant(
        "phase rotation ignored",
        DLM,
        "used = tuple(wired[i] for i in",
        "used = tuple(i for i in",
        (suite("car_park", "One Phase Vehicles Are Limited On Their Own Phase"), Check(MASTER, "grid")),
    ),
    Mutant(
        "current of a vehicle that left never given back",
        DLM,
        "            slave.arrived_ns = None\n",
        "",
        (suite("car_park", "Vehicles That Leave Give Their Current To The Others"),),
    ),
    Mutant(
        "current that a slow vehicle leaves never given away",
        DLM,
        "if taken_a <= expected_a - UNUSED_A + NOISE_A:",
        "if taken_a < 0:",
        (suite("car_park", "A Smaller Fuse Is Shared Out And What A Vehicle Leaves Goes To The Others"),),
    ),
    Mutant(
        "unused share never offered again",
        DLM,
        "            slave.demand.reoffer(now_ns)\n",
        "            pass\n",
        (Check(MASTER, "five_minutes or reoffered"),),
    ),
    Mutant(
        "off by one in rounding",
        DLM,
        "if left[phase] < users[phase]}",
        "if left[phase] < users[phase] - 1}",
        (suite("car_park", "A Smaller Fuse Is Shared Out And What A Vehicle Leaves Goes To The Others"),),
    ),
    Mutant(
        "minimum of 6 A not kept",
        DLM,
        "MINIMUM_A: Final = int(MINIMUM_OFFER_A)",
        "MINIMUM_A: Final = 1",
        (suite("car_park", "The Weakest Phase Decides For Three Phase Vehicles And One Waits"),),
    ),
    Mutant(
        "the minimum is promised although it is not there",  # _fits refuses it later: from outside nothing is seen
        DLM,
        "all(left[phase] >= MINIMUM_A for phase in claim.phases)",
        "all(left[phase] >= 1 for phase in claim.phases)",
        (Check(DISTRIBUTE, "shares"),),
    ),
    Mutant(
        "Disconnected Limit ignored by a slave without a master",
        MODEL,
        '(_amperes(self._store["Disconnected Limit [A]"]), Binding.DISCONNECTED)',
        "(80, Binding.DISCONNECTED)",
        (Check(POINT, "lowest_limit"),),
    ),
    Mutant(
        "Disconnected Limit of a lost slave not kept free",
        DLM,
        "(self.available_a - kept)",
        "(self.available_a - kept * 0)",
        (Check(MASTER, "disconnected_limit"),),
    ),
    Mutant(
        "External Load Fallback ignored",
        DLM,
        "external_a = limits.fallback_a",
        "external_a = PerPhase.zero()",
        (suite("energy_meter_faults", "Without Meter Values The Fallback Is Assumed"),),
    ),
    Mutant(
        "External Load Headroom ignored",
        DLM,
        "limits.main_a - external_a - limits.headroom_a",
        "limits.main_a - external_a",
        (suite("energy_meter_excluding", "Headroom Is Kept Free At The Main Fuse"),),
    ),
    Mutant(
        "a newcomer gets everything",
        DLM,
        "[slave.report.name]\n        return self._hand_out(now_ns)",
        "[slave.report.name]\n        slave.target_a = slave.granted_a = slave.report.cap_a\n"
        "        return {slave.report.name: slave.granted_a}",
        (
            suite("car_park", "The Sum Of All Points Never Exceeds Fuse F3 In Two Random Hours"),
            Check(MASTER, "newcomer"),
        ),
    ),
    Mutant(
        "raises handed out before the cuts that pay for them are obeyed",
        DLM,
        "if self._fits(after):",
        "if after:",
        (
            suite("car_park", "The Sum Of All Points Never Exceeds Fuse F3 In Two Random Hours"),
            Check(MASTER, "cuts_come"),
        ),
    ),
    Mutant(
        "an earlier cut forgotten by the next",
        DLM,
        "self.still_a = self.may_draw_a(now_ns)",
        "self.still_a = self.granted_a",
        (Check(MASTER, "second_cut"),),
    ),
    Mutant(
        "a row of the scheduler begins an hour late",
        DLM,
        "if hour <= hour_utc",
        "if hour < hour_utc",
        (suite("car_park", "A Load Profile Lowers The Current At Noon"),),
    ),
    Mutant(
        "Installation Current Limit ignored",
        MODEL,
        '(_amperes(self._store["Installation Current Limit [A]"]), Binding.INSTALLATION)',
        "(80, Binding.INSTALLATION)",
        (suite("energy_meter", "Installation Current Limits Guard A Smaller Cable"),),
    ),
    Mutant(
        "a passed client timeout stays a deadline: time stands still",
        MODEL,
        "if self.comm_timeout_s and lost_ns > self._advanced_ns:",
        "if self.comm_timeout_s:",
        (Check(POINT, "lost_modbus_client"),),
    ),
    Mutant(
        "availability (124) has one polarity",
        REGISTERS,
        "point.available = bool(number) != self._legacy",
        "point.available = bool(number)",
        (Check(PROTOCOL, "polarities"),),
    ),
)
