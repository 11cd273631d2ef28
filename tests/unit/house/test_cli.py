"""``hil`` as scripts use it: exit codes, the two last lines, run folders, reports. Tiny suites, no devices."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hil.cli import main, parser
from hil.hand.client import START_ONE
from hil.run.runner import RunRequest, print_outcome, run_suites

ROOT = Path(__file__).parents[3]
EMPTY_HASH = hashlib.sha256(b"").hexdigest()

MIXED = """\
*** Settings ***
Name    Mixed bag
*** Test Cases ***
Good
    [Tags]    MEN-SUB-001    good
    Log    fine
Bad
    [Tags]    bad
    Fail    CP3 signals 32 A < 25 A
Cannot
    [Tags]    skipped
    Skip    needs a relay
"""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST", "COV"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def hil(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hil", *words]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False, timeout=60)


def suite(folder: Path, text: str = MIXED, name: str = "mixed.robot") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("words", "code", "counts"),
    [
        (["--include", "good"], 0, "1 passed, 0 failed, 0 skipped"),
        (["--test", "Bad"], 1, "0 passed, 1 failed, 0 skipped"),
        (["--test", "Good", "--test", "Cannot"], 0, "1 passed, 0 failed, 1 skipped"),
        (["--test", "Good", "--test", "Cannot", "--fail-on-skip"], 1, "1 passed, 0 failed, 1 skipped"),
        ([], 1, "1 passed, 1 failed, 1 skipped"),
    ],
)
def test_exit_codes_and_the_two_last_lines(tmp_path: Path, words: list[str], code: int, counts: str) -> None:
    suite(tmp_path)
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out", *words)
    assert done.stdout.splitlines()[-2:] == [counts, f"trace: out/trace sha256={EMPTY_HASH}"]
    assert done.returncode == code
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "nothing.robot"], "there is no suite nothing.robot"),
        (["run"], "there is neither robot/suites nor suites in this folder"),
        (["run", "mixed.robot", "--test", "Nobody"], "no test selected: --test 'Nobody' (3 tests are there)"),
        (["run", "mixed.robot", "--include", "nothing"], "no test selected: --include nothing"),
        (["run", "mixed.robot", "--speed", "0"], "'0' is no speed"),
        (["run", "mixed.robot", "--speed", "nan"], "'nan' is no speed"),
        (["run", "mixed.robot", "--speed", "fast"], "'fast' is no speed"),
        (["run", "mixed.robot", "--bench", "moon"], "invalid choice: 'moon'"),
        (["run", "mixed.robot", "--output", "."], "is not empty"),
        (["run", "mixed.robot", "--output", "mixed.robot"], "is not empty"),
        (["run", "mixed.robot", "--site", "no-such-site"], "there is no site 'no-such-site'"),
        (["sheet", "mennekes_ecuu"], "Did you mean 'mennekes_ecu'?"),
        (["trace", "nowhere"], "nowhere is no finished run"),
        (["fly"], "invalid choice: 'fly'"),
        ([], "COMMAND"),
    ],
)
def test_wrong_use_is_said_and_leaves_nothing(tmp_path: Path, words: list[str], complaint: str) -> None:
    suite(tmp_path)
    done = hil(tmp_path, *words)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mixed.robot"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "mixed.robot", "--seed", "x"], "'x' is no seed. Allowed: a whole number from 0."),
        (["run", "mixed.robot", "--trace", "all"], "invalid choice: 'all' (choose from"),
        (["run", "mixed.robot", "--jobs", "-3"], "'-3' is no number of processes. Allowed: 1 to 64."),
        (["run", "mixed.robot", "--shard", "4/3"], "Allowed: I/N with I from 1 to N, such as 2/3."),
        (["run", "mixed.robot", "--until-fail", "0"], "Allowed: a whole number from 1."),
        (["run", "mixed.robot", "--rerun-failed", "nowhere"], "nowhere"),
        (["run", "mixed.robot", "--include"], "--include: expected one argument"),
        (["up", "mennekes/car-park", "--speed", "max"], "'max' is no speed. Allowed: a number above 0"),
        (["up", "mennekes/car-park", "--speed", "-1"], "'-1' is no speed. Allowed: a number above 0"),
        (["up", "mennekes/car-park", "--seed", "1.5"], "'1.5' is no seed. Allowed: a whole number from 0."),
        (["up", "mennekes/car-pork"], "Did you mean 'mennekes/car-park'? Shipped: alfen/"),
        (["up"], "SITE"),
        (["up", "mennekes/car-park", "--endpoints", "mixed.robot/e.json"], "mixed.robot cannot be made (File exists)."),
        (["up", "mennekes/car-park", "--endpoints", "."], "--endpoints . cannot be written. Allowed: a file in"),
        (["check", "mennekes/car-pork"], "Did you mean 'mennekes/car-park'? Shipped: alfen/"),
        (["check"], "SITE"),
        (["plug", "CP1", "--phases", "4"], "--phases: invalid choice: 4 (choose from 1, 2, 3)"),
        (["plug", "CP1", "--phases", "all"], "'all' is no number of phases. Allowed: 1, 2, 3."),
        (["plug", "CP1", "--max-current", "16kW"], "'16kW' is not a current. Write it as '25 A'."),
        (
            ["plug", "CP1", "--max-current", "-5A"],
            "argument --max-current: '-5A' is below 0. Allowed: above 0 A up to 80 A.",
        ),
        (["plug", "CP1", "--max-current=-0.5 A"], "'-0.5 A' is below 0. Allowed: above 0 A up to 80 A."),
        (["pv", "roof", "1A/-2A/0A"], "'1A/-2A/0A' is below 0. Allowed: 0 to 10000 A"),
        (["pv", "roof", "-1A/2A/0A"], "'-1A/2A/0A' is below 0. Allowed: 0 to 10000 A"),
        (["plug"], "POINT"),
        (["unplug"], "POINT"),
        (["load", "house", "10A/5A"], "'10A/5A' is not three currents. Write '40/30/20 A'"),
        (["load", "house", "-3A"], "'-3A' is below 0. Allowed: 0 to 10000 A; what is fed in: hil pv."),
        (["load", "house", "nan"], "'nan' is not a current. Write it as '25 A'."),
        (["load", "house"], "CURRENT"),
        (["pv", "roof", "much"], "'much' is not a current. Write it as '25 A'."),
        (["cut"], "LINK"),
        (["restore"], "LINK"),
        (["restart"], "DEVICE"),
        (["param"], "DEVICE"),
        (["do"], "KEYWORD"),
        (["watch", "--speed", "3"], "unrecognized arguments: --speed 3"),
        (["devices", "pac2200"], "unrecognized arguments: pac2200"),
        (["doctor", "now"], "unrecognized arguments: now"),
        (["init"], "DIR"),
        (["init", "mixed.robot"], "mixed.robot/sites cannot be written: Not a directory."),
        (["completion", "fish"], "invalid choice: 'fish' (choose from"),
    ],
)
def test_a_wrong_value_is_said_with_what_is_allowed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    suite(tmp_path)
    try:
        code: object = main(words)
    except SystemExit as leaving:  # argparse
        code = leaving.code
    assert complaint in capsys.readouterr().err
    assert code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mixed.robot"]


@pytest.mark.parametrize(
    "words",
    [
        ["plug", "CP1"], ["plug", "CP1", "--phases", "1", "--max-current", "16A"], ["plug", "CP1", "--vehicle", "zoe"],
        ["unplug", "CP1"], ["load", "house", "10A"], ["pv", "roof", "10A/0A/5A"], ["cut", "CP1"], ["cut", "CP1", "CP2"],
        ["restore", "CP1-CP2"], ["restart", "CP1"], ["param", "CP1"], ["param", "CP1", "DLM Network Id", "-5"],
        ["do", "Plug In Vehicle", "CP1", "phases=3"], ["watch"], ["watch", "--once"], ["watch", "--json"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_by_hand_without_a_farm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines() == [f"hil: no farm is running in this folder. {START_ONE}"]
    (tmp_path / "e.json").write_text("{}")
    for file, said in (
        ("nope.json", f"cannot be read: No such file or directory. {START_ONE}"),
        ("e.json", "is no end"),
    ):
        assert main([*words, "--endpoints", file]) == 2
        assert capsys.readouterr().err.startswith(f"hil: {file} {said}")


RAISING = """\
from hil import errors

