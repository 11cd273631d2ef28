"""``hil check``: everything that is wrong with a site file; ``hil schema``: what may stand in one, for editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.cli.command import Commands, add_command, complain, importing
from hil.errors import ExitCode, ScenarioError


def add(commands: Commands) -> None:
    """Add the commands."""
    check = add_command(commands, "check", _check, "check site files and say everything that is wrong with them")
    check.add_argument(
        "sites", metavar="SITE", nargs="+", help="site file, or a shipped site such as mennekes/car-park"
    )
    schema = add_command(commands, "schema", _schema, "print the JSON schema of site files, for editors")
    schema.add_argument("file", metavar="FILE", nargs="?", type=Path, help="write it there instead")


def _schema(args: argparse.Namespace) -> int:
    from hil.site.schema import schema_text  # noqa: PLC0415  as below

    if args.file is None:
        print(schema_text(), end="")
        return ExitCode.PASSED
    try:
        args.file.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{args.file} cannot be written: {error.strerror}.") from error
    return ExitCode.PASSED


def _check(args: argparse.Namespace) -> int:
    with importing():
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
