"""Planted faults of repairs: scripted answers, real serial ports, what is left on an engine."""

from __future__ import annotations

from mutant import Check, Mutant

API = "emulators/backend/api.py"
BACKEND = "tests/protocol/test_protocol_backend.py"

MUTANTS_REPAIRS_REP1 = (
    Mutant(
        "the doctor is glad of a Python that the clock refuses",
        "hil/cli/doctor.py",
        "tuple(sys.version_info[:2]) in TESTED_PYTHONS",
        "sys.version_info >= (3, 11)",
        (Check("tests/unit/house/test_doctor.py", "what_is_missing"),),
    ),
    Mutant(
        "a scripted answer is checked when it is used",
        API,
        "            if body.is_checked:\n                check_own(",
        "            if False:\n                check_own(",
        (Check(BACKEND, "checked_when_it_is_given"),),
    ),
    Mutant(
        "an unchecked scripted answer may be what JSON cannot say",
        API,
        "            check_json(body.payload)\n",
        "",
        (Check(BACKEND, "checked_when_it_is_given"),),
    ),
    Mutant(
        "fields of an answer have the types that they look like",
        "hil/keywords/topics/ocpp.py",
        'typed(action, fields, kind="confirmation", is_checked=is_checked)',
        'typed(action, fields, kind="confirmation", is_checked=False)',
        (Check("robot/suites/keywords/ocpp.robot", "A Word That Cannot Be Right Says What Is Possible"),),
    ),
    Mutant(
        "a command of the keyword is checked always",
        "hil/keywords/topics/ocpp.py",
        "probe.send(identity, action, payload, is_checked=is_checked)",
        "probe.send(identity, action, payload)",
        (Check("robot/suites/keywords/ocpp.robot", "Answers With Objects And Answers That Break The Schema"),),
    ),
    Mutant(
        "a station's clock goes on where a year has five digits",
        "emulators/kit/ocpp/point/clock.py",
        "min(max(utc_ns, 0), LATEST_UTC_NS)",
        "max(utc_ns, 0)",
        (Check("tests/unit/kit/ocpp/test_ocpp_charge_point.py", "last_year"),),
    ),
)