def raise_bench_error(): raise errors.BenchError("task CP1 died")
def raise_site_error(): raise errors.SiteFileError([errors.Problem("a.yaml", 3, "devices.CP1", "is wrong.")])
def raise_scenario_error(): raise errors.ScenarioError("there is no charging point 'CP9'")
def raise_device_fault(): raise errors.DeviceSilent("CP1 did not answer a read of BenchError in 3 s")
"""


@pytest.mark.parametrize(
    ("error", "code"), [("Bench Error", 3), ("Site Error", 2), ("Scenario Error", 2), ("Device Fault", 1)]
)
@pytest.mark.parametrize("where", ["test", "setup", "teardown", "suite setup", "both"])
def test_a_failing_farm_and_a_wrong_site_are_no_failed_test(tmp_path: Path, error: str, code: int, where: str) -> None:
    (tmp_path / "Raising.py").write_text(RAISING)
    text = {
        "test": f"*** Test Cases ***\nT\n    Raise {error}\n",
        "setup": f"*** Test Cases ***\nT\n    [Setup]    Raise {error}\n    Log    x\n",
        "teardown": f"*** Test Cases ***\nT\n    Log    x\n    [Teardown]    Raise {error}\n",
        "suite setup": f"Suite Setup    Raise {error}\n*** Test Cases ***\nT\n    Log    x\n",
        "both": f"*** Test Cases ***\nT\n    Fail    first\n    [Teardown]    Raise {error}\n",
    }[where]
    suite(tmp_path, f"*** Settings ***\nLibrary    Raising.py\n{text}")
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out")
    assert done.stdout.splitlines()[-2] == "0 passed, 1 failed, 0 skipped", done.stdout
    if (where, code) == ("both", 2):
        code = 1  # the test found something first, and its teardown may have stumbled over the rests
    assert done.returncode == code
    blame = {1: [], 2: ["the test or its site is wrong: T"], 3: ["the farm itself failed: T"]}[code]
    assert [line for line in done.stdout.splitlines() if line.endswith(": T")] == blame


IN_AMPERES = """
from hil.keywords.values import to_amps
from robot.api.deco import library

