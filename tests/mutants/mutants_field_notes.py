"""Planted faults of repairs: field notes, and what ``hil up`` says of a row."""

from __future__ import annotations

from mutant import Check, Mutant

MUTANTS_FIELD_NOTES = (
    Mutant(
        "a path that ends with a slash gives an address with two",
        "emulators/backend/services.py",
        'inner = text.strip("/")',
        'inner = text.removeprefix("/")',
        (Check("tests/unit/backend/test_backend_system.py", "one_slash"),),
    ),
    Mutant(
        "a row of hil up without a port does not say why",
        "hil/cli/keep.py",
        'return f"no Modbus TCP: {why}" if why else ""',
        'return ""',
        (Check("tests/site/test_site_up.py", "row_without_a_port"),),
    ),
    Mutant(
        "the identification of a Countis is refused as a whole",
        "emulators/countis_e27/model.py",
        "((50000, 50065), (50512, 50573))",
        "((50512, 50573),)",
        (Check("tests/protocol/test_protocol_countis.py", "introduces"),),
    ),
    Mutant(
        "a current of a P1 telegram that cannot be read is 0 A",
        "emulators/kit/p1.py",
        "if phases and not unreadable else None",
        "if phases else None",
        (Check("tests/unit/kit/test_kit_p1.py", "not_0_amperes"),),
    ),
    Mutant(
        "I&M 0 of a PAC2200 has no profile",
        "emulators/pac2200/model.py",
        "_PROFILE.to_bytes(2),",
        "bytes(2),",
        (Check("tests/protocol/test_protocol_pac2200.py", "identification"),),
    ),
)
