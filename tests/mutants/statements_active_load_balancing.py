"""Planted faults of the statements on Active Load Balancing and P1 meters (ALF-ALB, ALF-P1)."""

from __future__ import annotations

from mutant import Mutant

ALB = "emulators/alfen_ng9xx/alb.py"
DEVICE = "emulators/alfen_ng9xx/device.py"
DISPLAY = "emulators/alfen_ng9xx/display.py"
METER = "emulators/alfen_ng9xx/meter.py"
METERS = "emulators/alfen_ng9xx/meters.csv"
MODEL = "emulators/alfen_ng9xx/model.py"
PARAMETERS = "emulators/alfen_ng9xx/parameters.csv"
SITE_RULES = "emulators/alfen_ng9xx/site_rules.py"
REGISTERS = "emulators/alfen_ng9xx/registers.py"

TAKES = "        self.available_a = fresh_a\n"
LEFT = "        return None if left_a is None else max(0.0, min(left_a[phase] for phase in phases))\n"
STEPS = "steps = math.floor(limits[binding] * STEPS_PER_A + _ROUNDING)"
FRESH = "        if steady or self.available_a is None:\n            self.available_a = fresh_a\n"
SETPOINT = "        self.setpoint = Setpoint(current_a, until_ns)\n"
EMS_LIMIT = "if setpoint is None else {Binding.EMS: setpoint.current_a}"
OTHERS = "    return PerPhase.all(maximum_a) - others_a\n"

