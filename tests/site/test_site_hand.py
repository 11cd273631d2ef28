"""A farm of ``hil up`` in the hands of a second shell: the commands as a person types them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulators.kit.http_api import HttpApi
from hil.errors import BenchError, ScenarioError
from hil.hand.client import Client, Where

from .running import READY_REAL_S, ROOT, Up

SIGNALLED = 706  #: SIGNALED_CURRENT of the ECU's Modbus table.


def hil(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Return what a command in that folder said."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    return subprocess.run(
        [sys.executable, "-m", "hil", *words],
        cwd=folder, env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def does(folder: Path, *words: str) -> str:
    """Return what a command printed that has to succeed."""
    done = hil(folder, *words)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def refuses(folder: Path, *words: str) -> str:
    """Return the error of a command that has to be refused as wrong use."""
    done = hil(folder, *words)
    assert done.returncode == 2, (words, done.stdout, done.stderr)
    return done.stderr


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with Up(tmp_path, "mennekes/meter-excluding", "--speed", "10") as running:
        yield running


def test_a_vehicle_by_hand(up: Up) -> None:
    folder = up.folder
    does(folder, "plug", "CP1", "--phases", "3", "--max-current", "20A")
    up.until("it charges", lambda state: state["points"]["CP1"]["current_a"] == [20, 20, 20])
    assert up.register("CP1", SIGNALLED) >= 20
    assert "already" in refuses(folder, "plug", "CP1")
    does(folder, "unplug", "CP1")
    assert "no vehicle" in refuses(folder, "unplug", "CP1")
    does(folder, "plug", "CP1", "--vehicle", "zoe")
    assert "Did you mean 'zoe'" in refuses(folder, "plug", "CP2", "--vehicle", "zoo")


def test_loads_cables_and_parameters_by_hand(up: Up) -> None:
    folder = up.folder
    does(folder, "load", "house", "10A/0A/5A")
    does(folder, "pv", "supply", "3A")
    state = up.until("both act", lambda state: state["nodes"]["supply"]["current_a"] == [7, -3, 2])
    assert state["nodes"]["supply"]["fuse_a"] > 0
    assert "A feeder will do as well: supply" in refuses(folder, "load", "cellar", "1A")
    assert "there is no link 'CP1-CP9'. Did you mean 'CP1-CP" in refuses(folder, "cut", "CP1-CP9")
    assert "there is no device 'CP-9'" in refuses(folder, "cut", "CP-9")
    does(folder, "cut", "CP1-CP2")
    does(folder, "cut", "M2")
    assert up.until("both cut", lambda state: len(state["cuts"]) == 2)["cuts"] == ["CP1-CP2", "M2"]
    does(folder, "restore", "CP1-CP2")
    does(folder, "restore", "M2")
    assert up.until("none is cut", lambda state: not state["cuts"])
    assert does(folder, "param", "CP2", "DLM Network Id") == "DLM Network Id: 0\n"
    assert "acts after a restart: hil restart CP2" in does(folder, "param", "CP2", "DLM Network Id", "5")
    does(folder, "restart", "CP2")
    assert does(folder, "param", "CP2", "DLM Network Id", "7", "--restart") == "DLM Network Id: 7\n"
    assert "Installation Current Limit [A]: 32" in does(folder, "param", "CP2")
    assert "Did you mean 'DLM Network Id'" in refuses(folder, "param", "CP2", "DLM Netwrk Id", "5")
    assert "Allowed" in refuses(folder, "param", "CP2", "DLM Network Id", "many")


def test_any_keyword_by_hand(up: Up) -> None:
    folder = up.folder
    does(folder, "do", "Plug In Vehicle", "CP1", "phases=3")
    does(folder, "do", "signalled_current", "CP1", "settles at", "32 A", "within=20 s")
    assert does(folder, "do", "Get Register", "CP1", "SIGNALED_CURRENT") == "32\n"
    failed = hil(folder, "do", "Signalled Current", "CP1", "is", "5 A")
    assert failed.returncode == 1
    assert "Signalled Current of CP1 should be 5 A" in failed.stdout
    assert "No keyword with name 'Plug It'" in refuses(folder, "do", "Plug It", "CP1")
    assert "Farm.Plug In Vehicle' expected 1 non-named argument, got 0." in refuses(folder, "do", "Plug In Vehicle")
    assert "'5 kW' is not a current" in refuses(folder, "do", "Signalled Current", "CP1", "is", "5 kW")
    said = refuses(folder, "do", "Plug In Vehicle", "CP9")
    assert said.startswith("hil: site meter-excluding: there is no charging point 'CP9'")
    assert "a site is running" in refuses(folder, "do", "Start Site", "mennekes/car-park")
    assert up.process.poll() is None
    assert up.end() == 0, up.text


def test_watching(up: Up) -> None:
    folder = up.folder
    does(folder, "plug", "CP1")
    once = does(folder, "watch", "--once")
    assert re.search(r"^CP1 +3 phases", once, re.M)
    assert re.search(r"^supply ", once, re.M)
    assert json.loads(does(folder, "watch", "--json"))["points"]["CP1"]["vehicle"] == {"phases": 3}
    watching = subprocess.Popen(
        [sys.executable, "-u", "-m", "hil", "watch"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    guard = threading.Timer(READY_REAL_S, watching.kill)
    guard.start()
    assert watching.stdout is not None
    lines = iter(watching.stdout.readline, "")
    assert next(line for line in lines if "CP2  state A" in line)
    does(folder, "plug", "CP2")
    assert next(line for line in lines if "CP2  state C" in line)  # a line a change, no terminal needed
    up.end()
    assert watching.wait(READY_REAL_S) == 3  # the farm is gone
    guard.cancel()


@pytest.mark.parametrize(
    ("is_there", "error", "said"),
    [(True, ScenarioError, "missing or wrong"), (False, BenchError, "has ended; another has its port now")],
)
def test_another_farm_at_the_port_of_one_that_has_ended(
    tmp_path: Path, is_there: bool, error: type[Exception], said: str
) -> None:
    file = tmp_path / "1.json"
    if is_there:
        file.touch()

    async def asked() -> None:
        other = HttpApi(dict, {}, "the other's token", title="another farm")
        await other.start()
        try:
            async with Client(Where("car-park", other.url, "ours", file)) as client:
                await client.state()
        finally:
            await other.stop()

    with pytest.raises(error, match=said):
        asyncio.run(asked())


def test_without_a_farm_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    for words in (
        ["plug", "CP1"],
        ["load", "house", "1A"],
        ["cut", "CP1"],
        ["watch"],
        ["do", "Nothing"],
        ["param", "X"],
    ):
        assert "Start one in this folder: hil up mennekes/car-park" in refuses(tmp_path, *words)
    (tmp_path / ".hil" / "farms").mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left_over = tmp_path / ".hil" / "farms" / f"{dead.pid}.json"
    left_over.write_text("{}")
    assert "Start one" in refuses(tmp_path, "unplug", "CP1")
    assert not left_over.exists()


def test_which_of_two_farms_has_to_be_said(up: Up) -> None:
    folder = up.folder
    (running,) = (folder / ".hil" / "farms").glob("*.json")
    shutil.copy(running, running.with_name(f"{os.getpid()}.json"))
    said = refuses(folder, "plug", "CP1")
    assert "2 farms are running" in said
    assert str(running.relative_to(folder)) in said
    does(folder, "plug", "CP1", "--endpoints", "endpoints.json")
    does(folder, "unplug", "CP1", "--endpoints", str(running))
    assert "is no endpoints file" in refuses(folder, "plug", "CP1", "--endpoints", str(ROOT / "README.md"))
    assert "cannot be read" in refuses(folder, "plug", "CP1", "--endpoints", "nowhere.json")


def test_names_are_completed_from_the_running_farm(up: Up) -> None:
    complete = [sys.executable, "-c", "from hil.cli import main; main()"]

    def offered(line: str) -> set[str]:
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(up.folder / "offered"),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        subprocess.run(complete, cwd=up.folder, env=env, check=False, timeout=60)
        return {word.strip() for word in (up.folder / "offered").read_text().split("\n")}

    assert offered("hil plug CP") == {"CP1", "CP2", "CP3", "CP4"}
    assert offered("hil cut M") == {"M2"}
    assert {"house", "supply"} <= offered("hil load ")
    assert "DLM\\ Network\\ Id" in offered("hil param CP1 DLM")
    assert offered("hil do 'Plant Fault' M") == {"M2"}
    assert {"timeouts", "frozen", "nan:L2", "none"} <= {
        one.replace("\\", "") for one in offered("hil do 'Plant Fault' M2 ")
    }
    assert offered("hil do 'Plant Fault' M2 tim") == {"timeouts"}
    assert "timeouts" not in offered("hil do 'Plant Fault' nobody ") | offered("hil do 'Kill' M2 ")
