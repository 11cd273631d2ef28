"""The catalogues are whole, in one vocabulary, the same as their source, and quick to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.errors import ScenarioError
from hil.requirements import Catalogue
from hil.requirements.catalogue import FOLDER, ID, read_reasons

SHARED = Path(__file__).parents[4] / "shared"
COUNTS = {"ALF": 761, "MEN": 498, "CLE": 96, "WEB": 84}


def test_every_entry_is_there() -> None:
    catalogue = Catalogue.load()
    assert {prefix: sum(one.startswith(prefix) for one in catalogue) for prefix in COUNTS} == COUNTS
    assert all(ID.fullmatch(one) for one in catalogue)


def test_the_words_of_stimuli_are_one_vocabulary() -> None:
    words = {word for entry in Catalogue.load().values() for word in entry.stimulus}
    assert "digital-contact" in words
    assert words == {
        "clock", "config", "digital-contact", "ems-write", "ev", "link-cut", "meter-fault", "ocpp-profile", "pv",
        "site-load",
    }  # fmt: skip


def test_derived_numbers_are_known() -> None:
    catalogue = Catalogue.load()
    assert catalogue["MEN-SUB-013"].derived
    assert catalogue["WEB-TIME-005"].derived  # "Proposal": a target of the project, not of the document
    assert not catalogue["MEN-SUB-004"].derived


def test_what_no_software_can_show_has_its_reason() -> None:
    catalogue = Catalogue.load()
    silent = [entry for entry in catalogue.values() if entry.not_testable]
    assert len(silent) == 15
    assert all(entry.hardware == "emulated-only" for entry in silent)
    reason = catalogue.reason("CLE-HW-009")
    assert reason is not None
    assert str(reason) == "not-testable: dimensions and mounting of the housing."
    assert catalogue.reason("MEN-SUB-004") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {ids: [MEN-SUB-999], kind: later-issue, text: x}", "MEN-SUB-999 is in no catalogue"),
        ("- {ids: [MEN-SUB-001..003, MEN-SUB-002], kind: later-issue, text: x}", "MEN-SUB-002 has two reasons"),
        ("- {ids: [MEN-SUB-001], kind: no-time, text: x}", "kind 'no-time' is none of"),
    ],
)
def test_a_wrong_reason_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "reasons.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=complaint):
        read_reasons(path, Catalogue.load())


def test_a_range_stands_for_its_ids(tmp_path: Path) -> None:
    path = tmp_path / "reasons.yaml"
    path.write_text("- {ids: [MEN-SUB-009..011], kind: later-issue, text: x}")
    assert list(read_reasons(path, Catalogue.load())) == ["MEN-SUB-009", "MEN-SUB-010", "MEN-SUB-011"]


@pytest.mark.parametrize(("ours", "theirs"), [("catalogues", "requirements"), ("reference", "reference")])
def test_the_copies_equal_their_source(ours: str, theirs: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the clone to compare with")
    pattern = "*.yaml" if ours == "catalogues" else "*.csv"
    source = {path.name: path.read_bytes() for path in (SHARED / theirs).glob(pattern)}
    assert source
    assert {path.name: path.read_bytes() for path in (FOLDER / ours).glob(pattern)} == source