STATEMENTS_ACTIVE_LOAD_BALANCING = (
    # --- the meter as the source
    Mutant(
        "ALB: Station maximum current ignored",
        MODEL,
        'Binding.STATION: self._store.number("Station maximum current"),',
        "Binding.STATION: 64.0,",
        ids=("ALF-ALB-002",),
    ),
    Mutant(
        "ALB: the maximum of the socket ignored",
        MODEL,
        'Binding.CONNECTOR: self._store.number("Connector 1 max current"),',
        "Binding.CONNECTOR: 32.0,",
        ids=("ALF-ALB-002",),
    ),
    Mutant(
        "ALB: the cable's rating ignored",
        MODEL,
        "limits[Binding.CABLE] = self.cable_a",
        "pass",
        ids=("ALF-ALB-002",),
    ),
    Mutant(
        "ALB: the present use of the site plays no part, its maximum does",
        ALB,
        OTHERS,
        "    return PerPhase.all(maximum_a)\n",
        ids=("ALF-ALB-002", "ALF-ALB-013", "ALF-ALB-024", "ALF-ALB-040"),
    ),
    Mutant(
        "ALB: a P1 port takes no telegrams",
        DEVICE,
        'elif self.parameters.text("RJ11-Mode") == "DSMR P1":',
        'elif self.parameters.text("RJ11-Mode") != "DSMR P1":',
        ids=("ALF-ALB-003",),
    ),
    Mutant(
        "ALB: L2 of a Modbus meter is read where L1 stands",
        METERS,
        "50528,50530,50532",
        "50528,50528,50532",
        ids=("ALF-ALB-004",),
    ),
    Mutant(
        "ALB: a choice for meters by RS485",
        PARAMETERS,
        "DSMR4.x/SMR5.0 (P1)|Modbus TCP/IP,",
        "DSMR4.x/SMR5.0 (P1)|Modbus TCP/IP|Modbus RTU (RS485),",
        ids=("ALF-ALB-006",),
    ),
    Mutant(
        "ALB: a Modbus meter is read each twelve seconds",
        DEVICE,
        "POLL_S: Final = 10 ",
        "POLL_S: Final = 12 ",
        ids=("ALF-ALB-007",),
    ),
    Mutant(
        "ALB: the vehicle's need plays no part: it counts as if it took what it is offered",
        MODEL,
        "self.balancer.take(meter_a, to_grid(own_a, self._rotation)",
        "self.balancer.take(meter_a, to_grid(PerPhase.all(self.signalled_a), self._rotation)",
        ids=("ALF-ALB-007",),
    ),
    Mutant(
        "ALB: the current is lowered by half an ampere with each reading",
        ALB,
        FRESH,
        "        if steady and self.available_a is not None:\n"
        "            self.available_a = fresh_a.combine(self.available_a, lambda new, old: max(new, old - 0.5))\n"
        "        elif self.available_a is None:\n            self.available_a = fresh_a\n",
        ids=("ALF-ALB-008", "ALF-ALB-040"),
    ),
    Mutant(
        "ALB: readings are believed while the current moves",
        ALB,
        "        if steady or self.available_a is None:\n",
        "        if True:\n",
        ids=("ALF-ALB-008",),
    ),
    Mutant(
        "ALB: the current that was lowered does not rise again",
        ALB,
        "        if steady or self.available_a is None:\n",
        "        if self.available_a is None:\n",
        ids=("ALF-ALB-009", "ALF-ALB-024"),
    ),
    Mutant(
        "ALB: the mean of the phases decides",
        ALB,
        LEFT,
        "        return None if left_a is None else max(0.0, sum(left_a) / 3)\n",
        ids=("ALF-ALB-010",),
    ),
    Mutant(
        "ALB: a vehicle on two phases counts as one on L1",
        MODEL,
        "if used is None or conductor in used)",
        "if used is None or conductor == min(used))",
        ids=("ALF-ALB-010",),
    ),
    Mutant(
        "ALB: phases without the vehicle count too",
        MODEL,
        "limits |= self._balanced(self._vehicle_phases())",
        "limits |= self._balanced(self.wired)",
        ids=("ALF-ALB-010",),
    ),
    Mutant(
        "ALB: Phase rotation ignored in what is left",
        MODEL,
        "return grid_phases(self._rotation)",
        'return grid_phases("L1L2L3")',
        ids=("ALF-ALB-010",),
    ),
    Mutant(
        "ALB: the offer is rounded up to whole amperes",
        MODEL,
        STEPS,
        "steps = math.ceil(limits[binding] - _ROUNDING) * STEPS_PER_A",
        ids=("ALF-ALB-010", "ALF-ALB-013"),
    ),
    Mutant(
        "ALB: less than 6 A and more than 5 A is offered",
        MODEL,
        "if steps >= MINIMUM_OFFER_A * STEPS_PER_A else 0.0",
        "if steps >= 5 * STEPS_PER_A else 0.0",
        ids=("ALF-ALB-011", "ALF-ALB-025"),
    ),
    Mutant(
        "ALB: 6 A exactly is not offered",
        MODEL,
        "if steps >= MINIMUM_OFFER_A * STEPS_PER_A else 0.0",
        "if steps > MINIMUM_OFFER_A * STEPS_PER_A else 0.0",
        ids=("ALF-ALB-011",),
    ),
    Mutant(
        "ALB: a pause does not take the pilot's signal away in what the station shows",
        MODEL,
        "{2 if self.signalled_a else 1}",
        "2",
        ids=("ALF-ALB-011",),
    ),
    Mutant(
        "ALB: half of a change of the house is believed at each reading",
        ALB,
        TAKES + "        else:",
        "            half = fresh_a.combine(self.available_a or fresh_a, lambda new, old: (new + old) / 2)\n"
        "            self.available_a = half\n"
        "        else:",
        ids=("ALF-ALB-013",),
    ),
    Mutant(
        "ALB: a meter that includes the vehicle is read as one that excludes it",
        ALB,
        "others_a = meter_a - own_a if includes_ev else meter_a",
        "others_a = meter_a",
        ids=("ALF-ALB-026",),
    ),
    Mutant(
        "ALB: a meter that excludes the vehicle is read as one that includes it",
        ALB,
        "others_a = meter_a - own_a if includes_ev else meter_a",
        "others_a = meter_a - own_a",
        ids=("ALF-ALB-027", "ALF-ALB-028", "ALF-ALB-039"),
    ),
    Mutant(
        "ALB: a station whose meter excludes the vehicle never charges",
        ALB,
        "others_a = meter_a - own_a if includes_ev else meter_a",
        "others_a = meter_a - own_a if includes_ev else PerPhase.all(maximum_a)",
        ids=("ALF-ALB-028", "ALF-ALB-027"),
    ),
    Mutant(
        "ALB: Protocol Selection does not choose: both are read over Modbus",
        DEVICE,
        "if self.station.protocol == MODBUS:",
        "if self.station.protocol:",
        ids=("ALF-ALB-029",),
    ),
    Mutant(
        "ALB: Protocol Selection does not choose: both are read over P1",
        DEVICE,
        "if self.station.protocol == MODBUS:",
        "if self.station.protocol == LICENCE:",
        ids=("ALF-ALB-029",),
    ),
    Mutant(
        "ALB: the maximum of the meter is 25 A whatever is set",
        MODEL,
        'self._store.number("Maximum smart meter current (A)"), includes_ev',
        "25.0, includes_ev",
        ids=("ALF-ALB-030", "ALF-ALB-031", "ALF-ALB-041"),
    ),
    Mutant(
        "ALB: Safe current is 6 A whatever is set",
        MODEL,
        'return self._store.number("Safe current (A)")',
        "return 6.0",
        ids=("ALF-ALB-031", "ALF-ALB-032", "ALF-ALB-034"),
    ),
    Mutant(
        "ALB: Phase rotation that was set is not believed",
        MODEL,
        "return grid_phases(self._rotation)",
        'return grid_phases("L2L3L1")',
        ids=("ALF-ALB-031",),
    ),
    Mutant(
        "ALB: what the vehicle may draw is lowered although there is enough for all",
        ALB,
        OTHERS,
        "    return PerPhase.all(maximum_a) - others_a.map(lambda a: 2 * a if 0 < a < 12 else a)\n",
        ids=("ALF-ALB-036",),
    ),
    Mutant(
        "ALB: probing is left out",
        MODEL,
        "if self.connected and not self.probing.done:",
        "if False:",
        ids=("ALF-ALB-039",),
    ),
    Mutant(
        "probing is at 14 A whatever is set",
        MODEL,
        'limits[Binding.PROBING] = self._store.number("Chameleon min current (A)")',
        "limits[Binding.PROBING] = 14.0",
        ids=("ALF-PRB-017",),
    ),
    Mutant(
        "less than 6 A is taken for the probing current",
        PARAMETERS,
        "Chameleon min current (A),decimal,,6,32,14",
        "Chameleon min current (A),decimal,,5,32,14",
        ids=("ALF-PRB-017",),
    ),
    # --- the energy management system as the source
    Mutant(
        "ALB: a setpoint has no effect, the safe current holds",
        MODEL,
        EMS_LIMIT,
        "if setpoint is None else {Binding.SAFE: self.safe_a}",
        ids=("ALF-ALB-005",),
    ),
    Mutant(
        "ALB: 1 A more than the setpoint is offered",
        MODEL,
        EMS_LIMIT,
        "if setpoint is None else {Binding.EMS: setpoint.current_a + 1}",
        ids=("ALF-ALB-005", "ALF-ALB-015"),
    ),
    Mutant(
        "ALB: a repeated setpoint of the EMS does not renew its validity",
        MODEL,
        SETPOINT,
        "        if self.setpoint is None or current_a != self.setpoint.current_a:\n"
        "            self.setpoint = Setpoint(current_a, until_ns)\n",
        ids=("ALF-ALB-015", "ALF-ALB-032", "ALF-ALB-043"),
    ),
    Mutant(
        "ALB: with an EMS the maximum of the meter counts too",
        MODEL,
        EMS_LIMIT,
        "if setpoint is None else {\n"
        '            Binding.EMS: min(setpoint.current_a, self._store.number("Maximum smart meter current (A)"))}',
        ids=("ALF-ALB-017", "ALF-ALB-035"),
    ),
    Mutant(
        "ALB: the setpoints of a network are taken as the socket's",
        REGISTERS,
        'if name != "modbus_slave_max_current":',
        'if name != "modbus_slave_max_current" and not name.startswith("scn_max_current"):',
        ids=("ALF-ALB-019",),
    ),
    Mutant(
        "ALB: a setpoint is a minimum too: 6 A at least",
        MODEL,
        SETPOINT,
        "        self.setpoint = Setpoint(max(6.0, current_a), until_ns)\n",
        ids=("ALF-ALB-019", "ALF-ALB-025"),
    ),
    Mutant(
        "ALB: a higher setpoint is not followed",
        MODEL,
        SETPOINT,
        "        least_a = min(current_a, self.setpoint.current_a) if self.setpoint else current_a\n"
        "        self.setpoint = Setpoint(least_a, until_ns)\n",
        ids=("ALF-ALB-025",),
    ),
    Mutant(
        "ALB: a setpoint is followed in whole amperes, rounded down, above 16 A",
        MODEL,
        SETPOINT,
        "        self.setpoint = Setpoint(float(int(current_a)) if current_a > 16.5 else current_a, until_ns)\n",
        ids=("ALF-ALB-025",),
    ),
    Mutant(
        "ALB: the parameters of a meter are offered with an EMS",
        PARAMETERS,
        "Active Load Balancing=On&Data Source=Meter|Meter + EMS monitoring,Smart Charging > Active Load Balancing,"
        "Alfen smart charging implementation guide 5.3.3.1 step 8;",
        "Active Load Balancing=On,Smart Charging > Active Load Balancing,"
        "Alfen smart charging implementation guide 5.3.3.1 step 8;",
        ids=("ALF-ALB-035",),
    ),
    Mutant(
        "ALB: the connection state is in use for ever",
        DISPLAY,
        "in_use = ems_in_use and not station.source_lost",
        "in_use = True",
        ids=("ALF-ALB-043",),
    ),
    Mutant(
        "ALB: the tool shows the most that the socket can give for what is drawn",
        DISPLAY,
        '"Socket currents": f"{currents_a.map(_tenths)} A",',
        '"Socket currents": f"{PerPhase.all(32.0).map(_tenths)} A",',
        ids=("ALF-ALB-044",),
    ),
    Mutant(
        "ALB: a lower setpoint of the EMS lowers the current by 5 A at most",
        MODEL,
        SETPOINT,
        "        before_a = self.setpoint.current_a if self.setpoint else 0.0\n"
        "        self.setpoint = Setpoint(max(current_a, before_a - 5), until_ns)\n",
        ids=("ALF-ALB-044",),
    ),
    # --- losses
    Mutant(
        "ALB: a lost meter's last reading stays in force",
        MODEL,
        "            self.balancer.forget()\n",
        "            pass\n",
        ids=("ALF-ALB-032", "ALF-ALB-038"),
    ),
    Mutant(
        "ALB: the safe current comes with the first question that is not answered at once",
        MODEL,
        "MODBUS_LOST_S: Final = 60",
        "MODBUS_LOST_S: Final = 3",
        ids=("ALF-ALB-032",),
    ),
    Mutant(
        "ALB: a setpoint of the EMS lapses ten minutes late",
        MODEL,
        'round(self._store.number("Validity time (s)") * NS_PER_S)',
        'round((self._store.number("Validity time (s)") + 600) * NS_PER_S)',
        ids=("ALF-ALB-032", "ALF-ALB-043"),
    ),
    Mutant(
        "ALB: another safe current acts before the reboot",
        PARAMETERS,
        "Safe current (A),decimal,,0,32,6,A,yes",
        "Safe current (A),decimal,,0,32,6,A,no",
        ids=("ALF-ALB-034",),
    ),
    Mutant(
        "ALB: the tool shows the last reading of a lost meter",
        ALB,
        "        self.meter_a = self.available_a = None\n\n    def limit_a",
        "        self.available_a = None\n\n    def limit_a",
        ids=("ALF-ALB-038",),
    ),
    # --- settings and what the tool shows
    Mutant(
        "ALB: the station answers no request to read",
        DEVICE,
        "frozenset({3, 6, 16})",
        "frozenset({6, 16})",
        ids=("ALF-ALB-021",),
    ),
    Mutant(
        "ALB: without its licence it acts",
        MODEL,
        'return self._store.text("License Key features") in LICENCES and self',
        "return self",
        ids=("ALF-ALB-022",),
    ),
    Mutant(
        "ALB: another licence does not reboot the station",
        DEVICE,
        "if self.parameters.shown(LICENCE) != self.parameters.text(LICENCE):",
        "if False:",
        ids=("ALF-ALB-022",),
    ),
    Mutant(
        "ALB: the site check is silent about where the meter is",
        SITE_RULES,
        "    if meter is not None:\n",
        "    if False:\n",
        ids=("ALF-ALB-028",),
    ),
    Mutant(
        "ALB: the site check asks for the meter's place with an EMS too",
        SITE_RULES,
        "    if RECEIVED not in offered:\n        return\n",
        "",
        ids=("ALF-ALB-035",),
    ),
    Mutant(
        "ALB: its switch is offered without a licence",
        PARAMETERS,
        "Active Load Balancing,switch,,,,Off,,yes,License Key features=Active Load Balancing|Smart Charging Network,",
        "Active Load Balancing,switch,,,,Off,,yes,,",
        ids=("ALF-ALB-022",),
    ),
    Mutant(
        "ALB: Phase rotation is offered while it is off",
        PARAMETERS,
        "L3L2L1|L1|L2|L3,,,L1L2L3,,yes,License Key features=Active Load Balancing|Smart Charging Network&"
        "Active Load Balancing=On,",
        "L3L2L1|L1|L2|L3,,,L1L2L3,,yes,License Key features=Active Load Balancing|Smart Charging Network,",
        ids=("ALF-ALB-023",),
    ),
    Mutant(
        "ALB: the tool shows the meter's phases in another order",
        DISPLAY,
        '"Smart meter currents": f"{(meter_a or PerPhase.zero()).map(_tenths)} A",',
        '"Smart meter currents": f"{PerPhase(*reversed(list(meter_a or PerPhase.zero()))).map(_tenths)} A",',
        ids=("ALF-ALB-037",),
    ),
    Mutant(
        "ALB: the LED does not tell that more is drawn than is offered",
        DISPLAY,
        'return "dark blue flashing"',
        'return "dark blue steady"',
        ids=("ALF-ALB-042",),
    ),
    # --- P1
    Mutant(
        "P1: rubbish on the line counts as a sign of the meter",
        DEVICE,
        "            self.hmi.log(line)\n        for meter_a",
        "            self.hmi.log(line)\n"
        "            self.station._silent_ns = self._host.now_ns()\n"
        "        for meter_a",
        ids=("ALF-P1-005", "ALF-P1-019"),
    ),
    Mutant(
        "P1: no limit before the first reading",
        MODEL,
        "return {Binding.SAFE: self.safe_a} if left_a is None else {Binding.METER: left_a}",
        "return ({Binding.SAFE: self.safe_a} if self._heard else {}) if left_a is None else {Binding.METER: left_a}",
        ids=("ALF-P1-005", "ALF-P1-020"),
    ),
    Mutant(
        "P1: a loss of ten seconds brings the safe current",
        MODEL,
        "P1_LOST_S: Final = 30",
        "P1_LOST_S: Final = 10",
        ids=("ALF-P1-018",),
    ),
    Mutant(
        "P1: the safe current stays when the telegrams come back",
        MODEL,
        "        if self.balancer is None:\n            return\n",
        "        if self.balancer is None or self.source_lost:\n            return\n",
        ids=("ALF-P1-018", "ALF-ALB-032"),
    ),
    Mutant(
        "P1: the log does not call a CRC error by its name",
        METER,
        'text = "Read CRC Error" if kind == "crc" else self._reader.last_reason[kind]',
        "text = self._reader.last_reason[kind]",
        ids=("ALF-P1-019",),
    ),
    Mutant(
        "P1: a telegram with a wrong CRC is believed",
        "emulators/kit/p1.py",
        "if (crc := crc16.arc(whole)) != int(digits, 16):",
        "if (crc := crc16.arc(whole)) < 0:",
        ids=("ALF-P1-019",),
    ),
    Mutant(
        "P1: the log says of silence from the start what it says after a good phase",
        MODEL,
        'if self._heard else "Unable to start P1 communications"',
        'if True else "Unable to start P1 communications"',
        ids=("ALF-P1-020",),
    ),
    Mutant(
        "P1: the log says of silence after a good phase what it says from the start",
        MODEL,
        'if self._heard else "Unable to start P1 communications"',
        'if False else "Unable to start P1 communications"',
        ids=("ALF-P1-020",),
    ),
    Mutant(
        "P1: the line about the safe mode has no decimals",
        MODEL,
        'self._log(f"Enter ActiveLB safeMode: {self.safe_a:.1f}A")',
        'self._log(f"Enter ActiveLB safeMode: {self.safe_a:.0f}A")',
        ids=("ALF-P1-021",),
    ),
    # --- what only one of a statement's tests can notice
    Mutant(
        "ALB: no P1 telegram is taken while the vehicle draws more than 20 A",
        METER,
        "for meter_a in currents if meter_a is not None]",
        "for meter_a in currents if meter_a is not None and max(own_a) < 20]",
        ids=("ALF-ALB-008",),
    ),
    Mutant(
        "ALB: a connection to a meter that was reset is not opened again",
        "emulators/kit/modbus/client.py",
        "if not self._client.connected and not await self._client.connect():",
        "self.opened = getattr(self, 'opened', 0) + (not self._client.connected)\n"
        "        if not self._client.connected and (self.opened > 1 or not await self._client.connect()):",
        ids=("ALF-ALB-032",),
    ),
)
