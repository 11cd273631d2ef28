"""``hil trace``: which statement of the manuals which test shows."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.cli.command import Commands, add_command


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


def _trace(args: argparse.Namespace) -> int:
    from hil.requirements import print_matrix  # noqa: PLC0415

    return print_matrix(args.run_dir, args.require)
