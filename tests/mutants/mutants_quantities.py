"""Planted faults of repairs: quantities out of range, stimuli that cannot act."""

from __future__ import annotations

from mutant import Check, Mutant

QUANTITIES = "tests/unit/keywords/test_keywords_quantities.py"
OWN_BACKEND = "tests/site/test_site_own_backend.py"
TABLE = "hil/keywords/quantities.py"

MUTANTS_QUANTITIES = (
    Mutant(
        "keywords run with quantities that are out of range",
        "hil/keywords/Farm.py",
        "            check_ranges(name, self.keywords[name], args, kwargs or {})\n",
        "",
        (Check(QUANTITIES, "called_by_name_is_looked_at"),),
    ),
    Mutant(
        "a load of a keyword may be negative",
        TABLE,
        '    "current": SOURCE_CURRENT,\n',
        '    "current": ANY,\n',
        (Check(QUANTITIES, "out_of_range_is_refused_before"),),
    ),
    Mutant(
        "a keyword's quantity needs no range",
        TABLE,
        '    "max_load": SOURCE_CURRENT,\n',
        "",
        (Check(QUANTITIES, "every_quantity_of_every_keyword"),),
    ),
    Mutant(
        "a site file takes any load",
        "hil/site/values.py",
        "        if number not in SOURCE_CURRENT:",
        "        if False:",
        (Check(QUANTITIES, "source_has_one_range"),),
    ),
    Mutant(
        "hil plug takes any current above 0",
        "hil/cli/hand.py",
        'of_field(VehicleSpec, "max_current_a", "A")',
        "Range(0, without_least=True)",
        (Check(QUANTITIES, "vehicle_has_one_range"),),
    ),
    Mutant(
        "a cut that spares the backend outside passes for a cut",
        "hil/bench/faults.py",
        "        if is_outside(link.host, site.networks.values()):",
        "        if False:",
        (Check(OWN_BACKEND, "our_points_report_to_a_backend_of_the_users"),),
    ),
    Mutant(
        "a reset that spares the backend outside passes for a reset",
        "hil/bench/faults.py",
        '            self._refuse_outside(name, "reset")',
        "            pass",
        (Check(OWN_BACKEND, "our_points_report_to_a_backend_of_the_users"),),
    ),
    Mutant(
        "a point whose backend is outside is said to have a device there",
        "hil/tester/ports.py",
        "        if not route and is_outside(link.host, self._site.networks.values()):",
        "        if False:",
        (Check(OWN_BACKEND, "our_points_report_to_a_backend_of_the_users"),),
    ),
)
