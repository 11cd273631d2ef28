"""The matrix tells tests, verdicts, reasons and gaps apart, and does not let an invented id pass."""

from __future__ import annotations

import importlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from robot.api import TestSuite as Suite

from hil.errors import ScenarioError
from hil.requirements import Catalogue, matrix, print_matrix, print_waiting
from hil.requirements.matrix import ANY, Row, _waiting
from hil.requirements.proofs import Proof, Proven, proven

MODULE = importlib.import_module("hil.requirements.matrix")  # the package has a function of that name

SUITE = """\
*** Test Cases ***
Good
    [Tags]    MEN-SUB-001    MEN-SUB-002    mennekes
    Log    fine
Bad
    [Tags]    MEN-SUB-002    MEN-SUB-005
    Fail    no
Cannot
    [Tags]    MEN-SUB-003    needs:relay
    Skip    no relay
"""


def run_of(folder: Path, text: str) -> Path:
    suite = folder / "shown.robot"
    suite.write_text(text, encoding="utf-8")
    Suite.from_file_system(suite).run(output=str(folder / "output.xml"), console="none")
    return folder


@pytest.fixture(autouse=True)
def _own_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What planted faults have shown of the tests above, instead of the product's own record."""
    kill = Proof("MEN-SUB-001", "a fault", "shown / Good", "0")
    record = proven([kill, replace(kill, id="MEN-SUB-002")], {})
    monkeypatch.setattr(MODULE, "shipped", lambda known: record)


def test_verdicts_reasons_and_gaps(tmp_path: Path) -> None:
    table = matrix(run_of(tmp_path, SUITE), ["MEN-SUB"])
    verdicts = {row.entry.id: row.verdict for row in table.rows}
    assert len(verdicts) == 36
    assert verdicts["MEN-SUB-001"] == "passed"
    assert verdicts["MEN-SUB-002"] == "failed"  # the worst of two
    assert verdicts["MEN-SUB-003"] == "skipped"  # a skipped test is not a passed one
    assert verdicts["MEN-SUB-019"] == "reason"
    assert verdicts["MEN-SUB-004"] == "gap"
    gaps = table.gaps(["MEN-SUB"])
    assert "MEN-SUB-004" in gaps
    assert not {"MEN-SUB-001", "MEN-SUB-002", "MEN-SUB-003", "MEN-SUB-019"} & set(gaps)


def test_the_printed_matrix(tmp_path: Path) -> None:
    out = io.StringIO()
    assert print_matrix(run_of(tmp_path, SUITE), [], out) == 0
    text = out.getvalue()
    assert "MEN-SUB-001  passed   6.1 is for sites whose common supply line" in text
    assert "[derived numbers]" in text
    assert "MEN-SUB-005  failed   erratum, the document: The text names fuse F3" in text
    assert "ours: plant element 'F3' = main fuse" in text
    assert "web-interface: The menu path" in text
    assert "MEN-MTR" not in text  # no test of the run touches that area
    assert "36 ids: 1 passed, 0 partly, 2 failed, 1 skipped" in text
    assert text.endswith("2 of 3 tests ran\n")


ALONE = """\
*** Test Cases ***
Good
    [Tags]    MEN-SUB-001
    Log    fine
"""


