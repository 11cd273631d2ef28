"""``hil plug``, ``hil load``, ``hil cut``, ``hil do``, ``hil watch`` ...: a running farm from a second shell."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode

if TYPE_CHECKING:
    from hil.hand.client import Client
    from hil.site.ranges import Range

POINT: Final = "charging point, or one of its sockets (CP1/2) where it has several"

Body = Callable[[argparse.Namespace], Mapping[str, object]]


def add(commands: Commands) -> None:
    """Add the commands."""
    plug = _verb(commands, "plug", "plug a vehicle in", _plug)
    plug.add_argument("point", metavar="POINT", help=POINT)
    plug.add_argument("--vehicle", metavar="NAME", help="a vehicle of the site or a preset, instead of the next two")
    plug.add_argument(
        "--phases", type=_phases, choices=(1, 2, 3), default=3, help="of its on-board charger (default: 3)"
    )
    plug.add_argument(
        "--max-current", type=_amps, default=32.0, metavar="A", help="what it takes at most, as 16A (default: 32A)"
    )
    unplug = _verb(commands, "unplug", "take the vehicle away", lambda args: {"point": args.point})
    unplug.add_argument("point", metavar="POINT", help=POINT)
    for name, text in (("load", "set what a consumer draws"), ("pv", "set what a PV system feeds in")):
        source = _verb(commands, name, text, lambda args: {"name": args.node, "current_a": args.current})
        source.add_argument("node", metavar="NODE", help=f"{'load' if name == 'load' else 'PV system'} or feeder")
        source.add_argument("current", type=_amps3, metavar="CURRENT", help="as 12A for each phase, or 10A/0A/5A")
    for name, text in (("cut", "pull a device's cable, or break one path"), ("restore", "undo cut")):
        cable = _verb(commands, name, text, _cable)
        cable.add_argument("link", metavar="LINK", help="a device (CP1), or the path between two (CP1-CP3)")
        cable.add_argument("other", metavar="OTHER", nargs="?", help="the other end, instead of writing CP1-CP3")
    restart = _verb(commands, "restart", "restart a device", lambda args: {"device": args.device})
    restart.add_argument("device", metavar="DEVICE", help="device of the site")

    param = _on_farm(add_command(commands, "param", _param, "show a device's parameters, or set one and save"))
    param.add_argument("device", metavar="DEVICE", help="device of the site")
    param.add_argument("name", metavar="NAME", nargs="?", help="the manual's name; none: show all")
    param.add_argument("value", metavar="VALUE", nargs="?", help="new value; none: show it")
    param.add_argument("--restart", action="store_true", help="restart the device, where the parameter needs it")

    do = _on_farm(add_command(commands, "do", _do, "run any keyword of the farm's Robot library"))
    do.add_argument("keyword", metavar="KEYWORD", help="such as 'Plug In Vehicle'")
    do.add_argument("args", metavar="ARG", nargs="*", help="as a test writes them: CP1 phases=3")

    look = _on_farm(add_command(commands, "watch", _watch, "show phases, limits and states live"))
    look.add_argument("--once", action="store_true", help="show them once")
    look.add_argument("--json", action="store_true", help="show them once, as JSON")


def _on_farm(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--endpoints", type=Path, metavar="FILE", help="which farm (default: the one that runs in this folder)"
    )
    return parser


def _verb(commands: Commands, name: str, text: str, body: Body) -> argparse.ArgumentParser:
    def run(args: argparse.Namespace) -> int:
        _ask(args, name, body(args))
        return ExitCode.PASSED

    return _on_farm(add_command(commands, name, run, text))


def _ask(args: argparse.Namespace, verb: str, body: Mapping[str, object]) -> dict[str, Any]:
    with importing():
        from hil.hand.client import ask  # noqa: PLC0415  aiohttp is slow to import

    return ask(args.endpoints, lambda client: client.do(verb, body))


def _plug(args: argparse.Namespace) -> Mapping[str, object]:
    if args.vehicle:
        return {"point": args.point, "vehicle": args.vehicle}
    return {"point": args.point, "phases": args.phases, "max_current_a": args.max_current}


def _cable(args: argparse.Namespace) -> Mapping[str, object]:
    """Split ``CP1-CP3`` by the names of the site, for a name may have a hyphen itself."""
    if args.other is not None:
        return {"device": args.link, "other": args.other}

    with importing():
        from hil.hand.client import ask  # noqa: PLC0415

    state = ask(args.endpoints, lambda client: client.state())
    known = {*state["chargers"], *state["meters"], *state["backends"]}
    if args.link not in known:
        hyphens = [place for place, letter in enumerate(args.link) if letter == "-"]
        pairs = [(args.link[:place], args.link[place + 1 :]) for place in hyphens]
        # Where only one end is known, the farm says which paths that one has.
        for device, other in sorted(pairs, key=lambda pair: -len(known & set(pair))):
            if known & {device, other}:
                return {"device": device, "other": other}
    return {"device": args.link, "other": None}


def _param(args: argparse.Namespace) -> int:
    answer = _ask(
        args, "param", {"device": args.device, "name": args.name, "value": args.value, "restart": args.restart}
    )
    for name, value in answer["parameters"].items():
        print(f"{name}: {value}")
    if answer.get("waiting_for_restart"):
        print(f"acts after a restart: hil restart {args.device} (or --restart)")
    return ExitCode.PASSED


def _do(args: argparse.Namespace) -> int:
    answer = _ask(args, "do", {"keyword": args.keyword, "args": args.args})
    if answer.get("output"):
        print(answer["output"])
    return ExitCode.PASSED if answer["passed"] else ExitCode.FAILED


def _watch(args: argparse.Namespace) -> int:
    with importing():
        from rich.console import Console  # noqa: PLC0415

        from hil.hand.client import ask  # noqa: PLC0415
        from hil.hand.watch import watch  # noqa: PLC0415

    async def look(client: Client) -> None:
        if args.json:
            print(json.dumps(await client.state(), indent=2))
        else:
            await watch(client, Console(highlight=False), once=args.once)

    ask(args.endpoints, look)
    return ExitCode.PASSED


def _phases(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of phases. Allowed: 1, 2, 3.")
    return int(text)


def _amps(text: str) -> float:
    with importing():
        from hil.keywords.values import to_amps  # noqa: PLC0415
        from hil.site import VehicleSpec  # noqa: PLC0415
        from hil.site.ranges import of_field  # noqa: PLC0415

    (current_a,) = _within(text, lambda: [to_amps(text).a], of_field(VehicleSpec, "max_current_a", "A"))
    return current_a


def _amps3(text: str) -> list[float]:
    with importing():
        from hil.keywords.values import to_amps3  # noqa: PLC0415
        from hil.site.ranges import SOURCE_CURRENT  # noqa: PLC0415

    return _within(text, lambda: list(to_amps3(text).a), SOURCE_CURRENT, "; what is fed in: hil pv")


def _within(text: str, read: Callable[[], list[float]], found: Range, besides: str = "") -> list[float]:
    try:
        currents_a = read()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not all(current_a in found for current_a in currents_a):
        what = "below 0" if min(currents_a) < 0 else "out of range"
        raise argparse.ArgumentTypeError(f"{text!r} is {what}. Allowed: {found.allowed}{besides}.")
    return currents_a
