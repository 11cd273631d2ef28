"""Planted faults of OCPP's charging profiles."""

from __future__ import annotations

from mutant import Check, Mutant

COMPOSITE = "emulators/kit/ocpp/profiles/composite.py"
ENGINE = "emulators/kit/ocpp/profiles/engine.py"
PAYLOAD = "emulators/kit/ocpp/wire/payload.py"
RATES = "emulators/kit/ocpp/profiles/rates.py"
ORACLE = "tests/unit/kit/ocpp/test_ocpp_profiles_oracle.py"
RULES = "tests/unit/kit/ocpp/test_ocpp_profiles_rules.py"
PAYLOADS = "tests/unit/kit/ocpp/test_ocpp_payloads.py"


def rule(test: str) -> tuple[Check, ...]:
    """Return the test of a rule; what it lets pass, the oracle may see."""
    return (Check(RULES, test), Check(ORACLE, "test_the_limit_of_a_moment_is_that_of_the_composite"))


MUTANTS_OCPP = (
    Mutant(
        "OCPP: the lowest stack level leads",
        ENGINE,
        "key=lambda one: -one.request.profile.stack_level",
        "key=lambda one: one.request.profile.stack_level",
        rule("compliance_case_072"),
    ),
    Mutant(
        "OCPP: a profile still acts at validTo",
        COMPOSITE,
        "at_utc_ns >= valid_to:",
        "at_utc_ns > valid_to:",
        rule("valid_from_counts"),
    ),
    Mutant(
        "OCPP: a schedule outlives its duration",
        COMPOSITE,
        "start + duration_s * NS_PER_S",
        "start + (duration_s + 1) * NS_PER_S",
        rule("duration_cuts_periods_off"),
    ),
    Mutant(
        "OCPP: a recurring schedule acts before its start",
        COMPOSITE,
        "        if at_utc_ns < start:\n",
        "        if at_utc_ns < start and self.profile.kind is not Kind.RECURRING:\n",
        rule("does_not_act_before_its_start"),
    ),
    Mutant(
        "OCPP: a recurring schedule runs beyond its period",
        COMPOSITE,
        "earliest(following, end, again)",
        "earliest(following, end)",
        rule("beyond_the_recurrence"),
    ),
    Mutant(
        "OCPP: a default of connector 0 comes before that of the connector",
        ENGINE,
        "            *self._stack(Purpose.TX_DEFAULT, connector),\n            *self._stack(Purpose.TX_DEFAULT, 0),\n",
        "            *self._stack(Purpose.TX_DEFAULT, 0),\n            *self._stack(Purpose.TX_DEFAULT, connector),\n",
        rule("takes_the_place_of_that_of_all"),
    ),
    Mutant(
        "OCPP: the station's limit does not cap",
        ENGINE,
        "return lowest_of(self._charge_point(at_utc_ns), drawn)",
        "return drawn",
        rule("compliance_case_066"),
    ),
    Mutant(
        "OCPP: a TxProfile outlives its transaction",
        ENGINE,
        "one.profile.purpose is Purpose.TX and one.connector == connector)",
        "one.profile.purpose is Purpose.TX and one.connector != connector)",
        rule("the_end_of_a_transaction"),
    ),
    Mutant(
        "OCPP: any transaction will do",
        ENGINE,
        "if named != running.transaction_id:",
        "if named != running.transaction_id and running.transaction_id is None:",
        rule("needs_its_transaction"),
    ),
    Mutant(
        "OCPP: the same id does not replace",
        ENGINE,
        "return same_place or new.profile.profile_id == old.profile.profile_id",
        "return same_place",
        rule("the_same_id_is_replaced"),
    ),
    Mutant(
        "OCPP: one profile too many is taken",
        ENGINE,
        "if len(others) >= self._keys.max_installed:",
        "if len(others) > self._keys.max_installed:",
        rule("alfen_45_profiles"),
    ),
    Mutant(
        "OCPP: watts are always shared by three phases",
        RATES,
        "number / self._voltage_of(phases)",
        "number / self._voltage_of(3)",
        rule("watts_are_shared"),
    ),
    Mutant(
        "OCPP: a composite schedule rounds up",
        RATES,
        "math.floor(exact * 10) / 10",
        "math.ceil(exact * 10) / 10",
        rule("webasto"),
    ),
    Mutant(
        "OCPP: a second with two limits shows the later one",
        COMPOSITE,
        "begun = (first, lowest(begun[1], piece.limit))",
        "begun = (first, piece.limit)",
        rule("changes_within_one_second"),
    ),
    Mutant(
        "OCPP: the timer waits for what is said again each day",
        ENGINE,
        "            if then != now:\n",
        "            if then is not now:\n",
        rule("beyond_the_recurrence"),
    ),
    Mutant(
        "OCPP: TxProfiles are kept over a restart",
        ENGINE,
        "if one.profile.purpose is not Purpose.TX]}",
        "if one.profile.purpose is not Purpose.CHARGE_POINT_MAX]}",
        rule("what_is_kept_over_a_restart"),
    ),
    Mutant(
        "OCPP: a field too many is not noticed",
        PAYLOAD,
        "            if name not in known:\n",
        "            if name == known:\n",
        (Check(PAYLOADS, "a_wrong_field_is_named"),),
    ),
    Mutant(
        "OCPP: a wrong field is named without its place",
        PAYLOAD,
        "raise error.inside(field) from None",
        "raise error from None",
        (Check(PAYLOADS, "a_wrong_field_is_named"),),
    ),
)
