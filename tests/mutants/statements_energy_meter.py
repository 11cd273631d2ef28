"""Planted faults of the statements on external energy meters (MEN-MTR); see mutant.py."""

from __future__ import annotations

from mutant import Check, Mutant

DLM = "emulators/mennekes_ecu/dlm.py"
DEVICE = "emulators/mennekes_ecu/device.py"
MEMBER = "emulators/mennekes_ecu/dlm_member.py"
MODEL = "emulators/mennekes_ecu/model.py"
REGISTERS = "emulators/mennekes_ecu/registers.py"
PARAMETERS = "emulators/mennekes_ecu/parameters.csv"
SECOND_METER = "emulators/mennekes_ecu/second_meter.py"
METERS = "emulators/mennekes_ecu/meters.csv"
READABLE = "emulators/kit/readable.py"
STORE = "emulators/kit/parameters.py"
PAC2200 = "emulators/pac2200/model.py"
PAC2200_FAMILY = "emulators/pac2200/__init__.py"
EEM = "emulators/eem_mb371/model.py"
SITE_CHECKS = "hil/site/checks.py"
SITES = "hil/site/sites/mennekes"
SUITES = "robot/suites/mennekes"

MASTERS = "DLM Master/Slave=DLM Master (With internal DLM-Slave)|DLM Master (Standalone)"
WITH_METER = f"{MASTERS}&External Meter Support=On,Load Management > Dynamic Load Management"
#: What counts as external load: without values, by a meter at the connection, by one behind F2.
FALLBACK = "            external_a = limits.fallback_a\n"
OPTION_2 = "            external_a = metered_a - charging_a\n"
OPTION_1 = "            external_a = metered_a\n"
IS_OPTION_2 = "        elif limits.meter_includes_evse:\n"
BOUND = "bound = bound.combine(limits.main_a - external_a - limits.headroom_a, min)"
LOWEST = "bound = limits.evse_a.combine(limits.operator_a, min)"
LOCATION = 'meter_includes_evse=parameters.text("External Meter Location").startswith("Including")'
MAIN = 'main_a=parameters.per_phase("Main Distribution Limit (L1/L2/L3) [A]") if metered else None'
EVSE = 'parameters.per_phase("EVSE Sub-Distribution Limit (L1/L2/L3) [A]")'
WHERE = 'parameters.text("IP address of second meter"), parameters.whole("Port number of Second Meter")'
WANTED = 'parameters.flag("External Meter Support") and parameters.text("IP address of second meter")'
SHOWN = 'return None if self.lost_phase and f"_{self.lost_phase}" in name else momentary[name]'
SIEMENS_CURRENTS = "current,13,15,17"


def load(fault: str, old: str, new: str, *ids: str) -> Mutant:
    """Return a fault in what counts as external load: an expression in place of another."""
    return Mutant(fault, DLM, old, f"            external_a = {new}\n", ids=ids)


def secondary(variant: str, entry_id: str) -> Mutant:
    """Return a fault of one order number."""
    fault = f"{variant} shows the currents of a transformer's 5 A side"
    new = f'{SHOWN} * (0.05 if self.variant == "{variant}" and name.startswith("I_L") else 1)'
    return Mutant(fault, PAC2200, SHOWN, new, ids=(entry_id,))


