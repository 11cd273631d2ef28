"""Planted faults of statements about PV and charging profiles (ALF-PV, ALF-OCPP); see mutant.py."""

from __future__ import annotations

from mutant import Mutant

ALB = "emulators/alfen_ng9xx/alb.py"
BACKEND = "emulators/alfen_ng9xx/backend.py"
DEVICE = "emulators/alfen_ng9xx/device.py"
DISPLAY = "emulators/alfen_ng9xx/display.py"
KEYS = "emulators/alfen_ng9xx/ocpp_keys.csv"
METER = "emulators/alfen_ng9xx/meter.py"
MODEL = "emulators/alfen_ng9xx/model.py"
PROBING = "emulators/alfen_ng9xx/probing.py"
DSMR = "emulators/dsmr_p1/model.py"
SOCOMEC = "emulators/countis_e27/model.py"
P1_READER = "emulators/kit/p1.py"
READABLE = "emulators/kit/readable.py"
COMPOSITE = "emulators/kit/ocpp/profiles/composite.py"
ENGINE = "emulators/kit/ocpp/profiles/engine.py"
POINT = "emulators/kit/ocpp/point"

NOTHING = ("ALF-PV-001", "ALF-PV-005", "ALF-PV-008", "ALF-PV-010", "ALF-PV-014")
TAKEN = ("ALF-PV-002", "ALF-PV-003", "ALF-PV-011", "ALF-PV-015")
RETURNED = ("ALF-PV-004", "ALF-PV-006", "ALF-PV-007", "ALF-PV-009", "ALF-PV-012", "ALF-PV-013", "ALF-PV-016")

_SOCOMEC_A = 'f"I{number}": abs(current_a)'
_SOCOMEC_W = 'f"P{number}": power_w'
_P1_A = 'yield f"current_{suffix}", min(amperes, MOST_A)'
_P1_SIGN = "lambda current, out_w: -current if out_w > 0 else current"
_SOCOMEC_SIGN = "math.copysign(i, p)"
_ACTS = "return Outlook(self._limits[index]"  # the times of the next periods stay as they are
_PROFILE = "limits[Binding.PROFILE] = self.profile_a"

