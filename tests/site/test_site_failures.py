"""A bug in a device fails the run with exit code 3 and its traceback, wherever in the device it strikes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
Reads A Register
    Start Site    mennekes/car-park
    Plug In Vehicle    CP1
    Advance Clock    40 s
    Signalled Current    CP1    should be at most    32 A
"""
PLANTED = """
import sys
from emulators.mennekes_ecu.device import MennekesEcu
from emulators.mennekes_ecu.registers import Registers
from hil.cli import main

def breaks(*args):
    raise RuntimeError("planted")

{plant}
sys.exit(main(["run", "breaks.robot", "--output", "out"]))
"""
PLANTS = {
    "nothing": ("pass", 0, "1 passed"),
    "a register": ("Registers.read = breaks", 3, "a device failed on a Modbus request at 40 s farm time"),
    "a datagram": ("MennekesEcu._datagram = breaks", 3, "breaks"),
    "a plug": ("import hil.bench.farm; hil.bench.farm.Farm.stop = breaks", 3, "BenchError: RuntimeError: planted"),
    "a tick": ("MennekesEcu.tick = breaks", 3, "CP1 died at 1 s farm time"),
}


@pytest.mark.parametrize("where", PLANTS)
def test_a_bug_in_a_device_fails_the_run(tmp_path: Path, where: str) -> None:
    plant, code, text = PLANTS[where]
    (tmp_path / "breaks.robot").write_text(SUITE, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    done = subprocess.run(
        [sys.executable, "-c", PLANTED.format(plant=plant)],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    log = (tmp_path / "out" / "output.xml").read_text(encoding="utf-8")
    assert text in said + log
    assert ("RuntimeError: planted" in log) == (code == 3)
