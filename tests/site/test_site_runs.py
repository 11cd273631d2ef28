"""Whole runs as processes: equal hashes, `[Timeout]`, Ctrl-C, farm time, in the ways that people start Robot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hil.clock import FarmLoop
from hil.trace import run_hash

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "robot" / "suites" / "keywords" / "observations.robot"
TESTS = (
    "Registers By Their Documented Names",
    "What A Point Signals",
    "Only Some Points Charge",
    "Vehicles With One Phase",
)
BIN = Path(sys.executable).parent
POINTS = 100

Process = subprocess.Popen[str]


def start(folder: Path, *words: str, **settings: str) -> Process:
    """Start a program of the environment in a folder of its own."""
    folder.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    return subprocess.Popen(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PATH": f"{BIN}:{os.environ['PATH']}", **settings},  # pabot calls robot
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: Process) -> str:
    """Wait for a program; return what it printed."""
    text, _ = process.communicate(timeout=120)
    return text


def hashes(run: Path) -> dict[str, str]:
    """Return the hash of each test of a run folder."""
    lines = (run / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["test"]: row["sha256"] for row in rows}


def chosen() -> list[str]:
    return [word for test in TESTS for word in ("--test", test)]


def test_the_same_seed_gives_the_same_hash_however_it_is_run(tmp_path: Path) -> None:
    hil = ("hil", "run", str(SUITE), *chosen(), "--seed", "7", "--output", "out")
    pair = [start(tmp_path / name, *hil) for name in ("one", "two")]  # at the same time, on the same addresses' machine
    said = [end(process) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], said
    alone = hashes(tmp_path / "one" / "out")
    assert len(alone) == len(TESTS)
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1] == f"trace: out/trace sha256={run_hash(alone.values())}"

    quiet = ("--console", "none", "--output", "NONE", "--report", "NONE", "--log", "NONE")
    shuffled = start(
        tmp_path / "shuffled", "robot", "--randomize", "tests:3", *chosen(), *quiet, str(SUITE),
        HIL_SEED="7", HIL_RUN_DIR=str(tmp_path / "shuffled"),
    )  # fmt: skip
    parallel = start(
        tmp_path / "parallel", "pabot", "--testlevelsplit", "--processes", "2", "--no-pabotlib", *chosen(), str(SUITE),
        HIL_SEED="7", HIL_RUN_DIR=str(tmp_path / "parallel"),
    )  # fmt: skip
    for process in (shuffled, parallel):
        text = end(process)
        assert process.returncode == 0, text
    assert hashes(tmp_path / "shuffled") == alone
    assert list(hashes(tmp_path / "shuffled")) != list(alone)  # it was another order
    assert hashes(tmp_path / "parallel") == alone


def test_the_same_seed_gives_the_same_hash_on_any_number_of_processes(tmp_path: Path) -> None:
    hil = ("hil", "run", str(SUITE.parent), "--seed", "7", "--output", "out")
    runs = [start(tmp_path / jobs, *hil, "--jobs", jobs) for jobs in ("1", "2")]
    said = [end(process) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert said[0].splitlines()[-2:] == said[1].splitlines()[-2:]
    one, two = (hashes(tmp_path / jobs / "out") for jobs in ("1", "2"))
    assert one == two
    assert list(one) != list(two)  # it was another order
    assert robot_tests(tmp_path / "1" / "out").keys() == robot_tests(tmp_path / "2" / "out").keys()


def test_another_seed_gives_other_traces(tmp_path: Path) -> None:
    pair = [
        start(tmp_path / seed, "hil", "run", str(SUITE), "--test", TESTS[0], "--seed", seed, "--output", "out")
        for seed in ("1", "2")
    ]
    for process in pair:
        assert "1 passed" in end(process)
    one, two = (hashes(tmp_path / seed / "out") for seed in ("1", "2"))
    assert list(one) == list(two)
    assert one != two


def big_site(folder: Path) -> Path:
    """Write a site of 100 charging points, one network of load management."""
    folder.mkdir(exist_ok=True)
    rows = [
        f"  CP{n}: {{type: mennekes_ecu, feeder: F, address: 192.168.0.{n}, parameters: {{DLM Master/Slave: "
        + ("DLM Master (With internal DLM-Slave)" if n == 1 else "DLM Slave (Master-Auto-Discovery)")
        + ", DLM Network Id: 0"
        + (', "EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 1000/1000/1000' if n == 1 else "")
        + (', "Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": 1000/1000/1000' if n == 1 else "")
        + "}}"
        for n in range(1, POINTS + 1)
    ]
    head = "site: big\nfeeders:\n  F: {from: supply}\ndevices:\n"
    (folder / "big.yaml").write_text(head + "\n".join(rows) + "\n")
    return folder / "big.yaml"


KEYWORD_TIMEOUT_S = 1
TEST_TIMEOUT_S = 8  # for a farm of 100 devices that starts, and a keyword that hangs
ENDS_WITHIN_S = 2

HUNG = f"""
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
Hangs
    [Setup]    Start Site    big.yaml
    Plug In Vehicle    CP1
    Wait For Years
    [Teardown]    Every Device Answers

Hangs As A Whole
    [Timeout]    {TEST_TIMEOUT_S} s
    Start Site    big.yaml
    Plug In Vehicle    CP1
    Advance Clock    1000 days
    [Teardown]    Every Device Answers

