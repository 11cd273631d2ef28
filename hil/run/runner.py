"""Runs Robot suites on a bench into a fresh run folder, and turns what happened into two lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TextIO

from robot.rebot import rebot

import hil
from hil.clock.wall import Stopwatch, utc_now
from hil.errors import ExitCode, ScenarioError
from hil.report import page
from hil.report.junit import tell_errors
from hil.report.verdicts import Verdicts
from hil.run.folder import RunFolder, surroundings
from hil.run.merge import RunPart, merge
from hil.run.parallel import Pool, known_durations, split, usable_cores
from hil.run.part import Work
from hil.run.progress import NS_PER_S, Progress
from hil.run.selection import Case, Shard, choose
from hil.trace import Level, run_hash

ROBOT_MOST_FAILED: Final = 250  #: Up to here Robot's return code is a number of failed tests.
LATEST: Final = Path("results/latest")


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
        rerun_failed: Only tests that failed in the run of this folder.
        shard: Only this part of the tests.
        randomize: Shuffle suites and tests by the seed.
        round: Which of how many repetitions this is, for run.json.
        output: Run folder, None for a new one under ``results``.
        trace: What the traces hold.
        fail_on_skip: A skipped test makes the run fail.
        jobs: Worker processes, None for one on each usable core.
        keep: Leave the containers of a compose or swarm bench as they are at the end.
        place: Seats of a swarm bench that have to be on a certain host, each with the value of that host's label.
        exact_addresses: Give those containers the site's own addresses.
        command_line: As the user typed it, for run.json.
    """

    suites: Sequence[Path]
    site: str | None = None
    bench: str = "embedded"
    speed: str = "max"
    seed: int = 0
    include: Sequence[str] = ()
    tests: Sequence[str] = ()
    rerun_failed: Path | None = None
    shard: Shard | None = None
    randomize: bool = False
    round: tuple[int, int] | None = None
    output: Path | None = None
    trace: Level = "state"
    fail_on_skip: bool = False
    jobs: int | None = None
    keep: bool = False
    place: Sequence[tuple[str, str]] = ()
    exact_addresses: bool = False
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
        verdicts: What the tests ended with.
        trace_sha256: Hash of the run.
        exit_code: For the shell.
    """

    folder: RunFolder
    verdicts: Verdicts
    trace_sha256: str
    exit_code: ExitCode


def run_suites(request: RunRequest, *, stream: TextIO | None = None) -> RunOutcome:
    """Run suites and write log.html, junit.xml, report.html and run.json into the run's folder.

    Raises:
        ScenarioError: A suite does not exist or cannot be read, no test is selected, or the output folder is in use.
    """
    if request.exact_addresses and request.bench != "compose":
        raise ScenarioError("--exact-addresses is for containers: add --bench compose.")
    if request.bench == "swarm" and (request.site is None or request.speed == "max"):
        raise ScenarioError(
            "the swarm bench needs --site SITE, which is deployed, and --speed N (5, say): over several hosts there is "
            "no virtual time."
        )
    if request.place and request.bench != "swarm":
        raise ScenarioError("--place names hosts of a swarm: it needs --bench swarm.")
    # Before there is a folder: a run that selects nothing leaves nothing, and ``latest`` stays the latest run.
    cases = choose(
        request.suites,
        include=request.include,
        tests=request.tests,
        rerun_failed=request.rerun_failed,
        shard=request.shard,
        shuffle_seed=request.seed if request.randomize else None,
    )
    wanted = request.jobs or usable_cores() if request.bench == "embedded" else 1  # one runner
    queue = split(cases, wanted, known_durations(LATEST), in_order=request.randomize)
    jobs = min(wanted, len(queue))
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
        "include": list(request.include),
        "tests": list(request.tests),
        "rerun_failed": str(request.rerun_failed) if request.rerun_failed else None,
        "shard": str(request.shard) if request.shard else None,
        "randomize": request.randomize,
        "round": request.round,
        "jobs": jobs,
        "started": started.isoformat(),
        "ended": None,
    }
    folder.write_run_json(facts)  # a run that is killed is still known

    work = Work(suites=request.suites, folder=folder.path, variables=settings)
    with (
        TemporaryDirectory(prefix=".parts-", dir=folder.path) as parts_folder,
        Progress(cases, lambda: sum(record.farm_ns for record in folder.records()), stream=stream) as progress,
        _environment(settings),
    ):
        if request.shard is not None:
            progress.say(f"shard {request.shard}: {len(cases)} tests")
        if request.bench == "compose":
            parts, stopped = _run_in_containers(request, work, queue, Path(parts_folder), progress, facts=facts)
        elif request.bench == "swarm":
            parts, stopped = _run_on_a_swarm(request, work, queue, Path(parts_folder), progress)
        else:
            # Never in this process: a test that kills its own takes no verdict with it.
            pool = Pool(work, queue, Path(parts_folder), progress, fork=jobs == 1)
            pool.run(jobs)
            parts, stopped = pool.parts, pool.stopped
        result = merge(cases, parts)
    _write_results(result, folder)

    verdicts = Verdicts.of(result.suite.all_tests)
    records = list(folder.records())
    sha256 = run_hash(record.sha256 for record in records)
    exit_code = _exit_code(verdicts, stopped=stopped, fail_on_skip=request.fail_on_skip)
    farm_s = sum(record.farm_ns for record in records) / NS_PER_S
    facts |= {
        "ended": utc_now().isoformat(),
        "wall_s": round(watch.elapsed_s, 3),
        "farm_s": farm_s,
        "sites": {record.site: record.site_sha256 for record in records if record.site},
        "counts": asdict(verdicts.counts),
        "trace_sha256": sha256,
        "exit_code": int(exit_code),
    }
    folder.write_run_json(facts)
    order = {case.stable: number for number, case in enumerate(cases)}
    records.sort(key=lambda record: order.get(record.test, len(order)))
    (folder.path / "report.html").write_text(
        page.render(
            verdicts=verdicts,
            facts={name: facts[name] for name in ("bench", "speed", "seed", "site", "started", "trace_sha256")},
            farm_s=farm_s,
            wall_s=watch.elapsed_s,
            traces=[(record.test, f"trace/{record.file}") for record in records if record.file],
        ),
        encoding="utf-8",
    )
    return RunOutcome(folder, verdicts, sha256, exit_code)


def _write_results(result: Any, folder: RunFolder) -> None:
    """Write output.xml, and log.html and junit.xml of it."""
    output = folder.path / "output.xml"
    result.save(output)
    said = StringIO()
    code = rebot(
        str(output),
        outputdir=str(folder.path),
        log="log.html",
        xunit="junit.xml",
        report="NONE",
        stdout=said,
        stderr=said,
    )
    if code > ROBOT_MOST_FAILED:
        raise RuntimeError(f"log.html cannot be written:\n{said.getvalue()}")
    tell_errors(folder.path / "junit.xml")


def _run_in_containers(
    request: RunRequest,
    work: Work,
    queue: Sequence[tuple[Case, ...]],
    parts: Path,
    progress: Progress,
    *,
    facts: dict[str, object],
) -> tuple[list[RunPart], bool]:
    """Run everything in a container beside those of the sites; return it, and whether it was ended by a signal."""
    from hil.compose.up import EngineContainers  # noqa: PLC0415  most runs do not need it
    from hil.site import load_site  # noqa: PLC0415

    visible = [Path.cwd(), *(suite.resolve().parent for suite in request.suites)]
    containers = EngineContainers(work.folder, progress.say, exact=request.exact_addresses)
    with containers.running(keep=request.keep):
        if request.site is not None:
            site = load_site(request.site)
            containers.need(site)
            visible += [site.path.parent] if site.path is not None and Path(request.site).exists() else []
        with containers.runner(work.variables, _outermost(visible)) as command:
            pool = Pool(work, queue, parts, progress, command)
            pool.run(1)
    facts["compose"] = containers.facts
    return pool.parts, pool.stopped


def _run_on_a_swarm(
    request: RunRequest, work: Work, queue: Sequence[tuple[Case, ...]], parts: Path, progress: Progress
) -> tuple[list[RunPart], bool]:
    """Run everything in a container beside a site's stack; return it, and whether it was ended by a signal."""
    from hil.compose.deploy import Stack  # noqa: PLC0415  most runs do not need it
    from hil.site import load_site  # noqa: PLC0415

    assert request.site is not None
    site = load_site(request.site)
    visible = [Path.cwd(), *(suite.resolve().parent for suite in request.suites)]
    visible += [site.path.parent] if site.path is not None and Path(request.site).exists() else []
    stack = Stack(
        site=site, ref=request.site, folder=work.folder, settings=work.variables, visible=_outermost(visible),
        say=progress.say, place=dict(request.place),
    )  # fmt: skip
    with stack.running(keep=request.keep) as command:
        pool = Pool(work, queue, parts, progress, command)
        pool.run(1)
    return pool.parts, pool.stopped


