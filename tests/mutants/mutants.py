"""The planted faults: what is changed where, and which tests are asked first.

A fault is one text in one file that becomes another; the text stands there exactly once. Suites come
before unit tests wherever a tester could see the fault from outside.
"""

from __future__ import annotations

from mutant import Check, Mutant
from mutants_alfen import MUTANTS_ALFEN
from mutants_backend import MUTANTS_BACKEND
from mutants_field_notes import MUTANTS_FIELD_NOTES
from mutants_from_outside import MUTANTS_FROM_OUTSIDE
from mutants_lockstep import MUTANTS_LOCKSTEP
from mutants_meters import MUTANTS_METERS
from mutants_mirrors import MUTANTS_MIRRORS
from mutants_ocpp import MUTANTS_OCPP
from mutants_ocpp_load import MUTANTS_OCPP_LOAD
from mutants_ocpp_point import MUTANTS_OCPP_POINT
from mutants_process import MUTANTS_PROCESS
from mutants_quantities import MUTANTS_QUANTITIES
from mutants_site import MUTANTS_SITE
from mutants_sockets import MUTANTS_SOCKETS
from mutants_start import MUTANTS_START
from mutants_wire import MUTANTS_WIRE
from statements_active_load_balancing import STATEMENTS_ACTIVE_LOAD_BALANCING
from statements_energy_meter import STATEMENTS_ENERGY_METER
from statements_gateway_and_backend import STATEMENTS_GATEWAY_AND_BACKEND
from statements_load_management import STATEMENTS_LOAD_MANAGEMENT
from statements_pv_and_profiles import STATEMENTS_PV_AND_PROFILES

DLM = "emulators/mennekes_ecu/dlm.py"
DEVICE = "emulators/mennekes_ecu/device.py"
MEMBER = "emulators/mennekes_ecu/dlm_member.py"
MODEL = "emulators/mennekes_ecu/model.py"
REGISTERS = "emulators/mennekes_ecu/registers.py"
VEHICLE = "emulators/ev/model.py"
METER = "emulators/pac2200/model.py"
FUSE = "hil/plant/fuse.py"
LINKS = "hil/clock/link_faults.py"
SOCKETS = "hil/clock/sockets.py"
FAULTS = "hil/bench/faults.py"
IN_PROCESS = "hil/bench/in_process.py"
TESTER = "hil/tester/emulated.py"
PROBE = "hil/probes/modbus.py"
JUDGE = "hil/plant/judge.py"
PLANT = "hil/plant/plant.py"


MENNEKES = "robot/suites/mennekes"
MASTER = "tests/unit/mennekes_ecu/test_ecu_master.py"
DISTRIBUTE = "tests/unit/mennekes_ecu/test_ecu_distribute.py"
POINT = "tests/unit/mennekes_ecu/test_ecu_point.py"
PROTOCOL = "tests/protocol/test_protocol_ecu.py"
METER_PROTOCOL = "tests/protocol/test_protocol_pac2200.py"
CLOCK_FAULTS = "tests/unit/clock/test_clock_faults.py"
SITE_FAULTS = "tests/site/test_site_faults.py"
FUSE_UNIT = "tests/unit/plant/test_plant_fuse.py"


