"""Whose fault a failure is: what a keyword cannot take is its author's, an expected finding that never comes is not."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
{tests}
"""

#: A call that cannot be, on the site it is made at, and what it is told in front of what is allowed.
REFUSED: Mapping[str, tuple[str, str]] = {
    "Plug In Vehicle    CP1    phases=4": ("phases=4 is out of range.", "Allowed: 1 to 3."),
    "Plug In Vehicle    CP1    max_current=0 A": (
        "max_current=0 A is out of range.", "Allowed: above 0 A up to 80 A.",
    ),
    "Plug In Vehicle    CP1    phases=0    asks_for=-1 A": (
        "phases=0 is out of range. Allowed: 1 to 3. asks_for=-1 A is negative.", "Allowed: 0 A or more.",
    ),
    "Vehicle Takes    CP1    -1 A": ("current=-1 A is negative.", "Allowed: 0 A or more."),
    "Set Load    house    -1/0/0 A": ("current=-1/0/0 A is negative.", "Allowed: 0 to 10000 A."),
    "Load Varies    house    duration=1 s    max_load=-1 A": ("max_load=-1 A is negative.", "Allowed: 0 to 10000 A."),
    "Load Varies    house    duration=1 s    max_load=1 A    every=0 s": ("every=0 s is out", "above 0 s"),
    "Set Load    house    10001 A": ("current=10001/10001/10001 A is out of range.", "Allowed: 0 to 10000 A."),
    "Set PV    ${{'house'}}    0/-5/0 A": ("current=0/-5/0 A is negative.", "Allowed: 0 to 10000 A."),
    "Drop    CP1    loss=-20 %": ("loss=-20 % is out of range.", "Allowed: above 0 % and below 100 %."),
    "Drop    CP1    loss=100 %": ("loss=100 % is out of range.", "Allowed: above 0 % and below 100 %."),
    "Delay Link    CP1    delay=0 s": ("are both 0 s", "Allowed: one of them above 0 s."),
    "Signalled Current    CP1    is    0 A    tolerance=-1 A": ("tolerance=-1 A is negative.", "Allowed: 0 A or more."),
    "Feeder Current    F3    L1    shall be    3 A": ("'shall be' is no comparison.", "Allowed: is, settles at,"),
    "Feeder Current    F3    is    3 W": ("'3 W' is not a current.", "Write it as '25 A'."),
    "Advance Clock    ${{-1}}": ("'-1' is not a time.", "Write it as '90 s': 0 s or more."),
    "Advance Clock    ${{float('inf')}}": ("'inf' is not a time.", "Write it as '90 s': 0 s or more."),
    "Signalled Current    CP1    is    0 A    within=${{-1}}": ("'-1' is not a time.", "0 s or more."),
    "Page Should Show    CP1    Error(s)    x    within=${{float('inf')}}": ("'inf' is not a time.", "0 s or more."),
    "Get Page Field    CP1    Error(s)    validate    odd": ("Evaluating expression 'odd' failed:", "NameError"),
    "Write Register    CP1    DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L1    -1": (
        "-1 A does not fit into uint16.", "Allowed: what uint16 holds, 0 to 65535 A.",
    ),
    "Points That Charge    is    99    8 A": ("count=99: the site has 4 sockets.", "Allowed: 0 to 4."),
    "Requests Should Come Regularly    CP1    duration=1 s    period=1 s    deviation_pct=-1": (
        "deviation_pct=-1 is negative.", "Allowed: 0 % or more.",
    ),
    "Parameter Should Be Available    CP1    Network Number": ("there is no CP1 parameter 'Network Number'.", ""),
    "Parameter Should Be Available    CP1    DLM Network Id    menu=Loads": ("there is no CP1 menu 'Loads'.", ""),
    "Get Page Field    CP1    Error(s)    matches    (": ("'(' is no regular expression", ""),
    "Finding Should Be Recorded    smoke    F3": ("there is no tripwire 'smoke'.", "Allowed: fuse, limit, live"),
    "Finding Should Be Recorded    limit    ${{'F9'}}": ("there is no node and no socket 'F9'.", "Allowed: supply, "),
    "Retry In Farm Time    often    1 s    Log    x": ("'often' is not a time.", "Or as a count: '5x'."),
    "Retry In Farm Time    3x    1 s    Plug In Vehicle    CP1    phases=4": ("phases=4 is out of range.", "1 to 3."),
}  # fmt: skip

