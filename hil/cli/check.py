"""``hil check``: everything that is wrong with a site file."""

from __future__ import annotations

import argparse

from hil.cli.command import Commands, add_command, complain
from hil.errors import ExitCode, ScenarioError


def add(commands: Commands) -> None:
    """Add the command."""
    check = add_command(commands, "check", _check, "check site files and say everything that is wrong with them")
    check.add_argument(
        "sites", metavar="SITE", nargs="+", help="site file, or a shipped site such as mennekes/car-park"
    )


def _check(args: argparse.Namespace) -> int:
    from hil.site import load_site  # noqa: PLC0415  pydantic is slow to import, and `hil devices` does not need it

    code = ExitCode.PASSED
    for ref in args.sites:
        try:
            site = load_site(ref)
        except ScenarioError as error:
            code = complain(error, ExitCode.USAGE)
            continue
        for warning in site.warnings:
            print(f"{warning}\n  (a warning)" if "\n" in str(warning) else f"{warning} (a warning)")
        seats, sockets = len(site.seats), len(site.outlets)
        more = f", {sockets} sockets" if sockets != len(site.devices) else ""
        print(f"{ref}: ok, {seats} device{'s' if seats != 1 else ''}{more}, {len(site.vehicles)} vehicles")
    return code
