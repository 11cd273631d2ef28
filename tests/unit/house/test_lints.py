"""The rules that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: What belongs to a farm's inside, on whatever it is asked for.
INSIDES = {"farm", "faults", "bays", "devices", "plant", "hosts"}

CLOCKS = [
    "import time\ntime.sleep(1)\n",
    "import time\nprint(time.time())\n",
    "import time\nprint(time.monotonic())\n",
    "from time import perf_counter\nprint(perf_counter())\n",
    "from datetime import datetime\nprint(datetime.now())\n",
    "import datetime\nprint(datetime.datetime.now(datetime.UTC))\n",
]


def ruff(code: str, filename: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--stdin-filename", filename, "-"]
    return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", CLOCKS)
@pytest.mark.parametrize("filename", ["emulators/pac2200/model.py", "hil/bench/x.py", "tests/site/test_x.py"])
def test_nobody_reads_the_wall_clock(code: str, filename: str) -> None:
    done = ruff(code, filename)
    assert done.returncode == 1
    assert "TID251" in done.stdout


def test_the_clock_itself_may() -> None:
    assert ruff("import time\n\nprint(time.monotonic())\n", "hil/clock/x.py").returncode == 0


def test_robot_holds_suites_and_nothing_else() -> None:
    """A package named ``robot`` would hide Robot Framework itself."""
    assert [str(path) for path in (ROOT / "robot").rglob("*.py")] == []


def test_nothing_names_the_machine_it_was_written_on() -> None:
    # spelled in two parts, so that this file does not name them either
    forbidden = ["/work" + "/main", "/work" + "/shared", "/home" + "/"]
    folders = [ROOT / name for name in ("hil", "emulators", "robot", "docs", "benchmarks")]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".md", ".robot", ".resource"}
    ]
    found = [f"{path}: {word}" for path in files for word in forbidden if word in path.read_text(encoding="utf-8")]
    assert found == []


def insides(code: str) -> list[str]:
    """Return what a module asks a farm's inside for; a site's own `devices` are names, no inside."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute) and node.attr in INSIDES]
    texts = [ast.unparse(node) for node in found]
    return [text for text in texts if not text.endswith("site.devices")]


@pytest.mark.parametrize("folder", ["hil/keywords", "hil/hand"])
def test_words_and_side_band_act_by_the_tester_alone(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(file): seen for file in files if (seen := insides(file.read_text(encoding="utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "code", ["session.farm", "farm.faults.cut('CP1')", "x.farm.bays['CP1'].vehicle", "farm.devices", "self.farm.plant"]
)
def test_whoever_gets_around_the_tester_is_seen(code: str) -> None:
    assert insides(code) != []


def test_the_names_of_a_site_are_no_inside() -> None:
    assert insides("session.tester.site.devices, tester.links.cut('CP1')") == []
