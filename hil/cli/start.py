"""``hil init``: a folder to begin with."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode


def add(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "init", _init, "write a site, a suite and a workflow to begin with")
    command.add_argument("--from", dest="site", metavar="SITE", default="", help="a shipped site, as in `hil sites`")
    command.add_argument("folder", metavar="DIR", type=Path, help="an empty folder, made when it is missing")


def _init(args: argparse.Namespace) -> int:
    with importing():
        import shlex  # noqa: PLC0415

        from hil.starter import init  # noqa: PLC0415

    files = init(args.folder, args.site)
    for file in files:
        print(f"written: {file}")
    site = files[0].relative_to(args.folder)
    print(f"Next: cd {shlex.quote(str(args.folder))} && hil check {site} && hil run suites")
    return ExitCode.PASSED
