"""A run on several processes: one result, whatever happens to the processes. Tiny suites, no devices."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from hil.run.parallel import known_durations, split
from hil.run.selection import choose

ROOT = Path(__file__).parents[3]

SUITE = """\
*** Settings ***
{settings}
*** Test Cases ***
{first}
{tests}
*** Keywords ***
Note Process
    Evaluate    open('pids', 'a').write(f'{{os.getpid()}}\\\\n')    modules=os
Hang
    Note Process
    Evaluate    open('hanging', 'w').write(str(os.getpid()))    modules=os
    Log To Console    running
    Evaluate    threading.Event().wait(50)    modules=threading
"""


def suite(folder: Path, name: str, first: str = "T0\n    Note Process", settings: str = "", count: int = 8) -> None:
    """Write a suite that is long enough to be shared out."""
    tests = "\n".join(f"T{number}\n    Note Process" for number in range(1, count))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(SUITE.format(first=first, tests=tests, settings=settings))


def start(cwd: Path, *words: str, suites: Sequence[str] = ("suites",)) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST", "COV"))}
    return subprocess.Popen(
        [sys.executable, "-m", "hil", "run", *suites, "--output", "out", *words], cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def until_it_runs(run: subprocess.Popen[str]) -> None:
    assert run.stdout is not None
    while "running" not in (line := run.stdout.readline()):
        assert line, "no test started"


def pids(cwd: Path) -> list[int]:
    return [int(line) for line in (cwd / "pids").read_text().split()]


def results(cwd: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the tests of each suite file in output.xml, with their status."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in ET.parse(cwd / "out" / "output.xml").getroot().iter("suite"):
        tests = [(test.attrib["name"], test.find("status").attrib["status"]) for test in one.findall("test")]  # type: ignore[union-attr]
        if tests:
            assert one.attrib["name"] not in found, "a suite stands twice in the log"
            found[one.attrib["name"]] = tests
    return found


def gone(pid: int) -> bool:
    """Return whether a process is no more (a zombie of somebody else's is none)."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_one_result_of_two_processes(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", count=12)
    suite(tmp_path / "suites" / "deep", "b.robot", first="T0\n    [Tags]    MEN-SUB-001\n    Fail    not so")
    run = start(tmp_path, "--jobs", "2")
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 1, text
    assert text.splitlines()[-2] == "19 passed, 1 failed, 0 skipped"
    assert len(set(pids(tmp_path))) == 2
    assert run.pid not in pids(tmp_path)
    assert results(tmp_path) == {
        "B": [("T0", "FAIL"), *((f"T{n}", "PASS") for n in range(1, 8))],
        "A": [(f"T{n}", "PASS") for n in range(12)],
    }
    assert len(list(ET.parse(tmp_path / "out" / "junit.xml").getroot().iter("testcase"))) == 20
    assert "A                                         12 passed\n" in text
    assert "B                                          7 passed, 1 failed\n" in text
    assert text.count("FAILED  T0\n  not so\n") == 1
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (facts["jobs"], facts["exit_code"]) == (2, 1)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"output.xml", "log.html", "junit.xml", "report.html", "run.json", "trace"}


