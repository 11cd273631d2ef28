"""What a run's tests ended with, read from Robot's result: counts, rows, failures, and who has to act."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

#: Robot writes the class of an error in front of its message, on a line of its own below "Setup failed:" and the like.
_FARM_FAILED: Final = re.compile(r"^(?:\d+\) )?BenchError\b", re.MULTILINE)
#: What Robot puts before the first of the things that a test says: where it was, and that there are more.
_BEFORE_THE_FIRST: Final = re.compile(
    r"(?:\*HTML\* ?)?(?:(?:[A-Z][a-z ]*)?(?:[Ss]etup|[Tt]eardown) failed:\n|Several failures occurred:\n\n|1\) )*"
)
#: Our own errors, and what Robot itself says (without a class) of what cannot be run as it is written.
_AUTHOR_WRONG: Final = re.compile(
    r"(?:"
    r"(?:ScenarioError|SiteFileError)\b"
    r"|(?:Test|Task|Test name|Task name|User keyword|User keyword name|Keyword name) cannot be empty\."
    r"|(?:FOR|WHILE|IF|ELSE IF|ELSE|TRY|EXCEPT|FINALLY|GROUP)(?: [a-z]+)? (?:cannot|must|has|contains|requires|does) "
    r"|Invalid (?:FOR|WHILE|IF|ELSE IF|VAR|argument specification|variable name|syntax)\b"
    r"|Resolving variable '[^\n]+' failed: "
    r"|Evaluating expression '[^\n]*' failed: (?:NameError|SyntaxError)\b"
    r"|Setting (?:test|task|keyword|user keyword) timeout failed: "
    r"|No keyword with name '"
    r"|Multiple keywords (?:with|matching) name '"
    r"|Keyword '[^\n]+' (?:expected [^\n]*\bargument|missing |got )"
    r"|Variable '[^\n]+' not found\."
    r"|(?:ValueError|TypeError|OverflowError): Argument '[^\n]+ cannot be converted to "
    r")"
)
#: What Robot says of a test that a signal ended.
STOPPED: Final = "Execution terminated by signal"
#: What Robot says of a test that it did not begin after that, or after a keyword that ends the whole run.
NOT_RUN: Final = "Test execution stopped due to a fatal error."


@dataclass(slots=True)
class Counts:
    """Verdicts of a run, a suite or a test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, status: str) -> None:
        """Count one verdict of Robot: PASS, FAIL or SKIP."""
        match status:
            case "PASS":
                self.passed += 1
            case "SKIP":
                self.skipped += 1
            case _:
                self.failed += 1

    @property
    def total(self) -> int:
        """Return how many tests were counted."""
        return self.passed + self.failed + self.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(slots=True)
class SuiteRow:
    """One suite file's verdicts; ``wall_s`` is what its tests took together, on however many cores [s]."""

    name: str
    counts: Counts = field(default_factory=Counts)
    wall_s: float = 0.0

    def __str__(self) -> str:
        counts = self.counts
        parts = [f"{counts.passed:>3} passed"]
        parts += [f"{counts.failed} failed"] if counts.failed else []
        parts += [f"{counts.skipped} skipped"] if counts.skipped else []
        return f"{self.name:<40} {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, with what Robot says about it."""

    test: str
    source: str
    message: str

    @property
    def farm_failed(self) -> bool:
        """Return whether the farm itself is to blame: wherever it failed, nothing that was seen beside it counts."""
        return bool(_FARM_FAILED.search(self.message))

    @property
    def author_wrong(self) -> bool:
        """Return whether the test or the site asks for what cannot be.

        The first of several things decides (a template's first failing row, a test before its teardown): what comes
        later may only have stumbled over its rests.
        """
        first = _BEFORE_THE_FIRST.match(self.message)
        return bool(_AUTHOR_WRONG.match(self.message, first.end() if first else 0))

    @property
    def stopped(self) -> bool:
        """Return whether a signal ended the test."""
        return STOPPED in self.message

    @property
    def not_run(self) -> bool:
        """Return whether the test never began, because the run was stopped."""
        return self.message == NOT_RUN


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The whole run."""

    counts: Counts
    suites: tuple[SuiteRow, ...]
    failures: tuple[Failure, ...]

    def blame(self) -> Iterator[tuple[str, list[str]]]:
        """Yield who has to act where no device is the finding, and the tests that say so."""
        for words, names in (
            ("the farm itself failed", [one.test for one in self.failures if one.farm_failed]),
            ("the test or its site is wrong", [one.test for one in self.failures if one.author_wrong]),
        ):
            if names:
                yield words, names

    @property
    def not_run(self) -> int:
        """Return how many of the failed tests never began, because the run was stopped."""
        return sum(one.not_run for one in self.failures)

    @classmethod
    def of(cls, tests: Iterable[Any]) -> Verdicts:
        """Return the verdicts of Robot's test results, suite by suite."""
        whole, rows, failures = Counts(), dict[str, SuiteRow](), list[Failure]()
        for test in tests:
            row = rows.setdefault(test.parent.full_name, SuiteRow(test.parent.name))
            row.wall_s += test.elapsed_time.total_seconds()
            for counts in (whole, row.counts):
                counts.add(test.status)
            if test.failed:
                failures.append(Failure(test.name, str(test.source or ""), test.message))
        return cls(whole, tuple(rows.values()), tuple(failures))


def clock_text(seconds: float) -> str:
    """Return a duration as ``hh:mm:ss``."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"
