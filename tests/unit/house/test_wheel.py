"""A wheel built from the clone works alone: in an empty folder, with a user's own suite, without the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.site.schema import schema_text

ROOT = Path(__file__).parents[3]
SCHEMA = Path("hil/site/schema.json")
DATA = {".csv", ".yaml", ".md", ".json", ".resource", ".robot", ".toml", ".typed"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder into which the wheel was installed."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "target"))
    for name in ("hil", "emulators"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / SCHEMA).unlink(missing_ok=True)  # made by the build
    for name in ("pyproject.toml", "README.md", ".ci/wheel_backend.py"):
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), str(source)]
    subprocess.run(build, check=True, timeout=240)
    (wheel,) = wheels.glob("hilfarm-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True, timeout=240
    )
    return target


def hil(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed farm; ``-P`` and PYTHONPATH make sure that it is not the clone's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-P", "-m", "hil", *words],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_data_file_is_in_the_wheel(installed: Path) -> None:
    for package in ("hil", "emulators"):
        ours = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*") if path.suffix in DATA}
        theirs = {path.relative_to(installed) for path in (installed / package).rglob("*") if path.suffix in DATA}
        assert ours
        assert theirs - {SCHEMA} == ours - {SCHEMA}


def test_the_wheels_schema_is_the_current_one(installed: Path, tmp_path: Path) -> None:
    inside = (installed / SCHEMA).read_text(encoding="utf-8")
    assert inside == schema_text()
    assert hil(installed, tmp_path, "schema").stdout == inside


def test_nothing_else_is_in_the_wheel(installed: Path) -> None:
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top <= {"hil", "emulators", "bin"}
    assert {"hil", "emulators"} <= top


def test_the_wheels_own_code_runs(installed: Path, tmp_path: Path) -> None:
    code = "import hil, emulators; print(hil.__file__, emulators.__file__)"
    env = {**os.environ, "PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    ).stdout.split()
    assert all(path.startswith(str(installed)) for path in where)


def test_devices_and_matrix_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = hil(installed, tmp_path, "devices")
    assert done.returncode == 0, done.stderr
    assert "AMTRON Professional" in done.stdout
    (tmp_path / "own.robot").write_text("*** Test Cases ***\nT\n    [Tags]    MEN-SUB-001\n    Log    x\n")
    assert hil(installed, tmp_path, "run", "own.robot").returncode == 0
    shown = hil(installed, tmp_path, "trace", "results/latest", "--require", "MEN-SUB-001")
    assert shown.returncode == 0, shown.stderr
    assert "MEN-SUB-001  partly" in shown.stdout


OWN_SITE = """
site: garage
feeders:
  F1: {from: supply, fuse: {rating_a: 32, type: gG}}
devices:
  Box: {type: mennekes_ecu, feeder: F1, address: 192.168.0.5}
"""

OWN_SUITE = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
Garage
    Start Site    garage.yaml
    Plug In Vehicle    Box    phases=1    max_current=16 A
    Sleep    2 minutes
    Charging Current    Box    is    16/0/0 A
"""


def test_an_own_site_and_suite_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "garage.yaml").write_text(OWN_SITE)
    (tmp_path / "garage.robot").write_text(OWN_SUITE)
    checked = hil(installed, tmp_path, "check", "garage.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = hil(installed, tmp_path, "run", "garage.robot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2] == "1 passed, 0 failed, 0 skipped"
    (trace,) = (tmp_path / "results" / "latest" / "trace").glob("garage-Garage*.jsonl")
    assert '"event":"plugged"' in trace.read_text(encoding="utf-8")


def test_hil_init_writes_what_runs_green_at_once(installed: Path, tmp_path: Path) -> None:
    made = hil(installed, tmp_path, "init", "mine")
    assert made.returncode == 0, made.stderr
    mine = tmp_path / "mine"
    assert hil(installed, mine, "check", "sites/car-park.yaml").returncode == 0
    done = hil(installed, mine, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2] == "3 passed, 0 failed, 0 skipped"
    again = hil(installed, tmp_path, "init", "mine")
    assert again.returncode == 2
    assert "nothing was written" in again.stderr


def test_hil_init_overwrites_nothing(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text("mine")
    assert hil(installed, tmp_path, "init", ".").returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["robot.toml"]
    assert (tmp_path / "robot.toml").read_text() == "mine"
