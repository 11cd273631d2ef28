"""``hil compose``: the image, the compose file of a site, and cleaning up."""

from __future__ import annotations

import argparse
from typing import Final

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode

LABEL: Final = "hilfarm"  #: As ``hil.compose.engine.LABEL``; only the help needs it here.


def add(commands: Commands) -> None:
    """Add the command and its own commands."""
    compose = commands.add_parser(
        "compose", help="sites as containers", description="Sites as containers on a Docker engine."
    )
    own = compose.add_subparsers(title="commands", metavar="COMMAND", required=True)
    image = add_command(own, "image", _image, "build the farm's image, if anything in it has changed")
    image.add_argument(
        "--base", metavar="IMAGE", help="base image with Python (default: the public one, else one built from Debian)"
    )
    render = add_command(own, "render", _render, "print the compose file of a site")
    render.add_argument("site", metavar="SITE", help="site file, or a shipped site such as mennekes/car-park")
    render.add_argument(
        "--exact-addresses", action="store_true", help="the site's own addresses (default: a subnet of 198.18.0.0/15)"
    )
    clean = add_command(own, "clean", _clean, f"remove what carries the label '{LABEL}', also of running farms")
    clean.add_argument(
        "--project",
        metavar="P",
        action="append",
        default=[],
        help="only this project (compose.json has a run's); repeatable",
    )
    clean.add_argument("--images", action="store_true", help="remove the images too, all but the base")


def _image(args: argparse.Namespace) -> int:
    with importing():
        from hil.compose.image import ensure  # noqa: PLC0415  only this command builds

    print(ensure(lambda text: print(text, flush=True), args.base))
    return ExitCode.PASSED


def _render(args: argparse.Namespace) -> int:
    with importing():
        from hil.compose.plan import Plan, choose_subnets  # noqa: PLC0415  pydantic is slow to import
        from hil.compose.render import render  # noqa: PLC0415
        from hil.site import load_site  # noqa: PLC0415

    site = load_site(args.site)
    plan = Plan(site, choose_subnets(site, exact=args.exact_addresses))
    ref = f"{args.site} --exact-addresses" if args.exact_addresses else args.site
    print(render(site, plan, ref=ref), end="")
    return ExitCode.PASSED


def _clean(args: argparse.Namespace) -> int:
    with importing():
        from hil.compose import engine, swarm  # noqa: PLC0415

    engine.require_engine()
    stacks = [one for one in swarm.stacks() if not args.project or one in args.project]
    for stack in stacks:
        swarm.remove(stack)
    print(
        f"removed: {f'{len(stacks)} stacks, ' if stacks else ''}"
        + ", ".join(f"{one.count} {one.kind}" for one in engine.clean(projects=args.project, images=args.images))
    )
    return ExitCode.PASSED
