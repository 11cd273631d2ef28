"""Which tests a run has, in which order: read once, so that every process of the run means the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot.api import TestSuite
from robot.errors import DataError

from hil.errors import ScenarioError
from hil.trace import stable_name


@dataclass(frozen=True, slots=True)
class Place:
    """One suite of the tree, by what the log calls it."""

    name: str
    source: Path | None


@dataclass(frozen=True, slots=True)
class Case:
    """One test that shall run.

    Attributes:
        id: Its place in the tree of all suites, such as ``s1-s2-t3``.
        name: Its name.
        stable: Its name however the run was started.
        places: The suites that hold it, the outermost first.
        unit: The suites (number of places) that must stay together: a suite setup or teardown runs once.
        tags: For tests that never ran: their ids belong to the matrix.
    """

    id: str
    name: str
    stable: str = field(compare=False)
    places: tuple[Place, ...] = field(compare=False, repr=False)
    unit: int | None = field(compare=False)
    tags: tuple[str, ...] = field(compare=False)

    @property
    def suite(self) -> Place:
        """Return the suite file that holds it."""
        return self.places[-1]


def choose(suites: Sequence[Path], *, include: Sequence[str] = (), tests: Sequence[str] = ()) -> tuple[Case, ...]:
    """Return the tests that are meant, in the order of the files.

    Raises:
        ScenarioError: A suite does not exist or cannot be read, or no test is selected.
    """
    whole = read_suites(suites)
    ids = {id(test): test.id for test in whole.all_tests}
    whole.filter(included_tests=list(tests) or None, included_tags=list(include) or None)
    cases = tuple(_case(test, ids[id(test)]) for test in whole.all_tests)
    if not cases:
        asked = [f"--include {tag}" for tag in include] + [f"--test {name!r}" for name in tests]
        raise ScenarioError(
            f"no test selected: {' '.join(asked) or 'the suites are empty'} ({len(ids)} tests are there)."
        )
    return cases


def read_suites(suites: Sequence[Path]) -> Any:
    """Return Robot's tree of some suites.

    Raises:
        ScenarioError: A suite does not exist or cannot be read.
    """
    for suite in suites:
        if not suite.exists():
            raise ScenarioError(f"there is no suite {suite}.")
    try:
        return TestSuite.from_file_system(*suites)
    except DataError as error:
        raise ScenarioError(str(error)) from error


def keep(whole: Any, wanted: Sequence[str]) -> dict[int, str]:
    """Leave only some tests in Robot's tree, in the order wanted; return each one's id by its identity."""
    order = {test_id: number for number, test_id in enumerate(wanted)}
    kept = {id(test): test.id for test in whole.all_tests if test.id in order}

    def place(suite: Any) -> int:
        return min((order[kept[id(test)]] for test in suite.all_tests), default=len(order))

    def prune(suite: Any) -> None:
        tests = [test for test in suite.tests if id(test) in kept]
        suite.tests = sorted(tests, key=lambda test: order[kept[id(test)]])
        for child in suite.suites:
            prune(child)
        suite.suites = sorted((child for child in suite.suites if child.test_count), key=place)

    prune(whole)
    return kept


def _case(test: Any, test_id: str) -> Case:
    suites = [test.parent]
    while suites[0].parent is not None:
        suites.insert(0, suites[0].parent)
    places = tuple(Place(one.name, one.source) for one in suites)
    fixed = (number for number, one in enumerate(suites, 1) if one.has_setup or one.has_teardown)
    return Case(
        id=test_id,
        name=test.name,
        stable=stable_name(test.source, test.name),
        places=places,
        unit=next(fixed, None),
        tags=tuple(map(str, test.tags)),
    )
