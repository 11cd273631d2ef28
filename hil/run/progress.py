"""Shows a run while it goes on: a live line on a terminal, one line a suite anywhere else."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from hil.clock.wall import Stopwatch
from hil.report.verdicts import NOT_RUN, Counts, SuiteRow, clock_text
from hil.run.part import PartEvent
from hil.run.selection import Case

NS_PER_S: Final = 1_000_000_000
NAME_WIDTH: Final = 60


class Progress:
    """The one display of a run, however many processes it has.

    Args:
        cases: What will run.
        farm_ns: Returns the farm time of all tests that ended so far [ns].
        stream: Where to show; a terminal gets a live line.
    """

    def __init__(self, cases: Sequence[Case], farm_ns: Callable[[], int], *, stream: TextIO | None = None) -> None:
        self._cases = {case.id: case for case in cases}
        self._rows = {case.places: SuiteRow(case.suite.name) for case in cases}
        self._left = Counter(case.places for case in cases)
        self._ended = Counts()
        self._now = ""
        self._said: set[str] = set()
        self._farm_ns = farm_ns
        self._console = Console(file=stream or sys.__stdout__, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._watch = Stopwatch()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._line, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, event: PartEvent) -> None:
        """Show what a part says."""
        match event.kind:
            case "start":
                case = self._cases[event.test]
                self._now = f"{case.suite.name}: {case.name}"[:NAME_WIDTH]
            case "end":
                self._end(self._cases[event.test], event)
            case "error" if event.message not in self._said:  # several parts find the same
                self._said.add(event.message)
                self.say(f"ERROR  {event.message}")

    def say(self, text: str) -> None:
        """Print above the live line."""
        self._console.print(text, markup=False)

    def _end(self, case: Case, event: PartEvent) -> None:
        row = self._rows[case.places]
        for counts in (self._ended, row.counts):
            counts.add(event.status)
        if event.status == "FAIL" and event.message != NOT_RUN:  # the run's end says how many those are
            self.say(f"FAILED  {case.name}\n{textwrap.indent(event.message, '  ')}")
        self._left[case.places] -= 1
        if not self._left[case.places]:
            self.say(str(row))

    def _line(self) -> Table:
        done, total, farm_s = self._ended.total, len(self._cases), self._farm_ns() / NS_PER_S
        wall_s = max(self._watch.elapsed_s, 1e-3)
        eta = f"ETA {wall_s / done * (total - done):.0f} s" if done else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            ProgressBar(total=total, completed=done, width=24),
            f"{done}/{total}",
            self._now,
            f"farm {clock_text(farm_s)}",
            f"x{farm_s / wall_s:.0f}",
            eta,
        )
        return grid