def suite(name: str, test: str) -> Check:
    """Return a test of a suite of MENNEKES' document."""
    return Check(f"{MENNEKES}/{name}.robot", test)


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
        MEMBER,
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
            suite("energy_meter_including", "The Measured Value Stays At The Main Distribution Limit"),
            suite("energy_meter_including", "Two Vehicles Fill The Connection Up To Its Limit"),
            suite("energy_meter_excluding", "The Master Offers What The Meter Leaves Of The Main Distribution Limit"),
        ),
    ),
    Mutant(
        "sign of the meter's power ignored",
        "emulators/kit/readable.py",
        "math.copysign(i, p)",
        "i",
        (suite("energy_meter_excluding", "Feed-In Behind The Meter Counts As Negative Load"),),
    ),
    Mutant(
        "phase rotation ignored",
        DLM,
        "used = tuple(wired[i] for i in",
        "used = tuple(i for i in",
        (suite("car_park", "Rotated One Phase Vehicles Are Counted Where They Load The Feeder"),),
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
        '(self._store.whole("Disconnected Limit [A]"), Binding.DISCONNECTED)',
        "(80, Binding.DISCONNECTED)",
        (suite("car_park", "A Point That Has Lost Its Master Offers Its Disconnected Limit"),),
    ),
    Mutant(
        "Disconnected Limit of a lost slave not kept free",
        DLM,
        "(self.available_a - kept)",
        "(self.available_a - kept * 0)",
        (suite("car_park", "A Point That Has Lost Its Master Offers Its Disconnected Limit"),),
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
        (suite("car_park", "A Raise Waits Until The Cuts That Pay For It Are Obeyed"),),
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
        (suite("load_profile", "A Load Profile Lowers The Current At Noon"),),
    ),
    Mutant(
        "Installation Current Limit ignored",
        MODEL,
        '(self._store.whole("Installation Current Limit [A]"), Binding.INSTALLATION)',
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
    Mutant(
        "a vehicle asks without an offer",
        VEHICLE,
        "State.IDLE and wants and self._obeyed_a >= self.traits.min_start_a - SAME_A:",
        "State.IDLE and wants:",
        (suite("car_park", "The Vehicle Draws Only What It Is Offered"),),
    ),
    Mutant(
        "a vehicle goes on drawing when its offer is withdrawn",
        VEHICLE,
        "self._limit_a(self._obeyed_a) if self._state is State.CHARGING else 0.0",
        "self._limit_a(max(self._obeyed_a, 6.0)) if self._state is not State.IDLE else 0.0",
        (Check("tests/unit/ev/test_ev_vehicle.py", "obeyed_within"),),
    ),
    Mutant(
        "the last sample instead of the average",
        DLM,
        "return total * (1 / len(self._samples))",
        "return self._samples[-1][1]",
        (Check(MASTER, "mean_is_of"),),
    ),
    Mutant(
        "a meter that stops communicating is not reported",
        DLM,
        "return self._meter_heard_ns is None or now_ns - self._meter_heard_ns >= round(SILENT_S * NS_PER_S)",
        "return self._meter_heard_ns is None",
        (suite("energy_meter_faults", "Without Meter Values Nothing Is Left When The Fallback Is 9999 A"),),
    ),
    Mutant(
        "External Load Headroom with the wrong sign",
        DLM,
        "external_a - limits.headroom_a",
        "external_a + limits.headroom_a",
        (suite("energy_meter_excluding", "Headroom Is Kept Free At The Main Fuse"),),
    ),
    Mutant(
        "a raise waits for the next sample",
        DLM,
        "self._raise_ns = min(pending, default=None)",
        "self._raise_ns = None if pending else None",
        (suite("car_park", "Four One Phase Vehicles Share L1"),),
    ),
    Mutant(
        "what was cut is never released",
        DLM,
        "if now_ns < self.obeyed_ns else self.granted_a",
        "if self.obeyed_ns else self.granted_a",
        (suite("car_park", "A Raise Waits Until The Cuts That Pay For It Are Obeyed"),),
    ),
    Mutant(
        "a slave does not notice that its master is gone",
        MEMBER,
        "silent = now_ns - self.master_heard_ns >= round(SILENT_S * NS_PER_S)",
        "silent = now_ns < 0",
        (suite("car_park", "A Point That Has Lost Its Master Offers Its Disconnected Limit"),),
    ),
    Mutant(
        "a slave reports only what is new",
        MEMBER,
        "if report != self._reported or self._looks % REPEAT_LOOKS == 0:",
        "if report != self._reported:",
        (Check("tests/unit/mennekes_ecu/test_ecu_member.py", "same_again_each_five"),),
    ),
    Mutant(
        "a slave takes grants of any master",
        MEMBER,
        "(fixed or grant.master == self.master_name)",
        "True",
        (Check("tests/unit/mennekes_ecu/test_ecu_member.py", "takes_what_its_master_grants"),),
    ),
    Mutant(
        "a master does not notice another one of its id",
        MEMBER,
        "case Beacon() if self.master is not None and",
        "case Beacon() if self.master is None and",
        (suite("car_park", "There Is One Master For Each Network Id"),),
    ),
    Mutant(
        "every slave counts as lost at once",
        DLM,
        "if not slave.lost and now_ns - slave.heard_ns >= round(SILENT_S * NS_PER_S):",
        "if not slave.lost and now_ns - slave.heard_ns >= 0:",
        (suite("car_park", "Vehicles Charge With Full Power Until The Supply Line Is Used Up"),),
    ),
    Mutant(
        "the contactor stays closed when the vehicle is unplugged",
        MODEL,
        "elif self.contactor and (not self.charging or",
        "elif self.contactor and ((self.connected and not self.charging) or",
        (suite("car_park", "Vehicles That Leave Give Their Current To The Others"),),
    ),
    Mutant(
        "a lost Modbus client is ignored",
        MODEL,
        "if self.comm_timeout_s and now_ns - self._heard_ns >= self.comm_timeout_s * NS_PER_S:",
        "if self.comm_timeout_s < 0:",
        (Check(POINT, "lost_modbus_client"),),
    ),
    Mutant(
        "L2 and L3 of the PAC2200 are swapped",
        METER,
        "for phase, current, power in zip(PHASES, currents",
        'for phase, current, power in zip(("L1", "L3", "L2"), currents',
        (suite("energy_meter_excluding", "The Master Offers What The Meter Leaves Of The Main Distribution Limit"),),
    ),
    Mutant(
        "import and export of the PAC2200 are swapped",
        METER,
        "steps = (imported_wh, exported_wh, ",
        "steps = (exported_wh, imported_wh, ",
        (Check(METER_PROTOCOL, "energy_is_counted"),),
    ),
    Mutant(
        "a fuse never cools",
        FUSE,
        "return value * math.exp(-lasts_s / COOLING_S)",
        "return value",
        (Check(FUSE_UNIT, "decays"),),
    ),
    Mutant(
        "the plant forgets how a socket is wired",
        PLANT,
        "current_a = to_grid(draw.current_a(now_ns), self.order)[phase]",
        "current_a = draw.current_a(now_ns)[phase]",
        (suite("car_park", "Rotated One Phase Vehicles Are Counted Where They Load The Feeder"),),
    ),
    Mutant(
        "a conductor may be above its limit for ever",
        JUDGE,
        "self.since_ns + self.allowed_ns + 1",
        "self.since_ns + 1000 * self.allowed_ns",
        (suite("car_park", "F3 Is The Fuse That The Limit Guards"),),
    ),
    Mutant(
        "Delay Link has no effect",
        LINKS,
        "return self.delay_s + (rng.uniform(0.0, self.jitter_s) if self.jitter_s else 0.0)",
        "return 0.0",
        (
            suite("dlm_faults", "A Meter That Answers Later Than The Master Waits Is Lost"),
            Check(CLOCK_FAULTS, "two_delays"),
        ),
    ),
    Mutant(
        "Drop has no effect",
        LINKS,
        "return rng.random() < self.probability",
        "return False",
        (
            suite("dlm_faults", "A Satellite That Hears One Datagram In Twenty Pauses Now And Then"),
            Check(CLOCK_FAULTS, "as_many_datagrams"),
        ),
    ),
    Mutant(
        "a killed point's contactor stays closed",
        "emulators/kit/charger.py",
        "wiring.set_contactor(False)",
        "pass",
        (
            suite("dlm_faults", "A Killed Master Leaves The Disconnected Limit, And Nobody Takes Its Place"),
            Check(SITE_FAULTS, "killed_point"),
        ),
    ),
    Mutant(
        "a charger's first socket has every socket's terminals",
        "emulators/kit/charger.py",
        "host.charger_wiring(socket.number)",
        "host.charger_wiring(1)",
        (Check("tests/unit/kit/test_kit_charger.py", "own_model_and_terminals"),),
    ),
    Mutant(
        "a charger with two sockets waits for the later of their deadlines",
        "emulators/kit/charger.py",
        "max(min(deadlines), now_ns + 1)",
        "max(max(deadlines), now_ns + 1)",
        (Check("tests/unit/kit/test_kit_charger.py", "earliest_deadline"),),
    ),
    Mutant(
        "polls that were missed are made up for",
        "emulators/kit/modbus/poller.py",
        "period = max(period + 1, running if self._catches_up else running + 1)",
        "period = period + 1",
        (Check("tests/protocol/test_protocol_poller.py", "due_times"),),
    ),
    Mutant(
        "a number that is low word first is read high word first",
        "emulators/kit/registers.py",
        "for number in numbers for word in reversed(number)",
        "for number in numbers for word in number",
        (Check("tests/unit/registers/test_registers_table.py", "encoding"),),
    ),
    Mutant(
        "the fault frozen keeps nothing",
        "emulators/kit/measured.py",
        "self._is_frozen = fault is not None and fault.name == FROZEN",
        "self._is_frozen = False",
        (Check("tests/protocol/test_protocol_meter.py", "frozen_values"),),
    ),
    Mutant(
        "a meter takes as many clients as come",
        "emulators/kit/modbus/meter.py",
        "            connection_limit=kind.connection_limit,\n",
        "",
        (Check("tests/protocol/test_protocol_meter.py", "no_more_clients"),),
    ),
    Mutant(
        "a killed device says goodbye",
        IN_PROCESS,
        "self._env.links.here.power_off(ip)",
        "pass",
        (Check("robot/suites/keywords/faults.robot", "A Device Without Power Does Nothing"),),
    ),
    Mutant(
        "a device that is back does not reset the connections it has forgotten",
        SOCKETS,
        "self.ledger.loop.add_reader(self.fileno(), self._used)",
        "pass",
        (Check(CLOCK_FAULTS, "back_resets"),),
    ),
    Mutant(
        "Reset Link is not noticed",
        SOCKETS,
        "super().shutdown(socket.SHUT_RD)  # wakes its reader, which meets the reset",
        "pass",
        (Check(CLOCK_FAULTS, "reset_is_found"),),
    ),
    Mutant(
        "lost settings come back",
        IN_PROCESS,
        "self.device.parameters.reset()",
        "pass",
        (suite("dlm_faults", "A Master That Has Lost Its Settings Manages Nobody"), Check(SITE_FAULTS, "settings")),
    ),
    Mutant(
        "a partition cuts only the first device of each group",
        FAULTS,
        "itertools.product(one, another)",
        "[(one[0], another[0])]",
        (suite("dlm_faults", "Two Halves Of A Network Stay Below The Limit Together"),),
    ),
    Mutant(
        "a contact that is closed stays open",
        TESTER,
        "move_contact(self._contact, closed=True)",
        "move_contact(self._contact, closed=False)",
        (Check("tests/site/test_site_tester.py", "contact"),),
    ),
    Mutant(
        "the tester goes on with its connection to a device that lost its power",
        TESTER,
        "self._ports.close_probes(self._name)",
        "pass",
        (Check("tests/site/test_site_tester.py", "lost_its_power"),),
    ),
    Mutant(
        "a look asks for each register by itself",
        PROBE,
        "block[0].address < MOST_WORDS",
        "block[0].address < 0",
        (Check("tests/protocol/test_protocol_probe.py", "one_request"),),
    ),
    Mutant(
        "the second socket is looked for at the unit of the first",
        PROBE,
        "self._family.modbus_unit_of(socket)",
        "self._family.modbus_unit",
        (Check("tests/protocol/test_protocol_probe.py", "own_unit"),),
    ),
    Mutant(
        "to the backend every socket is the first connector",
        "hil/keywords/topics/ocpp.py",
        "{CONNECTOR: socket, **fields}",
        "{CONNECTOR: 1, **fields}",
        (Check("tests/unit/keywords/test_keywords_sockets.py", "connector"),),
    ),
    Mutant(
        "of a charger with two sockets the first is meant when none is named",
        "hil/keywords/observations.py",
        "site.require_outlet(place).number  # refuses, and names them",
        "1",
        (Check("tests/unit/keywords/test_keywords_sockets.py", "register"),),
    ),
    *MUTANTS_ALFEN,
    *MUTANTS_BACKEND,
    *MUTANTS_LOCKSTEP,
    *MUTANTS_METERS,
    *MUTANTS_OCPP,
    *MUTANTS_OCPP_POINT,
    *MUTANTS_OCPP_LOAD,
    *MUTANTS_PROCESS,
    *MUTANTS_FIELD_NOTES,
    *MUTANTS_QUANTITIES,
    *MUTANTS_MIRRORS,
    *MUTANTS_FROM_OUTSIDE,
    *MUTANTS_SOCKETS,
    *MUTANTS_START,
    *MUTANTS_SITE,
    *MUTANTS_WIRE,
    *STATEMENTS_ACTIVE_LOAD_BALANCING,
    *STATEMENTS_GATEWAY_AND_BACKEND,
    *STATEMENTS_ENERGY_METER,
    *STATEMENTS_PV_AND_PROFILES,
    *STATEMENTS_LOAD_MANAGEMENT,
)
