"""``hil run``: Robot suites on a bench."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hil.cli.command import Commands, add_command, add_place, factor, importing, seed
from hil.errors import ExitCode, ScenarioError

if TYPE_CHECKING:
    from hil.run.runner import RunRequest
    from hil.run.selection import Shard

SUITE_FOLDERS: Final = (Path("robot/suites"), Path("suites"))  #: Where suites are looked for, the first that exists.
MOST_JOBS: Final = 64


def add(commands: Commands) -> None:
    """Add the command."""
    run = add_command(commands, "run", _run, "run Robot Framework suites on a bench")
    default = " or ".join(str(folder) for folder in SUITE_FOLDERS)
    run.add_argument("suites", metavar="SUITE", nargs="*", type=Path, help=f"file or folder (default: {default})")
    run.add_argument("--site", metavar="S", help="site that the suites use instead of their own")
    run.add_argument(
        "--bench",
        choices=["embedded", "compose", "swarm"],
        default="embedded",
        help="where the devices live (default: embedded)",
    )
    run.add_argument("--speed", type=_speed, default="max", metavar="max|N", help="virtual time, or N times real time")
    run.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of the run (default: 0)")
    run.add_argument("--output", type=Path, metavar="DIR", help="run folder (default: a new one under results)")
    run.add_argument(
        "--trace", choices=["state", "frames"], default="state", help="frames: every protocol frame is in the trace too"
    )
    run.add_argument("--fail-on-skip", action="store_true", help="a skipped test makes the run fail")
    run.add_argument(
        "--jobs", type=_jobs, metavar="N", help="share the tests out over N processes (default: one on each core)"
    )
    run.add_argument(
        "--keep", action="store_true", help="leave the containers of the compose or swarm bench as they are at the end"
    )
    add_place(run)
    run.add_argument(
        "--exact-addresses",
        action="store_true",
        help="containers have the site's own addresses (default: a subnet of 198.18.0.0/15); one such run at a time",
    )
    which = run.add_argument_group("which tests, and in which order")
    which.add_argument(
        "--include", action="append", default=[], metavar="TAG", help="only tests with this tag; repeatable"
    )
    which.add_argument(
        "--test", action="append", default=[], metavar="NAME", help="only the test of this name; repeatable"
    )
    which.add_argument(
        "--rerun-failed", type=Path, metavar="DIR", help="only the tests that failed in the run of this folder"
    )
    which.add_argument(
        "--shard", type=_shard, metavar="I/N", help="only part I of N: together the N parts are all tests, each once"
    )
    which.add_argument(
        "--allow-empty-shard",
        action="store_true",
        help="a shard for which no test is left passes (default: exit code 2)",
    )
    which.add_argument("--randomize", action="store_true", help="shuffle suites and tests by the seed")
    which.add_argument(
        "--until-fail",
        type=_rounds,
        metavar="N",
        help="run up to N times, with seeds SEED, SEED+1, ..., until one does not pass",
    )


def _run(args: argparse.Namespace) -> int:
    with importing():
        from hil.run.runner import RunRequest  # noqa: PLC0415  Robot Framework is slow to import

    suites = args.suites
    if not suites and args.rerun_failed:
        with importing():
            from hil.run.selection import suites_of  # noqa: PLC0415

        suites = suites_of(args.rerun_failed)
    if not suites:
        suites = [folder for folder in SUITE_FOLDERS if folder.is_dir()][:1]
        if not suites:
            wanted = " nor ".join(str(folder) for folder in SUITE_FOLDERS)
            raise ScenarioError(f"there is neither {wanted} in this folder. Name the suites: hil run SUITE ...")
    if args.site:
        with importing():
            from hil.site import load_site  # noqa: PLC0415  pydantic is slow to import, and most runs do not need it here

        load_site(args.site)
    request = RunRequest(
        suites=suites,
        site=args.site,
        bench=args.bench,
        speed=args.speed,
        seed=args.seed,
        include=args.include,
        tests=args.test,
        rerun_failed=args.rerun_failed,
        shard=args.shard,
        randomize=args.randomize,
        output=args.output,
        trace=args.trace,
        fail_on_skip=args.fail_on_skip,
        jobs=args.jobs,
        keep=args.keep,
        place=args.place,
        exact_addresses=args.exact_addresses,
        command_line=args.command_line,
    )
    with importing():
        from hil.run.selection import EmptyShard  # noqa: PLC0415

    try:
        return _once(request) if args.until_fail is None else _until_fail(request, args.until_fail)
    except EmptyShard as error:
        if not args.allow_empty_shard:
            raise
        print(f"{error}\n0 passed, 0 failed, 0 skipped")
        return ExitCode.PASSED


def _once(request: RunRequest) -> ExitCode:
    with importing():
        from hil.run.runner import print_outcome, run_suites  # noqa: PLC0415

    outcome = run_suites(request)
    print_outcome(outcome, sys.stdout)
    return outcome.exit_code


def _until_fail(request: RunRequest, rounds: int) -> ExitCode:
    """Run again and again. The same seed would give the same trace, so each round has its own."""
    with importing():
        from dataclasses import replace  # noqa: PLC0415

        from hil.run.folder import require_unused  # noqa: PLC0415

    if request.output is not None:
        require_unused(request.output)
    code = ExitCode.PASSED
    for number in range(1, rounds + 1):
        its_seed = request.seed + number - 1
        output = None if request.output is None else request.output / f"seed-{its_seed}"
        print(f"round {number} of {rounds}, seed {its_seed}", flush=True)
        code = _once(replace(request, seed=its_seed, output=output, round=(number, rounds)))
        if code is not ExitCode.PASSED:
            break
    return code


def _speed(text: str) -> str:
    return text if text == "max" else factor(text)


def _whole(text: str) -> int | None:
    """Return a whole number from 1, None for anything else."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) and int(text) >= 1 else None


def _jobs(text: str) -> int:
    jobs = _whole(text)
    if jobs is None or jobs > MOST_JOBS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes. Allowed: 1 to {MOST_JOBS}.")
    return jobs


def _rounds(text: str) -> int:
    rounds = _whole(text)
    if rounds is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds. Allowed: a whole number from 1.")
    return rounds


def _shard(text: str) -> Shard:
    with importing():
        from hil.run.selection import Shard  # noqa: PLC0415

    number, slash, count = text.partition("/")
    shard = (_whole(number), _whole(count))
    match shard:
        case (int(part), int(parts)) if slash and part <= parts:
            return Shard(part, parts)
    raise argparse.ArgumentTypeError(f"{text!r} is no shard. Allowed: I/N with I from 1 to N, such as 2/3.")
