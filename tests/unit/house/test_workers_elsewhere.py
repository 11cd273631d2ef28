"""Workers that a command elsewhere starts: one that vanishes, and one that cannot be had any more."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import hil
from hil.errors import BenchError
from hil.report.verdicts import NOT_RUN
from hil.run.merge import merge
from hil.run.parallel import TRIES_ELSEWHERE, Pool
from hil.run.part import Work
from hil.run.progress import Progress
from hil.run.selection import choose

HERE = (sys.executable, "-P", "-m", "hil.run.worker")
VANISHED = (sys.executable, "-c", "import sys; sys.exit('container is marked for removal')")
SUITE = "*** Test Cases ***\nA\n    No Operation\nB\n    No Operation\nC\n    No Operation\n"

Verdicts = list[tuple[str, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[], Sequence[str]]], Verdicts]:
    suite = tmp_path / "s.robot"
    suite.write_text(SUITE, encoding="utf-8")

    def verdicts(command: Callable[[], Sequence[str]]) -> Verdicts:
        cases = choose([suite])
        work = Work(suites=[suite], folder=tmp_path, variables={})
        parts = tmp_path / "parts"
        parts.mkdir()
        with Progress(cases, lambda: 0, stream=io.StringIO()) as progress:
            pool = Pool(work, [tuple(cases)], parts, progress, command)
            pool._facts["sys_path"] = [str(Path(hil.__file__).parent.parent), *sys.path]
            pool.run(1)
        tests = merge(cases, pool.parts).suite.all_tests
        return [(test.name, test.status, test.message) for test in tests]

    return verdicts


def test_one_that_vanishes_before_its_first_test_is_started_again(
    run: Callable[[Callable[[], Sequence[str]]], Verdicts],
) -> None:
    commands = [*[VANISHED] * (TRIES_ELSEWHERE - 1), HERE]
    found = run(lambda: commands.pop(0))
    assert found == [("A", "PASS", ""), ("B", "PASS", ""), ("C", "PASS", "")]
    assert not commands


def test_one_that_vanishes_each_time_fails_the_tests(run: Callable[[Callable[[], Sequence[str]]], Verdicts]) -> None:
    found = run(lambda: VANISHED)
    assert [status for _, status, _ in found] == ["FAIL"] * 3
    assert all("container is marked for removal" in message for _, _, message in found)


def test_where_none_can_be_had_the_run_ends_with_one_sentence(
    run: Callable[[Callable[[], Sequence[str]]], Verdicts],
) -> None:
    def command() -> Sequence[str]:
        raise BenchError("no engine answers")

    first, *others = run(command)
    assert first == ("A", "FAIL", "BenchError: the run ends here: no engine answers")
    assert [message for _, _, message in others] == [NOT_RUN] * 2
