"""Planted faults of the statements on sub-distributions and load-management groups (MEN-SUB, MEN-DLM, MEN-NET)."""

from __future__ import annotations

from mutant import Check, Mutant

DLM = "emulators/mennekes_ecu/dlm.py"
MEMBER = "emulators/mennekes_ecu/dlm_member.py"
MODEL = "emulators/mennekes_ecu/model.py"
DEVICE = "emulators/mennekes_ecu/device.py"
BACKEND = "emulators/mennekes_ecu/backend.py"
REGISTERS = "emulators/mennekes_ecu/registers.py"
PARAMETERS = "emulators/mennekes_ecu/parameters.csv"
STORE = "emulators/kit/parameters.py"
RULES = "emulators/mennekes_ecu/site_rules.py"
CAR_PARK = "hil/site/sites/mennekes/car-park.yaml"
TWO_NETWORKS = "hil/site/sites/mennekes/two-networks.yaml"

BOUND = "bound = limits.evse_a.combine(limits.operator_a, min)"
EVSE_ROW = (
    "EVSE Sub-Distribution Limit (L1/L2/L3) [A],per_phase,,0,9999,16/16/16,A,no,DLM Master/Slave=DLM Master (With"
)
MASTERS_ONLY = " internal DLM-Slave)|DLM Master (Standalone),"
EVERY_ROLE = " internal DLM-Slave)|DLM Master (Standalone)|DLM Slave (Master-Auto-Discovery),"
SHARES = "            slave.target_a = shares[slave.report.name]\n"
CLAIM = "        return Claim(name=slave.report.name, phases=slave.phases, cap_a=cap_a)"
USED = "used = tuple(wired[i] for i in range(len(wired)) if report.currents_a[i] > UNUSED_A)"