class Amperes(float): pass

@library(converters={Amperes: to_amps}, auto_keywords=True)
class Calls:
    def draw(self, current: Amperes, *, phases=3): pass
    def wait(self, times: int): pass
"""


@pytest.mark.parametrize(
    "call",
    [
        ("Darw    5 A", 2, "No keyword with name 'Darw' found. Did you mean:"),
        ("Draw", 2, "Keyword 'Calls.Draw' expected 1 non-named argument, got 0."),
        ("Draw    5 A    6 A", 2, "Keyword 'Calls.Draw' expected 1 non-named argument, got 2."),
        ("Draw    current=5 A    6 A", 2, "got positional argument after named arguments."),
        ("Draw    5 A    current=6 A", 2, "got multiple values for argument 'current'."),
        ("Draw    5 A    phase=1", 2, "Keyword 'Calls.Draw' expected 1 non-named argument, got 2."),
        ("Draw    5 kW", 2, "cannot be converted to Amperes: '5 kW' is not a current."),
        ("Wait    often", 2, "cannot be converted to integer."),
        ("Log    ${nowhere}", 2, "Variable '${nowhere}' not found."),
        ("Run Keyword And Continue On Failure    Darw    5 A", 2, "No keyword with name 'Darw' found."),
        ("Should Be Equal    6    5    current", 1, "current: 6 != 5"),
        ("Fail    CP1 says: No keyword with name 'x', expected 1 argument, got 2, cannot be converted to A", 1, "CP1"),
        ("Evaluate    int('often')", 1, "ValueError: invalid literal"),
        ("Evaluate    often +", 2, "Evaluating expression 'often +' failed: SyntaxError"),
        ("Log    ${EMPTY.nothing}", 2, "Resolving variable '${EMPTY.nothing}' failed: "),
        ("Run Keyword And Expect Error    No keyword*    Darw    5 A", 0, ""),
    ],
)
@pytest.mark.parametrize("where", ["test", "teardown"])
def test_a_keyword_that_cannot_be_called_like_this_is_its_authors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
    call: tuple[str, int, str],
) -> None:
    line, code, said = call
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Calls.py").write_text(IN_AMPERES)
    body = {"test": f"    {line}\n", "teardown": f"    Log    x\n    [Teardown]    {line}\n"}[where]
    suite(tmp_path, f"*** Settings ***\nLibrary    {tmp_path}/Calls.py\n*** Test Cases ***\nT\n{body}")
    outcome = run_suites(RunRequest(suites=[Path("mixed.robot")], jobs=1), stream=io.StringIO())
    print_outcome(outcome, sys.stdout)
    assert outcome.exit_code == code, outcome.verdicts
    assert said in "".join(one.message for one in outcome.verdicts.failures)
    assert ("the test or its site is wrong: T" in capsys.readouterr().out) is (code == 2)


def test_ctrl_c_fails_the_test_runs_its_teardown_and_says_130(tmp_path: Path) -> None:
    suite(
        tmp_path,
        "*** Test Cases ***\n"
        "Hangs\n"
        "    Log To Console    running\n"
        "    Evaluate    threading.Event().wait(50)    modules=threading\n"
        "    [Teardown]    Evaluate    pathlib.Path('torn-down').touch()    modules=pathlib\n"
        "Never\n"
        "    Log    x\n",
    )
    command = [sys.executable, "-m", "hil", "run", "mixed.robot", "--output", "out"]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    while "running" not in (line := run.stdout.readline()):
        assert line, "the suite did not start"
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert out.splitlines()[-2] == "0 passed, 2 failed, 0 skipped"
    assert (tmp_path / "torn-down").exists()
    assert (tmp_path / "out" / "log.html").exists()


def test_a_run_folder_is_never_written_over(tmp_path: Path) -> None:
    suite(tmp_path)
    names = set()
    for _ in range(3):
        assert hil(tmp_path, "run", "mixed.robot", "--test", "Good").returncode == 0
        latest = (tmp_path / "results" / "latest").resolve()
        names.add(latest.name)
    folders = {path.name for path in (tmp_path / "results").iterdir() if not path.is_symlink()}
    assert folders == names
    assert len(names) == 3


def test_what_a_run_leaves(tmp_path: Path) -> None:
    suite(tmp_path)
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out", "--seed", "7")
    out = tmp_path / "out"
    facts = json.loads((out / "run.json").read_text())
    assert facts["seed"] == 7
    assert facts["bench"] == "embedded"
    assert facts["command_line"] == ["hil", "run", "mixed.robot", "--output", "out", "--seed", "7"]
    assert facts["versions"]["pymodbus"].startswith("3.16")
    assert facts["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert facts["exit_code"] == 1
    assert facts["started"] < facts["ended"]
    cases = list(ET.parse(out / "junit.xml").getroot().iter("testcase"))
    assert len(cases) == 3
    page = (out / "report.html").read_text()
    assert "1 passed, 1 failed, 1 skipped" in page
    assert "CP3 signals 32 A &lt; 25 A" in page
    assert 'href="log.html"' in page
    assert "http" not in page.replace("http-equiv", "")  # self-contained
    assert "Mixed bag                                  1 passed, 1 failed, 1 skipped" in done.stdout
    assert "FAILED  Bad\n  CP3 signals 32 A < 25 A" in done.stdout


SETTINGS = """\
*** Test Cases ***
Sees Its Settings
    Should Be Equal    ${HIL_SEED}    11
    Should Be Equal    ${HIL_SPEED}    2.5
    Should Be Equal    %{HIL_TRACE}    frames
    Should Be Equal    %{HIL_BENCH}    embedded
    Should Be Equal    %{HIL_RUN_DIR}    ${OUTPUT_DIR}
    Should Be Equal    %{HIL_SITE=none}    none
