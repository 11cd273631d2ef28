"""Makes one Robot result of a run's parts: every selected test once, in its suite, whatever happened to its process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import ExecutionResult
from robot.errors import DataError
from robot.result import Result, TestSuite
from robot.result.executionerrors import ExecutionErrors

from hil.report.verdicts import NOT_RUN, STOPPED
from hil.run.part import PartEvent
from hil.run.selection import Case, Place


@dataclass(slots=True)
class RunPart:
    """Some tests that ran, or were to run, in one go.

    Attributes:
        cases: The tests, in order.
        output: Robot's output, whole only when ``done``.
        done: The output is written.
        ended: How tests ended, by id, as it was told while they ran.
        running: The id of the test that runs now, empty between two.
    """

    cases: tuple[Case, ...]
    output: Path
    done: bool = False
    ended: dict[str, PartEvent] = field(default_factory=dict)
    running: str = ""

    def note(self, event: PartEvent) -> None:
        """Remember what a part says about its tests."""
        match event.kind:
            case "start":
                self.running = event.test
            case "end":
                self.ended[event.test], self.running = event, ""
            case "done":
                self.done = True


def merge(cases: Iterable[Case], parts: Sequence[RunPart]) -> Any:
    """Return one result with every case.

    Args:
        cases: All tests of the run, in order.
        parts: What ran.
    """
    outputs = [(part, _read(part.output)) for part in parts if part.done]
    tests = {
        case.id: test for part, output in outputs for case, test in zip(part.cases, output.suite.all_tests, strict=True)
    }
    told = {test_id: event for part in parts for test_id, event in part.ended.items()}
    cut_off = {part.running for part in parts}
    tree = _Tree()
    for case in cases:
        suite = tree.suite(case.places)
        if case.id in tests:
            suite.tests.append(tests[case.id])
        else:
            _create(suite, case, told.get(case.id), STOPPED if case.id in cut_off else NOT_RUN)
    for _, output in outputs:
        tree.decorate(output.suite, ())
    said: dict[tuple[str, str], Any] = {}
    for _, output in outputs:
        for message in output.errors.messages:
            said.setdefault((message.level, message.message), message)
    return Result(suite=tree.root, errors=ExecutionErrors(said.values()))


def _read(output: Path) -> Any:
    try:
        return ExecutionResult(output)
    except DataError as error:  # Robot said that it wrote it
        raise RuntimeError(f"{output} cannot be read: {error}") from error


def _create(suite: Any, case: Case, told: PartEvent | None, why_not: str) -> None:
    """Add a test whose process left no output: its verdict is known, its keywords are not."""
    suite.tests.create(
        name=case.name,
        tags=case.tags,
        status=told.status if told else "FAIL",
        message=told.message if told else why_not,
        elapsed_time=timedelta(seconds=told.wall_s if told else 0),
    )


class _Tree:
    """Robot's suites, made as they are needed."""

    def __init__(self) -> None:
        self._suites: dict[tuple[str, ...], Any] = {}

    @property
    def root(self) -> Any:
        return next(iter(self._suites.values()))

    def suite(self, places: tuple[Place, ...]) -> Any:
        key = _key(places)
        if key not in self._suites:
            place, above = places[-1], places[:-1]
            make = self.suite(above).suites.create if above else TestSuite
            self._suites[key] = make(name=place.name, source=place.source)
        return self._suites[key]

    def decorate(self, part: Any, above: tuple[str, ...]) -> None:
        """Take over what a part knows of a suite: when it ran, its setup and teardown."""
        key = (*above, f"{part.name}\0{part.source}")
        suite = self._suites[key]
        suite.start_time = min(filter(None, (suite.start_time, part.start_time)), default=None)
        suite.end_time = max(filter(None, (suite.end_time, part.end_time)), default=None)
        suite.doc, suite.metadata = part.doc, part.metadata  # with their variables replaced
        suite.message = suite.message or part.message
        if part.has_setup and (not suite.has_setup or suite.setup.passed):
            suite.setup = part.setup
        if part.has_teardown and (not suite.has_teardown or suite.teardown.passed):
            suite.teardown = part.teardown
        for child in part.suites:
            self.decorate(child, key)


def _key(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(f"{place.name}\0{place.source}" for place in places)
