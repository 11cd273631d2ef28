"""``hil compose``: the image, the compose file of a site, and cleaning up."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode, ScenarioError

if TYPE_CHECKING:
    from hil.compose.owners import Run

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
    clean = add_command(own, "clean", _clean, f"remove what carries the label '{LABEL}' and belongs to nobody alive")
    clean.add_argument(
        "--run",
        metavar="ID",
        action="append",
        default=[],
        help="what this run has (compose.json has its id); repeatable",
    )
    clean.add_argument("--project", metavar="P", action="append", default=[], help="what this project has; repeatable")
    clean.add_argument("--all", action="store_true", help="everything, also running farms of other people: asks first")
    clean.add_argument("--yes", action="store_true", help="--all does not ask")
    clean.add_argument(
        "--images", action="store_true", help="remove the images too, all but the base, unless somebody needs them"
    )


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
        from hil.compose import engine, owners, swarm  # noqa: PLC0415

    engine.require_engine()
    stacks, runs = swarm.stacks(), owners.runs()
    having = owners.by_run([*owners.projects(), *stacks], runs)
    for one in args.run:
        if one not in runs:
            raise ScenarioError(f"there is no run {one!r} here. Allowed: {', '.join(runs) or 'none'}.")
    if args.all:
        wanted = sorted({name for names in having.values() for name in names} | set(stacks))
        if wanted and not args.yes:
            _ask(having, runs)
    elif args.run or args.project:
        wanted = [*args.project, *(name for one in args.run for name in having.get(one, ()))]
    else:
        dead = [one.id for one in runs.values() if one.life is owners.Life.DEAD]
        wanted = [name for one in dead for name in having.get(one, ())]
    gone = [one for one in stacks if one in wanted]
    for stack in gone:
        swarm.remove(stack)
    removed = list(engine.clean(projects=None if args.all else wanted))
    left = sorted({*owners.projects(), *swarm.stacks()})
    if args.images and not left:
        removed += [one for one in engine.clean(projects=[], images=True) if one.kind == "images"]
    print(
        f"removed: {f'{len(gone)} stacks, ' if gone else ''}" + ", ".join(f"{one.count} {one.kind}" for one in removed)
    )
    if left:
        images = ", and the images that they may need" if args.images else ""
        print(f"left: {_whose(owners.by_run(left, runs), runs)}{images}. Others take: --run ID, --project P, --all")
    return ExitCode.PASSED


def _ask(having: Mapping[str, Sequence[str]], runs: Mapping[str, Run]) -> None:
    """Let the user say whether all is to go.

    Raises:
        ScenarioError: It is not, or nobody is there to say so.
    """
    what = _whose(having, runs)
    if not sys.stdin.isatty():
        raise ScenarioError(f"--all takes {what}. Nobody is here to be asked. Allowed: --all --yes.")
    if input(f"This takes {what}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise ScenarioError("nothing was removed.")


def _whose(having: Mapping[str, Sequence[str]], runs: Mapping[str, Run]) -> str:
    """Return who has what, runs by their ids, the rest by name."""
    known = [str(runs[one]) for one in having if one]
    return ", ".join([*known, *(f"{name} (of nobody known)" for name in having.get("", ()))])