_PV = (
    Mutant(
        "PV: a Socomec meter shows 1 A where nothing flows",
        SOCOMEC,
        _SOCOMEC_A,
        'f"I{number}": max(abs(current_a), 1.0)',
        ids=NOTHING,
    ),
    Mutant(
        "PV: a P1 meter shows 1 A where nothing flows",
        DSMR,
        _P1_A,
        'yield f"current_{suffix}", max(1, min(amperes, MOST_A))',
        ids=NOTHING,
    ),
    Mutant(
        "PV: a Socomec meter does not show less than 3 A",
        SOCOMEC,
        _SOCOMEC_A,
        'f"I{number}": abs(current_a) if abs(current_a) > 3 else 0.0',
        ids=("ALF-PV-002",),
    ),
    Mutant(
        "PV: a P1 meter does not show less than 3 A",
        DSMR,
        _P1_A,
        'yield f"current_{suffix}", min(amperes, MOST_A) if amperes > 3 else 0',
        ids=("ALF-PV-002",),
    ),
    Mutant(
        "PV: the station's own current is missing in the meter current that it reads",
        DISPLAY,
        "(meter_a or PerPhase.zero()).map(_tenths)",
        "((meter_a or PerPhase.zero()) - currents_a).map(_tenths)",
        ids=("ALF-PV-003", "ALF-PV-007", "ALF-PV-008", "ALF-PV-009", "ALF-PV-010", "ALF-PV-011"),
    ),
    Mutant(
        "PV: what a P1 meter takes from the grid shows as returned",
        DSMR,
        "_kilowatts(-watts)\n",
        "_kilowatts(abs(watts))\n",
        ids=TAKEN,
    ),
    Mutant(
        "PV: what a Socomec meter takes from the grid shows as returned",
        SOCOMEC,
        _SOCOMEC_W,
        'f"P{number}": -abs(power_w)',
        ids=TAKEN,
    ),
    Mutant(
        "PV: a P1 meter does not tell what is returned",
        DSMR,
        "_kilowatts(-watts)\n",
        "_kilowatts(0)\n",
        ids=RETURNED,
    ),
    Mutant(
        "PV: a Socomec meter does not tell what is returned",
        SOCOMEC,
        _SOCOMEC_W,
        'f"P{number}": abs(power_w)',
        ids=RETURNED,
    ),
    Mutant(
        "PV: a returned current shows a fifth too large, -12 A for -10 A (Socomec)",
        SOCOMEC,
        _SOCOMEC_A,
        'f"I{number}": abs(current_a) * (1.2 if power_w < 0 else 1)',
        ids=RETURNED,
    ),
    Mutant(
        "PV: a returned current shows a fifth too large, -12 A for -10 A (P1)",
        DSMR,
        "math.floor(abs(current_a) +",
        "math.floor(abs(current_a) * (1.2 if watts < 0 else 1) +",
        ids=("ALF-PV-004", "ALF-PV-006", "ALF-PV-012", "ALF-PV-016"),
    ),
    Mutant(
        "PV: the station reads a returned P1 current as consumption",
        P1_READER,
        _P1_SIGN,
        "lambda current, out_w: current",
        ids=("ALF-PV-004", "ALF-PV-006", "ALF-PV-007", "ALF-PV-009", "ALF-PV-017"),
    ),
    Mutant(
        "PV: the station reads a returned Socomec current as consumption",
        READABLE,
        _SOCOMEC_SIGN,
        "i",
        ids=("ALF-PV-004", "ALF-PV-006", "ALF-PV-007", "ALF-PV-009", "ALF-PV-017"),
    ),
    Mutant(
        "PV: the direction of every P1 current is that of the sum",
        P1_READER,
        _P1_SIGN,
        "lambda current, _: -current if sum(self.power_export_w) > sum(self.power_import_w) else current",
        ids=("ALF-PV-017", "ALF-PV-022"),
    ),
    Mutant(
        "PV: the direction of every Socomec current is that of the sum",
        READABLE,
        _SOCOMEC_SIGN,
        "math.copysign(i, sum(signs))",
        ids=("ALF-PV-017", "ALF-PV-022"),
    ),
    Mutant(
        "PV: a P1 meter that returns on one phase returns on all",
        P1_READER,
        _P1_SIGN,
        "lambda current, _: -current if sum(self.power_export_w) > 0 else current",
        ids=("ALF-PV-017", "ALF-PV-022"),
    ),
    Mutant(
        "PV: a signed register is read as unsigned",
        METER,
        '"signed": "int"',
        '"signed": "uint"',
        ids=("ALF-PV-017",),
    ),
    Mutant(
        "PV: L1 and L2 of a P1 meter are swapped",
        P1_READER,
        '_CURRENT: Final = (b"1-0:31.7.0", b"1-0:51.7.0", ',
        '_CURRENT: Final = (b"1-0:51.7.0", b"1-0:31.7.0", ',
        ids=("ALF-PV-017", "ALF-PV-022"),
    ),
    Mutant(
        "PV: a returned current gives nothing on top of the maximum",
        ALB,
        "return PerPhase.all(maximum_a) - others_a",
        "return PerPhase.all(maximum_a) - others_a.map(lambda other_a: max(0.0, other_a))",
        ids=("ALF-PV-018",),
    ),
    Mutant(
        "PV: a returned current counts half on top of the maximum",
        ALB,
        "return PerPhase.all(maximum_a) - others_a",
        "return PerPhase.all(maximum_a) - others_a.map(lambda other_a: max(other_a / 2, other_a))",
        ids=("ALF-PV-018",),
    ),
    Mutant(
        "PV: a surplus is given above the maximum of station and connector",
        MODEL,
        "limits |= self._balanced(self._vehicle_phases())",
        "limits = self._balanced(self._vehicle_phases()) or limits",
        ids=("ALF-PV-018",),
    ),
    Mutant(
        "PV: what has been allowed once is not lowered",
        ALB,
        "            self.available_a = fresh_a\n",
        "            self.available_a = fresh_a.combine(self.available_a or fresh_a, max)\n",
        ids=("ALF-PV-019",),
    ),
    Mutant(
        "PV: a Modbus meter is asked three times too seldom",
        DEVICE,
        "POLL_S: Final = 10",
        "POLL_S: Final = 30",
        ids=("ALF-PV-019",),
    ),
    Mutant(
        "PV: the surplus of one phase is given to all",
        ALB,
        "others_a = meter_a - own_a if includes_ev else meter_a\n",
        "others_a = meter_a - own_a if includes_ev else meter_a\n    others_a = PerPhase.all(min(others_a))\n",
        ids=("ALF-PV-022",),
    ),
    Mutant(
        "PV: the surplus is shared evenly by the phases",
        ALB,
        "others_a = meter_a - own_a if includes_ev else meter_a\n",
        "others_a = meter_a - own_a if includes_ev else meter_a\n    others_a = PerPhase.all(sum(others_a) / 3)\n",
        ids=("ALF-PV-022",),
    ),
    Mutant(
        "PV: a vehicle on two phases counts on one",
        PROBING,
        "return self._seen if self._done and self._seen else None",
        "return frozenset((min(self._seen),)) if self._done and self._seen else None",
        ids=("ALF-PV-022",),
    ),
    Mutant(
        "PV: the phase with the most decides",
        ALB,
        "max(0.0, min(left_a[phase] for phase in phases))",
        "max(0.0, max(left_a[phase] for phase in phases))",
        ids=("ALF-PV-022",),
    ),
    Mutant(
        "PV: a Socomec meter's powers are its currents",
        SOCOMEC,
        _SOCOMEC_W,
        'f"P{number}": current_a',
        ids=("ALF-PV-023",),
    ),
    Mutant(
        "PV: a P1 meter's powers are its currents",
        DSMR,
        "power_w = [current * voltage for",
        "power_w = [current * (voltage > 0) for",
        ids=("ALF-PV-023",),
    ),
)

