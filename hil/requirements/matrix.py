"""The traceability matrix: every statement, the tests that carry its id, their verdicts, or why there is none.

A statement has *passed* when all of its tests ran and passed, and a planted fault was once seen to fail one of them. It
has *partly* passed when less is known.
"""

from __future__ import annotations

import csv
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TextIO

from robot.api import ExecutionResult
from robot.errors import DataError

from hil.errors import ScenarioError
from hil.requirements.catalogue import FOLDER, ID, Catalogue, Entry, Reason
from hil.requirements.proofs import Proven, shipped, short_name

PASSED: Final = "passed"
PARTLY: Final = "partly"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
REASON: Final = "reason"
GAP: Final = "gap"
RAN: Final = ("PASS", "FAIL")  #: Robot's words for a test that came to an end.
VERDICTS: Final = (PASSED, PARTLY, FAILED, SKIPPED, REASON, GAP)
ANY: Final = "a test of what is emulated already"


@dataclass(frozen=True, slots=True)
class IdVerdict:
    """One test of the run that carries an id.

    Attributes:
        test: Its full name.
        verdict: Robot's word: PASS, FAIL, SKIP or NOT RUN.
        short: ``Suite / Test``, as the record of planted faults has it.
    """

    test: str
    verdict: str
    short: str


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the matrix.

    Attributes:
        entry: The statement.
        tests: Tests of the run that carry its id.
        reason: Why there is no test, None when there is one or nobody said why.
        proven: What planted faults have shown about its tests.
    """

    entry: Entry
    tests: tuple[IdVerdict, ...]
    reason: Reason | None
    proven: Proven

    @property
    def verdict(self) -> str:
        """Return one of ``VERDICTS``."""
        verdicts = {one.verdict for one in self.tests}
        if not verdicts:
            return REASON if self.reason else GAP
        if "FAIL" in verdicts:
            return FAILED
        if "PASS" not in verdicts:
            return SKIPPED
        return PARTLY if self.doubts else PASSED

    @property
    def ran(self) -> int:
        """Return how many of the tests ran to an end."""
        return sum(one.verdict in RAN for one in self.tests)

    @property
    def known(self) -> int:
        """Return how many tests there are, in this run or in the product's suites."""
        return len(self.proven.tests | {one.short for one in self.tests})

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return why what passed is not the whole statement."""
        doubts = [f"{self.ran} of {self.known} tests ran"] if self.ran < self.known else []
        passed = {one.short for one in self.tests if one.verdict == "PASS"}
        doubts += [f"its tests pass although: {fault}" for fault in self.proven.survivors]
        if not self.proven.killers and not self.proven.inexpressible:
            doubts.append("no planted fault has been seen to fail its tests")
        elif self.proven.killers and not self.proven.killers & passed:
            doubts.append(f"the test that a planted fault was seen to fail did not run: {min(self.proven.killers)}")
        return tuple(doubts)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows in the order of the catalogues."""

    rows: tuple[Row, ...]

    def gaps(self, prefixes: Sequence[str]) -> list[str]:
        """Return the ids of some prefixes that have neither test nor reason."""
        return [row.entry.id for row in self.rows if row.verdict == GAP and row.entry.id.startswith(tuple(prefixes))]


def matrix(run_dir: Path, prefixes: Sequence[str] = ()) -> Matrix:
    """Return the matrix of a run.

    Args:
        run_dir: The run's folder, with Robot's ``output.xml``.
        prefixes: Only ids that begin with one of these; none for every id.

    Raises:
        ScenarioError: No run there, no id has the prefix, or a test's tag looks like an id and is in no catalogue.
    """
    catalogue = Catalogue.load()
    tests = _tests_by_id(run_dir, catalogue)
    proofs = shipped(frozenset(catalogue))
    for prefix in prefixes:
        if not any(entry_id.startswith(prefix) for entry_id in catalogue):
            areas = sorted({entry_id.rpartition("-")[0] for entry_id in catalogue})
            raise ScenarioError(f"no id begins with {prefix!r}. Known areas: {', '.join(areas)}.")
    chosen = [entry for entry in catalogue.values() if not prefixes or entry.id.startswith(tuple(prefixes))]
    return Matrix(
        tuple(
            Row(
                entry,
                tuple(tests.get(entry.id, ())),
                None if entry.id in tests else catalogue.reason(entry.id),
                proofs.get(entry.id, Proven()),
            )
            for entry in chosen
        )
    )


def print_matrix(run_dir: Path, require_prefixes: Sequence[str] = (), stream: TextIO | None = None) -> int:
    """Print the matrix of a run; return 1 when a required id has neither test nor reason, else 0.

    Without a required prefix, the matrix shows the areas that the run touches.
    """
    out = stream or sys.stdout
    whole = matrix(run_dir, require_prefixes)
    touched = {_area(row.entry) for row in whole.rows if row.tests}
    rows = [row for row in whole.rows if require_prefixes or _area(row.entry) in touched]
    width = max((len(row.entry.id) for row in rows), default=0)
    for row in rows:
        for line in _lines(row, width):
            print(line, file=out)
    print(_summary(rows), file=out)
    gaps = whole.gaps(require_prefixes) if require_prefixes else []
    if gaps:
        print(f"neither test nor reason: {', '.join(gaps)}", file=out)
    return 1 if gaps else 0


