"""The documentation of each keyword shows an example, and that very line runs in a suite."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from robot.api import TestSuite as RobotSuite
from robot.libdocpkg import LibraryDocumentation

ROOT = Path(__file__).parents[3]
SUITES = ROOT / "robot" / "suites"
LIBRARY = "hil.keywords.Farm.Farm"

Call = tuple[str, ...]


def examples(doc: str) -> list[Call]:
    """Return the calls in a docstring's tables: name and arguments, without a variable that is assigned."""
    rows = [line.strip() for line in doc.splitlines() if re.match(r"\s*\|.*\|\s*$", line)]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [tuple(cell for cell in row if cell and not re.match(r"[$@&]\{.*\} ?=?$", cell)) for row in cells]


def calls(folder: Path) -> Iterator[Call]:
    """Yield every keyword call of the suites of a folder, templates and setups too."""

    def walk(body: Any) -> Iterator[Call]:
        for item in body:
            if getattr(item, "name", None):
                yield (item.name, *map(str, getattr(item, "args", ())))
            yield from walk(getattr(item, "body", ()))

    def suite_calls(suite: Any) -> Iterator[Call]:
        for test in suite.tests:
            yield from walk(test.body)
            if test.setup:
                yield (test.setup.name, *map(str, test.setup.args))
        for child in suite.suites:
            yield from suite_calls(child)

    yield from suite_calls(RobotSuite.from_file_system(folder))


@pytest.fixture(scope="module")
def keywords() -> dict[str, str]:
    return {keyword.name: keyword.doc for keyword in LibraryDocumentation(LIBRARY).keywords}


@pytest.fixture(scope="module")
def run() -> set[Call]:
    return set(calls(SUITES / "keywords"))


def test_every_keyword_shows_an_example_of_itself(keywords: dict[str, str]) -> None:
    assert len(keywords) > 25
    lacking = [name for name, doc in keywords.items() if not any(call[0] == name for call in examples(doc))]
    assert lacking == []


def test_every_example_runs_in_a_suite(keywords: dict[str, str], run: set[Call]) -> None:
    missing = [call for doc in keywords.values() for call in examples(doc) if call not in run]
    assert missing == [], "write these lines into a test of robot/suites/keywords"


def test_every_call_of_an_example_is_a_keyword(keywords: dict[str, str]) -> None:
    assert {call[0] for doc in keywords.values() for call in examples(doc)} <= set(keywords)


def test_the_parser_of_examples_sees_a_missing_one() -> None:
    assert examples("Text.\n\n| @{x} = | Clients Of | M2 |\n| Start Site | a | |\n") == [
        ("Clients Of", "M2"),
        ("Start Site", "a"),
    ]
    assert examples("No table here.") == []


def test_documentation_starts_no_farm() -> None:
    LibraryDocumentation(LIBRARY)
    LibraryDocumentation(str(ROOT / "hil/keywords/farm.resource"))
    assert [thread.name for thread in threading.enumerate() if thread.name == "farm"] == []


DRY = """
import sys, threading
from pathlib import Path
from robot import run
started = []
original = threading.Thread.start
threading.Thread.start = lambda self: (started.append(self.name), original(self))
code = run(sys.argv[1], dryrun=True, output=None, log=None, report=None, console="none")
assert "farm" not in started, started
assert not Path("results").exists()
sys.exit(code)
"""


def test_a_dry_run_starts_no_farm_and_accepts_every_suite(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRY, str(SUITES)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param("Pulg In Vehicle    CP1", "No keyword with name 'Pulg In Vehicle'", id="keyword"),
        pytest.param(
            "Get Register    CP1    DLM_MODE    1", "does not have member '1'. Available: '!='", id="operator"
        ),
        pytest.param("Signalled Current    CP1    is    3 kW", "'3 kW' is not a current", id="unit"),
    ],
)
def test_a_dry_run_finds_what_is_written_wrong(tmp_path: Path, call: str, message: str) -> None:
    head = "*** Settings ***\nResource    hil/keywords/farm.resource\n*** Test Cases ***\nT\n"
    (tmp_path / "t.robot").write_text(head + f"    Start Site    mennekes/car-park\n    {call}\n")
    command = [sys.executable, "-c", DRY.replace('console="none"', "stdout=sys.stdout"), "t.robot"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stdout + done.stderr
    assert message in " ".join(done.stdout.split())
