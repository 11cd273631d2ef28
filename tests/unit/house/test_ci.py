"""CI counts for itself: what did not run, failed or fell below the minimum cannot pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from hil.clock import TESTED_PYTHONS

ROOT = Path(__file__).parents[3]
TALLY = ROOT / ".ci" / "tally.py"
GOOD = {"pytest": (5000, 0, 1, 0), "robot": (5000, 0, 0, 0), "container": (500, 0, 0, 0), "mutants": (50, 0, 0, 0)}
COLLECTED = {"pytest": 5001, "robot": 5000, "container": 500}
FILES = {"pytest": "pytest.xml", "robot": "robot/junit.xml", "container": "container.xml", "mutants": "mutants.xml"}


def case(verdict: str) -> str:
    return f"<testcase>{f'<{verdict}/>' if verdict else ''}</testcase>"


def report(
    out: Path, verdicts: dict[str, tuple[int, int, int, int]], *, needs_docker: str = "1"
) -> subprocess.CompletedProcess[str]:
    """Run the report over results with (passed, failed, skipped, exit code) each."""
    (out / "robot").mkdir()
    (out / "collected.json").write_text(json.dumps(COLLECTED))
    for kind, (passed, failed, skipped, code) in verdicts.items():
        cases = case("") * passed + case("failure") * failed + case("skipped") * skipped
        if code != 99:
            (out / FILES[kind]).write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        (out / f"{kind}.rc").write_text(f"{code}\n")
    command = [sys.executable, str(TALLY), "report", str(out)]
    env = {**os.environ, "HIL_REQUIRE_DOCKER": needs_docker}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_all_is_well(tmp_path: Path) -> None:
    done = report(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "10500 passed, 0 failed, 1 skipped"
    assert (tmp_path / "summary").read_text() == "10500 passed, 0 failed, 1 skipped\n"


@pytest.mark.parametrize(
    ("kind", "result", "complaint"),
    [
        ("pytest", (5000, 1, 0, 1), "pytest: 1 failed"),
        ("robot", (4999, 1, 0, 1), "robot: 1 failed"),
        ("pytest", (5000, 0, 0, 0), "pytest: 5001 tests were collected and 5000 ran"),
        ("robot", (5001, 0, 0, 0), "robot: 5000 tests were collected and 5001 ran"),
        ("pytest", (5000, 0, 1, 3), "pytest ended with exit code 3"),
        ("robot", (0, 0, 0, 99), "robot left no result"),
        ("robot", (0, 0, 5000, 0), "robot: 0 tests passed, at least"),
        ("container", (499, 1, 0, 1), "container: 1 failed"),
        ("container", (0, 0, 500, 0), "container: 0 tests passed, at least"),
        ("mutants", (49, 1, 0, 1), "mutants: 1 failed"),
        ("mutants", (0, 0, 0, 0), "mutants: 0 tests passed, at least"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, kind: str, result: tuple[int, int, int, int], complaint: str) -> None:
    done = report(tmp_path, {**GOOD, kind: result})
    assert done.returncode == 1
    assert f"NOT OK: {complaint}" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("skipped")


def test_without_an_engine_the_container_tests_may_be_skipped_together(tmp_path: Path) -> None:
    done = report(tmp_path, {**GOOD, "container": (0, 0, 500, 0)}, needs_docker="")
    assert done.returncode == 0, done.stdout
    assert "container: 0 passed, 0 failed, 500 skipped" in done.stdout


def test_collecting_counts_all_kinds(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (tmp_path / "a.robot").write_text("*** Test Cases ***\nT\n    Log    x\n")
    command = [
        sys.executable,
        str(TALLY),
        "collect",
        str(tmp_path),
        str(tmp_path / "tests"),
        "--",
        str(tmp_path / "a.robot"),
        "--",
        str(tmp_path / "tests"),
    ]
    assert subprocess.run(command, cwd=tmp_path, check=False, timeout=60).returncode == 0
    assert json.loads((tmp_path / "collected.json").read_text()) == {"pytest": 2, "robot": 1, "container": 2}


def test_a_test_file_that_cannot_be_read_fails_the_collection(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import no_such_module\n")
    command = [sys.executable, str(TALLY), "collect", str(tmp_path), str(tmp_path), "--", "none", "--", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "no_such_module" in done.stderr


def test_an_old_python_is_refused_with_a_way_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / ".ci" / "find-python")], env={"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr


@pytest.mark.parametrize("version", [(3, 10), *TESTED_PYTHONS, (3, 14), (4, 0)])
def test_setting_up_and_the_package_take_the_pythons_that_the_clock_takes(
    tmp_path: Path, version: tuple[int, int]
) -> None:
    python = tmp_path / "python"
    says = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{says}' \"$2\"\n")
    python.chmod(0o755)
    done = subprocess.run(
        [str(ROOT / ".ci" / "find-python")], env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == (f"{python}\n" if version in TESTED_PYTHONS else "")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert (".".join(map(str, version)) in SpecifierSet(needed)) == (version in TESTED_PYTHONS)