def _outermost(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Return folders without those that are inside of another."""
    return tuple(
        one
        for one in dict.fromkeys(folders)
        if not any(one != other and one.is_relative_to(other) for other in folders)
    )


def print_outcome(outcome: RunOutcome, stream: TextIO) -> None:
    """Print where everything is, and the two last lines that scripts rely on."""
    path = _shown(outcome.folder.path)
    if (outcome.folder.path / "log.html").exists():
        parts = {"report": "report.html", "log": "log.html", "junit": "junit.xml"}
        where = "   ".join(f"{what}: {path / name}" for what, name in parts.items())
        print(f"{where}   {path / 'run.json'}", file=stream)
    for words, names in outcome.verdicts.blame():
        print(f"{words}: {', '.join(names)}", file=stream)
    if count := outcome.verdicts.not_run:
        print(f"{count} test{'s' if count != 1 else ''} did not run (counted as failed)", file=stream)
    print(outcome.verdicts.counts, file=stream)
    print(f"trace: {path / 'trace'} sha256={outcome.trace_sha256}", file=stream, flush=True)


def _exit_code(verdicts: Verdicts, *, stopped: bool, fail_on_skip: bool) -> ExitCode:
    if stopped or any(failure.stopped for failure in verdicts.failures):
        return ExitCode.INTERRUPTED
    if any(failure.farm_failed for failure in verdicts.failures):
        return ExitCode.FARM_FAILED
    if any(failure.author_wrong for failure in verdicts.failures):
        return ExitCode.USAGE
    if verdicts.counts.failed or (fail_on_skip and verdicts.counts.skipped):
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
    sys.path.insert(0, str(Path(hil.__file__).parent.parent))  # where Robot finds hil/keywords/farm.resource
    try:
        yield
    finally:
        sys.path[:] = search_path
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