"""


def test_a_suite_sees_the_settings(tmp_path: Path) -> None:
    suite(tmp_path, SETTINGS)
    words = ["--seed", "11", "--speed", "2.5", "--trace", "frames", "--output", "out"]
    done = hil(tmp_path, "run", "mixed.robot", *words)
    assert done.returncode == 0, done.stdout


NOTES = """\
*** Settings ***
Library    OperatingSystem
*** Test Cases ***
{tests}
*** Keywords ***
Note
    [Arguments]    ${{hash}}
    VAR    ${{line}}    {{"test":"t","sha256":"${{hash}}","file":"t.jsonl","farm_ns":60000000000,
    ...    "site":"s","site_sha256":"5"}}    separator=
    Append To File    %{{HIL_RUN_DIR}}/trace/index.jsonl    ${{line}}\\n
"""


def test_the_runs_hash_is_made_of_its_tests_hashes_in_any_order(tmp_path: Path) -> None:
    for name, order in (("one", "ab"), ("two", "ba")):
        tests = "\n".join(f"T {letter}\n    Note    {letter * 4}" for letter in order)
        suite(tmp_path, NOTES.format(tests=tests), f"{name}.robot")
    expected = hashlib.sha256(b"aaaa\nbbbb\n").hexdigest()
    for name in ("one", "two"):
        done = hil(tmp_path, "run", f"{name}.robot", "--output", f"out-{name}")
        assert done.stdout.splitlines()[-1] == f"trace: out-{name}/trace sha256={expected}"
    facts = json.loads((tmp_path / "out-one" / "run.json").read_text())
    assert facts["farm_s"] == 120.0
    assert facts["sites"] == {"s": "5"}
    assert 'href="trace/t.jsonl"' in (tmp_path / "out-one" / "report.html").read_text()


def test_shipped_suites_are_the_default_and_a_broken_import_is_said(tmp_path: Path) -> None:
    suite(
        tmp_path,
        "*** Settings ***\nLibrary    no_such_library\n*** Test Cases ***\nT\n    Log    x\n",
        "robot/suites/a.robot",
    )
    done = hil(tmp_path, "run")
    assert "Importing library 'no_such_library' failed" in done.stdout
    assert done.returncode == 0


def test_the_matrix_of_a_run(tmp_path: Path) -> None:
    suite(tmp_path)
    hil(tmp_path, "run", "mixed.robot")
    shown = hil(tmp_path, "trace", "results/latest")
    assert shown.returncode == 0
    assert "MEN-SUB-001  partly" in shown.stdout
    assert hil(tmp_path, "trace", "results/latest", "--require", "MEN-SUB").returncode == 1
    assert hil(tmp_path, "trace", "results/latest", "--require", "MEN-SUB-001").returncode == 0


def test_an_invented_id_is_wrong_use(tmp_path: Path) -> None:
    suite(tmp_path, MIXED.replace("MEN-SUB-001", "MEN-SUB-901"))
    hil(tmp_path, "run", "mixed.robot")
    done = hil(tmp_path, "trace", "results/latest")
    assert done.returncode == 2
    assert "MEN-SUB-901" in done.stderr


def test_the_next_step_of_a_new_folder_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, written in (("my tests", "'my tests'"), ("plain", "plain")):
        assert main(["init", name]) == 0
        assert f"Next: cd {written} && hil check sites/car-park.yaml" in capsys.readouterr().out


def test_the_doctor_looks_at_everything(tmp_path: Path) -> None:
    done = hil(tmp_path, "doctor")
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if not line.lstrip().startswith("fix:")]
    assert all(line.startswith(("ok", "warn")) for line in lines)
    for name in (
        "Python",
        "environment",
        "system",
        "loopback",
        "low ports",
        "open files",
        "ptys",
        "serial ports",
        "engine",
    ):
        assert any(f"  {name} " in line for line in lines), name


def test_devices_and_their_sheets(tmp_path: Path) -> None:
    listed = hil(tmp_path, "devices").stdout.splitlines()
    assert listed[0].split() == ["type", "role", "product", "firmware", "ports"]
    ports = {line.split()[0]: re.split(" {2,}", line)[-1] for line in listed}
    assert ports["pac2200"] == "Modbus TCP 502, unit 1"
    assert ports["alfen_ng9xx"] == "Modbus TCP 502, unit 1, 200; P1 115200 8N1"
    assert ports["dsmr_p1"] == "P1 115200 8N1"
    types = [line.split()[0] for line in listed[1:]]
    assert types
    for one in types:
        sheet = hil(tmp_path, "sheet", one)
        assert sheet.returncode == 0, sheet.stderr
        assert f"{one}: " in sheet.stdout
        assert "\nparameters\n" in sheet.stdout or "rows\n" in sheet.stdout
        assert f"\nports: {ports[one]}\n" in sheet.stdout


def test_the_sheet_of_a_p1_meter_has_the_lines_of_its_telegrams(tmp_path: Path) -> None:
    sheet = hil(tmp_path, "sheet", "dsmr_p1").stdout
    assert re.search(r"^1-0:31\.7\.0 +4\.0;4\.2;5\.0 +F3\(0,0\).* A +current_l1 ", sheet, re.MULTILINE)
    assert re.search(r"^4\.2\.2 +4\.2 +10 +115200 ", sheet, re.MULTILINE)
    assert "\nlines of a telegram, " in sheet


def test_a_sheet_lists_faults_and_readable_meters(tmp_path: Path) -> None:
    sheet = hil(tmp_path, "sheet", "pac2200").stdout
    assert "\nmaker: Siemens\n" in sheet
    assert re.search(r"^fault +argument +effect +source$", sheet, re.MULTILINE)
    assert re.search(r"^timeouts +- +takes requests and does not answer ", sheet, re.MULTILINE)
    assert re.search(r"^nan +PHASE: L1, L2, L3 +reads 'not a number' .* MEN-MTR-060$", sheet, re.MULTILINE)
    sheet = hil(tmp_path, "sheet", "mennekes_ecu").stdout
    assert re.search(r"^clock +SECONDS: -2000000000 to 2000000000 s ", sheet, re.MULTILINE)
    assert re.search(
        r"^Modbus Siemens 7KM2200 \(TCP\) +1 +13 +18 +current +13 +15 +17 +float32 +ABCD ", sheet, re.MULTILINE
    )
    assert "faults of its own" not in hil(tmp_path, "sheet", "alfen_ng9xx").stdout


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert hil(tmp_path, "schema", "site.schema.json").stdout == ""
    written = (tmp_path / "site.schema.json").read_text(encoding="utf-8")
    assert hil(tmp_path, "schema").stdout == written
    assert "DLM Network Id" in written
    refused = hil(tmp_path, "schema", "no/where.json")
    assert (refused.returncode, refused.stderr) == (
        2,
        "hil: no/where.json cannot be written: No such file or directory.\n",
    )


def test_the_pipelines_to_copy_are_read_and_their_commands_understood() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    pipelines = [YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert len(pipelines) == 2
    lines = [line for line in re.findall(r"hil run .*", text) if "--shard" in line and "--output" in line]
    assert len(lines) == 2
    for line in lines:
        words = re.sub(r"\$\{\{[^}]*\}\}|\$[A-Z_]+", "2", line).replace("/2", "/3").split()
        assert str(parser().parse_args(words[1:]).shard) == "2/3"


TEMPLATE = """
*** Settings ***
Library    Raising.py
*** Test Cases ***
T
    [Template]    Run Keyword
{rows}
"""


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (("Fail    was 8 A", "Raise Scenario Error"), 1),
        (("Fail    was 8 A", "Raise Site Error", "No Such Keyword"), 1),
        (("Raise Scenario Error", "Fail    was 8 A"), 2),
        (("No Such Keyword", "Fail    was 8 A"), 2),
        (("Fail    ScenarioErrors are listed below:\\nScenarioError: x",), 1),
        (("No Operation", "Raise Scenario Error"), 2),
        (("Fail    was 8 A", "Raise Bench Error"), 3),
        (("Raise Scenario Error", "Raise Bench Error"), 3),
    ],
)
def test_the_first_failing_row_of_a_template_says_whose_fault_it_is(
    tmp_path: Path, rows: tuple[str, ...], code: int
) -> None:
    (tmp_path / "Raising.py").write_text(RAISING)
    suite(tmp_path, TEMPLATE.format(rows="\n".join(f"    {row}" for row in rows)))
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out")
    assert done.returncode == code, done.stdout
    shown = [line for line in done.stdout.splitlines() if re.match(r"  \d+\) ", line)]
    assert len(shown) == (len(rows) if len(rows) > 1 and rows[0] != "No Operation" else 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[Tags]    x", "Test cannot be empty."),
        ("Empty Word\n*** Keywords ***\nEmpty Word\n    [Tags]    x", "User keyword cannot be empty."),
        ("IF    ${True}\n    Log    x", "IF must have closing END."),
        ("FOR    ${one}    IN    1\n    END", "FOR loop cannot be empty."),
        ("[Timeout]    soon\n    Log    x", "Setting test timeout failed: Invalid time string 'soon'."),
    ],
)
def test_a_test_that_cannot_be_run_as_it_is_written_is_its_authors(tmp_path: Path, body: str, said: str) -> None:
    suite(tmp_path, f"*** Test Cases ***\nT\n    {body}\n")
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out")
    assert said in done.stdout
    assert done.returncode == 2, done.stdout
    assert "the test or its site is wrong: T" in done.stdout


def test_junit_tells_a_finding_from_an_error(tmp_path: Path) -> None:
    (tmp_path / "Raising.py").write_text(RAISING)
    tests = {"Found": "Raise Device Fault", "Wrong": "Raise Site Error", "Dead": "Raise Bench Error"}
    body = "".join(f"{name}\n    {call}\n" for name, call in tests.items())
    suite(tmp_path, f"*** Settings ***\nLibrary    Raising.py\n*** Test Cases ***\n{body}Good\n    No Operation\n")
    done = hil(tmp_path, "run", "mixed.robot", "--output", "out")
    assert done.returncode == 3, done.stdout
    whole = ET.parse(tmp_path / "out" / "junit.xml").getroot()
    found = {case.attrib["name"]: [(one.tag, one.get("type")) for one in case] for case in whole.iter("testcase")}
    assert found == {
        "Found": [("failure", "AssertionError")],
        "Wrong": [("error", "ScenarioError")],
        "Dead": [("error", "BenchError")],
        "Good": [],
    }
    assert (whole.get("tests"), whole.get("failures"), whole.get("errors")) == ("4", "1", "2")