Goes On
    Start Site    big.yaml
    Plug In Vehicle    CP100    phases=3    max_current=16 A
    Signalled Current    CP100    settles at    16 A
    Charging Current    CP100    settles at    16 A

*** Keywords ***
Wait For Years
    [Timeout]    {KEYWORD_TIMEOUT_S} s
    Advance Clock    1000 days

Every Device Answers
    FOR    ${{number}}    IN RANGE    1    {POINTS + 1}
        Get Register    CP${{number}}    SIGNALED_CURRENT    >=    0 A
    END
"""


def robot_tests(run: Path) -> dict[str, tuple[str, str, float]]:
    """Return status, message and wall time [s] of each test."""
    tests: dict[str, tuple[str, str, float]] = {}
    for test in ElementTree.parse(run / "output.xml").iter("test"):
        status = test.find("status")
        assert status is not None
        tests[test.attrib["name"]] = (status.attrib["status"], status.text or "", float(status.attrib["elapsed"]))
    return tests


def ran(run: Path, test: str, keyword: str) -> Iterator[tuple[str, float, float]]:
    """Yield status, begin and end of each such keyword of a test [s since the test began]."""
    (element,) = (one for one in ElementTree.parse(run / "output.xml").iter("test") if one.attrib["name"] == test)
    own = element.find("status")
    assert own is not None
    began = datetime.fromisoformat(own.attrib["start"])
    for one in element.iter("kw"):
        status = one.find("status")
        if one.attrib["name"] == keyword and status is not None:
            at_s = (datetime.fromisoformat(status.attrib["start"]) - began).total_seconds()
            yield status.attrib["status"], at_s, at_s + float(status.attrib["elapsed"])


def test_timeout_ends_a_hung_keyword_with_100_devices_alive(tmp_path: Path) -> None:
    big_site(tmp_path)
    (tmp_path / "hung.robot").write_text(HUNG)
    process = start(tmp_path, "hil", "run", "hung.robot", "--output", "out")
    text = end(process)
    assert process.returncode == 1, text
    out = tmp_path / "out"
    tests = robot_tests(out)
    assert {name: status for name, (status, _, _) in tests.items()} == {
        "Hangs": "FAIL",
        "Hangs As A Whole": "FAIL",
        "Goes On": "PASS",
    }
    assert tests["Hangs"][1] == f"Keyword timeout {KEYWORD_TIMEOUT_S} second exceeded."  # and no device that is silent
    assert tests["Hangs As A Whole"][1] == f"Test timeout {TEST_TIMEOUT_S} seconds exceeded."
    ((_, began_s, ended_s),) = ran(out, "Hangs", "Advance Clock")
    assert began_s + KEYWORD_TIMEOUT_S <= ended_s + 0.1 < began_s + KEYWORD_TIMEOUT_S + ENDS_WITHIN_S
    ((_, began_s, ended_s),) = ran(out, "Hangs As A Whole", "Advance Clock")
    assert began_s < TEST_TIMEOUT_S <= ended_s + 0.1 < TEST_TIMEOUT_S + ENDS_WITHIN_S
    for test in ("Hangs", "Hangs As A Whole"):
        assert [status for status, _, _ in ran(out, test, "Get Register")] == ["PASS"] * POINTS


STOPPED = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
Waits For Ever
    Start Site    SITE
    FOR    ${number}    IN RANGE    POINTS
        Plug In Vehicle    CP${number + 1}
    END
    Create File Of    started
    Advance Clock    1000 days
    [Teardown]    Create File Of    torn-down

Never Runs
    Start Site    mennekes/car-park

*** Keywords ***
Create File Of
    [Arguments]    ${name}
    Evaluate    open($name, 'w').close()
"""


@pytest.mark.parametrize(
    ("speed", "site", "points"),
    [
        pytest.param("4", "mennekes/car-park", 4, id="scaled"),
        pytest.param("max", "big.yaml", POINTS, id="as fast as it can, 100 devices"),
    ],
)
def test_ctrl_c_fails_the_test_and_leaves_log_and_trace(tmp_path: Path, speed: str, site: str, points: int) -> None:
    big_site(tmp_path)
    (tmp_path / "stopped.robot").write_text(STOPPED.replace("SITE", site).replace("POINTS", str(points)))
    process = start(tmp_path, "hil", "run", "stopped.robot", "--output", "out", "--speed", speed)
    until_real_s = FarmLoop.real_s() + 30
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        assert FarmLoop.real_s() < until_real_s
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    process.send_signal(signal.SIGINT)
    text = end(process)
    assert process.returncode == 130, text
    assert (tmp_path / "torn-down").exists()
    tests = robot_tests(tmp_path / "out")
    assert tests["Waits For Ever"][0] == tests["Never Runs"][0] == "FAIL"
    assert (tmp_path / "out" / "log.html").exists()
    (trace,) = (path for path in (tmp_path / "out" / "trace").glob("*Waits*.jsonl") if ".frames" not in path.name)
    last = json.loads(trace.read_text(encoding="utf-8").splitlines()[-1])
    assert (last["kind"], last["event"]) == ("verdict", "fail")
    assert text.splitlines()[-2] == "0 passed, 2 failed, 0 skipped"
    assert text.splitlines()[-1].startswith("trace: out/trace sha256=")