def row_of(folder: Path, record: dict[str, Proven], text: str = ALONE) -> Row:
    """Return the row of MEN-SUB-001 of a run, given what planted faults have shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "shipped", lambda known: record)
        return matrix(run_of(folder, text), ["MEN-SUB-001"]).rows[0]


KILL = Proof("MEN-SUB-001", "a fault", "shown / Good", "0")


@pytest.mark.parametrize(
    ("rows", "doubts"),
    [
        ([KILL], ()),
        ([], ("no planted fault has been seen to fail its tests",)),
        ([replace(KILL, fault="")], ("no planted fault has been seen to fail its tests",)),
        ([KILL, replace(KILL, test="", fault="another")], ("its tests pass although: another",)),
        ([KILL, replace(KILL, test="other / Second", fault="")], ("1 of 2 tests ran",)),
        (
            [replace(KILL, fault=""), replace(KILL, test="other / Second")],
            ("1 of 2 tests ran", "the test that a planted fault was seen to fail did not run: other / Second"),
        ),
    ],
)
def test_passed_is_said_only_of_what_ran_whole_and_was_seen_to_fail(
    tmp_path: Path, rows: list[Proof], doubts: tuple[str, ...]
) -> None:
    row = row_of(tmp_path, proven(rows, {}))
    assert row.doubts == doubts
    assert row.verdict == ("partly" if doubts else "passed")


def test_a_statement_that_no_fault_can_violate_passes(tmp_path: Path) -> None:
    assert row_of(tmp_path, proven([], {"MEN-SUB-001": "an operator's work"})).verdict == "passed"


def test_a_skipped_test_did_not_run(tmp_path: Path) -> None:
    text = ALONE + "Cannot\n    [Tags]    MEN-SUB-001\n    Skip    no relay\n"
    row = row_of(tmp_path, proven([KILL], {}), text)
    assert (row.verdict, row.doubts) == ("partly", ("1 of 2 tests ran",))


def test_the_printed_matrix_says_why_partly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "shipped", lambda known: proven([], {}))
    out = io.StringIO()
    print_matrix(run_of(tmp_path, ALONE), ["MEN-SUB-001"], out)
    assert "MEN-SUB-001  partly " in out.getvalue()
    assert "partly: no planted fault has been seen to fail its tests" in out.getvalue()


def test_required_ids_without_test_or_reason_fail(tmp_path: Path) -> None:
    run = run_of(tmp_path, SUITE)
    out = io.StringIO()
    assert print_matrix(run, ["MEN-SUB"], out) == 1
    assert "neither test nor reason: MEN-SUB-004, MEN-SUB-006" in out.getvalue()
    assert print_matrix(run, ["MEN-SUB-001", "MEN-SUB-019"], io.StringIO()) == 0


@pytest.mark.parametrize("tag", ["MEN-SUB-999", "ABC-X1-001"])
def test_a_tag_that_looks_like_an_id_must_be_one(tmp_path: Path, tag: str) -> None:
    run = run_of(tmp_path, SUITE.replace("mennekes", tag))
    with pytest.raises(ScenarioError, match=rf"in no catalogue: {tag} \(.*Good\)"):
        matrix(run)


def test_a_prefix_without_ids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no id begins with 'MEN-SUBB'. Known areas: .*MEN-SUB"):
        matrix(run_of(tmp_path, SUITE), ["MEN-SUBB"])


def test_no_run_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no output\.xml"):
        matrix(tmp_path)
    (tmp_path / "output.xml").write_text("<rob")
    with pytest.raises(ScenarioError, match="cannot be read"):
        matrix(tmp_path)


def test_what_waits_for_what(tmp_path: Path) -> None:
    text = SUITE.replace("MEN-SUB-001", "ALF-OCPP-002").replace("MEN-SUB-003", "MEN-GW-001")
    out = io.StringIO()
    assert print_waiting(run_of(tmp_path, text), "ocpp", out) == 0
    lines = out.getvalue().splitlines()
    ids = " ".join(lines)
    assert "ALF-OCPP-002" not in ids  # it has a test
    assert "MEN-GW-001" not in ids  # a skipped test is one too
    assert lines[lines.index("Alfen station with two sockets (Standard Load Balancing) (62)") + 1].startswith(
        "    ALF-SLB-"
    )
    assert any(line.startswith("Stations with an ACU") for line in lines)  # a recorded reason
    assert any(line.startswith("Webasto local controller (") for line in lines)  # of the vendor
    assert any(line.startswith(f"{ANY} (") for line in lines)
    assert lines[-1].startswith("458 ids name ocpp: 2 have a test, 456 wait")


def test_a_channel_that_no_id_names(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no id names the channel 'ocp'. Known: .*ocpp, ocpp-profile"):
        print_waiting(run_of(tmp_path, SUITE), "ocp", io.StringIO())


def test_every_area_that_waits_is_one() -> None:
    areas = {entry_id.rpartition("-")[0] for entry_id in Catalogue.load()}
    vendors = {area.partition("-")[0] for area in areas}
    assert set(_waiting()) <= areas | vendors