STATEMENTS_LOAD_MANAGEMENT = (
    # --- who gets how much
    Mutant(
        "both sub-distribution limits count for a point, not for the sum of all",
        DLM,
        "            for phase in claim.phases:\n                left[phase] -= 1\n",
        "",
        ids=("MEN-SUB-001", "MEN-SUB-004", "MEN-SUB-012", "MEN-SUB-017"),
    ),
    Mutant(
        "each point gets its equal part of the limit, also while others are free",
        DLM,
        CLAIM,
        "        cap_a = min(cap_a, int(min(self.available_a)) // len(self.slaves))\n" + CLAIM,
        ids=("MEN-SUB-002", "MEN-SUB-011"),
    ),
    Mutant(
        "nobody gives anything to a vehicle that comes later",
        DLM,
        SHARES,
        "            slave.target_a = max(slave.granted_a, shares[slave.report.name])\n",
        ids=("MEN-SUB-003",),
    ),
    Mutant(
        "a two-phase vehicle is counted on one of its phases",
        DLM,
        USED,
        USED + "\n        used = used[:1] if len(used) == 2 else used",
        ids=("MEN-SUB-004", "MEN-SUB-017", "MEN-SUB-025"),
    ),
    Mutant(
        "a group's sum is held on L1 only, where all its vehicles are",
        DLM,
        "short = {phase for phase in range(3) if left[phase] < users[phase]}",
        "short = {phase for phase in range(1) if left[phase] < users[phase]}",
        ids=("MEN-SUB-025",),
    ),
    Mutant(
        "the limits of L1 count for all phases",
        DLM,
        BOUND,
        BOUND + "\n    bound = PerPhase.all(bound[0])",
        ids=("MEN-SUB-008", "MEN-SUB-009", "MEN-SUB-025"),
    ),
    Mutant(
        "a vehicle is counted on the phase after the one that it loads",
        DLM,
        USED,
        USED + "\n        used = used if len(used) > 1 else tuple((one + 1) % 3 for one in used)",
        ids=("MEN-SUB-025",),
    ),
    Mutant(
        "what a one-phase vehicle takes is not taken off its phase",
        DLM,
        "            share[claim.name] += 1\n            for phase in claim.phases:\n",
        "            share[claim.name] += 1\n            for phase in claim.phases if len(claim.phases) > 1 else ():\n",
        ids=("MEN-SUB-012", "MEN-SUB-025"),
    ),
    Mutant(
        "a rotated point is counted on the phases that it calls so itself",
        DLM,
        "used = tuple(wired[i] for i in",
        "used = tuple(i for i in",
        ids=("MEN-SUB-025",),
    ),
    Mutant(
        "a vehicle is counted on the phases of the one before it",
        DLM,
        "        if not report.connected:\n            self.phases = None\n",
        "",
        ids=("MEN-SUB-025",),
    ),
    Mutant(
        "just the minimum is not enough for a vehicle",
        DLM,
        "left[phase] >= MINIMUM_A for",
        "left[phase] > MINIMUM_A for",
        checks=(Check("robot/suites/mennekes/car_park.robot", "The Vehicle Draws Only What It Is Offered"),),
    ),
    Mutant(
        "the master counts one satellite more than it has",
        REGISTERS,
        "return len(device.member.connected_slaves())",
        "return len(device.member.connected_slaves()) + 1",
        ids=("MEN-SUB-021",),
    ),
    Mutant(
        "what a vehicle leaves at the end of charging stays with it",
        DLM,
        "cap_a = slave.report.cap_a if seen_a is None else min(slave.report.cap_a, seen_a)",
        "cap_a = slave.report.cap_a",
        ids=("MEN-SUB-013",),
    ),
    Mutant(
        "what a vehicle was seen to take is rounded down",
        DLM,
        "math.ceil(taken_a - NOISE_A)",
        "math.floor(taken_a + NOISE_A)",
        ids=("MEN-SUB-013",),
    ),
    Mutant(
        "the vehicle that left is counted on",
        DLM,
        "            slave.target_a = slave.still_a = 0\n            if slave.granted_a:\n",
        "            slave.still_a = 0\n            if False:\n",
        ids=("MEN-SUB-011",),
    ),
    Mutant(
        "the operator's limit does not lower what the points share",
        DLM,
        BOUND,
        "bound = limits.evse_a",
        ids=("MEN-SUB-009", "MEN-SUB-016", "MEN-SUB-023", "MEN-SUB-028", "MEN-SUB-033"),
    ),
    Mutant(
        "the EVSE limit does not bound the operator's",
        DLM,
        BOUND,
        "bound = limits.operator_a",
        ids=("MEN-SUB-008", "MEN-SUB-023", "MEN-SUB-031"),
    ),
    Mutant(
        "an operator limit above the EVSE limit gives 0 A for ever",
        DLM,
        BOUND,
        BOUND + "\n    bound = PerPhase.zero() if max(limits.operator_a) > max(limits.evse_a) else bound",
        ids=("MEN-SUB-023",),
    ),
    Mutant(
        "the cable's rating is ignored by the ECU",
        MODEL,
        "        if self.cable_a is not None:\n            limits.append((int(self.cable_a), Binding.CABLE))\n",
        "",
        checks=(
            Check(
                "robot/suites/mennekes/car_park.robot",
                "Each Point Has Limits Of Its Own And The Others Get What They Leave",
            ),
        ),
    ),
    # --- the load profile
    Mutant(
        "the 24 h profile replaces the configured limits instead of lowering them",
        DLM,
        "bound = bound.combine(limits.scheduled_a, min)",
        "bound = limits.scheduled_a",
        ids=("MEN-SUB-010",),
    ),
    Mutant(
        "the 24 h profile's L1 column counts for all phases",
        DLM,
        "bound = bound.combine(limits.scheduled_a, min)",
        "bound = bound.combine(PerPhase.all(limits.scheduled_a[0]), min)",
        ids=("MEN-SUB-010",),
    ),
    Mutant(
        "the 24 h profile does not act",
        DLM,
        "    if limits.scheduled_a is not None:\n",
        "    if False:\n",
        ids=("MEN-SUB-010",),
    ),
    Mutant(
        "the hours of the 24 h profile are not those of the clock that the backend sets",
        DEVICE,
        "return self._host.utc() if self.backend is None else self.backend.utc",
        "return self._host.utc()",
        ids=("MEN-SUB-010",),
    ),
    Mutant(
        "a load profile without a backend is passed over in silence",
        RULES,
        "if device.parameter(SCHEDULER) and",
        "if False and",
        ids=("MEN-SUB-010",),
    ),
    # --- groups
    Mutant(
        "points of all ids are one group",
        MEMBER,
        "if telegram.network != self._network:",
        "if telegram.network < 0:",
        ids=(
            "MEN-SUB-007",
            "MEN-SUB-014",
            "MEN-SUB-015",
            "MEN-SUB-018",
            "MEN-SUB-021",
            "MEN-SUB-027",
            "MEN-SUB-030",
            "MEN-SUB-033",
            "MEN-SUB-034",
        ),
    ),
    Mutant(
        "a satellite finds no master unless it is told an address",
        MEMBER,
        "case Beacon() if self._point.role == SLAVE_ROLES[0] and",
        "case Beacon() if self._point.role == SLAVE_ROLES[1] and",
        ids=("MEN-SUB-006", "MEN-SUB-007", "MEN-SUB-020", "MEN-SUB-026", "MEN-SUB-029"),
    ),
    Mutant(
        "register 600 numbers an automatic satellite like one with a fixed address",
        MODEL,
        "SLAVE_ROLES[0]: 3, SLAVE_ROLES[1]: 4}",
        "SLAVE_ROLES[0]: 4, SLAVE_ROLES[1]: 3}",
        ids=("MEN-SUB-006", "MEN-SUB-020", "MEN-SUB-026", "MEN-SUB-029"),
    ),
    Mutant(
        "the misprinted Master-Auto-Recovery is offered too",
        PARAMETERS,
        "DLM Slave (Master-Auto-Discovery)|DLM Slave (Master-Fixed-IP),,,Disabled,",
        "DLM Slave (Master-Auto-Discovery)|DLM Slave (Master-Auto-Recovery)|DLM Slave (Master-Fixed-IP),,,Disabled,",
        ids=("MEN-SUB-032",),
    ),
    Mutant(
        "a group whose points hang on two fuses is passed over in silence",
        RULES,
        "            if node != usual:\n",
        "            if False:\n",
        ids=("MEN-SUB-035",),
    ),
    Mutant(
        "a second master of an id is let pass by the site check",
        RULES,
        "for name in group.masters[1:]:",
        "for name in group.masters[2:]:",
        ids=("MEN-DLM-011",),
    ),
    Mutant(
        "a master does not say that another one has its id",
        MEMBER,
        "                self.other_master = telegram.master\n                self._log",
        "                self._log",
        ids=("MEN-DLM-011",),
    ),
    # --- the limits in the forms and registers
    Mutant(
        "the EVSE limit is in the form of a satellite too",
        PARAMETERS,
        "\n" + EVSE_ROW + MASTERS_ONLY,
        "\n" + EVSE_ROW + EVERY_ROLE,
        ids=("MEN-SUB-008", "MEN-SUB-022", "MEN-SUB-028", "MEN-SUB-031", "MEN-SUB-036"),
    ),
    Mutant(
        "the operator's limit is in the form of a satellite too",
        PARAMETERS,
        "\nOperator " + EVSE_ROW + MASTERS_ONLY,
        "\nOperator " + EVSE_ROW + EVERY_ROLE,
        ids=("MEN-SUB-009", "MEN-SUB-023", "MEN-SUB-028", "MEN-SUB-031", "MEN-SUB-036"),
    ),
    Mutant(
        "registers 610 to 612 show the operator's limit",
        REGISTERS,
        '"DLM_EVSE_SUB_DISTRIBUTION_LIMIT": device.parameters.per_phase(\n                "EVSE Sub-Distribution',
        '"DLM_EVSE_SUB_DISTRIBUTION_LIMIT": device.parameters.per_phase(\n'
        '                "Operator EVSE Sub-Distribution',
        ids=("MEN-SUB-008", "MEN-SUB-022", "MEN-SUB-028", "MEN-SUB-031"),
    ),
    Mutant(
        "the registers of a limit show L1 three times",
        REGISTERS,
        "return int(values[name[-2:]] + 0.05)",
        'return int(values["L1"] + 0.05)',
        ids=("MEN-SUB-008", "MEN-SUB-009", "MEN-SUB-022"),
    ),
    Mutant(
        "Save of a form keeps nothing of load management",
        STORE,
        "            self._saved[name] = value\n            if self._table",
        '            if "DLM" not in name and "Sub-Distribution" not in name:\n'
        "                self._saved[name] = value\n            if self._table",
        ids=(
            "MEN-SUB-006",
            "MEN-SUB-007",
            "MEN-SUB-020",
            "MEN-SUB-024",
            "MEN-SUB-026",
            "MEN-SUB-027",
            "MEN-SUB-029",
            "MEN-SUB-030",
        ),
    ),
    Mutant(
        "what was not saved is kept over a restart",
        STORE,
        "        self._edited.clear()\n        self._active = dict(self._saved)",
        "        self._saved |= self._edited\n        self._edited.clear()\n        self._active = dict(self._saved)",
        ids=("MEN-SUB-024",),
    ),
    Mutant(
        "what was not saved acts",
        STORE,
        "        self._edited[name] = value",
        "        self._edited[name] = self._active[name] = value",
        ids=("MEN-SUB-024",),
    ),
    # --- the examples
    Mutant(
        "the supply line of the car park has another fuse than its limit",
        CAR_PARK,
        "F3: {from: supply, fuse: {rating_a: 100,",
        "F3: {from: supply, fuse: {rating_a: 125,",
        ids=("MEN-SUB-005",),
    ),
    Mutant(
        "the sub-distribution limit is compared with the main fuse",
        RULES,
        "watched = [(GROUP_LIMIT, node) for node in _fuses(site, device)]",
        "watched = [(GROUP_LIMIT, SUPPLY)]",
        ids=("MEN-SUB-005", "MEN-SUB-018"),
    ),
    Mutant(
        "both groups of the two networks hang on one line",
        TWO_NETWORKS,
        "  CP2: {feeder: F_ID1,",
        "  CP2: {feeder: F_ID0,",
        ids=("MEN-SUB-018",),
    ),
    # --- what is lost
    Mutant(
        "a satellite that has lost its master goes on as it was told last",
        MEMBER,
        "            self._point.master_lost = True\n",
        "",
        ids=("MEN-DLM-033", "MEN-DLM-034"),
    ),
    Mutant(
        "the master shares out at once what a silent satellite may still draw",
        DLM,
        "                slave.obeyed_ns += self._sample_ns",
        "                slave.obeyed_ns += 0",
        ids=("MEN-DLM-033",),
    ),
    Mutant(
        "what a lost satellite had is never shared out",
        DLM,
        "if not slave.lost and now_ns - slave.heard_ns >= round(SILENT_S * NS_PER_S):",
        "if False:",
        ids=("MEN-DLM-033",),
    ),
    Mutant(
        "without its master a satellite stops, whatever its Disconnected Limit",
        MODEL,
        'limits.append((self._store.whole("Disconnected Limit [A]"), Binding.DISCONNECTED))',
        "limits.append((0, Binding.DISCONNECTED))",
        ids=("MEN-DLM-034",),
    ),
    # --- the gateway's address
    Mutant(
        "the static gateway of the others is not used",
        BACKEND,
        'gateway = parameters.text(GATEWAY) if parameters.text(ETHERNET_MODE) == "Static" else leased',
        'gateway = "" if parameters.text(ETHERNET_MODE) == "Static" else leased',
        ids=("MEN-NET-052",),
    ),
    # --- what only one of a statement's tests can notice
    Mutant(
        "a group gets 100 A at most, whatever its limits",
        DLM,
        "return bound.map(lambda value: max(0.0, value))",
        "return bound.map(lambda value: min(100.0, max(0.0, value)))",
        ids=("MEN-SUB-005",),
    ),
    Mutant(
        "a master that was switched off and on begins to share much later",
        MEMBER,
        "self.master = Master(sample_s=sample_s, start_ns=now_ns)",
        "self.master = Master(sample_s=sample_s, start_ns=10 * now_ns)",
        ids=("MEN-DLM-034",),
    ),
)
