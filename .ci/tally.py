"""Counts what was collected, what ran and what passed, and fails when the three do not fit.

    tally.py collect OUT PYTEST_DIR... -- ROBOT_SUITES    before the tests: how many there are
    tally.py report OUT                                   after them: counts, and exit code 1 when anything is wrong

OUT holds pytest.xml, pytest.rc, robot/junit.xml and robot.rc. The last line of the report, also in OUT/summary, is
``N passed, N failed, N skipped``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

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


def collect(out: Path, pytest_dirs: list[str], suites: str) -> int:
    """Write how many tests there are to ``OUT/collected.json``."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *pytest_dirs]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+) tests? collected", listing.stdout, re.MULTILINE)
    if listing.returncode or not found:
        print(listing.stdout + listing.stderr, file=sys.stderr)
        print("pytest could not collect its tests", file=sys.stderr)
        return 1
    counts = {"pytest": int(found[1]), "robot": _robot_tests(Path(suites))}
    (out / "collected.json").write_text(json.dumps(counts))
    return 0


def report(out: Path) -> int:
    """Print the counts and what is wrong with them; return 1 when something is."""
    collected: dict[str, int] = json.loads((out / "collected.json").read_text())
    minimum = _minimum()
    wrong: list[str] = []
    whole = Tally()
    for kind, junit in (("pytest", out / "pytest.xml"), ("robot", out / "robot" / "junit.xml")):
        code = int((out / f"{kind}.rc").read_text())
        if not junit.exists():
            wrong.append(f"{kind} left no result (exit code {code})")
            continue
        tally = read_junit(junit)
        whole += tally
        print(f"{kind}: {tally}")
        if code:
            wrong.append(f"{kind} ended with exit code {code}")
        if tally.failed:
            wrong.append(f"{kind}: {tally.failed} failed")
        if tally.total != collected[kind]:
            wrong.append(f"{kind}: {collected[kind]} tests were collected and {tally.total} ran")
        if tally.passed < minimum[kind]:
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
        case ["collect", out, *dirs, "--", suites]:
            return collect(Path(out), dirs, suites)
        case ["report", out]:
            return report(Path(out))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
