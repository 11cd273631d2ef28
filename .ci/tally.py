"""Counts what was collected, what ran and what passed, and fails when the three do not fit.

    tally.py collect OUT PYTEST_DIR... -- ROBOT_SUITES -- CONTAINER_DIR    before the tests: how many there are
    tally.py report OUT                                                    after them; 1 when anything is wrong

OUT holds pytest.xml, robot/junit.xml, container.xml and mutants.xml, and each one's exit code (pytest.rc ...). The last
line of the report, also in OUT/summary, is ``N passed, N failed, N skipped``; planted faults are no tests and have a
line of their own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

REQUIRED = "HIL_REQUIRE_DOCKER"
FAULTS = "mutants"
MINIMUM = Path(__file__).with_name("expected-minimum")


@dataclass(frozen=True)
class Tally:
    """Verdicts of one kind of tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """Return how many tests ran."""
        return self.passed + self.failed + self.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def collect(out: Path, pytest_dirs: list[str], suites: str, container_dir: str) -> int:
    """Write how many tests there are to ``OUT/collected.json``."""
    here, in_containers = _pytest_tests(pytest_dirs), _pytest_tests([container_dir])
    if here is None or in_containers is None:
        return 1
    counts = {"pytest": here, "robot": _robot_tests(Path(suites)), "container": in_containers}
    (out / "collected.json").write_text(json.dumps(counts))
    return 0


def _pytest_tests(dirs: list[str]) -> int | None:
    """Return how many tests pytest finds in some folders, None if it cannot say."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *dirs]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+) tests? collected", listing.stdout, re.MULTILINE)
    if listing.returncode or not found:
        print(listing.stdout + listing.stderr, file=sys.stderr)
        print("pytest could not collect its tests", file=sys.stderr)
        return None
    return int(found[1])


def report(out: Path) -> int:
    """Print the counts and what is wrong with them; return 1 when something is."""
    collected: dict[str, int] = json.loads((out / "collected.json").read_text())
    minimum = _minimum()
    wrong: list[str] = []
    whole = Tally()
    files = {"pytest": "pytest.xml", "robot": "robot/junit.xml", "container": "container.xml", FAULTS: "mutants.xml"}
    for kind, junit in ((kind, out / file) for kind, file in files.items()):
        code = int((out / f"{kind}.rc").read_text())
        if not junit.exists():
            wrong.append(f"{kind} left no result (exit code {code})")
            continue
        tally = read_junit(junit)
        print(f"{kind}: {tally}")
        whole += tally if kind != FAULTS else Tally()
        if code:
            wrong.append(f"{kind} ended with exit code {code}")
        if tally.failed:
            wrong.append(f"{kind}: {tally.failed} failed")
        if tally.total != collected.get(kind, tally.total):  # which faults are planted is decided when they are
            wrong.append(f"{kind}: {collected[kind]} tests were collected and {tally.total} ran")
        skipped_whole = kind == "container" and tally.skipped == tally.total and os.environ.get(REQUIRED) != "1"
        if tally.passed < minimum[kind] and not skipped_whole:  # without an engine they say why
            wrong.append(f"{kind}: {tally.passed} tests passed, at least {minimum[kind]} are expected")
    for line in wrong:
        print(f"NOT OK: {line}")
    (out / "summary").write_text(f"{whole}\n")
    print(whole)
    return 1 if wrong else 0


def read_junit(path: Path) -> Tally:
    """Return the verdicts of a JUnit file, test case by test case."""
    passed = failed = skipped = 0
    for case in ET.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Tally(passed, failed, skipped)


def _minimum() -> dict[str, int]:
    rows = (line.split() for line in MINIMUM.read_text().splitlines() if line and not line.startswith("#"))
    return {kind: int(count) for kind, count in rows}


def _robot_tests(suites: Path) -> int:
    from robot.api import TestSuite  # noqa: PLC0415  `report` has to work without it

    return TestSuite.from_file_system(suites).test_count if suites.exists() else 0


def main(words: list[str]) -> int:
    """Run one of the two commands."""
    match words:
        case ["collect", out, *dirs, "--", suites, "--", containers]:
            return collect(Path(out), dirs, suites, containers)
        case ["report", out]:
            return report(Path(out))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
