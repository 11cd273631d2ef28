"""``hil completion``: lets a shell complete commands, options, sites, device types, and the names of a running farm."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, Final

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode, HilError

PLANT_FAULT, HEAL = "Plant Fault", "none"
Words = Callable[[argparse.Namespace], Iterable[str]]


def add(commands: Commands) -> None:
    """Add the command, and tell every argument of the others which words it takes."""
    completion = add_command(
        commands, "completion", _print, 'print a completion script: eval "$(hil completion bash)" in ~/.bashrc'
    )
    completion.add_argument("shell", metavar="SHELL", choices=["bash", "zsh"], help="bash or zsh")
    for name, parser in commands.choices.items():
        for action in parser._actions:  # argparse has no public way to ask
            words = WORDS.get((name, action.dest)) or WORDS.get(("", action.dest))
            if words is not None:
                action.completer = _completer(words)


def _print(args: argparse.Namespace) -> int:
    with importing():
        from argcomplete.shell_integration import shellcode  # noqa: PLC0415

    print(shellcode(["hil"], shell=args.shell), end="")
    return ExitCode.PASSED


def _completer(words: Words) -> Callable[..., list[str]]:
    """Return argcomplete's kind of completer; a farm that cannot be asked has no names."""

    def complete(parsed_args: argparse.Namespace, **_: object) -> list[str]:
        try:
            return [str(word) for word in words(parsed_args)]
        except HilError:
            return []

    return complete


def _state(args: argparse.Namespace) -> dict[str, Any]:
    with importing():
        from hil.hand.client import ask  # noqa: PLC0415  aiohttp is slow to import

    return ask(getattr(args, "endpoints", None), lambda client: client.state())


def _parameters(args: argparse.Namespace) -> Iterable[str]:
    with importing():
        from hil.hand.client import ask  # noqa: PLC0415

    return list(ask(args.endpoints, lambda client: client.do("param", {"device": args.device}))["parameters"])


def _types(_args: argparse.Namespace) -> Iterable[str]:
    with importing():
        from emulators.kit.family import family_types  # noqa: PLC0415

    return family_types()


def _sites(_args: argparse.Namespace) -> Iterable[str]:
    with importing():
        from hil.site import shipped_sites  # noqa: PLC0415  pydantic is slow to import

    return shipped_sites()


def _keywords(_args: argparse.Namespace) -> Iterable[str]:
    with importing():
        from robot.libdoc import LibraryDocumentation  # noqa: PLC0415  Robot is slow to import

    return [one.name for one in LibraryDocumentation("hil.keywords.Farm").keywords]


def _arguments(args: argparse.Namespace) -> Iterable[str]:
    """Return what a keyword of `hil do` may be given next, as far as the farm can say: devices, and their faults."""
    given = list(args.args or ())
    if not given:
        return _seats(args)
    if args.keyword != PLANT_FAULT or len(given) > 1:
        return []
    with importing():
        import json  # noqa: PLC0415

        from emulators.kit.family import family  # noqa: PLC0415
        from hil.hand.client import find  # noqa: PLC0415

    where = find(getattr(args, "endpoints", None))
    devices = json.loads(where.file.read_text(encoding="utf-8"))["devices"]
    return [*family(devices[given[0]]["type"]).faults.spellings, HEAL] if given[0] in devices else []


def _seats(args: argparse.Namespace) -> Iterable[str]:
    state = _state(args)
    return [*state["chargers"], *state["meters"], *state["backends"]]


def _nodes(kind: str) -> Words:
    def words(args: argparse.Namespace) -> Iterable[str]:
        state = _state(args)
        return [*state[kind], *state["nodes"]]

    return words


#: Which words an argument takes, by command and argument; no command means every command.
WORDS: Final[dict[tuple[str, str], Words]] = {
    ("", "site"): _sites,
    ("", "sites"): _sites,
    ("sheet", "device"): _types,
    ("", "point"): lambda args: _state(args)["points"],
    ("", "device"): _seats,
    ("", "link"): _seats,
    ("", "other"): _seats,
    ("restore", "link"): lambda args: _state(args)["cuts"],
    ("load", "node"): _nodes("loads"),
    ("pv", "node"): _nodes("pv"),
    ("param", "name"): _parameters,
    ("do", "keyword"): _keywords,
    ("do", "args"): _arguments,
}
