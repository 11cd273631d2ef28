"""``BuiltIn.Sleep`` in a suite waits in real time: ``make lint`` refuses it and lets the farm's own ``Sleep`` be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROBOCOP = Path(sys.executable).with_name("robocop")


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROBOCOP), "check", "--config", str(ROOT / "pyproject.toml"), str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def suite(folder: Path, line: str) -> Path:
    file = folder / "suite.robot"
    file.write_text(
        "*** Settings ***\nDocumentation       A suite.\nResource            hil/keywords/farm.resource\n\n\n"
        f"*** Test Cases ***\nA Test\n    {line}\n"
    )
    return file


@pytest.mark.parametrize(
    "line", ["BuiltIn.Sleep    1 s", "Run Keyword    BuiltIn.Sleep    1 s", "[Setup]    BuiltIn.Sleep    1 s"]
)
def test_a_wait_in_real_time_is_refused(tmp_path: Path, line: str) -> None:
    done = lint(suite(tmp_path, line))
    assert done.returncode == 1, done.stdout
    assert "KW02" in done.stdout


def test_a_wait_in_farm_time_is_fine(tmp_path: Path) -> None:
    done = lint(suite(tmp_path, "Sleep    1 s"))
    assert done.returncode == 0, done.stdout