TRIPWIRES: Mapping[str, tuple[str, int, str]] = {
    "It Never Comes": (
        "    Expect Finding    limit\n    Advance Clock    3 minutes", 1,
        "ControllerViolation: Tripwire 'limit' was expected and never touched, until 06:03:00 farm time (180 s).",
    ),
    "It Comes": ("    Expect Finding    limit\n    Set Load    house    161 A\n    Advance Clock    66 s", 0, ""),
    "Another One Comes": (
        "    Expect Finding    limit\n    Expect Finding    fuse\n    Set Load    house    161 A\n"
        "    Advance Clock    66 s", 1, "Tripwire 'fuse' was expected and never touched",
    ),
    "It Came Before": (
        "    Set Load    house    161/0/0 A\n    Run Keyword And Expect Error    *Tripwire*    Advance Clock    66 s\n"
        "    Set Load    house    0 A\n    Expect Finding    limit\n    Advance Clock    66 s", 1,
        "Tripwire 'limit' was expected and never touched",
    ),
    "The Test Fails Anyhow": ("    Expect Finding    limit\n    Fail    was 8 A", 1, "was 8 A"),
}  # fmt: skip


def run(folder: Path, tests: Mapping[str, str], *words: str) -> tuple[int, str, dict[str, tuple[str, str]]]:
    """Run tests; return the exit code, what was said, and how each that did not pass is told in the JUnit file."""
    site = "include: mennekes/car-park\nsite: blame\nloads: {house: {feeder: supply, current_a: 0}}\n"
    (folder / "blame.yaml").write_text(site)
    body = "\n".join(f"{name}\n    Start Site    blame.yaml\n{lines}" for name, lines in tests.items())
    (folder / "blame.robot").write_text(SUITE.format(tests=body))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    done = subprocess.run(
        [sys.executable, "-m", "hil", "run", "blame.robot", "--output", "out", *words],
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    cases = ET.parse(folder / "out" / "junit.xml").getroot().iter("testcase")
    told = {case.attrib["name"]: (one.tag, one.attrib["message"]) for case in cases for one in case}
    return done.returncode, done.stdout, told


def test_what_a_keyword_cannot_take_is_its_authors_with_what_is_allowed(tmp_path: Path) -> None:
    numbered = {f"T{number}": call for number, call in enumerate(REFUSED)}
    code, said, told = run(tmp_path, {name: f"    {call}" for name, call in numbered.items()})
    assert code == 2, said
    for name, call in numbered.items():
        wrong, allowed = REFUSED[call]
        tag, message = told[name]
        assert tag == "error", (call, message)
        assert wrong in message, call
        assert allowed in message.partition(wrong)[2], call
        assert "pydantic" not in message
        assert "Traceback" not in message


def test_a_card_has_a_number(tmp_path: Path) -> None:
    (tmp_path / "blame.robot").write_text("")
    tests = {"T": "    Hold Card To Reader    CP1    ${{'7' * 21}}"}
    code, said, told = run(tmp_path, tests, "--site", "mennekes/backend-lan")
    assert code == 2, said
    assert "is no card's number. Allowed: 1 to 20 characters." in told["T"][1]


def test_an_expected_finding_that_never_comes_fails_the_test(tmp_path: Path) -> None:
    code, said, told = run(tmp_path, {name: lines for name, (lines, _, _) in TRIPWIRES.items()})
    assert code == 1, said
    for name, (_, kind, text) in TRIPWIRES.items():
        assert (name in told) is (kind == 1), said
        if kind:
            assert told[name][0] == "failure"
            assert text in told[name][1]
            assert ("never touched" in told[name][1]) is ("never touched" in text)


def test_an_unknown_need_is_its_authors_with_what_is_known(tmp_path: Path) -> None:
    code, said, told = run(tmp_path, {"T": "    [Tags]    needs:dispaly"})
    assert code == 2, said
    tag, message = told["T"]
    assert tag == "error"
    assert (
        "'needs:dispaly': there is no such capability. Did you mean 'needs:display'? Allowed: backend-api, " in message
    )
    assert ", real-device, " in message


def test_a_row_that_stumbles_over_the_rests_of_another_does_not_change_whose_fault_it_is(tmp_path: Path) -> None:
    rows = (
        "    Plug And See    33 A\n    Plug And See    32 A\n    [Tags]    robot:continue-on-failure\n"
        "*** Keywords ***\nPlug And See\n    [Arguments]    ${amps}\n    Plug In Vehicle    CP1\n"
        "    Signalled Current    CP1    settles at    ${amps}\n"
    )
    code, said, told = run(tmp_path, {"T": rows})
    assert code == 1, said
    tag, message = told["T"]
    assert tag == "failure"
    assert "1) Signalled Current of CP1 should settle at 33 A" in message
    assert "2) ScenarioError: " in message
