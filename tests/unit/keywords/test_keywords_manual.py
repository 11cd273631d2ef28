"""The suites that the manual for authors prints run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_manuals_own_suites_pass(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "writing-tests.md").read_text(encoding="utf-8")
    suites = re.findall(r"```robotframework\n(.*?)```", text, re.DOTALL)
    assert len(suites) == 2
    for number, suite in enumerate(suites):
        (tmp_path / f"own_{number}.robot").write_text(suite)
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("HIL_")}, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hil", "run", "own_0.robot", "own_1.robot"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-2:-1] == ["2 passed, 0 failed, 0 skipped"], done.stdout + done.stderr


def test_the_suite_for_energy_managers_passes(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "energy-manager.md").read_text(encoding="utf-8")
    (suite,) = re.findall(r"```robotframework\n(.*?)```", text, re.DOTALL)
    decisions, program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "ems.robot").write_text(suite)
    (tmp_path / "share.py").write_text(decisions)
    compile(program, "ems.py", "exec")
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("HIL_")}, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hil", "run", "ems.robot"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-2:-1] == ["2 passed, 0 failed, 0 skipped"], done.stdout + done.stderr
