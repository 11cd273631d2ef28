"""Which planted fault each statement's tests were seen to fail at: what makes a passed test worth something.

``proofs.csv`` is written by ``make mutants`` and read here. One row says that a test was seen to fail (``test``) while
a fault was planted (``fault``); a row without a test is a fault that every test of the statement let pass, a row
without a fault a test that no planted fault was seen to fail. ``inexpressible.yaml`` has the statements that no fault
of a device can violate, and why.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from hil.errors import ScenarioError
from hil.requirements.catalogue import FOLDER

PROOFS: Final = FOLDER / "proofs.csv"
INEXPRESSIBLE: Final = FOLDER / "inexpressible.yaml"
COLUMNS: Final = ("id", "fault", "test", "key")


@dataclass(frozen=True, slots=True)
class Proof:
    """One row of the record.

    Attributes:
        id: The statement.
        fault: The planted fault in words, empty when ``test`` was never seen to fail.
        test: The test as ``Suite / Test``, empty when ``fault`` survived.
        key: Hash of what the row was found with: the fault, the file that it changes and the suites.
    """

    id: str
    fault: str
    test: str
    key: str


@dataclass(frozen=True, slots=True)
class Proven:
    """What is known of one statement's tests.

    Attributes:
        tests: All tests of the suites that carry the id.
        killers: Those that a planted fault was seen to fail.
        survivors: Faults that none of the tests noticed.
        inexpressible: Why no fault can violate the statement, empty when one can.
    """

    tests: frozenset[str] = frozenset()
    killers: frozenset[str] = frozenset()
    survivors: tuple[str, ...] = ()
    inexpressible: str = ""


def short_name(source: object, name: str) -> str:
    """Return how a test is called here: the file and its own name, wherever the run began."""
    return f"{Path(str(source)).stem} / {name}"


def read_proofs(path: Path = PROOFS) -> tuple[Proof, ...]:
    """Return the rows of a record."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Proof(*(row[column] for column in COLUMNS)) for row in csv.DictReader(file))


def write_proofs(rows: Iterable[Proof], path: Path = PROOFS) -> None:
    """Write a record, sorted, so that a repeated check changes nothing."""
    ordered = sorted(rows, key=lambda row: (row.id, row.fault, row.test))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.id, row.fault, row.test, row.key) for row in ordered)


def read_inexpressible(known: Iterable[str], path: Path = INEXPRESSIBLE) -> dict[str, str]:
    """Return why no fault can violate a statement, by id.

    Raises:
        ScenarioError: An unknown id, an id twice, or an empty text.
    """
    texts: dict[str, str] = {}
    every = frozenset(known)
    for row in YAML(typ="safe").load(path.read_text(encoding="utf-8")) or []:
        text = str(row["text"]).strip()
        for entry_id in row["ids"]:
            if entry_id not in every or entry_id in texts or not text:
                raise ScenarioError(f"{path.name}: {entry_id}: not in a catalogue, given twice, or without a text.")
            texts[entry_id] = text
    return texts


def proven(rows: Iterable[Proof], inexpressible: Mapping[str, str]) -> dict[str, Proven]:
    """Return what a record says of each statement."""
    by_id: dict[str, list[Proof]] = {entry_id: [] for entry_id in inexpressible}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    return {
        entry_id: Proven(
            frozenset(row.test for row in found if row.test),
            frozenset(row.test for row in found if row.test and row.fault),
            tuple(row.fault for row in found if not row.test),
            inexpressible.get(entry_id, ""),
        )
        for entry_id, found in by_id.items()
    }


@cache
def shipped(known: frozenset[str]) -> dict[str, Proven]:
    """Return what the product's own record says."""
    return proven(read_proofs(), read_inexpressible(known))
