"""Which tests a run has, in which order: read once, so that every process of the run means the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from robot.api import ExecutionResult, TestSuite
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


class EmptyShard(ScenarioError):
    """A part for which no test is left."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``count``."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """Return this part of some tests, dealt out by name: all parts together are all tests, each once.

        Raises:
            EmptyShard: There are fewer tests than parts, and nothing is left for this one.
        """
        dealt = sorted(cases, key=lambda case: (case.stable, case.id))[self.number - 1 :: self.count]
        if not dealt:
            raise EmptyShard(
                f"no test selected: shard {self} is empty, there are {len(cases)} tests. "
                f"Allowed: up to {len(cases)} shards, or more with --allow-empty-shard."
            )
        mine = {case.id for case in dealt}
        return [case for case in cases if case.id in mine]


def choose(
    suites: Sequence[Path],
    *,
    include: Sequence[str] = (),
    tests: Sequence[str] = (),
    rerun_failed: Path | None = None,
    shard: Shard | None = None,
    shuffle_seed: int | None = None,
) -> tuple[Case, ...]:
    """Return the tests that are meant, in the order of the files or shuffled.

    Args:
        suites: Suite files or folders.
        include: Only tests with one of these tags.
        tests: Only tests of these names.
        rerun_failed: Only tests that failed in the run of this folder.
        shard: Only this part of what the others leave.
        shuffle_seed: Shuffle suites, and tests within their suites, by this seed.

    Raises:
        ScenarioError: A suite does not exist or cannot be read, or no test is selected.
    """
    whole = read_suites(suites)
    ids = {id(test): test.id for test in whole.all_tests}
    whole.filter(included_tests=list(tests) or None, included_tags=list(include) or None)
    cases = [_case(test, ids[id(test)]) for test in whole.all_tests]
    asked = [f"--include {tag}" for tag in include] + [f"--test {name!r}" for name in tests]
    if rerun_failed is not None:
        failed = _failed(rerun_failed)
        cases = [case for case in cases if case.stable in failed]
        asked.append(f"--rerun-failed {rerun_failed} ({len(failed)} tests failed there)")
    if not cases:
        words = " ".join(asked) or "the suites are empty"
        raise ScenarioError(f"no test selected: {words} ({len(ids)} tests are there).")
    if shard is not None:
        cases = shard.of(cases)
    return tuple(cases if shuffle_seed is None else _shuffled(cases, shuffle_seed))


def suites_of(run_dir: Path) -> list[Path]:
    """Return the suites of a run that are there, as its run.json names them; none when it cannot be read."""
    try:
        named = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))["suites"]
        return [path for path in map(Path, named) if path.exists()]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _failed(run_dir: Path) -> set[str]:
    """Return the stable names of the tests that failed in a run."""
    output = run_dir / "output.xml"
    if not output.is_file():
        raise ScenarioError(f"{run_dir} is no finished run: there is no output.xml in it.")
    try:
        result = ExecutionResult(output, include_keywords=False)
    except DataError as error:
        raise ScenarioError(f"{output} cannot be read: {error}") from error
    return {stable_name(test.source, test.name) for test in result.suite.all_tests if test.failed}


def _shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """Return the tests in another order; those of a suite stay together, at every level."""
    dice = Random(seed)
    rank: dict[tuple[Place, ...], float] = {}
    for case in cases:
        for depth in range(1, len(case.places) + 1):
            rank.setdefault(case.places[:depth], dice.random())

    def key(case: Case) -> tuple[float, ...]:
        return tuple(rank[case.places[:depth]] for depth in range(1, len(case.places) + 1))

    return sorted(dice.sample(cases, len(cases)), key=key)


def read_suites(suites: Sequence[Path]) -> Any:
    """Return Robot's tree of some suites.

    Raises:
        ScenarioError: A suite does not exist or cannot be read.
    """
    for suite in suites:
        if not suite.exists():
            raise ScenarioError(f"there is no suite {suite}.")
    try:
        whole = TestSuite.from_file_system(*suites)
    except DataError as error:
        raise ScenarioError(str(error)) from error
    whole.name = str(whole.name)  # of several folders it is made of their names, and would follow what a part keeps
    return whole


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