_PROFILES = (
    Mutant(
        "profiles: smart charging is no feature of the station",
        f"{POINT}/keys.csv",
        "Reservation,SmartCharging,RemoteTrigger",
        "Reservation,RemoteTrigger",
        ids=("ALF-OCPP-001",),
    ),
    Mutant(
        "profiles: a station for OCPP 1.5 connects by 1.6",
        BACKEND,
        'if parameters.text("OCPP version") == "1.6" else ""',
        'if parameters.text("OCPP version") else ""',
        ids=("ALF-OCPP-001",),
    ),
    Mutant(
        "profiles: the station's firmware stands where its model belongs",
        BACKEND,
        "model=config.variant,",
        "model=config.firmware,",
        ids=("ALF-OCPP-001",),
    ),
    Mutant(
        "profiles: a ChargePointMaxProfile has no effect",
        ENGINE,
        "return lowest_of(self._charge_point(at_utc_ns), drawn)",
        "return drawn",
        ids=("ALF-OCPP-002",),
    ),
    Mutant(
        "profiles: a TxProfile overrules the ChargePointMaxProfile",
        ENGINE,
        "return lowest_of(self._charge_point(at_utc_ns), drawn)",
        "return drawn if drawn.limit is not None else self._charge_point(at_utc_ns)",
        ids=("ALF-OCPP-002",),
    ),
    Mutant(
        "profiles: the ChargePointMaxProfile ends with the transaction",
        ENGINE,
        "one.profile.purpose is Purpose.TX and one.connector == connector)",
        "one.profile.purpose is not Purpose.TX_DEFAULT and one.connector in (0, connector))",
        ids=("ALF-OCPP-002",),
    ),
    Mutant(
        "profiles: a TxDefaultProfile on connector 0 has no effect",
        ENGINE,
        "            *self._stack(Purpose.TX_DEFAULT, 0),\n",
        "",
        ids=("ALF-OCPP-003",),
    ),
    Mutant(
        "profiles: a TxDefaultProfile on a connector has no effect",
        ENGINE,
        "            *self._stack(Purpose.TX_DEFAULT, connector),\n",
        "",
        ids=("ALF-OCPP-003",),
    ),
    Mutant(
        "profiles: the default of connector 0 goes before that of connector 1",
        ENGINE,
        "            *self._stack(Purpose.TX_DEFAULT, connector),\n            *self._stack(Purpose.TX_DEFAULT, 0),\n",
        "            *self._stack(Purpose.TX_DEFAULT, 0),\n            *self._stack(Purpose.TX_DEFAULT, connector),\n",
        ids=("ALF-OCPP-003",),
    ),
    Mutant(
        "profiles: a TxDefaultProfile holds for one transaction",
        ENGINE,
        "one.profile.purpose is Purpose.TX and one.connector == connector)",
        "one.profile.purpose is not Purpose.CHARGE_POINT_MAX and one.connector == connector)",
        ids=("ALF-OCPP-003",),
    ),
    Mutant(
        "profiles: a TxProfile does not overrule the default",
        ENGINE,
        "            *self._stack(Purpose.TX, connector),\n"
        "            *self._stack(Purpose.TX_DEFAULT, connector),\n"
        "            *self._stack(Purpose.TX_DEFAULT, 0),\n",
        "            *self._stack(Purpose.TX_DEFAULT, connector),\n"
        "            *self._stack(Purpose.TX_DEFAULT, 0),\n"
        "            *self._stack(Purpose.TX, connector),\n",
        ids=("ALF-OCPP-004",),
    ),
    Mutant(
        "profiles: the lower of TxProfile and default leads",
        ENGINE,
        "return leading(stack, at_utc_ns, begins_utc_ns if running is None else running.since_utc_ns)",
        "since = begins_utc_ns if running is None else running.since_utc_ns\n"
        "        return lowest_of(*(leading([one], at_utc_ns, since) for one in stack))",
        ids=("ALF-OCPP-004",),
    ),
    Mutant(
        "profiles: a TxProfile holds for the next transaction too",
        ENGINE,
        "        self._remove(lambda one: one.profile.purpose is Purpose.TX and one.connector == connector)\n",
        "",
        ids=("ALF-OCPP-004",),
    ),
    Mutant(
        "profiles: a TxProfile of another transaction is taken",
        ENGINE,
        "if named != running.transaction_id:",
        "if named != running.transaction_id and running.transaction_id is None:",
        ids=("ALF-OCPP-004",),
    ),
    Mutant(
        "profiles: only the first period of a schedule acts",
        COMPOSITE,
        _ACTS,
        "return Outlook(self._limits[0]",
        ids=("ALF-OCPP-005", "ALF-OCPP-009", "ALF-OCPP-014"),
    ),
    Mutant(
        "profiles: a period acts 20 s late",
        COMPOSITE,
        _ACTS,
        "late_s = max(0, (at_utc_ns - start) // NS_PER_S - 20)\n"
        "        return Outlook(self._limits[bisect_right(self._starts_s, late_s) - 1]",
        ids=("ALF-OCPP-005",),
    ),
    Mutant(
        "profiles: the station's total stays that of the first period",
        ENGINE,
        "return leading(self._stack(Purpose.CHARGE_POINT_MAX, 0), at_utc_ns, None)",
        "stack = self._stack(Purpose.CHARGE_POINT_MAX, 0)\n"
        "        first_utc_ns = max((one.profile.start_utc_ns or 0 for one in stack), default=at_utc_ns)\n"
        "        first = leading(stack, min(at_utc_ns, first_utc_ns), None)\n"
        "        return Outlook(first.limit, leading(stack, at_utc_ns, None).until_utc_ns)",
        ids=("ALF-OCPP-005",),
    ),
    Mutant(
        "profiles: clearing one clears all",
        ENGINE,
        "lambda one: request.means(one.connector, one.profile)",
        "lambda one: True",
        ids=("ALF-OCPP-006",),
    ),
    Mutant(
        "profiles: a cleared profile goes on acting",
        ENGINE,
        "        self._settle(rest)\n",
        "        self._installed = rest\n",
        ids=("ALF-OCPP-006",),
    ),
    Mutant(
        "profiles: the lowest stack level leads",
        ENGINE,
        "key=lambda one: -one.request.profile.stack_level",
        "key=lambda one: one.request.profile.stack_level",
        ids=("ALF-OCPP-007",),
    ),
    Mutant(
        "profiles: a level above the highest is taken",
        ENGINE,
        "if profile.stack_level > keys.max_stack_level:",
        "if profile.stack_level > keys.max_stack_level + 1:",
        ids=("ALF-OCPP-007",),
    ),
    Mutant(
        "profiles: the highest level is refused",
        ENGINE,
        "if profile.stack_level > keys.max_stack_level:",
        "if profile.stack_level >= keys.max_stack_level:",
        ids=("ALF-OCPP-007",),
    ),
    Mutant(
        "profiles: ChargeProfileMaxStackLevel is 14",
        KEYS,
        "ChargeProfileMaxStackLevel,integer,,,,15,",
        "ChargeProfileMaxStackLevel,integer,,,,14,",
        ids=("ALF-OCPP-007",),
    ),
    Mutant(
        "profiles: watts are taken too",
        ENGINE,
        "if schedule.unit not in keys.rate_units:",
        "if not keys.rate_units:",
        ids=("ALF-OCPP-008", "ALF-OCPP-013"),
    ),
    Mutant(
        "profiles: the unit is Power",
        KEYS,
        "ChargingScheduleAllowedChargingRateUnit,list,,,,Current,",
        "ChargingScheduleAllowedChargingRateUnit,list,,,,Power,",
        ids=("ALF-OCPP-008", "ALF-OCPP-013"),
    ),
    Mutant(
        "profiles: the 100th period is refused",
        ENGINE,
        "if len(schedule.periods) > keys.max_periods:",
        "if len(schedule.periods) >= keys.max_periods:",
        ids=("ALF-OCPP-009",),
    ),
    Mutant(
        "profiles: a 101st period is taken",
        ENGINE,
        "if len(schedule.periods) > keys.max_periods:",
        "if len(schedule.periods) > keys.max_periods + 1:",
        ids=("ALF-OCPP-009",),
    ),
    Mutant(
        "profiles: the last of 100 periods does not act",
        COMPOSITE,
        _ACTS,
        "return Outlook(self._limits[min(index, 98)]",
        ids=("ALF-OCPP-009",),
    ),
    Mutant(
        "profiles: a 46th is taken",
        ENGINE,
        "if len(others) >= self._keys.max_installed:",
        "if len(others) > self._keys.max_installed:",
        ids=("ALF-OCPP-010", "ALF-OCPP-012"),
    ),
    Mutant(
        "profiles: the 45th is refused",
        ENGINE,
        "if len(others) >= self._keys.max_installed:",
        "if len(others) + 1 >= self._keys.max_installed:",
        ids=("ALF-OCPP-010", "ALF-OCPP-012"),
    ),
    Mutant(
        "profiles: 48 are kept, three purposes at 16 levels",
        KEYS,
        "MaxChargingProfilesInstalled,integer,,,,45,",
        "MaxChargingProfilesInstalled,integer,,,,48,",
        ids=("ALF-OCPP-010", "ALF-OCPP-012"),
    ),
    Mutant(
        "profiles: the stack version is one before 4.7.0",
        KEYS,
        "OCPPStackVersion,text,,,,4.7.0,",
        "OCPPStackVersion,text,,,,4.6.9,",
        ids=("ALF-OCPP-011",),
    ),
    Mutant(
        "profiles: no block after the third acts",
        COMPOSITE,
        _ACTS,
        "return Outlook(self._limits[min(index, 2)]",
        ids=("ALF-OCPP-014",),
    ),
    Mutant(
        "profiles: a block of 0 A limits nothing",
        MODEL,
        "if self.profile_a is not None:",
        "if self.profile_a:",
        ids=("ALF-OCPP-014",),
    ),
    Mutant(
        "profiles: less than 6 A is made 6 A",
        MODEL,
        _PROFILE,
        "limits[Binding.PROFILE] = max(self.profile_a, MINIMUM_OFFER_A)",
        ids=("ALF-OCPP-016",),
    ),
    Mutant(
        "profiles: a limit is rounded to whole amperes",
        MODEL,
        _PROFILE,
        "limits[Binding.PROFILE] = round(self.profile_a)",
        ids=("ALF-OCPP-016",),
    ),
    Mutant(
        "profiles: a vehicle keeps the probing current of 14 A below a profile of 14 A",
        MODEL,
        _PROFILE,
        "limits[Binding.PROFILE] = max(self.profile_a, 14.0)",
        ids=("ALF-OCPP-017",),
    ),
    Mutant(
        "profiles: a profile below what the meter leaves has no effect",
        MODEL,
        "if self.profile_a is not None:",
        "if self.profile_a is not None and self.balancer is None:",
        ids=("ALF-OCPP-019",),
    ),
    Mutant(
        "profiles: a profile leads above what the meter leaves",
        MODEL,
        _PROFILE,
        "limits = {Binding.PROFILE: self.profile_a}",
        ids=("ALF-OCPP-019",),
    ),
    Mutant(
        "profiles: SmartCharging-Mode leaves the factory as OCPP1.5+",
        KEYS,
        "None|OCPP1.5+,None,",
        "None|OCPP1.5+,OCPP1.5+,",
        ids=("ALF-OCPP-022",),
    ),
    Mutant(
        "profiles: SmartCharging-Mode cannot be chosen",
        KEYS,
        "None|OCPP1.5+,None,,RW,",
        "None|OCPP1.5+,None,,R,",
        ids=("ALF-OCPP-022",),
    ),
    Mutant(
        "profiles: the current of L1 is told for every phase",
        f"{POINT}/metering.py",
        "for name in (phase,) if phase is not None else _phases(measurand, lines):\n"
        "                yield from self._one(kind, _of_phase(measured, name), context, name)",
        "for name in (phase,) if phase is not None else _phases(measurand, lines):\n"
        '                yield from self._one(kind, _of_phase(measured, "L1"), context, name)',
        ids=("ALF-OCPP-026",),
    ),
    Mutant(
        "profiles: the current that is told is that of the offer",
        f"{POINT}/metering.py",
        "            measured = of_phases(readings)\n",
        "            measured = of_phases(readings) and PerPhase.all(offered_a)\n",
        ids=("ALF-OCPP-026",),
    ),
    Mutant(
        "profiles: the currents of L1 and L2 are told for each other",
        f"{POINT}/metering.py",
        "            measured = of_phases(readings)\n",
        "            measured = of_phases(readings)\n"
        "            measured = measured and PerPhase(measured.l2, measured.l1, measured.l3)\n",
        ids=("ALF-OCPP-026",),
    ),
    Mutant(
        "profiles: the currents of L2 and L3 are told for each other",
        f"{POINT}/metering.py",
        "            measured = of_phases(readings)\n",
        "            measured = of_phases(readings)\n"
        "            measured = measured and PerPhase(measured.l1, measured.l3, measured.l2)\n",
        ids=("ALF-OCPP-026",),
    ),
    Mutant(
        "profiles: a pause by the station is told as Charging",
        f"{POINT}/connector.py",
        "return Status.SUSPENDED_EVSE if self.plugged else Status.SUSPENDED_EV",
        "return Status.CHARGING",
        ids=("ALF-OCPP-016", "ALF-OCPP-026"),
    ),
)

STATEMENTS_PV_AND_PROFILES: tuple[Mutant, ...] = (*_PV, *_PROFILES)
