"""``hil ...``: the farm from a shell. Words and exit codes are a promise to scripts."""

from __future__ import annotations

import argparse
import csv
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from emulators.kit.family import Family, UnknownFamily, families, family
from hil.errors import BenchError, HilError, ScenarioError
from hil.hand.commands import add_commands
from hil.report.runner import ExitCode, RunRequest, print_outcome, run_suites

SUITE_FOLDERS: Final = (Path("robot/suites"), Path("suites"))  #: Where suites are looked for, the first that exists.
MOST_JOBS: Final = 64

_EPILOG: Final = """exit codes:
  0 all passed    1 a test failed    2 usage or site wrong, or no test selected
  3 the farm itself failed    130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``hil`` command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser().parse_args(words)
    args.command_line = ["hil", *words]
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except BenchError as error:
        return _complain(error, ExitCode.FARM_FAILED)
    except HilError as error:
        return _complain(error, ExitCode.USAGE)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `hil sheet ... | head`
        sys.stderr.close()
        return ExitCode.PASSED
    except Exception:  # a fault of the farm's own: whoever repairs it needs the traceback
        traceback.print_exc()
        return ExitCode.FARM_FAILED


def _complain(error: Exception, code: ExitCode) -> int:
    print(f"hil: {error}" if "\n" not in str(error) else error, file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hil",
        description="Hardware-in-the-loop farm for EV-charging load management.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hil {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        sub.set_defaults(command=run)
        return sub

    check = command("check", _check, "check site files and say everything that is wrong with them")
    check.add_argument(
        "sites", metavar="SITE", nargs="+", help="site file, or a shipped site such as mennekes/car-park"
    )

    run = command("run", _run, "run Robot Framework suites on a bench")
    default = " or ".join(str(folder) for folder in SUITE_FOLDERS)
    run.add_argument("suites", metavar="SUITE", nargs="*", type=Path, help=f"file or folder (default: {default})")
    run.add_argument("--site", metavar="S", help="site that the suites use instead of their own")
    run.add_argument(
        "--bench", choices=["embedded"], default="embedded", help="where the devices live (default: embedded)"
    )
    run.add_argument("--speed", type=_speed, default="max", metavar="max|N", help="virtual time, or N times real time")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the run (default: 0)")
    run.add_argument(
        "--include", action="append", default=[], metavar="TAG", help="only tests with this tag; repeatable"
    )
    run.add_argument(
        "--test", action="append", default=[], metavar="NAME", help="only the test of this name; repeatable"
    )
    run.add_argument("--output", type=Path, metavar="DIR", help="run folder (default: a new one under results)")
    run.add_argument(
        "--trace", choices=["state", "frames"], default="state", help="frames: every protocol frame is in the trace too"
    )
    run.add_argument(
        "--jobs", type=_jobs, metavar="N", help="share the tests out over N processes (default: one on each core)"
    )
    run.add_argument("--fail-on-skip", action="store_true", help="a skipped test makes the run fail")

    up = command("up", _up, "keep a farm running until Ctrl-C")
    up.add_argument("site", metavar="SITE", help="site file, or a shipped site")
    up.add_argument("--speed", type=_factor, default="1", metavar="N", help="N times real time (default: 1)")
    up.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the farm (default: 0)")
    up.add_argument("--endpoints", type=Path, metavar="FILE", help="write addresses and ports of all devices as JSON")

    command("devices", _devices, "list the device families that can stand on a site")
    sheet = command(
        "sheet", _sheet, "print a device's fidelity sheet: registers, parameters, what is documented and assumed"
    )
    sheet.add_argument("device", metavar="DEVICE", help="device type as in `hil devices`")
    command("doctor", _doctor, "look for what this machine lacks, each with its fix")

    add_commands(command)

    init = command("init", _init, "write a site, a suite and a robot.toml to begin with")
    init.add_argument("folder", metavar="DIR", type=Path, help="an empty folder, made when it is missing")

    trace = command("trace", _trace, "print the traceability matrix of a run")
    trace.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="run folder, for example results/latest")
    trace.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="PREFIX",
        help="fail when an id with this prefix (such as MEN-SUB) has neither test nor reason; repeatable",
    )
    return parser


def _speed(text: str) -> str:
    return text if text == "max" else _factor(text)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_JOBS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes. Allowed: 1 to {MOST_JOBS}.")
    return int(text)


def _factor(text: str) -> str:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no speed. Allowed: a number above 0, or (hil run) max.")
    return text


def _check(args: argparse.Namespace) -> int:
    from hil.site import load_site  # noqa: PLC0415  pydantic is slow to import, and `hil devices` does not need it

    code = ExitCode.PASSED
    for ref in args.sites:
        try:
            site = load_site(ref)
        except ScenarioError as error:
            code = ExitCode(_complain(error, ExitCode.USAGE))
            continue
        for warning in site.warnings:
            print(f"{warning}\n  (a warning)" if "\n" in str(warning) else f"{warning} (a warning)")
        seats = len(site.devices) + len(site.meters)
        print(f"{ref}: ok, {seats} device{'s' if seats != 1 else ''}, {len(site.vehicles)} vehicles")
    return code


def _run(args: argparse.Namespace) -> int:
    suites = args.suites
    if not suites:
        suites = [folder for folder in SUITE_FOLDERS if folder.is_dir()][:1]
        if not suites:
            wanted = " nor ".join(str(folder) for folder in SUITE_FOLDERS)
            raise ScenarioError(f"there is neither {wanted} in this folder. Name the suites: hil run SUITE ...")
    if args.site:
        from hil.site import load_site  # noqa: PLC0415

        load_site(args.site)
    outcome = run_suites(
        RunRequest(
            suites=suites,
            site=args.site,
            bench=args.bench,
            speed=args.speed,
            seed=args.seed,
            include=args.include,
            tests=args.test,
            output=args.output,
            trace=args.trace,
            fail_on_skip=args.fail_on_skip,
            jobs=args.jobs,
            command_line=args.command_line,
        )
    )
    print_outcome(outcome, sys.stdout)
    return outcome.exit_code


def _up(args: argparse.Namespace) -> int:
    from hil.bench import up  # noqa: PLC0415

    return int(up.main(args))


def _devices(args: argparse.Namespace) -> int:
    rows = [
        (one.type, one.role, one.product, ", ".join(one.firmware), _ports(one)) for _, one in sorted(families().items())
    ]
    _table([("type", "role", "product", "firmware", "Modbus"), *rows])
    return ExitCode.PASSED


def _sheet(args: argparse.Namespace) -> int:
    try:
        device = family(args.device)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error
    print(f"{device.type}: {device.product} ({device.role})")
    print(f"firmware: {', '.join(device.firmware)} (the first is the default)")
    if device.variants:
        print(f"variants: {', '.join(device.variants)} (the first is the default)")
    for variant, current_a in device.rated_current_a.items():
        print(f"rated current{f' of {variant}' if variant else ''}: {current_a:g} A")
    if device.registers is not None:
        with device.registers.open(newline="", encoding="utf-8") as file:
            rows = [tuple(row) for row in csv.reader(file)]
        print(f"\nModbus {_ports(device)}, {len(rows) - 1} rows")
        _table(rows)
    if len(device.parameters):
        print("\nparameters")
        head = ("name", "type", "default", "unit", "allowed", "restart", "source")
        _table(
            [
                head,
                *(
                    (
                        row.name,
                        row.type,
                        row.default,
                        row.unit,
                        row.allowed_text.removeprefix("Allowed: "),
                        "yes" if row.needs_restart else "no",
                        row.source,
                    )
                    for row in device.parameters.values()
                ),
            ]
        )
    print()
    print(device.sheet.read_text(encoding="utf-8").rstrip())
    return ExitCode.PASSED


def _init(args: argparse.Namespace) -> int:
    from hil.starter import init  # noqa: PLC0415

    for file in init(args.folder):
        print(f"written: {file}")
    print(f"Next: cd {args.folder} && hil check sites/car-park.yaml && hil run suites")
    return ExitCode.PASSED


def _doctor(args: argparse.Namespace) -> int:
    from hil.report.doctor import examine  # noqa: PLC0415

    for finding in examine():
        print(finding)
    return ExitCode.PASSED


def _trace(args: argparse.Namespace) -> int:
    from hil.requirements import print_matrix  # noqa: PLC0415

    return print_matrix(args.run_dir, args.require)


def _ports(device: Family) -> str:
    return f"TCP {device.modbus_port}, unit {device.modbus_unit}" if device.modbus_port is not None else "-"


def _table(rows: Sequence[Sequence[str]]) -> None:
    """Print columns that line up; the last one may be as long as it is."""
    columns = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(columns)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())


def _version() -> str:
    try:
        return metadata.version("hilfarm")
    except metadata.PackageNotFoundError:
        return "(not installed)"
