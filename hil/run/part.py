"""One part of a run: some tests of the tree, run by Robot in this process, told about while they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from robot.output import LOGGER

from hil.run.selection import keep, read_suites


@dataclass(frozen=True, slots=True)
class PartEvent:
    """What a part says while it runs.

    Attributes:
        kind: ``start`` and ``end`` of a test, ``error`` outside of tests, ``done`` when the part's output is written.
        test: Id of the test, empty for the last two.
        status: PASS, FAIL or SKIP of a test that ended.
        message: Robot's message.
        wall_s: What the test took [s].
    """

    kind: Literal["start", "end", "error", "done"]
    test: str = ""
    status: str = ""
    message: str = ""
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Return it for a pipe."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all parts of a run have in common.

    Attributes:
        suites: Suite files or folders, as the user named them.
        folder: The run folder.
        variables: Robot variables.
    """

    suites: Sequence[Path]
    folder: Path
    variables: Mapping[str, str]


def run_part(work: Work, tests: Sequence[str], output: Path, emit: Callable[[PartEvent], None]) -> None:
    """Run some tests by their ids, in this order, and write Robot's ``output``."""
    LOGGER.unregister_console_logger()  # what is wrong with the files was said when the tests were chosen
    suite = read_suites(work.suites)
    ids = keep(suite, tests)
    suite.run(
        outputdir=str(work.folder),
        output=str(output),
        console="none",
        listener=_Listener(ids, emit),
        variable=[f"{name}:{value}" for name, value in work.variables.items()],
    )
    emit(PartEvent("done"))


class _Listener:
    """Robot listener that passes on what happens."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, ids: Mapping[int, str], emit: Callable[[PartEvent], None]) -> None:
        self._ids = ids
        self._emit = emit

    def start_test(self, data: Any, result: Any) -> None:
        self._emit(PartEvent("start", self._ids[id(data)]))

    def end_test(self, data: Any, result: Any) -> None:
        wall_s = result.elapsed_time.total_seconds()
        self._emit(PartEvent("end", self._ids[id(data)], result.status, result.message, wall_s))

    def message(self, message: Any) -> None:
        """Pass on what Robot complains about outside of tests, such as a library that cannot be imported."""
        if message.level == "ERROR":
            self._emit(PartEvent("error", message=message.message))
