"""Planted faults of the EEM-MB371-EIP, of what an ECU knows of it, and of what meters have in common."""

from __future__ import annotations

from mutant import Check, Mutant

REGISTERS = "emulators/eem_mb371/registers.csv"
MODEL = "emulators/eem_mb371/model.py"
DEVICE = "emulators/eem_mb371/device.py"
READABLE = "emulators/mennekes_ecu/meters.csv"
TERMINALS = "emulators/kit/terminals.py"
PROTOCOL = "tests/protocol/test_protocol_eem_mb371.py"
SUITE = "robot/suites/mennekes/energy_meter_rogowski.robot"
SECOND_METER = "emulators/mennekes_ecu/second_meter.py"
WORKS = Check(SUITE, "Meter EEM-MB371-EIP With Rogowski Coils Works")
FED_IN = Check(SUITE, "Energy That Is Fed In At The Meter With Rogowski Coils Is There For The Vehicles")

MUTANTS_METERS = (
    Mutant(
        "the words of a current are swapped",
        REGISTERS,
        '32782,2,float32,1,A,R,I1,"current 1, RMS, never negative",'
        "Bouni/empro_exporter registers.py (EEM-MA370 table); "
        "OpenEMS/openems io.openems.edge.meter.phoenixcontact (EEM-MB370); "
        "mhendriks/P1-Dongel-ESP32 modbus_mappings/modbus_mx3xx_mapping.json,low word first",
        '32782,2,float32,1,A,R,I1,"current 1, RMS, never negative",x,',
        (WORKS, Check(PROTOCOL, "low_word_comes_first")),
    ),
    Mutant(
        "the words of a total are swapped",
        REGISTERS,
        "33026,2,float32,1,varh,R,ER_IMP_TOTAL,total reactive energy demand,"
        "Bouni/empro_exporter registers.py (EEM-MA370 table),low word first",
        "33026,2,float32,1,varh,R,ER_IMP_TOTAL,total reactive energy demand,x,",
        (Check("tests/unit/registers/test_registers_bank.py", "order_of_a_register"),),
    ),
    Mutant(
        "a meter's power loses its sign",
        MODEL,
        'f"P{number}": power_w,',
        'f"P{number}": abs(power_w),',
        (FED_IN,),
    ),
    Mutant(
        "a meter's current has a sign",
        MODEL,
        "reading.currents_a.map(abs), reading.voltage_v",
        "reading.currents_a, reading.voltage_v",
        (Check(PROTOCOL, "block_of_measured_values"),),
    ),
    Mutant(
        "an energy manager's block has a hole",
        REGISTERS,
        "0-255,32823,",
        "0-255,32860,",
        (Check(PROTOCOL, "block_of_measured_values"),),
    ),
    Mutant(
        "a meter takes five clients",
        DEVICE,
        "connection_limit=4,",
        "connection_limit=5,",
        (Check(PROTOCOL, "fifth_client"),),
    ),
    Mutant(
        "a meter counts mA",
        REGISTERS,
        "0-255,32784,2,float32,1,A",
        "0-255,32784,2,float32,0.001,A",
        (WORKS,),
    ),
    Mutant(
        "a meter counts kWh",
        REGISTERS,
        "0-255,33024,2,float32,1,Wh",
        "0-255,33024,2,float32,1000,Wh",
        (Check(PROTOCOL, "block_of_energies"),),
    ),
    Mutant(
        "demand and delivery are swapped",
        MODEL,
        '"EA_EXP_TOTAL": exported_wh,',
        '"EA_EXP_TOTAL": imported_wh,',
        (Check(SUITE, "The Meter With Rogowski Coils Counts Wh"),),
    ),
    Mutant(
        "registers that are written only cannot be read",
        MODEL,
        "(16513, 16515))",
        "(16513, 16514))",
        (Check(PROTOCOL, "same_by_both_functions"),),
    ),
    Mutant(
        "a master reads a meter's currents with their high word first",
        READABLE,
        "32782,32784,32786,float32,CDAB",
        "32782,32784,32786,float32,ABCD",
        (WORKS,),
    ),
    Mutant(
        "a master takes a meter's currents for signed ones",
        READABLE,
        "active power,32798,32800,32802",
        "active power,32782,32784,32786",
        (FED_IN,),
    ),
    Mutant(
        "voltages between phases stand in another order",
        TERMINALS,
        "PerPhase(line_to_line_v(l1_v, l2_v), line_to_line_v(l2_v, l3_v)",
        "PerPhase(line_to_line_v(l2_v, l3_v), line_to_line_v(l1_v, l2_v)",
        (Check("tests/unit/kit/test_kit_terminals.py", "120_degrees"),),
    ),
    Mutant(
        "null is a variant's name",
        "hil/site/document.py",
        "in _VERSIONS and value is not None",
        "in _VERSIONS and node.value",
        (Check("tests/unit/site/test_site_load.py", "takes_a_variant"),),
    ),
    Mutant(
        "the ECU reads a PAC2200 whatever second meter is set",
        SECOND_METER,
        "METERS.get(parameters.text(KIND))",
        "next(iter(METERS.values()))",
        (Check(SUITE, "The Meter Configuration Makes The Master Read An EEM-MB371"),),
    ),
    Mutant(
        "the ECU does not notice that its second meter is silent",
        SECOND_METER,
        "self.lost = lost",
        "self.lost = False",
        (Check(SUITE, "A Meter With Rogowski Coils That Stops Communicating Is Reported"),),
    ),
)
