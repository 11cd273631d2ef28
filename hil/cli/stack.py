"""``hil stack``: a site spread over the hosts of a swarm."""

from __future__ import annotations

import argparse

from hil.cli.command import Commands, add_command, add_place, importing
from hil.errors import ExitCode, ScenarioError


def add(commands: Commands) -> None:
    """Add the command and its own commands."""
    stack = commands.add_parser(
        "stack", help="sites over several hosts", description="Sites as stacks, over the hosts of a Docker swarm."
    )
    own = stack.add_subparsers(title="commands", metavar="COMMAND", required=True)
    render = add_command(own, "render", _render, "print the stack file of a site")
    render.add_argument("site", metavar="SITE", help="site file, or a shipped site such as mennekes/car-park")
    add_place(render)
    render.add_argument("--exact-addresses", action="store_true", help="refused: Swarm chooses all addresses itself")


def _render(args: argparse.Namespace) -> int:
    with importing():
        from hil.compose.stack import render_stack  # noqa: PLC0415  pydantic is slow to import
        from hil.site import load_site  # noqa: PLC0415

    if args.exact_addresses:
        raise ScenarioError(
            "--exact-addresses: Swarm chooses the address of each task itself and takes none. A stack's devices are "
            "found by name; `hil compose render --exact-addresses` keeps a site's addresses, on one host."
        )
    words = [args.site, *(f"--place {name}={where}" for name, where in args.place)]
    print(render_stack(load_site(args.site), ref=" ".join(words), place=dict(args.place)), end="")
    return ExitCode.PASSED
