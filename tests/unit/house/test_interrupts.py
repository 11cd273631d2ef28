"""Ctrl-C at any moment of a command, and what becomes of the tests that a stopped run did not begin."""

from __future__ import annotations

import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .test_cli import environment, suite

#: Python imports this by itself at its start: it presses Ctrl-C when a module begins to be imported.
SITECUSTOMIZE = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                return None
            except {caught}:
                pass

sys.meta_path.insert(0, CtrlC())
"""


def pressed(tmp_path: Path, words: list[str], module: str, *, caught: str = "()") -> subprocess.CompletedProcess[str]:
    """Run a command and press Ctrl-C when it begins to import a module; some modules catch what is raised there."""
    suite(tmp_path)
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(SITECUSTOMIZE.format(module=module, caught=caught))
    env = environment()
    env["PYTHONPATH"] += f":{hook}"
    command = [sys.executable, "-m", "hil", *words]
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (["--help"], "hil.cli"),
        (["run", "mixed.robot", "--output", "out"], "robot"),
        (["run", "mixed.robot", "--output", "out"], "hil.run.selection"),
        (["up", "mennekes/car-park"], "hil.cli.up"),
        (["up", "mennekes/car-park"], "hil.bench.farm"),
        (["up", "mennekes/car-park"], "emulators.mennekes_ecu.device"),
        (["do", "Plug In Vehicle"], "hil.hand.client"),
        (["do", "Plug In Vehicle"], "aiohttp"),
        (["watch"], "rich.live"),
    ],
)
def test_ctrl_c_in_the_imports_is_130_without_a_traceback(tmp_path: Path, words: list[str], module: str) -> None:
    done = pressed(tmp_path, words, module)
    assert done.returncode == 130, done
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (["check", "mennekes/car-park"], "ruamel.yaml"),
        (["proxy", "pac2200", "--name", "M1", "--to", "192.0.2.1"], "hil.process.seat"),
        (["run", "mixed.robot", "--output", "out"], "robot"),
        (["up", "mennekes/car-park"], "hil.bench.farm"),
        (["watch"], "aiohttp"),
    ],
)
def test_ctrl_c_in_the_imports_is_130_whoever_catches_it(tmp_path: Path, words: list[str], module: str) -> None:
    done = pressed(tmp_path, words, module, caught="KeyboardInterrupt")
    assert done.returncode == 130, done
    assert done.stderr == ""


BEFORE_IT_IS_UP = """
import os, signal, sys
import hil.bench.farm as embedded
from hil.cli import main

real = embedded.Farm.start

async def start(self):
    os.kill(os.getpid(), signal.SIGINT)
    await real(self)

embedded.Farm.start = start
sys.exit(main(["up", "mennekes/car-park"]))
"""


def test_a_farm_that_is_stopped_before_it_is_up_says_130(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BEFORE_IT_IS_UP]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 130, done
    assert done.stderr == ""
    assert "Ctrl-C stops the farm." not in done.stdout


HANGS = """\
*** Settings ***
Library    Hanging.py
*** Test Cases ***
Good
    Log    x
Hangs
    Log To Console    running
    Hang
Never
    Log    x
Never Either
    Log    x
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_a_stopped_run_did_not_begin_is_said_in_one_line(tmp_path: Path, jobs: str) -> None:
    suite(tmp_path, "import threading\n\ndef hang(): threading.Event().wait(50)\n", "Hanging.py")
    suite(tmp_path, HANGS, "a.robot")
    for name in "bcdefghi":  # more than one process takes at once
        suite(tmp_path, HANGS.replace("Good", f"Good {name}"), f"{name}.robot")
    command = [sys.executable, "-m", "hil", "run", ".", "--output", "out", "--jobs", jobs]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.stdout is not None
    while "running" not in (line := run.stdout.readline()):
        assert line, "the suites did not start"
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Traceback" not in out
    lines = out.splitlines()
    passed, failed = (int(lines[-2].split()[at]) for at in (0, 2))
    assert passed + failed == 36
    begun = sum(line.startswith("FAILED") for line in lines)
    assert 1 <= begun <= int(jobs), out  # what ran in each process at that moment
    assert "FAILED  Hangs" in lines
    assert f"{failed - begun} tests did not run (counted as failed)" in lines
    written = ET.parse(tmp_path / "out" / "junit.xml").getroot()
    assert (written.get("tests"), written.get("failures")) == ("36", str(failed))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h3>Never</h3>" not in page
    assert f"{failed - begun} of the failed tests did not run." in page