def print_waiting(run_dir: Path, channel: str, stream: TextIO | None = None) -> int:
    """Print which ids of a channel have no test in a run, by what they wait for; return 0.

    A channel is a word of ``observable_via`` or ``stimulus``, or what it begins with: ``ocpp`` means ``ocpp-profile``
    too. An id with a recorded reason waits for what the reason says, any other for what its area does
    (``waiting.csv``).

    Raises:
        ScenarioError: No id names the channel.
    """
    out = stream or sys.stdout
    rows = [row for row in matrix(run_dir).rows if _names(row.entry, channel)]
    if not rows:
        known = sorted({word for entry in Catalogue.load().values() for word in _channels(entry)})
        raise ScenarioError(f"no id names the channel {channel!r}. Known: {', '.join(known)}.")
    groups: dict[str, list[str]] = {}
    areas = _waiting()
    for row in rows:
        if not row.tests:
            area = _area(row.entry)
            waits = row.reason.text if row.reason else areas.get(area) or areas.get(area.partition("-")[0], ANY)
            groups.setdefault(waits, []).append(row.entry.id)
    for waits, ids in sorted(groups.items()):
        print(f"{waits} ({len(ids)})", file=out)
        print(
            textwrap.fill(", ".join(ids), 116, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False),
            file=out,
        )
    waiting = sum(map(len, groups.values()))
    print(f"{len(rows)} ids name {channel}: {len(rows) - waiting} have a test, {waiting} wait", file=out)
    return 0


def _channels(entry: Entry) -> tuple[str, ...]:
    return (*entry.observable_via, *entry.stimulus)


def _names(entry: Entry, channel: str) -> bool:
    return any(word == channel or word.startswith(f"{channel}-") for word in _channels(entry))


@cache
def _waiting() -> Mapping[str, str]:
    """Return what each area waits for; an area without a row of its own takes its vendor's."""
    with (FOLDER / "waiting.csv").open(encoding="utf-8", newline="") as file:
        return {row["area"]: row["waits_for"] for row in csv.DictReader(file)}


def _lines(row: Row, width: int) -> Iterable[str]:
    entry, indent = row.entry, " " * (width + 11)
    derived = " [derived numbers]" if entry.derived else ""
    if entry.kind == "erratum":
        yield f"{entry.id:<{width}}  {row.verdict:<7}  erratum, the document: {entry.statement}"
        yield f"{indent}ours: {'; '.join(entry.then)}{derived}"
        if entry.ambiguity:
            yield f"{indent}reading: {entry.ambiguity}"
    else:
        yield f"{entry.id:<{width}}  {row.verdict:<7}  {entry.statement}{derived}"
    for one in row.tests:
        yield f"{indent}{one.verdict}  {one.test}"
    if row.verdict == PARTLY:
        for doubt in row.doubts:
            yield f"{indent}partly: {doubt}"
    if row.reason:
        yield f"{indent}{row.reason}"


def _summary(rows: Sequence[Row]) -> str:
    tally = {name: sum(row.verdict == name for row in rows) for name in VERDICTS}
    derived = sum(row.entry.derived for row in rows)
    ran = {one.short for row in rows for one in row.tests if one.verdict in RAN}
    known = {one.short for row in rows for one in row.tests}.union(*(row.proven.tests for row in rows))
    return (
        f"{len(rows)} ids: {tally[PASSED]} passed, {tally[PARTLY]} partly, {tally[FAILED]} failed, "
        f"{tally[SKIPPED]} skipped, {tally[REASON]} with a reason, {tally[GAP]} without test or reason; "
        f"{derived} rest on derived numbers; {len(ran)} of {len(known)} tests ran"
    )


def _area(entry: Entry) -> str:
    return entry.id.rpartition("-")[0]


def _tests_by_id(run_dir: Path, known: Mapping[str, Entry]) -> dict[str, list[IdVerdict]]:
    output = run_dir / "output.xml"
    if not output.is_file():
        raise ScenarioError(f"{run_dir} is no finished run: there is no output.xml in it.")
    try:
        result = ExecutionResult(output, include_keywords=False)
    except DataError as error:
        raise ScenarioError(f"{output} cannot be read: {error}") from error
    tagged = [
        (str(tag), IdVerdict(test.full_name, test.status, short_name(test.source, test.name)))
        for test in result.suite.all_tests
        for tag in test.tags
        if ID.fullmatch(str(tag))
    ]
    unknown = sorted({f"{tag} ({verdict.test})" for tag, verdict in tagged if tag not in known})
    if unknown:
        raise ScenarioError(f"tags that look like ids and are in no catalogue: {', '.join(unknown)}.")
    tests: dict[str, list[IdVerdict]] = {}
    for tag, verdict in tagged:
        tests.setdefault(tag, []).append(verdict)
    return tests
