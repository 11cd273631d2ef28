"""Planted faults of the site's checks, of sockets, and of what families declare."""

from __future__ import annotations

from mutant import Check, Mutant

SOCKETS = "tests/unit/site/test_site_sockets.py"
READABLE = "emulators/kit/readable.py"
FAULTS = "emulators/kit/faults.py"

MUTANTS_SITE = (
    Mutant(
        "a family is asked once for each of its devices",
        "hil/site/checks.py",
        "    for devices in own.values():\n",
        "    for devices in [own[one.type] for one in site.devices.values()]:\n",
        (Check(SOCKETS, "asked_once"),),
    ),
    Mutant(
        "sockets are counted from 0 in messages",
        "hil/site/document.py",
        "str(part + 1 if",
        "str(part if",
        (Check(SOCKETS, "wrong_with_a_socket"),),
    ),
    Mutant(
        "only a charger's first socket hangs on a phase",
        "hil/site/checks.py",
        "in device.phase_orders():",
        "in device.phase_orders()[:1]:",
        (Check(SOCKETS, "one_phase"),),
    ),
    Mutant(
        "a socket loads the phases of its charger",
        "hil/site/model.py",
        "PerPhase.all(limit), outlet.phase_order",
        "PerPhase.all(limit), device.phase_order",
        (Check(SOCKETS, "do_not_add"),),
    ),
    Mutant(
        "a breaker of another charger's socket guards itself",
        "emulators/mennekes_ecu/site_rules.py",
        "own = all(one.device == outlet.device for one in behind)",
        "own = True",
        (Check("tests/unit/site/test_site_checks.py", "carries_them_all"),),
    ),
    Mutant(
        "the order of words is ignored",
        READABLE,
        "words[::-1] if is_low_first else words",
        "words",
        (Check("tests/unit/kit/test_kit_readable.py", "order"),),
    ),
    Mutant(
        "a value that is not available is read",
        READABLE,
        " or self.absent in raw",
        "",
        (Check("tests/unit/kit/test_kit_readable.py", "no_number"),),
    ),
    Mutant(
        "a fault's number is not held against its range",
        FAULTS,
        " and self.minimum <= float(text) <= self.maximum",
        "",
        (Check("tests/unit/kit/test_kit_faults.py", "out_of_its_range"),),
    ),
)
