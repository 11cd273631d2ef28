"""Every import contract refuses what it is there for: one forbidden import each, planted in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: contract id -> file, line to add, words of the complaint
PLANTS = {
    "farm-layers": ("hil/site/load.py", "import hil.bench, hil.keywords", "hil.site.load -> hil.keywords"),
    "no-circles": ("hil/plant/line.py", "import hil.plant.fuse", "hil.plant"),
    "words-without-insides": (
        "hil/keywords/values.py",
        "import emulators.ev.model",
        "hil.keywords.values -> emulators.ev",
    ),
    "devices-without-farm": ("emulators/kit/phases.py", "import hil.errors", "emulators.kit.phases -> hil.errors"),
    "families-apart": ("emulators/pac2200/model.py", "import emulators.mennekes_ecu", "emulators.mennekes_ecu"),
    "models-without-io": ("emulators/ev/model.py", "import socket", "emulators.ev.model -> socket"),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the contracts look at."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("hil", "emulators"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.yaml", "*.csv"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint_imports(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    command = [sys.executable, str(tool), "--no-cache", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_plant_for_every_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(PLANTS)


@pytest.mark.parametrize("module", ["hil.bench.farm", "hil.process.remote", "emulators.pac2200", "emulators.kit.hmi"])
def test_no_word_and_no_side_band_gets_around_the_tester(clone: Path, module: str) -> None:
    path = clone / "hil/hand/client.py"
    before = path.read_text()
    path.write_text(f"{before}\nimport {module}\n")
    try:
        done = lint_imports(clone, "--contract", "words-without-insides")
    finally:
        path.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"hil.hand.client -> {module}" in done.stdout


@pytest.mark.parametrize("contract", PLANTS)
def test_the_forbidden_import_is_refused(clone: Path, contract: str) -> None:
    name, line, complaint = PLANTS[contract]
    path = clone / name
    before = path.read_text() if path.exists() else None
    first = lint_imports(clone, "--contract", contract)
    assert first.returncode == 0, first.stdout + first.stderr
    try:
        with path.open("a") as file:
            file.write(f"\n{line}\n")
        done = lint_imports(clone, "--contract", contract)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert complaint in done.stdout
