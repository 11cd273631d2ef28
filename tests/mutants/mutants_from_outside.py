"""Planted faults of repairs: scripted answers, real serial ports, what is left on an engine."""

from __future__ import annotations

from mutant import Check, Mutant

API = "emulators/backend/api.py"
P1_PORT = "tests/site/test_site_p1_port.py"
OWNERS = "tests/unit/compose/test_compose_owners.py"
BACKEND = "tests/protocol/test_protocol_backend.py"

MUTANTS_FROM_OUTSIDE = (
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
    Mutant(
        "a pty is asked for a format that it has not",
        "hil/lines/real.py",
        "has_format = not _is_pty(port)",
        "has_format = True",
        (Check(P1_PORT, "a_pty_takes_any_format"),),
    ),
    Mutant(
        "an error of the terminal is none of the port's",
        "hil/lines/real.py",
        "PORT_ERRORS: Final = (OSError, ValueError, termios.error)",
        "PORT_ERRORS: Final = (OSError, ValueError)",
        (Check(P1_PORT, "cannot_have_the_format"),),
    ),
    Mutant(
        "a reader on a real port that went away goes on reading it",
        "hil/lines/real.py",
        "            self._let_go()\n            self._lost(error)\n            return\n        self._receive",
        "            return\n        self._receive",
        (Check("tests/unit/process/test_process_serial_tcp.py", "goes_away"),),
    ),
    Mutant(
        "a reader looks once for a real port that went away",
        "hil/lines/real.py",
        "        self._loop.call_later(RETRY_REAL_S, self._look)\n",
        "            self._loop.call_later(RETRY_REAL_S, self._look)\n",
        (Check("tests/unit/process/test_process_serial_tcp.py", "goes_away"),),
    ),
    Mutant(
        "clean takes runs that live too",
        "hil/cli/compose.py",
        "if one.life is owners.Life.DEAD]",
        "if one.life is not owners.Life.UNKNOWN]",
        (Check(OWNERS, "nobody_alive"),),
    ),
    Mutant(
        "clean takes runs of which nobody knows whether they live",
        "hil/cli/compose.py",
        "if one.life is owners.Life.DEAD]",
        "if one.life is not owners.Life.ALIVE]",
        (Check(OWNERS, "nobody_alive"),),
    ),
    Mutant(
        "with no project to clean everything is cleaned",
        "hil/compose/engine.py",
        "if projects is not None:",
        "if projects:",
        (Check(OWNERS, "nothing_dead"),),
    ),
    Mutant(
        "clean takes the images that a live run needs",
        "hil/cli/compose.py",
        "if args.images and not left:",
        "if args.images:",
        (Check(OWNERS, "nobody_alive"),),
    ),
    Mutant(
        "a process that has another's number is taken for it",
        "hil/compose/owners.py",
        "Life.ALIVE if _owner(int(pid)) == owner",
        "Life.ALIVE if _owner(int(pid))",
        (Check(OWNERS, "lives_here_or_not"),),
    ),
    Mutant(
        "a container that has vanished is not missed",
        "hil/compose/project.py",
        "sorted(self._services - states.keys())",
        "sorted(states.keys() - self._services)",
        (Check("tests/unit/compose/test_compose_up.py", "no_healthy_one"),),
    ),
    Mutant(
        "a runner that has vanished is started all the same",
        "hil/compose/up.py",
        "if not is_usable(self._runner):",
        "if False:",
        (Check("tests/unit/compose/test_compose_up.py", "made_anew_and_joins"),),
    ),
    Mutant(
        "a worker elsewhere that dies before its first test fails them all",
        "hil/run/parallel.py",
        "self._tries = 1 if command is None else TRIES_ELSEWHERE",
        "self._tries = 1",
        (Check("tests/unit/house/test_workers_elsewhere.py", "started_again"),),
    ),
)
