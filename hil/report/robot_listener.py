"""Follows Robot Framework through a run: progress for people, counts for the exit code."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from hil.report.wall import Stopwatch

NS_PER_S: Final = 1_000_000_000
#: Robot writes the class of an error in front of its message, on a line of its own below "Setup failed:" and the like.
_FARM_FAILED: Final = re.compile(r"^(?:\d+\) )?BenchError\b", re.MULTILINE)
_SITE_WRONG: Final = re.compile(r"^(?:\d+\) )?SiteFileError\b", re.MULTILINE)
_STOPPED: Final = re.compile(r"Execution terminated by signal")


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
    """One suite file's verdicts."""

    name: str
    source: str
    counts: Counts = field(default_factory=Counts)
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, with what Robot says about it."""

    test: str
    source: str
    message: str


class ProgressListener:
    """Robot listener that shows progress and keeps the verdicts.

    Args:
        farm_ns: Returns the farm time of all tests that ended so far [ns].
        stream: Where to show progress; a terminal gets a live line, anything else one line a suite.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, farm_ns: Callable[[], int], *, stream: TextIO | None = None) -> None:
        self.counts = Counts()
        self.suites: list[SuiteRow] = []
        self.failures: list[Failure] = []
        self.farm_failed = self.site_wrong = self.interrupted = False
        self._farm_ns = farm_ns
        self._console = Console(file=stream or sys.__stdout__, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._watch = Stopwatch()
        self._suite_watch = Stopwatch()
        self._total = 0
        self._suite, self._test = "", ""

    def start_suite(self, data: Any, result: Any) -> None:
        """Open the display with the first suite, a row with each suite that holds tests."""
        if data.parent is None:
            self._total = data.test_count
            if self._console.is_terminal:
                self._live = Live(
                    console=self._console, refresh_per_second=4, get_renderable=self._line, transient=True
                )
                self._live.start()
        if data.tests:
            self._suite = data.name
            self._suite_watch = Stopwatch()
            self.suites.append(SuiteRow(data.name, str(data.source or "")))

    def end_suite(self, data: Any, result: Any) -> None:
        """Print a suite's line; take the display away with the last one."""
        if data.tests and self.suites:
            row = self.suites[-1]
            row.wall_s = self._suite_watch.elapsed_s
            self._print(suite_line(row))
        if data.parent is None:
            self.close()

    def start_test(self, data: Any, result: Any) -> None:
        """Note which test runs."""
        self._test = data.name

    def end_test(self, data: Any, result: Any) -> None:
        """Count the verdict."""
        self.counts.add(result.status)
        self.suites[-1].counts.add(result.status)
        if result.status == "FAIL":
            self.failures.append(Failure(data.name, str(data.source or ""), result.message))
            self._print(f"FAILED  {data.name}\n{textwrap.indent(result.message, '  ')}")
            self.farm_failed |= bool(_FARM_FAILED.search(result.message))
            self.site_wrong |= bool(_SITE_WRONG.search(result.message))
            self.interrupted |= bool(_STOPPED.search(result.message))

    def message(self, message: Any) -> None:
        """Print what Robot complains about outside of tests, such as a library that cannot be imported."""
        if message.level == "ERROR":
            self._print(f"ERROR  {message.message}")

    def close(self) -> None:
        """Leave the terminal as it was found."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _line(self) -> Table:
        done, farm_s = self.counts.total, self._farm_ns() / NS_PER_S
        wall_s = max(self._watch.elapsed_s, 1e-3)
        eta = f"ETA {wall_s / done * (self._total - done):.0f} s" if done else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            ProgressBar(total=max(self._total, 1), completed=done, width=24),
            f"{done}/{self._total}",
            f"{self._suite}: {self._test}"[:60],
            f"farm {clock_text(farm_s)}",
            f"x{farm_s / wall_s:.0f}",
            eta,
        )
        return grid


def suite_line(row: SuiteRow) -> str:
    """Return a suite's line of the terminal report."""
    counts = row.counts
    parts = [f"{counts.passed:>3} passed"]
    parts += [f"{counts.failed} failed"] if counts.failed else []
    parts += [f"{counts.skipped} skipped"] if counts.skipped else []
    return f"{row.name:<40} {', '.join(parts)}"


def clock_text(seconds: float) -> str:
    """Return a duration as ``hh:mm:ss``."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"