STATEMENTS_ENERGY_METER: tuple[Mutant, ...] = (
    # --- cables, groups, who asks the meter
    Mutant(
        "a cable of half the points' capacity is accepted",
        SITE_CHECKS,
        "if feeder.cable_a is not None and need_a > feeder.cable_a:",
        "if feeder.cable_a is not None and need_a > 2 * feeder.cable_a:",
        ids=("MEN-MTR-001",),
    ),
    Mutant(
        "a group never gets more than 80 A",
        DLM,
        "return bound.map(lambda value: max(0.0, value))",
        "return bound.map(lambda value: min(80.0, max(0.0, value)))",
        ids=("MEN-MTR-001",),
    ),
    Mutant(
        "a point behind a smaller cable takes no account of its Installation Current Limit",
        MODEL,
        '(self._store.whole("Installation Current Limit [A]"), Binding.INSTALLATION)',
        "(63, Binding.INSTALLATION)",
        ids=("MEN-MTR-002",),
    ),
    Mutant(
        "telegrams of every DLM Network Id are taken",
        MEMBER,
        "if telegram.network != self._network:",
        "if telegram.network < 0:",
        ids=("MEN-MTR-003",),
    ),
    Mutant(
        "a point whose id has no master is not reported",
        "emulators/mennekes_ecu/site_rules.py",
        "if not group.masters:",
        "if not group.points:",
        ids=("MEN-MTR-003",),
    ),
    Mutant(
        "a satellite asks the meter too",
        DEVICE,
        "        if self.member.master is not None:\n"
        "            self._meter = meter_of(host, self._config, parameters, self.member.master, period_s=TICK_S)",
        "        nobody = self.member.master or dlm.Master(sample_s=30, start_ns=0)\n"
        "        self._meter = meter_of(host, self._config, parameters, nobody, period_s=TICK_S)",
        ids=("MEN-MTR-004",),
    ),
    load("an external load counts as 70 A at most", OPTION_1, "metered_a.map(lambda a: min(a, 70.0))", "MEN-MTR-005"),
    Mutant(
        "with a meter a group gets 6 A of each phase at most",
        DLM,
        BOUND,
        f"{BOUND}.map(lambda value: min(value, 6.0))",
        ids=("MEN-MTR-005",),
    ),
    load("the mean of the phases counts as external load", OPTION_1, "PerPhase.all(sum(metered_a) / 3)", "MEN-MTR-006"),
    # --- the meters of the list
    secondary("7KM2200-2EA30-1JA1", "MEN-MTR-008"),
    secondary("7KM2200-2EA30-1EA1", "MEN-MTR-009"),
    secondary("7KM2200-2EA40-1JA1", "MEN-MTR-010"),
    secondary("7KM2200-2EA40-1EA1", "MEN-MTR-011"),
    Mutant(
        "the coils' phases stand in another order",
        EEM,
        'f"I{number}": current_a,',
        'f"I{number}": amperes[number % 3],',
        ids=("MEN-MTR-012",),
    ),
    Mutant(
        "a PAC2200 for direct measurement is taken for one up to 125 A",
        PAC2200_FAMILY,
        'rated_current_a={"7KM2200-2EA40-1EA1": 65, "7KM2200-2EA40-1JA1": 65}',
        'rated_current_a={"7KM2200-2EA40-1EA1": 125, "7KM2200-2EA40-1JA1": 125}',
        ids=("MEN-MTR-013",),
    ),
    Mutant(
        "a meter behind F2 is judged by the main fuse",
        SITE_CHECKS,
        "node, fuse = guards[0]",
        "node, fuse = guards[-1]",
        ids=("MEN-MTR-013",),
    ),
    Mutant(
        "Rogowski coils show 65 A at most",
        EEM,
        "reading.currents_a.map(abs), reading.voltage_v",
        "reading.currents_a.map(lambda a: min(65.0, abs(a))), reading.voltage_v",
        ids=("MEN-MTR-013",),
    ),
    Mutant(
        "a master asks its meter in an uneven rhythm",
        "emulators/kit/modbus/poller.py",
        "start_ns + period * self._period_ns + self._late_ns",
        "start_ns + period * self._period_ns + self._late_ns + period % 2 * self._period_ns // 2",
        ids=("MEN-MTR-014",),
    ),
    Mutant(
        "a meter at the connection is asked once a minute",
        DEVICE,
        "parameters, self.member.master, period_s=TICK_S)",
        "parameters, self.member.master, "
        'period_s=60 if "Including" in parameters.text("External Meter Location") else TICK_S)',
        ids=("MEN-MTR-045",),
    ),
    # --- option 1
    Mutant(
        "L2 of a PAC2200 is read from the registers of L1",
        METERS,
        SIEMENS_CURRENTS,
        "current,13,13,17",
        ids=("MEN-MTR-015",),
    ),
    Mutant("L2 and L3 of a PAC2200 are swapped", METERS, SIEMENS_CURRENTS, "current,13,17,15", ids=("MEN-MTR-041",)),
    load(
        "an external load counts in whole amperes, rounded down",
        OPTION_1,
        "metered_a.map(lambda a: float(math.floor(a)))",
        *("MEN-MTR-015", "MEN-MTR-044"),
    ),
    Mutant(
        "the earliest vehicle gets all that is left",
        DLM,
        "rising = [claim for claim in rising if share[claim.name] < claim.cap_a]",
        "rising = [claim for claim in rising if share[claim.name] < claim.cap_a][:1]",
        ids=("MEN-MTR-016",),
    ),
    Mutant(
        "a meter outside of 192.168.0.x is not asked",
        SECOND_METER,
        WANTED,
        f'{WANTED}.startswith("192.168.0.")',
        ids=("MEN-MTR-017",),
    ),
    Mutant(
        "a meter is asked in a small subnet only",
        SECOND_METER,
        WANTED,
        f'{WANTED}.startswith("192.168.1.")',
        ids=("MEN-MTR-017",),
    ),
    Mutant(
        "M2 of option 1 sits at the main connection",
        f"{SITES}/meter-excluding.yaml",
        "node: F2\n    measures: excluding",
        "node: supply\n    measures: including",
        ids=("MEN-MTR-018", "MEN-MTR-019"),
    ),
    Mutant(
        "the house's M2 of option 2 sits behind F2",
        f"{SITES}/standalone-including.yaml",
        "M2: {node: supply, measures: including}",
        "M2: {node: F2, measures: excluding}",
        ids=("MEN-MTR-046",),
    ),
    Mutant(
        "the apartment building's M2 of option 2 sits behind F2",
        f"{SITES}/apartment-including.yaml",
        "M2: {node: supply, measures: including}",
        "M2: {node: F2, measures: excluding}",
        ids=("MEN-MTR-047",),
    ),
    Mutant(
        "the EVSE Sub-Distribution Limit is taken for the main fuse",
        DEVICE,
        MAIN,
        f"main_a={EVSE} if metered else None",
        ids=("MEN-MTR-020",),
    ),
    # --- settings
    Mutant(
        "the headroom is offered in a satellite",
        PARAMETERS,
        f"0/0/0,A,no,{WITH_METER}",
        "0/0/0,A,no,,Load Management > Dynamic Load Management",
        ids=("MEN-MTR-021",),
    ),
    Mutant(
        "the fallback stands in another menu",
        PARAMETERS,
        f"9999/9999/9999,A,no,{WITH_METER}",
        f"9999/9999/9999,A,no,{WITH_METER.replace('Dynamic Load Management', 'Local')}",
        ids=("MEN-MTR-021",),
    ),
    Mutant(
        "Save of a form keeps nothing over a restart",
        STORE,
        "            self._saved[name] = value\n",
        "            pass\n",
        ids=(
            *("MEN-MTR-022", "MEN-MTR-023", "MEN-MTR-024", "MEN-MTR-025", "MEN-MTR-026", "MEN-MTR-027", "MEN-MTR-028"),
            *("MEN-MTR-029", "MEN-MTR-030", "MEN-MTR-031", "MEN-MTR-032", "MEN-MTR-033", "MEN-MTR-034", "MEN-MTR-035"),
            *("MEN-MTR-036", "MEN-MTR-037", "MEN-MTR-038"),
        ),
    ),
    Mutant(
        "register 600 has the two masters the other way round",
        MODEL,
        "MASTER_ROLES[0]: 1, MASTER_ROLES[1]: 2",
        "MASTER_ROLES[0]: 2, MASTER_ROLES[1]: 1",
        ids=("MEN-MTR-022",),
    ),
    Mutant(
        "every DLM Network Id means 0",
        MEMBER,
        'return self._store.whole("DLM Network Id")',
        "return 0",
        ids=("MEN-MTR-023",),
    ),
    Mutant(
        "a master with Disable Discovery Broadcasting broadcasts all the same",
        MEMBER,
        'if not self._store.flag("Disable Discovery Broadcasting"):',
        "if self._name:",
        ids=("MEN-MTR-024",),
    ),
    Mutant(
        "DLM Algorithm Sample Rate is always 30 s",
        MEMBER,
        'sample_s = float(store.text("DLM Algorithm Sample Rate").split()[0])',
        "sample_s = 30.0",
        ids=("MEN-MTR-025",),
    ),
    Mutant(
        "DLM Algorithm Sample Rate is always 5 s",
        MEMBER,
        'sample_s = float(store.text("DLM Algorithm Sample Rate").split()[0])',
        "sample_s = 5.0",
        ids=("MEN-MTR-025",),
    ),
    Mutant(
        "a vehicle is woken whatever Allow EV Wakeup says",
        MODEL,
        'allowed = self._store.flag("Allow EV Wakeup") if self.wakeup_granted is None else self.wakeup_granted',
        "allowed = True",
        ids=("MEN-MTR-026",),
    ),
    Mutant(
        "a vehicle is never woken",
        MODEL,
        'allowed = self._store.flag("Allow EV Wakeup") if self.wakeup_granted is None else self.wakeup_granted',
        "allowed = False",
        ids=("MEN-MTR-026",),
    ),
    Mutant(
        "the EVSE Sub-Distribution Limit does not act", DLM, LOWEST, "bound = limits.operator_a", ids=("MEN-MTR-027",)
    ),
    Mutant(
        "the Operator EVSE Sub-Distribution Limit does not act",
        DLM,
        LOWEST,
        "bound = limits.evse_a",
        ids=("MEN-MTR-028",),
    ),
    Mutant(
        "the registers of the limits show L1 on every phase",
        REGISTERS,
        "return int(values[name[-2:]] + 0.05)",
        'return int(values["L1"] + 0.05)',
        ids=("MEN-MTR-027", "MEN-MTR-028", "MEN-MTR-015"),
    ),
    Mutant(
        "register 620 says that there is a meter whatever is set",
        REGISTERS,
        'return int(device.parameters.flag("External Meter Support"))',
        "return 1",
        ids=("MEN-MTR-029",),
    ),
    Mutant(
        "the meter's port is offered without External Meter Support",
        PARAMETERS,
        f"502,,yes,{WITH_METER}",
        f"502,,yes,{MASTERS},Load Management > Dynamic Load Management",
        ids=("MEN-MTR-029",),
    ),
    Mutant(
        "Meter configuration (Second) is not looked at",
        SECOND_METER,
        "METERS.get(parameters.text(KIND))",
        'METERS["Modbus Siemens 7KM2200 (TCP)"]',
        ids=("MEN-MTR-030",),
    ),
    Mutant(
        "the meter is always looked for at the note's address",
        SECOND_METER,
        WHERE,
        '"192.168.0.2", parameters.whole("Port number of Second Meter")',
        ids=("MEN-MTR-031",),
    ),
    Mutant(
        "the meter is always asked on port 502",
        SECOND_METER,
        WHERE,
        'parameters.text("IP address of second meter"), 502',
        ids=("MEN-MTR-032", "MEN-MTR-065"),
    ),
    Mutant(
        "the Main Distribution Limit is always 100 A",
        DEVICE,
        MAIN,
        "main_a=PerPhase.all(100.0) if metered else None",
        ids=("MEN-MTR-033",),
    ),
    Mutant(
        "the headroom of L1 counts on every phase",
        DLM,
        BOUND,
        BOUND.replace("limits.headroom_a", "PerPhase.all(limits.headroom_a.l1)"),
        ids=("MEN-MTR-034", "MEN-MTR-054", "MEN-MTR-055"),
    ),
    load("option 1: the headroom is ignored", OPTION_1, "metered_a - limits.headroom_a", "MEN-MTR-034", "MEN-MTR-054"),
    load(
        "option 2: the headroom is ignored",
        OPTION_2,
        "metered_a - charging_a - limits.headroom_a",
        *("MEN-MTR-034", "MEN-MTR-055"),
    ),
    Mutant(
        "External Meter Location means Including whatever is set",
        DEVICE,
        LOCATION,
        "meter_includes_evse=True",
        ids=("MEN-MTR-007", "MEN-MTR-036", "MEN-MTR-051"),
    ),
    Mutant(
        "External Meter Location means Excluding whatever is set",
        DEVICE,
        LOCATION,
        "meter_includes_evse=False",
        ids=("MEN-MTR-007", "MEN-MTR-037", "MEN-MTR-051", "MEN-MTR-053"),
    ),
    Mutant(
        "the higher of the two distribution limits decides",
        DLM,
        LOWEST,
        LOWEST.replace("min", "max"),
        ids=("MEN-MTR-038", "MEN-MTR-062"),
    ),
    Mutant(
        "what an energy manager writes has no effect",
        DEVICE,
        "operator_a = PerPhase(*(self.operator_written_a.get(phase, set_a[phase]) for phase in PHASES))",
        "operator_a = set_a",
        ids=("MEN-MTR-039",),
    ),
    Mutant(
        "what an energy manager writes counts on L1",
        REGISTERS,
        "self._device.operator_written_a[name[-2:]] = number",
        'self._device.operator_written_a["L1"] = number',
        ids=("MEN-MTR-039",),
    ),
    # --- worked examples
    Mutant(
        "nobody charges when it is too little for all",
        DLM,
        "if claim.cap_a >= MINIMUM_A and all(left[phase] >= MINIMUM_A for phase in claim.phases):",
        "if claim.cap_a >= MINIMUM_A and min(left) >= MINIMUM_A * (len(claims) - len(rising)):",
        ids=("MEN-MTR-042",),
    ),
    Mutant(
        "a redistribution takes back 5 A of a point at most",
        DLM,
        "slave.target_a = shares[slave.report.name]",
        "slave.target_a = max(shares[slave.report.name], slave.granted_a - 5)",
        ids=("MEN-MTR-042", "MEN-MTR-049"),
    ),
    Mutant(
        "a one-phase vehicle is counted on the next phase",
        DLM,
        "used = tuple(wired[i] for i in range(len(wired)) if report.currents_a[i] > UNUSED_A)",
        "used = tuple((wired[i] + 1) % 3 for i in range(len(wired)) if report.currents_a[i] > UNUSED_A)",
        ids=("MEN-MTR-043",),
    ),
    Mutant(
        "the external load is taken off the lowest limit",
        DLM,
        BOUND,
        "bound = bound.combine(limits.main_a, min) - external_a - limits.headroom_a",
        ids=("MEN-MTR-044", "MEN-MTR-062"),
    ),
    Mutant(
        "a rotated point's own current is taken off its conductors' phases",
        DLM,
        "grid[phase] += self.report.currents_a[conductor]",
        "grid[conductor] += self.report.currents_a[conductor]",
        ids=("MEN-MTR-007", "MEN-MTR-045"),
    ),
    load(
        "the points' own current is not taken off",
        OPTION_2,
        "metered_a",
        *("MEN-MTR-045", "MEN-MTR-048", "MEN-MTR-050", "MEN-MTR-051"),
    ),
    load(
        "the points' own current is taken off twice",
        OPTION_2,
        "metered_a - charging_a * 2",
        *("MEN-MTR-045", "MEN-MTR-048", "MEN-MTR-049", "MEN-MTR-055"),
    ),
    Mutant(
        "what a vehicle leaves is given to nobody",
        DLM,
        "if taken_a <= expected_a - UNUSED_A + NOISE_A:",
        "if taken_a < -UNUSED_A:",
        ids=("MEN-MTR-050", "MEN-MTR-063"),
    ),
    Mutant(
        "the points' own current is taken off wherever the meter is said to be",
        DLM,
        IS_OPTION_2,
        "        elif limits.main_a:\n",
        ids=("MEN-MTR-036", "MEN-MTR-052"),
    ),
    load("option 1: nothing is given out", OPTION_1, "PerPhase.all(9999.0)", "MEN-MTR-052"),
    Mutant(
        "a wrong meter location is not reported",
        "emulators/kit/site.py",
        "if said.casefold()[:6] != place[:6]:",
        "if not place:",
        ids=("MEN-MTR-052", "MEN-MTR-053"),
    ),
    # --- meters without values, or with absurd ones
    load(
        "option 2: a lost meter means no load",
        FALLBACK,
        "PerPhase.zero() if limits.meter_includes_evse else limits.fallback_a",
        *("MEN-MTR-035", "MEN-MTR-056", "MEN-MTR-057", "MEN-MTR-058", "MEN-MTR-059", "MEN-MTR-060"),
    ),
    load(
        "option 1: a lost meter means no load",
        FALLBACK,
        "limits.fallback_a if limits.meter_includes_evse else PerPhase.zero()",
        *("MEN-MTR-035", "MEN-MTR-056", "MEN-MTR-057", "MEN-MTR-058", "MEN-MTR-059", "MEN-MTR-060"),
    ),
    load(
        "option 2: what the points draw is taken off the fallback too",
        FALLBACK,
        "limits.fallback_a - charging_a if limits.meter_includes_evse else limits.fallback_a",
        *("MEN-MTR-057", "MEN-MTR-058", "MEN-MTR-059"),
    ),
    load(
        "the fallback of L1 counts on every phase",
        FALLBACK,
        "PerPhase.all(limits.fallback_a.l1)",
        *("MEN-MTR-035", "MEN-MTR-057", "MEN-MTR-058"),
    ),
    load(
        "a fallback of 9999 A means none",
        FALLBACK,
        "limits.fallback_a.map(lambda a: a if a < 9999 else 0.0)",
        *("MEN-MTR-035", "MEN-MTR-056"),
    ),
    load(
        "a fallback counts above 60 A only",
        FALLBACK,
        "limits.fallback_a.map(lambda a: a if a > 60 else 0.0)",
        "MEN-MTR-057",
    ),
    load("a fallback counts as 60 A at most", FALLBACK, "limits.fallback_a.map(lambda a: min(a, 60.0))", "MEN-MTR-058"),
    Mutant(
        "the dashboard does not say that the meter is lost",
        DEVICE,
        "errors = [METER_ERROR] if self._meter is not None and self._meter.lost else []",
        "errors = []",
        ids=("MEN-MTR-056", "MEN-MTR-059", "MEN-MTR-065"),
    ),
    Mutant(
        "a meter that was lost is never found again",
        SECOND_METER,
        "if lost != self.lost:",
        "if lost > self.lost:",
        ids=("MEN-MTR-056", "MEN-MTR-059"),
    ),
    Mutant(
        "a meter that does not answer shows 0 A",
        SECOND_METER,
        "    except ModbusFault:\n        return None",
        "    except ModbusFault:\n        return PerPhase.zero()",
        ids=("MEN-MTR-056", "MEN-MTR-057", "MEN-MTR-058", "MEN-MTR-059"),
    ),
    Mutant(
        "a phase that is not a number counts as 0 A",
        READABLE,
        "        if not all(map(math.isfinite, raw)) or self.absent in raw:",
        "        raw = [value if math.isfinite(value) else 0.0 for value in raw]\n        if self.absent in raw:",
        ids=("MEN-MTR-060",),
    ),
    Mutant(
        "a frozen meter goes on", PAC2200, "if not self.frozen:", "if self.frozen is not None:", ids=("MEN-MTR-060",)
    ),
    # --- directions
    load("option 1: feed-in is clamped at 0", OPTION_1, "metered_a.map(lambda a: max(0.0, a))", "MEN-MTR-061"),
    load(
        "option 2: feed-in is clamped at 0",
        OPTION_2,
        "(metered_a - charging_a).map(lambda a: max(0.0, a))",
        "MEN-MTR-061",
    ),
    Mutant(
        "each phase has the direction of the sum",
        READABLE,
        "math.copysign(i, p)",
        "math.copysign(i, sum(signs))",
        ids=("MEN-MTR-061",),
    ),
    Mutant(
        "a meter's current is taken without a direction",
        READABLE,
        "math.copysign(i, p)",
        "abs(i)",
        ids=("MEN-MTR-061",),
    ),
    # --- errata
    Mutant(
        "a meter may have a charging station's address",
        SITE_CHECKS,
        '        if owner != name:\n            text = f"{address!r} is used by',
        '        if owner != name and section != "meters":\n            text = f"{address!r} is used by',
        ids=("MEN-MTR-064",),
    ),
    Mutant(
        "PAC 2200 is an order number too",
        PAC2200_FAMILY,
        'variants=("7KM2200-2EA30-1EA1",',
        'variants=("PAC 2200", "7KM2200-2EA30-1EA1",',
        ids=("MEN-MTR-066",),
    ),
    Mutant(
        "the form has a second text for the Siemens meter",
        PARAMETERS,
        "No meter|Modbus Siemens 7KM2200 (TCP)|",
        "No meter|Modbus Siemens 7KM2200 (TCP)|Modbus Siemens PAC2200 (TCP)|",
        ids=("MEN-MTR-066",),
    ),
    # --- registers of the meters that no statement names
    Mutant(
        "a PAC2200 sums up the amounts of its phases' powers",
        PAC2200,
        "    total_w = sum(powers)\n",
        "    total_w = sum(map(abs, powers))\n",
        (Check(f"{SUITES}/energy_meter.robot", "The Siemens Meter Shows What Flows On Each Phase"),),
    ),
    Mutant(
        "an EEM-MB371 sums up the amounts of its phases' powers",
        EEM,
        "sum(reading.export_wh), sum(powers_w)",
        "sum(reading.export_wh), sum(map(abs, powers_w))",
        (
            Check(
                f"{SUITES}/energy_meter_rogowski.robot", "The Meter With Rogowski Coils Shows What Flows On Each Phase"
            ),
        ),
    ),
)
