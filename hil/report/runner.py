"""Runs Robot suites on a bench into a fresh run folder, and turns what happened into two lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final, TextIO

from robot.api import TestSuite
from robot.errors import DataError
from robot.run import run as run_robot

import hil
from hil.errors import ScenarioError
from hil.report import page
from hil.report.folder import RunFolder, surroundings
from hil.report.robot_listener import NS_PER_S, Counts, ProgressListener
from hil.report.wall import Stopwatch, utc_now
from hil.trace import Level, run_hash

#: What Robot itself returns instead of a number of failed tests.
_ROBOT_BAD_DATA: Final = 252
_ROBOT_STOPPED: Final = 253
_ROBOT_BROKEN: Final = 255


class ExitCode(IntEnum):
    """What a script reads after ``hil run``."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    FARM_FAILED = 3
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run and how.

    Attributes:
        suites: Suite files or folders.
        site: Site file (or shipped name) that the suites shall use instead of their own, None for their own.
        bench: Where the devices live.
        speed: ``max`` or a factor of real time.
        seed: Seed of the run; each test's seed comes from it and the test's name.
        include: Only tests with one of these tags.
        tests: Only tests of these names.
        output: Run folder, None for a new one under ``results``.
        trace: What the traces hold.
        fail_on_skip: A skipped test makes the run fail.
        command_line: As the user typed it, for run.json.
    """

    suites: Sequence[Path]
    site: str | None = None
    bench: str = "embedded"
    speed: str = "max"
    seed: int = 0
    include: Sequence[str] = ()
    tests: Sequence[str] = ()
    output: Path | None = None
    trace: Level = "state"
    fail_on_skip: bool = False
    command_line: Sequence[str] = field(default_factory=tuple)

    def settings(self, folder: RunFolder) -> dict[str, str]:
        """Return what the keyword library reads, as environment variables and as Robot variables."""
        return {
            "HIL_RUN_DIR": str(folder.path),
            "HIL_BENCH": self.bench,
            "HIL_SPEED": self.speed,
            "HIL_SEED": str(self.seed),
            "HIL_TRACE": self.trace,
            **({"HIL_SITE": self.site} if self.site else {}),
        }


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        folder: Where everything is.
        counts: Verdicts.
        trace_sha256: Hash of the run.
        exit_code: For the shell.
    """

    folder: RunFolder
    counts: Counts
    trace_sha256: str
    exit_code: ExitCode


def run_suites(request: RunRequest, *, stream: TextIO | None = None) -> RunOutcome:
    """Run suites and write log.html, junit.xml, report.html and run.json into the run's folder.

    Raises:
        ScenarioError: A suite does not exist or cannot be read, no test is selected, or the output folder is in use.
    """
    _require_tests(request)
    folder = RunFolder.create(request.output)
    folder.traces.mkdir(exist_ok=True)
    settings = request.settings(folder)
    watch, started = Stopwatch(), utc_now()
    facts: dict[str, object] = {
        **surroundings(),
        "command_line": list(request.command_line),
        "suites": [str(suite) for suite in request.suites],
        "site": request.site,
        "bench": request.bench,
        "speed": request.speed,
        "seed": request.seed,
        "trace": request.trace,
        "started": started.isoformat(),
        "ended": None,
    }
    folder.write_run_json(facts)  # a run that is killed is still known

    listener = ProgressListener(lambda: sum(record.farm_ns for record in folder.records()), stream=stream)
    try:
        with _environment(settings):
            robot_code = run_robot(
                *map(str, request.suites),
                outputdir=str(folder.path),
                xunit="junit.xml",
                report="NONE",
                console="none",
                listener=listener,
                include=list(request.include),
                test=list(request.tests),
                variable=[f"{name}:{value}" for name, value in settings.items()],
                pythonpath=[str(Path(hil.__file__).parent.parent)],
            )
    except SystemExit:  # a second Ctrl-C
        robot_code = _ROBOT_STOPPED
    finally:
        listener.close()

    records = list(folder.records())
    sha256 = run_hash(record.sha256 for record in records)
    exit_code = _exit_code(robot_code, listener, fail_on_skip=request.fail_on_skip)
    farm_s = sum(record.farm_ns for record in records) / NS_PER_S
    facts |= {
        "ended": utc_now().isoformat(),
        "wall_s": round(watch.elapsed_s, 3),
        "farm_s": farm_s,
        "sites": {record.site: record.site_sha256 for record in records if record.site},
        "counts": {
            "passed": listener.counts.passed,
            "failed": listener.counts.failed,
            "skipped": listener.counts.skipped,
        },
        "trace_sha256": sha256,
        "exit_code": int(exit_code),
    }
    folder.write_run_json(facts)
    (folder.path / "report.html").write_text(
        page.render(
            counts=listener.counts,
            suites=listener.suites,
            failures=listener.failures,
            facts={name: facts[name] for name in ("bench", "speed", "seed", "site", "started", "trace_sha256")},
            farm_s=farm_s,
            wall_s=watch.elapsed_s,
            traces=[(record.test, f"trace/{record.file}") for record in records if record.file],
        ),
        encoding="utf-8",
    )
    return RunOutcome(folder, listener.counts, sha256, exit_code)


def _require_tests(request: RunRequest) -> None:
    """Refuse what selects no test before there is a run folder, so that ``latest`` stays the latest run."""
    for suite in request.suites:
        if not suite.exists():
            raise ScenarioError(f"there is no suite {suite}.")
    try:
        chosen = TestSuite.from_file_system(*request.suites)
    except DataError as error:
        raise ScenarioError(str(error)) from error
    there = chosen.test_count
    chosen.filter(included_tests=list(request.tests) or None, included_tags=list(request.include) or None)
    if chosen.test_count == 0:
        asked = [f"--include {tag}" for tag in request.include] + [f"--test {name!r}" for name in request.tests]
        raise ScenarioError(f"no test selected: {' '.join(asked) or 'the suites are empty'} ({there} tests are there).")


def print_outcome(outcome: RunOutcome, stream: TextIO) -> None:
    """Print where everything is, and the two last lines that scripts rely on."""
    path = _shown(outcome.folder.path)
    if (outcome.folder.path / "log.html").exists():
        parts = {"report": "report.html", "log": "log.html", "junit": "junit.xml"}
        where = "   ".join(f"{what}: {path / name}" for what, name in parts.items())
        print(f"{where}   {path / 'run.json'}", file=stream)
    print(outcome.counts, file=stream)
    print(f"trace: {path / 'trace'} sha256={outcome.trace_sha256}", file=stream, flush=True)


def _exit_code(robot_code: int, listener: ProgressListener, *, fail_on_skip: bool) -> ExitCode:
    if listener.interrupted or robot_code == _ROBOT_STOPPED:
        return ExitCode.INTERRUPTED
    if listener.farm_failed or robot_code == _ROBOT_BROKEN:
        return ExitCode.FARM_FAILED
    if listener.site_wrong or robot_code == _ROBOT_BAD_DATA or listener.counts.total == 0:
        return ExitCode.USAGE
    if listener.counts.failed or (fail_on_skip and listener.counts.skipped):
        return ExitCode.FAILED
    return ExitCode.PASSED


def _shown(path: Path) -> Path:
    """Return a path as short as it can be said."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; those of another run do not leak in."""
    names = {*settings, "HIL_SITE"}
    before = {name: os.environ.get(name) for name in names}
    search_path = list(sys.path)
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        yield
    finally:
        sys.path[:] = search_path
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
