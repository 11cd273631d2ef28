"""The record of planted faults: written and read the same, and true to the suites."""

from __future__ import annotations

from pathlib import Path

import pytest
from robot.api import TestSuite as Suite

from hil.errors import ScenarioError
from hil.requirements import Catalogue
from hil.requirements.catalogue import ID
from hil.requirements.proofs import Proof, proven, read_inexpressible, read_proofs, shipped, short_name, write_proofs

SUITES = Path(__file__).parents[3] / "robot" / "suites"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [Proof("MEN-SUB-002", "b, with a comma", "s / T", "1"), Proof("MEN-SUB-001", "a", "", "2")]
    write_proofs(rows, tmp_path / "proofs.csv")
    assert read_proofs(tmp_path / "proofs.csv") == (rows[1], rows[0])  # sorted


def test_killers_and_survivors() -> None:
    record = proven(
        [
            Proof("MEN-SUB-001", "a", "s / T", "1"),
            Proof("MEN-SUB-001", "b", "", "1"),
            Proof("MEN-SUB-001", "", "s / U", ""),
        ],
        {"MEN-SUB-002": "why"},
    )
    assert record["MEN-SUB-001"].tests == {"s / T", "s / U"}
    assert record["MEN-SUB-001"].killers == {"s / T"}
    assert record["MEN-SUB-001"].survivors == ("b",)
    assert record["MEN-SUB-002"].inexpressible == "why"


@pytest.mark.parametrize(
    "text",
    [
        "- {ids: [MEN-SUB-999], text: why}",
        "- {ids: [MEN-SUB-001, MEN-SUB-001], text: why}",
        "- {ids: [MEN-SUB-001], text: ''}",
    ],
)
def test_a_text_for_what_no_fault_can_violate_is_checked(tmp_path: Path, text: str) -> None:
    path = tmp_path / "inexpressible.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"inexpressible\.yaml: MEN-SUB-"):
        read_inexpressible(Catalogue.load(), path)


def test_the_products_record_is_of_todays_suites() -> None:
    """A test that was added, renamed or tagged anew wants ``make mutants``, and its record in the same commit."""
    tagged: dict[str, set[str]] = {}
    for test in Suite.from_file_system(SUITES).all_tests:
        for tag in map(str, test.tags):
            if ID.fullmatch(tag):
                tagged.setdefault(tag, set()).add(short_name(test.source, test.name))
    record = shipped(frozenset(Catalogue.load()))
    assert {entry_id: set(one.tests) for entry_id, one in record.items() if one.tests} == tagged


def test_every_behaviour_and_limit_with_a_test_has_a_planted_fault_that_fails_it() -> None:
    catalogue = Catalogue.load()
    record = shipped(frozenset(catalogue))
    tested = [one for one in record if record[one].tests and catalogue[one].kind in ("behaviour", "limit")]
    unproven = [one for one in tested if not (record[one].killers or record[one].inexpressible)]
    assert not unproven
    assert not [one for one in tested if record[one].survivors]


def test_every_test_with_an_id_was_seen_to_fail() -> None:
    """An id on a test that no planted fault fails is a decoration: plant one, or take the id away."""
    assert not [(row.id, row.test) for row in read_proofs() if not row.fault]
