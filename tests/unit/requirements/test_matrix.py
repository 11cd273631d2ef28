"""The matrix tells tests, verdicts, reasons and gaps apart, and does not let an invented id pass."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from robot.api import TestSuite as Suite

from hil.errors import ScenarioError
from hil.requirements import Catalogue, matrix, print_matrix, print_waiting
from hil.requirements.matrix import ANY, _waiting

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
    Suite.from_string(text).run(output=str(folder / "output.xml"), console="none")
    return folder


def test_verdicts_reasons_and_gaps(tmp_path: Path) -> None:
    table = matrix(run_of(tmp_path, SUITE), ["MEN-SUB"])
    verdicts = {row.entry.id: row.verdict for row in table.rows}
    assert len(verdicts) == 36
    assert verdicts["MEN-SUB-001"] == "PASS"
    assert verdicts["MEN-SUB-002"] == "FAIL"  # the worst of two
    assert verdicts["MEN-SUB-003"] == "SKIP"  # a skipped test is not a passed one
    assert verdicts["MEN-SUB-019"] == "reason"
    assert verdicts["MEN-SUB-004"] == "GAP"
    gaps = table.gaps(["MEN-SUB"])
    assert "MEN-SUB-004" in gaps
    assert not {"MEN-SUB-001", "MEN-SUB-002", "MEN-SUB-003", "MEN-SUB-019"} & set(gaps)


def test_the_printed_matrix(tmp_path: Path) -> None:
    out = io.StringIO()
    assert print_matrix(run_of(tmp_path, SUITE), [], out) == 0
    text = out.getvalue()
    assert "MEN-SUB-001  PASS    6.1 is for sites whose common supply line" in text
    assert "[derived numbers]" in text
    assert "MEN-SUB-005  FAIL    erratum, the document: The text names fuse F3" in text
    assert "ours: plant element 'F3' = main fuse" in text
    assert "web-interface: The menu path" in text
    assert "MEN-MTR" not in text  # no test of the run touches that area
    assert "36 ids: 1 passed, 2 failed, 1 skipped" in text


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
