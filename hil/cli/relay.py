"""``hil relay``: a LAN's broadcasts where the network carries none, as a stack runs it."""

from __future__ import annotations

import argparse

from hil.cli.command import Commands, add_command, importing, token
from hil.cli.device import READY
from hil.errors import ExitCode


def add(commands: Commands) -> None:
    """Add the command."""
    relay = add_command(commands, "relay", _relay, "hand UDP broadcasts on between the devices of a stack")
    relay.add_argument("--host", default="0.0.0.0", metavar="ADDRESS", help="address to listen at (default: all)")


def _relay(args: argparse.Namespace) -> int:
    with importing():
        import asyncio  # noqa: PLC0415

        from hil.process.relay import serve  # noqa: PLC0415  a farm is slow to import, and other commands do not need it

    asyncio.run(serve(token(), host=args.host, ready=READY if READY.parent.is_dir() else None))
    return ExitCode.PASSED
