"""``hil trace``: which statement of the manuals which test shows."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.cli.command import Commands, add_command, importing


def add(commands: Commands) -> None:
    """Add the command."""
    trace = add_command(commands, "trace", _trace, "print the traceability matrix of a run")
    trace.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="run folder, for example results/latest")
    trace.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="PREFIX",
        help="fail when an id with this prefix (such as MEN-SUB) has neither test nor reason; repeatable",
    )
    trace.add_argument(
        "--waiting",
        metavar="CHANNEL",
        help="print which ids of a channel (such as ocpp) have no test yet, and what they wait for",
    )


def _trace(args: argparse.Namespace) -> int:
    with importing():
        from hil.requirements import print_matrix, print_waiting  # noqa: PLC0415

    if args.waiting:
        return print_waiting(args.run_dir, args.waiting)
    return print_matrix(args.run_dir, args.require)
