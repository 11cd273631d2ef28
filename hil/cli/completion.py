"""``hil completion``: lets a shell complete commands, options, sites, device types, and the names of a running farm."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from argcomplete.shell_integration import shellcode

from emulators.kit.family import families
from hil.cli.command import Commands, add_command
from hil.errors import ExitCode, HilError
from hil.hand.client import Client, find

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
    async def look() -> dict[str, Any]:
        async with Client(find(getattr(args, "endpoints", None))) as client:
            return await client.state()

    return asyncio.run(look())


def _parameters(args: argparse.Namespace) -> Iterable[str]:
    async def look() -> dict[str, Any]:
        async with Client(find(args.endpoints)) as client:
            return await client.do("param", {"device": args.device})

    return list(asyncio.run(look())["parameters"])


def _sites(_args: argparse.Namespace) -> Iterable[str]:
    from hil.site import shipped_sites  # noqa: PLC0415  pydantic is slow to import

    return shipped_sites()


def _keywords(_args: argparse.Namespace) -> Iterable[str]:
    from robot.libdoc import LibraryDocumentation  # noqa: PLC0415  Robot is slow to import

    return [one.name for one in LibraryDocumentation("hil.keywords.Farm").keywords]


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
    ("sheet", "device"): lambda _args: sorted(families()),
    ("", "point"): lambda args: _state(args)["points"],
    ("", "device"): _seats,
    ("", "link"): _seats,
    ("", "other"): _seats,
    ("restore", "link"): lambda args: _state(args)["cuts"],
    ("load", "node"): _nodes("loads"),
    ("pv", "node"): _nodes("pv"),
    ("param", "name"): _parameters,
    ("do", "keyword"): _keywords,
}