def test_two_folders_are_one_run(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", count=12)
    suite(tmp_path / "more", "b.robot", count=12)
    run = start(tmp_path, "--jobs", "2", suites=["suites", "more"])
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 0, text
    assert text.splitlines()[-2] == "24 passed, 0 failed, 0 skipped"
    assert len(set(pids(tmp_path))) == 2
    assert ET.parse(tmp_path / "out" / "output.xml").getroot().find("suite").attrib["name"] == "Suites & More"  # type: ignore[union-attr]


def test_one_job_is_one_process_beside_the_run(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", count=12)
    run = start(tmp_path, "--jobs", "1")
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 0, text
    assert len(set(pids(tmp_path))) == 1
    assert run.pid not in pids(tmp_path)


def test_a_suite_setup_runs_once(tmp_path: Path) -> None:
    settings = "Suite Setup    Evaluate    open('setups', 'a').write('x')"
    suite(tmp_path / "suites", "a.robot", count=12, settings=settings)
    suite(tmp_path / "suites", "b.robot", count=12)
    run = start(tmp_path, "--jobs", "2")
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 0, text
    assert (tmp_path / "setups").read_text() == "x"


def test_a_failing_suite_teardown_fails_its_tests(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", settings="Suite Teardown    Fail    left open")
    suite(tmp_path / "suites", "b.robot")
    run = start(tmp_path, "--jobs", "2")
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 1, text
    assert text.splitlines()[-2] == "8 passed, 8 failed, 0 skipped"


def test_a_process_that_dies_costs_its_test_and_is_no_failed_test(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", first="T0\n    Hang")
    run = start(tmp_path, "--jobs", "2")
    until_it_runs(run)
    os.kill(int((tmp_path / "hanging").read_text()), signal.SIGKILL)
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 3, text
    assert "FAILED  T0\n  BenchError: the process that ran this test died: killed by SIGKILL" in text
    assert results(tmp_path) == {"A": [("T0", "FAIL"), *((f"T{n}", "PASS") for n in range(1, 8))]}
    assert all(gone(pid) for pid in pids(tmp_path))


def test_a_process_says_why_it_died(tmp_path: Path) -> None:
    dies = "T0\n    Log To Console    out of paper\n    Evaluate    os._exit(5)    modules=os"
    suite(tmp_path / "suites", "a.robot", first=dies)
    run = start(tmp_path, "--jobs", "2")
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 3, text
    assert "BenchError: the process that ran this test died: exit code 5\n  out of paper" in text


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("ends", "how"),
    [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(1)", "exit code 1"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("sys.exit(1)", "exit code 1"),
    ],
)
def test_a_test_that_ends_its_own_process_is_told_with_everything_else(
    tmp_path: Path, jobs: str, ends: str, how: str
) -> None:
    suite(tmp_path / "suites", "a.robot", first=f"T0\n    Evaluate    {ends}    modules=os, sys")
    run = start(tmp_path, "--jobs", jobs)
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 3, text
    assert f"FAILED  T0\n  BenchError: the process that ran this test died: {how}" in text
    assert "the farm itself failed: T0\n" in text
    assert text.splitlines()[-2] == "7 passed, 1 failed, 0 skipped"
    assert text.splitlines()[-1].startswith("trace: out/trace sha256=")
    (error,) = ET.parse(tmp_path / "out" / "junit.xml").getroot().iter("error")
    assert error.attrib["message"].startswith(f"BenchError: the process that ran this test died: {how}")


def test_ctrl_c_stops_all_processes(tmp_path: Path) -> None:
    hang = "T0\n    Hang\n    [Teardown]    Evaluate    pathlib.Path('torn-down').touch()    modules=pathlib"
    suite(tmp_path / "suites", "a.robot", first=hang, count=20)
    run = start(tmp_path, "--jobs", "2")
    until_it_runs(run)
    run.send_signal(signal.SIGINT)
    text, _ = run.communicate(timeout=30)
    assert run.returncode == 130, text
    assert (tmp_path / "torn-down").exists()
    tests = results(tmp_path)["A"]
    assert len(tests) == 20
    assert tests[0] == ("T0", "FAIL")
    assert (tmp_path / "out" / "log.html").exists()
    assert all(gone(pid) for pid in pids(tmp_path))
    assert text.splitlines()[-1].startswith("trace: out/trace sha256=")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, jobs: str) -> None:
    hang = "T0\n    Hang\n    [Teardown]    Hang"
    suite(tmp_path / "suites", "a.robot", first=hang)
    run = start(tmp_path, "--jobs", jobs)
    for _ in ("the test", "its teardown"):
        until_it_runs(run)
        run.send_signal(signal.SIGINT)
    text, _ = run.communicate(timeout=30)  # far below what the teardown would take
    assert run.returncode == 130, text
    assert results(tmp_path)["A"][0] == ("T0", "FAIL")
    assert all(gone(pid) for pid in pids(tmp_path))


def test_nothing_is_left_when_the_run_itself_is_killed(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", first="T0\n    Hang")
    run = start(tmp_path, "--jobs", "2")
    until_it_runs(run)
    run.kill()
    run.communicate(timeout=90)  # the workers hold the run's standard output no longer than their test
    for pid in set(pids(tmp_path)):
        with contextlib.suppress(ProcessLookupError):
            end = os.pidfd_open(pid)  # readable when the process has ended
            assert select.select([end], [], [], 90)[0]
            os.close(end)


@pytest.mark.parametrize("words", ["0", "-1", "two", "65", "1.5"])
def test_a_wrong_number_of_jobs_is_said(tmp_path: Path, words: str) -> None:
    run = start(tmp_path, "--jobs", words)
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "is no number of processes. Allowed: 1 to 64." in text


def test_the_longest_part_comes_first(tmp_path: Path) -> None:
    suite(tmp_path / "suites", "a.robot", count=6)
    suite(tmp_path / "suites", "b.robot", count=6)
    cases = choose([tmp_path / "suites"])
    usual = split(cases, 2, {})
    assert sorted(len(part) for part in usual) == [2, 2, 4, 4]
    known = {("B", "T3"): 30.0, ("A", "T5"): 10.0}
    parts = [[f"{case.suite.name} {case.name}" for case in part] for part in split(cases, 2, known)]
    assert parts == [
        ["B T3"],
        ["A T5"],
        ["A T0", "A T1", "A T2", "A T3", "A T4"],
        ["B T0", "B T1", "B T2"],
        ["B T4", "B T5"],
    ]
    assert split(cases, 1, known) == [cases]
    assert split(cases[:3], 2, {}) == [cases[:3]]  # not worth a process


def test_durations_of_an_earlier_run(tmp_path: Path) -> None:
    assert known_durations(tmp_path) == {}
    (tmp_path / "junit.xml").write_text("<testsuite><testcase classname='X.A' name='T' time='1.5'/></testsuite>")
    assert known_durations(tmp_path) == {("A", "T"): 1.5}
    (tmp_path / "junit.xml").write_text("<testsuite><testcase class")
    assert known_durations(tmp_path) == {}
